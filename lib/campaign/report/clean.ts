/**
 * Makes the view of a campaign fit for reports: every text in it is normalized, redacted and cut. Renderers get only such views.
 *
 * @module
 */
import { type Redact, remember } from "../../run/clean.ts";
import { instantMs, isoTimeOrNull } from "../../run/result.ts";
import { webUrl } from "../../text/escape.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { isFinal } from "../view/verdicts.ts";
import type {
  CampaignAbout,
  CampaignItem,
  CampaignView,
  CauseGroup,
  ItemResult,
  PullRequestView,
} from "../view/view.ts";
import { type CampaignCommand, STATES } from "./words.ts";

// Longer than any id and any time of the service.
const MAX_ID = 200;
// Longer than names that forges permit: 100 characters each for owner and repository; 255 bytes for a branch.
const MAX_NAME = 400;
// Twice what a journal holds of a reason.
const MAX_REASON = 1_000;
const MAX_PROBLEM = 4_000;

// Nothing in it is invisible, a line break or a sequence for a terminal.
const ASCII = /^[\x20-\x7e]*$/;

function oneLine(text: string): string {
  return ASCII.test(text) ? text.trim() : plainText(text).replace(/\s+/g, " ").trim();
}

/** A time in its usual form, or null. */
function instant(time: string | null): string | null {
  return isoTimeOrNull(instantMs(time));
}

function countsOf({ counts }: Pick<CampaignView, "counts">): CampaignView["counts"] {
  return Object.fromEntries(STATES.map((state) => [state, counts[state]])) as CampaignView["counts"];
}

/**
 * A copy with every text on one line, normalized by `plainText`, redacted and cut. Only our own token is removed from ids. A pull request's
 * address that must not be a link becomes null, and so does an invalid time.
 *
 * @param redact Removes secrets from one text.
 * @param redactToken Removes our own token from one text.
 */
export function cleanCampaign(
  view: CampaignView,
  redact: Redact,
  redactToken: Redact,
): CampaignView {
  const line = remember(oneLine);
  // Cut after redaction: half a token has no shape that could be found.
  const name = remember((text) => cutText(redact(line(text)), MAX_NAME));
  const reason = remember((text) => cutText(redact(line(text)), MAX_REASON));
  const id = remember((text) => cutText(redactToken(line(text)), MAX_ID));
  const some = (clean: Redact, text: string | null) => text === null ? null : clean(text);

  function cleanItem(item: CampaignItem): CampaignItem {
    return {
      id: name(item.id),
      repository: name(item.repository),
      ...(item.renamed !== undefined && { renamed: name(item.renamed) }),
      baseBranch: name(item.baseBranch),
      root: some(name, item.root),
      verdict: item.verdict,
      isFinal: isFinal(item.verdict),
      reason: some(reason, item.reason),
      ...(item.lastLines !== undefined && { lastLines: item.lastLines.map(reason) }),
      ...(item.skippedBy !== undefined && { skippedBy: name(item.skippedBy) }),
      starts: item.starts,
      attempts: item.attempts,
      runId: some(id, item.runId),
      branch: some(name, item.branch),
      pullRequest: item.pullRequest === null ? null : webUrl(redact(line(item.pullRequest))) ?? null,
      pullRequestState: cleanPull(item.pullRequestState),
      ...(item.merge !== undefined && { merge: { ...item.merge, reason: some(reason, item.merge.reason) } }),
      ...(item.files !== undefined && { files: item.files }),
      ...(item.result !== undefined && { result: cleanResult(item.result) }),
      ...(item.unchecked !== undefined && { unchecked: item.unchecked }),
      stuck: item.stuck,
      startedAt: instant(item.startedAt),
      endedAt: instant(item.endedAt),
      canary: item.canary,
    };
  }
  /** The value has no secret: it would have been refused. It is only written as JSON, which escapes what is not seen. */
  function cleanResult(result: ItemResult): ItemResult {
    const outputs = Object.entries(result.outputs).map(([key, value]) =>
      [key, typeof value === "string" ? reason(value) : value] as const
    );
    const texts = { path: name(result.path), commit: some(id, result.commit), blob: some(id, result.blob) };
    return { ...result, ...texts, mistakes: result.mistakes.map(reason), outputs: Object.fromEntries(outputs) };
  }
  /** A part with a time; nothing without one. */
  function timeOf<T>(text: string | undefined, part: (time: string) => T): T | undefined {
    const time = instant(text ?? null);
    return time === null ? undefined : part(time);
  }
  function cleanAbout({ approvals, title, agent, decisions, ...about }: CampaignAbout): CampaignAbout {
    return {
      ...(title !== undefined && { title: name(title) }),
      ...(agent !== undefined && { agent: name(agent) }),
      ...about,
      fileHash: id(about.fileHash),
      plannedAt: instant(about.plannedAt) ?? new Date(0).toISOString(),
      origin: name(about.origin),
      approvals: approvals.map(({ gate, by, at, note }) => ({
        gate,
        by: name(by),
        at: instant(at) ?? new Date(0).toISOString(),
        note: some(reason, note),
      })),
      ...(decisions !== undefined && {
        decisions: decisions.map(({ at, what, by, reason: why }) => ({
          at: instant(at) ?? new Date(0).toISOString(),
          what: reason(what),
          by: some(name, by),
          reason: some(reason, why),
        })),
      }),
      lastRecordAt: instant(about.lastRecordAt),
    };
  }
  function cleanPull(pull: PullRequestView | null): PullRequestView | null {
    if (pull === null) return null;
    const [createdAt, updatedAt] = [instant(pull.createdAt), instant(pull.updatedAt)];
    return { ...pull, owner: some(name, pull.owner), reason: some(reason, pull.reason), createdAt, updatedAt };
  }
  function cleanCause({ verdict, cause, word, stuck, owners, items }: CauseGroup): CauseGroup {
    const texts = { cause: reason(cause), word: id(word), owners: owners.map(name), items: items.map(name) };
    return { verdict, ...texts, stuck };
  }
  return {
    schema: view.schema,
    campaign: name(view.campaign),
    round: name(view.round),
    state: view.state,
    stateReason: some(reason, view.stateReason),
    ...timeOf(view.gatedAt, (gatedAt) => ({ gatedAt })),
    ...(view.mergesStopped !== undefined && { mergesStopped: reason(view.mergesStopped) }),
    counts: countsOf(view),
    items: view.items.map(cleanItem),
    causes: view.causes.map(cleanCause),
    ...(view.merging !== undefined && {
      merging: view.merging.map(({ stage, owners }) => ({
        stage,
        owners: owners.map(({ owner, items, since }) => ({
          owner: name(owner),
          items: items.map(name),
          since: instant(since),
        })),
      })),
    }),
    quota: view.quota,
    ...view.pendingCancels !== undefined && { pendingCancels: view.pendingCancels },
    waves: view.waves,
    lastError: some(reason, view.lastError),
    writer: some(name, view.writer),
    nextWaveAt: instant(view.nextWaveAt),
    waitingFor: view.waitingFor,
    endsAt: instant(view.endsAt),
    ...timeOf(view.endsAtIfApproved, (endsAtIfApproved) => ({ endsAtIfApproved })),
    exitCode: view.exitCode,
    at: instant(view.at) ?? new Date(0).toISOString(),
    ...view.about !== undefined && { about: cleanAbout(view.about) },
  };
}

/** A copy of the parts of commands, fit to be shown. @param redact Removes secrets from one text. */
export function cleanCommand({ program, file, flags }: CampaignCommand, redact: Redact): CampaignCommand {
  const clean = (text: string) => cutText(redact(oneLine(text)), MAX_REASON);
  return { program: clean(program), file: clean(file), flags: flags.map(clean) };
}

/** The message of an error, fit to be shown; null without an error. @param redact Removes secrets from one text. */
export function cleanProblem(problem: string | null | undefined, redact: Redact): string | null {
  return problem == null ? null : cutText(redact(oneLine(problem)), MAX_PROBLEM);
}
