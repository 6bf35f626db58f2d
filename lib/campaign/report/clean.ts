/**
 * Makes the view of a campaign safe for reports: all text is normalized, redacted and truncated. Renderers must get only cleaned views.
 * @module
 */
import { type Redact, remember } from "../../run/clean.ts";
import { instantMs, isoTimeOrNull } from "../../run/result.ts";
import { webUrl } from "../../text/escape.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import type {
  CampaignAbout,
  CampaignItem,
  CampaignView,
  CauseGroup,
  GateApproval,
  ItemResult,
  MergeGroup,
  PendingPulls,
  PullRequestView,
} from "../view/view.ts";
import { type CampaignCommand, STATES } from "./words.ts";

// Longer than all ids and times of the service.
const MAX_ID = 200;
// Longer than the names that forges permit: 100 characters each for owner and repository, and 255 bytes for a branch.
const MAX_NAME = 400;
// Twice the limit for reasons in the journal.
const MAX_REASON = 1_000;
const MAX_PROBLEM = 4_000;

// Text without line breaks, invisible characters and terminal sequences does not need the slower `plainText`.
const ASCII = /^[\x20-\x7e]*$/;

function oneLine(text: string): string {
  return ASCII.test(text) ? text.trim() : plainText(text).replace(/\s+/g, " ").trim();
}

function instant(time: string): string | null {
  return isoTimeOrNull(instantMs(time));
}

const keep = <T>(value: T): T => value;
const orNull = <T, R>(clean: (value: T) => R) => (value: T | null): R | null => value === null ? null : clean(value);
const all = <T, R>(clean: (value: T) => R) => (values: readonly T[]): R[] => values.map(clean);

/** The copy omits fields without a rule, and fields that become `undefined`. */
function fields<T extends object>(rules: { readonly [K in keyof T]-?: (value: Exclude<T[K], undefined>) => T[K] }) {
  const entries = Object.entries(rules) as [keyof T, (value: unknown) => unknown][];
  return (value: T): T => {
    const parts = entries.map(([name, clean]) => [name, value[name] === undefined ? undefined : clean(value[name])]);
    return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
  };
}

/** Only this program's own token is removed from ids. */
export function cleanCampaign(view: CampaignView, redact: Redact, redactToken: Redact): CampaignView {
  const line = remember(oneLine);
  // Text is truncated after redaction, because a part of a token would not be recognized.
  const name = remember((text) => cutText(redact(line(text)), MAX_NAME));
  const reason = remember((text) => cutText(redact(line(text)), MAX_REASON));
  const id = remember((text) => cutText(redactToken(line(text)), MAX_ID));
  const time = (text: string) => instant(text) ?? new Date(0).toISOString();
  const timeOrAbsent = (text: string) => instant(text) ?? undefined;
  const timeOrNull = orNull(instant);

  function pull(pull: PullRequestView): PullRequestView {
    const [createdAt, updatedAt] = [timeOrNull(pull.createdAt), timeOrNull(pull.updatedAt)];
    return { ...pull, owner: orNull(name)(pull.owner), reason: orNull(reason)(pull.reason), createdAt, updatedAt };
  }
  /** `value` stays unchanged: a value with a secret is refused when it is read, and JSON output escapes invisible characters. */
  function result(result: ItemResult): ItemResult {
    const outputs = Object.entries(result.outputs).map(([key, value]) =>
      [key, typeof value === "string" ? reason(value) : value] as const
    );
    const texts = { path: name(result.path), commit: orNull(id)(result.commit), blob: orNull(id)(result.blob) };
    return { ...result, ...texts, mistakes: result.mistakes.map(reason), outputs: Object.fromEntries(outputs) };
  }
  return fields<CampaignView>({
    schema: keep,
    campaign: name,
    round: name,
    state: keep,
    stateReason: orNull(reason),
    gatedAt: timeOrAbsent,
    gateReason: reason,
    canaryGate: keep,
    mergesStopped: reason,
    counts: (counts) => Object.fromEntries(STATES.map((state) => [state, counts[state]])) as CampaignView["counts"],
    items: all(fields<CampaignItem>({
      id: name,
      repository: name,
      renamed: name,
      baseBranch: name,
      root: orNull(name),
      verdict: keep,
      isFinal: keep,
      reason: orNull(reason),
      lastLines: all(reason),
      skippedBy: name,
      starts: keep,
      attempts: keep,
      runId: orNull(id),
      branch: orNull(name),
      pullRequest: orNull((url) => webUrl(redact(line(url))) ?? null),
      pullRequestState: orNull(pull),
      merge: fields({ stage: keep, reason: orNull(reason) }),
      files: keep,
      result,
      unchecked: keep,
      stuck: keep,
      startedAt: timeOrNull,
      endedAt: timeOrNull,
      canary: keep,
    })),
    causes: all(fields<CauseGroup>({
      verdict: keep,
      cause: reason,
      word: id,
      owners: all(name),
      items: all(name),
      stuck: keep,
    })),
    merging: all(fields<MergeGroup>({
      stage: keep,
      owners: all(fields<MergeGroup["owners"][number]>({ owner: name, items: all(name), since: timeOrNull })),
    })),
    pending: fields<PendingPulls>({
      merges: keep,
      hold: keep,
      groups: all(fields<PendingPulls["groups"][number]>({ reason: keep, items: all(name) })),
    }),
    quota: keep,
    pendingCancels: keep,
    waves: keep,
    lastError: orNull(reason),
    writer: orNull(name),
    nextWaveAt: timeOrNull,
    waitingFor: keep,
    endsAt: timeOrNull,
    endsAtIfApproved: timeOrAbsent,
    exitCode: keep,
    at: time,
    about: fields<CampaignAbout>({
      title: name,
      agent: name,
      file: name,
      fileHash: id,
      plannedAt: time,
      origin: name,
      limits: keep,
      windows: keep,
      records: keep,
      lastRecordAt: timeOrNull,
      approvals: all(fields<GateApproval>({ gate: keep, by: name, at: time, note: orNull(reason) })),
      decisions: all(fields({ at: time, what: reason, by: orNull(name), reason: orNull(reason) })),
    }),
  })(view);
}

export function cleanCommand({ program, file, flags }: CampaignCommand, redact: Redact): CampaignCommand {
  const clean = (text: string) => cutText(redact(oneLine(text)), MAX_REASON);
  return { program: clean(program), file: clean(file), flags: flags.map(clean) };
}

export function cleanProblem(problem: string | null | undefined, redact: Redact): string | null {
  return problem == null ? null : cutText(redact(oneLine(problem)), MAX_PROBLEM);
}
