import { UnauthorizedError, UsageError } from "../errors.ts";
import { detected } from "../ci/detect.ts";
import { processIo } from "../io.ts";
import { utcText } from "../run/result.ts";
import { openSession, type Session } from "../run/session.ts";
import { callHook } from "../hook.ts";
import { lookup } from "../lookup.ts";
import { nearest } from "../nearest.ts";
import { isShortRunId, isUuid } from "../service/contract.ts";
import { formatCount } from "../text/duration.ts";
import { approveAll, closedGates } from "./work/wave.ts";
import { gateText } from "./journal/decisions.ts";
import { sealLock } from "./journal/lock.ts";
import type { ReadCampaign } from "./file/campaign_file.ts";
import { CampaignFileError } from "./file/mistakes.ts";
import { globProblem, matchesGlob } from "./file/rules.ts";
import { hasRun, isOpenStart, type ItemMemory } from "./journal/memory.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import {
  type CampaignInternals,
  type CampaignSource,
  internalsWith,
  type OpenedCampaign,
  ownCommand,
  plannedStore,
  readSource,
  reopen,
  viewOf,
  withCampaign,
} from "./open_campaign.ts";
import { RequestPace } from "./plan/resolve.ts";
import { adoptTask, hasOtherTask } from "./plan/make_lock.ts";
import { checkOrigin } from "./plan/plan_campaign.ts";
import { stopElsewhere } from "./stop_elsewhere.ts";
import { DirectoryBusyError } from "./journal/writer.ts";
import {
  closedGateReason,
  gateDue,
  isToCancel,
  openStartsText,
  stoppedText,
  toSettle,
  whoStopped,
} from "./view/progress.ts";
import { itemNames } from "./report/words.ts";
import { FAILED_VERDICTS, hasVerdict, type ItemState } from "./view/verdicts.ts";
import { CHECKS_RULE, type FollowUp, ITEM_RESULT_CAUSES, type RecordBody } from "./journal/record.ts";
import type { CampaignView, PullRequestTrouble } from "./view/view.ts";
import { followUpBranch, openPullText, pullRequestsOf } from "./pulls.ts";
import { joinRedactors } from "../text/redact.ts";
import { filesOpener } from "./work/item_result.ts";
import { settleNow } from "./work/settle.ts";
import type { Store } from "./work/store.ts";
import { expectToken, workOn } from "./work/work.ts";

/** Items must match all given fields. */
export interface Selection {
  failed?: boolean | undefined;
  cause?: string | undefined;
  only?: readonly string[] | undefined;
  shortIds?: boolean | undefined;
}

export type Decision =
  /**
   * Allows another attempt. If `adopt` is true, the next attempt gets the task that is now in the file; if false, the planned task. If `adopt` is
   * undefined, the retry is refused if the two tasks differ.
   */
  | { kind: "retry"; select: Selection; adopt: boolean | undefined; reason?: string | undefined }
  | { kind: "approve"; reason?: string | undefined }
  | { kind: "stop"; cancel: boolean; reason?: string | undefined }
  | { kind: "resume"; reason?: string | undefined }
  | { kind: "skip"; select: Selection; reason: string; cancel?: boolean | undefined };

function attemptOf({ kind }: Decision): string {
  return kind === "retry" || kind === "skip" ? `${kind} items` : `${kind} the campaign`;
}

export interface Decided {
  items: string[];
  text: string;
  elsewhere?: string | undefined;
  view: CampaignView;
  /** Whether another process is using the campaign, and will record and show the decision. @default {false} */
  isElsewhere?: boolean;
  leavesCancels?: boolean;
  error?: unknown;
}

export interface DecideOptions extends CampaignOptions {
  by: string;
  dryRun?: boolean | undefined;
}

export async function decideCampaign(
  source: CampaignSource,
  decision: Decision,
  options: DecideOptions,
  internals: CampaignInternals = {},
): Promise<Decided> {
  const decide = () => decideHere(source, decision, options, internals);
  try {
    return await decide();
  } catch (error) {
    if (!(error instanceof DirectoryBusyError)) throw error;
    if (decision.kind === "resume") throw error.during(attemptOf(decision), RESUME_LATER);
    if (decision.kind !== "stop" || options.dryRun) throw error.during(attemptOf(decision));
    const { cancel, reason } = decision;
    return await stopElsewhere(source, { by: options.by, cancel, reason }, options, internals, decide);
  }
}

const RESUME_LATER =
  "a process that was asked to stop exits when its active runs have finished; then run this command again";

async function decideHere(
  source: CampaignSource,
  decision: Decision,
  options: DecideOptions,
  internals: CampaignInternals,
): Promise<Decided> {
  const { dryRun = false, stuckAfterMs, by } = options;
  if (by.trim() === CHECKS_RULE) {
    // Otherwise, the journal would not show who made the request, and that person could approve the resulting pull request.
    throw new UsageError({
      attempted: attemptOf(decision),
      why: "this name belongs to a rule in the campaign file, not to a person",
      value: JSON.stringify(by),
      advice: "give a person's name with --by",
    });
  }
  let recorded: Recorded | undefined;
  // Most decisions need only the location of the campaign's home. A campaign can therefore be stopped even if its file names other files that are
  // missing or not permitted.
  const purpose = decision.kind === "retry" && decision.adopt ? "task" : "place";
  const reading = internalsWith(internals, { purpose } as const);
  return await withCampaign(source, options, reading, dryRun ? "read" : "write", async (opened) => {
    let store = plannedStore(opened, attemptOf(decision));
    const view = () => viewOf(opened, store, { stuckAfterMs });
    const cause = "select" in decision && recorded === undefined ? decision.select.cause : undefined;
    const current = view();
    // The user may have copied the word of a stuck pull request from a screen that read the forge after the last wave.
    const isOfRuns = current.causes.some(({ word, stuck }) => word === cause && stuck === null);
    const before = cause === undefined || isOfRuns
      ? current
      : await viewForCause(view, store, cause, options, attemptOf(decision));
    // After a lost race, the journal may already contain the decision, so it is not recorded again. The decision is shared before anything is sent.
    const result = recorded ??
      await recordDecision(
        opened,
        store,
        decision,
        { ...options, by: opened.mask(options.by) },
        before,
        view,
        () =>
          readSource(source, options, internals.io ?? processIo(), internalsWith(internals, { purpose: "compare" })),
      );
    const { items, text, elsewhere, acts } = result;
    if (dryRun) {
      return { items, text: `dry run, nothing was recorded; without --dry-run, ${text}`, elsewhere, view: view() };
    }
    store = await reopen(opened) ?? store;
    // Cancelling or skipping canary items may close a gate.
    const recordGate = async (store: Store) => {
      const gate = decision.kind === "stop" || decision.kind === "skip" ? gateDue(store.memory) : undefined;
      if (gate !== undefined) await store.record(gate);
    };
    if (acts.length === 0) {
      await recordGate(store);
      return { items, text, elsewhere, view: view() };
    }
    await opened.home.flush();
    recorded = result;
    const { texts, error, leavesCancels } = await actHere(opened, store, new Set(acts), options, internals);
    await recordGate(store);
    return { items, text: [text, ...texts].join("; "), elsewhere, view: view(), error, leavesCancels };
  });
}

/** Reads the pull requests, because the selected cause may be a word for stuck pull requests. */
export async function viewForCause(
  view: () => CampaignView,
  store: Store,
  cause: string,
  options: CampaignOptions & { dryRun?: boolean | undefined },
  attempted: string,
  random?: () => number,
): Promise<CampaignView> {
  const pulls = pullRequestsOf(options, random);
  await pulls?.refresh(store.memory, (body) => store.take(body, options.dryRun === true));
  const after = view();
  pulls?.checkCause(after, cause, attempted);
  return after;
}

export function listsText(opened: OpenedCampaign): string {
  return `${ownCommand(opened, "status", "--all")} lists the items`;
}

const WELL: readonly ItemState[] = ["succeeded", "unchanged"];

const FOLLOW_UPS: Readonly<Partial<Record<PullRequestTrouble, FollowUp>>> = {
  "conflict": "conflict",
  "failed-checks": "checks",
  "changes-requested": "review",
};

function followUpOf(view: CampaignView, cause: string | undefined): FollowUp | undefined {
  if (ITEM_RESULT_CAUSES.some((word) => word === cause)) return "result";
  const stuck = view.causes.find(({ word }) => word === cause)?.stuck ?? null;
  return stuck === null ? undefined : lookup(FOLLOW_UPS, stuck);
}

export function isName(glob: string): boolean {
  return !/[*?]/.test(glob);
}

type Selecting = Pick<Deciding, "opened" | "store" | "attempted" | "view" | "onNotice">;

/**
 * Returns the matching items. `named` contains the items that the selection gives by full name or run id, not only by a glob.
 *
 * @param byName Items with these verdicts are selected only by their full name, so that a glob does not start them a second time by accident.
 */
export function selectItems(
  deciding: Selecting,
  { failed, cause, only = [], shortIds = false }: Selection,
  byName: readonly ItemState[] = WELL,
): { items: ItemMemory[]; named: ItemMemory[] } {
  const { opened, store, attempted, view: { causes, items: viewItems } } = deciding;
  if (!failed && cause === undefined && only.length === 0) {
    throw new UsageError({
      attempted,
      why: "no items are selected",
      advice: "use --failed, --cause WORD or --only GLOB",
    });
  }
  const all = [...store.memory.items.values()];
  const names = itemNames(viewItems);
  const namesOf = ({ item }: ItemMemory) => [item.repository, item.id, names.get(item.id) ?? item.id];
  const matchesOf = (glob: string) => all.filter((each) => namesOf(each).some((name) => matchesGlob(glob, name)));
  const choices = only.map((glob) => {
    const runId = runIdOf(deciding, glob, shortIds);
    const matches = runId === undefined
      ? matchesOf(glob).filter(({ state }) => !byName.includes(state) || isName(glob))
      : all.filter(({ starts }) => starts.some((start) => start.runId?.toLowerCase() === runId));
    return { glob, items: matches };
  });
  const unmatched = choices.filter(({ glob, items }) => isName(glob) && items.length === 0).map(({ glob }) => glob);
  if (unmatched.length > 0) throw noMatchError(deciding, unmatched, [...names.values()]);
  const group = causes.find(({ word }) => word === cause);
  if (cause !== undefined && group === undefined) {
    const words = causes.map(({ word }) => word).join(", ");
    const advice = words === ""
      ? "no item currently has a cause"
      : causes.length === 1
      ? `the only cause is ${words}`
      : `the causes are ${words}`;
    throw new UsageError({ attempted, why: "there is no such cause", value: JSON.stringify(cause), advice });
  }
  const groupItems = new Set(group?.items);
  const chosen = new Set(choices.flatMap(({ items }) => items));
  const matches = all.filter((each) =>
    (group === undefined || groupItems.has(each.item.id)) && (only.length === 0 || chosen.has(each))
  );
  const items = failed ? matches.filter(({ state }) => FAILED_VERDICTS.includes(state)) : matches;
  if (items.length > 0) {
    const named = new Set(choices.filter(({ glob }) => isName(glob)).flatMap((choice) => choice.items));
    return { items, named: items.filter((each) => named.has(each)) };
  }
  const queued = matches.filter(({ state, asked }) => state === "waiting" && asked).length;
  if (failed && queued > 0) {
    const value = `${formatCount(queued, "item")} ${queued === 1 ? "is" : "are"} already queued`;
    throw new UsageError({ attempted, why: "no failed item is left", value, advice: listsText(opened) });
  }
  if (chosen.size === 0) checkLeftOut(attempted, only.flatMap(matchesOf), names);
  const cancelled = failed && store.memory.counts.cancelled > 0
    ? "--failed leaves out cancelled items; select them with --cause WORD or --only GLOB"
    : undefined;
  const why = failed && only.length === 0 && cause === undefined ? "no item has failed" : undefined;
  throw noMatchError(deciding, only, [], cancelled, why);
}

function checkLeftOut(attempted: string, items: readonly ItemMemory[], names: ReadonlyMap<string, string>): void {
  const [first] = items;
  if (first === undefined) return;
  const states = [...new Set(items.map(({ state }) => state))].join(" or ");
  const value = `${formatCount(new Set(items).size, "item")}, ${states}`;
  const advice = `select each one by its full name, for example --only ${
    JSON.stringify(names.get(first.item.id) ?? first.item.id)
  }`;
  throw new UsageError({ attempted, why: "a glob does not select items in this state", value, advice });
}

const MAX_UNMATCHED = 5;

function noMatchError(
  { opened, attempted }: Selecting,
  globs: readonly string[],
  names: readonly string[],
  hint?: string,
  why = "no item matches",
): UsageError {
  const first = globs.slice(0, MAX_UNMATCHED);
  const more = globs.length > first.length ? ` and ${globs.length - first.length} more` : "";
  const value = first.length > 0 ? first.map((glob) => JSON.stringify(glob)).join(", ") + more : undefined;
  const near = [...new Set(first.flatMap((glob) => nearest(glob, names) ?? []))];
  // Names with a "/" are not checked, because names that users copy from the screen may contain characters that are not allowed in a glob.
  const isRunId = (glob: string) => isUuid(glob) || isShortRunId(glob);
  const problem = first.filter((glob) => !glob.includes("/") && !isRunId(glob)).map(globProblem).find((each) =>
    each !== undefined
  );
  const lists = listsText(opened);
  const advice = near.length > 0
    ? `did you mean ${near.map((name) => JSON.stringify(name)).join(", ")}? ${lists}`
    : problem ?? (hint === undefined ? lists : `${hint}; ${lists}`);
  return new UsageError({ attempted, why, value, advice });
}

function runIdOf(
  { store: { memory }, attempted, onNotice }: Selecting,
  text: string,
  shortIds: boolean,
): string | undefined {
  if (!isUuid(text) && !(shortIds && isShortRunId(text))) return undefined;
  const digits = text.toLowerCase();
  const all = [...memory.items.values()].flatMap(({ starts }) => starts.map(({ runId }) => runId?.toLowerCase()));
  const matches = [...new Set(all)].filter((runId) => runId !== undefined).filter((runId) => runId.startsWith(digits));
  if (matches.length <= 1) {
    const [runId] = matches;
    if (runId !== undefined && runId !== digits) callHook(onNotice, { kind: "text", message: `run ${runId}` });
    return runId;
  }
  const why = "more than one run id begins with these digits";
  throw new UsageError({ attempted, why, value: JSON.stringify(text), advice: `give one of ${matches.join(", ")}` });
}

function retriable(items: readonly ItemMemory[], attempted: string): ItemMemory[] {
  const matches = items.filter((item) =>
    (hasVerdict(item.state) || isOpenStart(item)) && !hasRun(item) && item.item.excluded?.as !== "invalid"
  );
  if (matches.length > 0) return matches;
  if (items.some(({ item }) => item.excluded?.as === "invalid")) {
    const why = "the plan could not use these repositories";
    throw new UsageError({ attempted, why, advice: "fix the file, and plan again" });
  }
  throw new UsageError({
    attempted,
    why: "none of the selected items has finished",
    advice:
      "wait for their runs to finish; to retry an item that succeeded or was skipped, give its full name with --only",
  });
}

/** A user who has just edited the task in the file probably wants to run the new task. If the tasks differ, nothing is recorded. */
async function checkSameTask(
  { opened, store, attempted, readTask }: Deciding,
  items: readonly ItemMemory[],
): Promise<void> {
  const what = typeof opened.source === "string" ? "the campaign file" : "the campaign";
  const keep = "--keep-task for the planned task";
  const { file } = await readTask().catch((error) => {
    if (!(error instanceof CampaignFileError)) throw error;
    const why = `the task in ${what} cannot be read to compare it with the plan`;
    const value = error.mistakes.map(({ key, message }) => `${key}: ${message}`)[0];
    throw new UsageError({ attempted, why, value, advice: `fix it, or use ${keep}` });
  });
  const { lock } = store.memory;
  const others = items.filter(({ item }) => hasOtherTask(lock, file, item));
  if (others.length === 0) return;
  const planned = others.length === 1
    ? "this item was"
    : others.length === items.length
    ? `these ${items.length} items were`
    : `${others.length} of these ${items.length} items were`;
  throw new UsageError({
    attempted,
    why: `the task in ${what} has changed since ${planned} planned`,
    value: others.length === 1 ? others[0]?.item.id : undefined,
    advice: `use --adopt-changes for the task in the file, or ${keep}`,
  });
}

function checkFollowUp(items: readonly ItemMemory[], attempted: string, adopt = false): void {
  if (adopt) {
    const why = "a follow-up has its own task, and --adopt-changes only applies to the task in the file";
    throw new UsageError({ attempted, why, advice: "omit --adopt-changes" });
  }
  const without = items.map((item) => ({ item, ...followUpBranch(item) })).find(({ branch }) => branch === null);
  if (without === undefined) return;
  const why = `a follow-up for ${without.item.item.repository} has no branch to work on: ${without.reason}`;
  throw new UsageError({ attempted, why, advice: "select the others with --only, and fix this pull request by hand" });
}

/** Prevents retries that would open a second pull request although a follow-up can fix the existing pull request on its branch. */
async function checkNoFollowUp(
  { opened, store, attempted, dryRun, options, viewNow }: Deciding,
  all: readonly ItemMemory[],
): Promise<void> {
  const items = all.filter(({ pullRequest, state }) => pullRequest !== null && WELL.includes(state));
  if (items.length === 0) return;
  const pulls = pullRequestsOf(options);
  const memory = { ...store.memory, items: new Map(items.map((item) => [item.item.id, item])) };
  await pulls?.refresh(memory, (body) => store.take(body, dryRun));
  pulls?.checkAnswered(attempted);
  const view = viewNow();
  const names = itemNames(view.items);
  for (const item of items) {
    const { id } = item.item;
    const stuck = view.items.find((each) => each.id === id)?.stuck ?? null;
    if (stuck === null || lookup(FOLLOW_UPS, stuck) === undefined || followUpBranch(item).branch === null) continue;
    const name = names.get(id) ?? id;
    const fix = ownCommand(opened, "retry", "--cause", stuck, "--only", name);
    throw new UsageError({
      attempted,
      why: `a new run would open a second pull request for ${name}, whose pull request is stuck: ${stuck}`,
      advice: `for a run that fixes it on the same branch, use ${fix}; to start the task again anyway, add --keep-task`,
    });
  }
}

interface Recorded {
  items: string[];
  text: string;
  elsewhere?: string | undefined;
  acts: string[];
}

function openOf(items: readonly ItemMemory[]): string[] {
  return items.filter(isOpenStart).map(({ item }) => item.id);
}

function missingBody({ item, starts }: ItemMemory): RecordBody {
  const last = starts.at(-1);
  if (last === undefined) throw new Error(`Cannot find the start of item ${item.id}`);
  const { number: start, runId, createdAt, updatedAt } = last;
  const none = { status: null, changed: null, branch: null, pullRequest: null, retryAt: null, slot: true };
  const reason = `the service cannot find run "${runId}"`;
  return { type: "ended", item: item.id, start, as: "invalid", runId, reason, createdAt, updatedAt, ...none };
}

/** Other machines may use the branch. A cache does not contain the work of a killed job. */
function elsewhere({ branch, isCache }: OpenedCampaign, cancel: boolean, what: number | "all"): string | undefined {
  if (branch !== null) {
    const [starts, runs] = what === "all"
      ? ["starts nothing more", "its active runs"]
      : what === 1
      ? ["does not start this item", "its run"]
      : ["does not start these items", "their runs"];
    return `A \`campaign run\` on another machine sees this within a minute. After that, it ${starts}${
      cancel ? `, and cancels ${runs}` : ""
    }.`;
  }
  return isCache && cancel
    ? "If a job was killed, this directory does not contain its starts. Its agents may still be running, so check the app."
    : undefined;
}

interface Deciding {
  opened: OpenedCampaign;
  store: Store;
  attempted: string;
  by: string;
  dryRun: boolean;
  view: CampaignView;
  viewNow: () => CampaignView;
  onNotice: DecideOptions["onNotice"];
  options: DecideOptions;
  readTask: () => Promise<ReadCampaign>;
}

type Of<K extends Decision["kind"]> = Extract<Decision, { kind: K }>;

async function recordDecision(
  opened: OpenedCampaign,
  store: Store,
  decision: Decision,
  options: DecideOptions,
  view: CampaignView,
  viewNow: Deciding["viewNow"],
  readTask: Deciding["readTask"],
): Promise<Recorded> {
  const masked = decision.reason === undefined ? decision : { ...decision, reason: opened.mask(decision.reason) };
  const { by, dryRun = false, onNotice } = options;
  const attempted = attemptOf(decision);
  const deciding = { opened, store, attempted, by, dryRun, view, viewNow, onNotice, options, readTask };
  switch (masked.kind) {
    case "retry":
      return await recordRetry(deciding, masked);
    case "approve":
      return await recordApproval(deciding, masked);
    case "stop":
      return await recordStop(deciding, masked);
    case "resume":
      return await recordResume(deciding, masked);
    case "skip":
      return await recordSkip(deciding, masked);
  }
}

async function recordRetry(deciding: Deciding, { select, adopt, reason }: Of<"retry">): Promise<Recorded> {
  const { opened, store, attempted, by, dryRun, view } = deciding;
  const followUp = followUpOf(view, select.cause);
  const items = retriable(selectItems(deciding, select, [...WELL, "skipped"]).items, attempted);
  if (followUp !== undefined) checkFollowUp(items, attempted, adopt);
  else if (adopt === undefined) {
    if (select.cause === undefined) await checkNoFollowUp(deciding, items);
    await checkSameTask(deciding, items);
  }
  const { user } = opened;
  const open = items.filter(isOpenStart);
  const again = items.filter((item) => !isOpenStart(item)).map(({ item }) => item.id);
  const ids = items.map(({ item }) => item.id);
  const pulls = followUp === undefined ? items.flatMap(openPull) : [];
  const { lock } = store.memory;
  // The canary tests the task for all items, so the items that wait for the canary get the canary's new task.
  const waiting = adopt ? waitingWithOtherTask(deciding, ids) : [];
  const followers = items.some(({ item }) => item.canary) ? waiting : [];
  const next = adopt ? sealLock(adoptTask(lock, opened.file, opened.fileHash, new Set([...ids, ...followers]))) : lock;
  const hashes = new Map(next.items.map(({ id, requestHash }) => [id, requestHash]));
  // An open start with the same task is only settled. Otherwise, the same task would be started a second time.
  const [same, other] = [false, true].map((changed) =>
    openOf(open.filter(({ item }) => (hashes.get(item.id) !== item.requestHash) === changed))
  );
  const bodies: RecordBody[] = [
    { type: "retry" as const, items: again, by, user, adopt: adopt === true, followUp, reason },
    { type: "retry" as const, items: same ?? [], by, user, adopt: false, settle: true, reason },
    { type: "retry" as const, items: other ?? [], by, user, adopt: adopt === true, settle: true, reason },
  ].filter(({ items }) => items.length > 0);
  if (!dryRun && adopt) await store.changeLock(next, ...bodies);
  else if (!dryRun) await store.record(...bodies);
  const how = followUp !== undefined
    ? ", on the branch of the pull request"
    : adopt
    ? ", with the task in the file"
    : adopt === false
    ? ", with the planned task"
    : "";
  const parts = [
    ...again.length > 0
      ? [`${formatCount(again.length, "item")} will be started again, ahead of the items that are waiting${how}`]
      : [],
    ...open.length > 0
      ? [
        `${formatCount(open.length, "start")} without an answer ${open.length === 1 ? "is" : "are"} looked up first${
          adopt
            ? `, and the task in the file starts when ${open.length === 1 ? "its run has" : "their runs have"} ended`
            : ""
        }`,
      ]
      : [],
    ...waiting.length > 0
      ? [
        `${formatCount(waiting.length, "item")} that ${waiting.length === 1 ? "has" : "have"} not started ${
          followers.length > 0 ? "will also use that task" : "will use the planned task"
        }`,
      ]
      : [],
    ...pulls.slice(0, MAX_PULLS),
    ...pulls.length > MAX_PULLS ? [`the pull requests of ${pulls.length - MAX_PULLS} more items also stay open`] : [],
  ];
  return { items: ids, text: parts.join("; "), acts: openOf(open) };
}

function waitingWithOtherTask({ opened, store: { memory } }: Deciding, ids: readonly string[]): string[] {
  return [...memory.items.values()]
    .filter(({ item, starts, sent, skipped }) =>
      item.excluded === null && skipped === null && starts.length === 0 && sent === 0 && !ids.includes(item.id) &&
      hasOtherTask(memory.lock, opened.file, item)
    )
    .map(({ item }) => item.id);
}

const MAX_PULLS = 5;

function openPull({ item, state, pullRequest, pull }: ItemMemory): string[] {
  const text = openPullText({ state, pullRequest, pullState: pull?.state });
  return text === null ? [] : [`${item.repository}: ${text}`];
}

async function recordApproval(
  { opened, store, attempted, by, dryRun }: Deciding,
  { reason }: Of<"approve">,
): Promise<Recorded> {
  const closed = closedGates(store);
  if (closed.length === 0) {
    const { stopped } = store.memory;
    if (stopped === null) {
      const why = "no gate is closed, so nothing needs approval";
      throw new UsageError({
        attempted,
        why: `${why}. The gate of a manual canary closes when its items have finished`,
      });
    }
    const advice = `the campaign was ${stoppedText(stopped)}; ${ownCommand(opened, "resume")} lets it continue`;
    throw new UsageError({ attempted, why: "no gate is closed", advice });
  }
  if (!dryRun) await approveAll(store, by, reason ?? null);
  const gates = closed.length === 1 ? "gate" : "gates";
  return {
    items: [],
    text: `${dryRun ? "this opens" : "opened"} the ${gates} that closed ${closed.map(gateText).join(" and ")}`,
    acts: [],
  };
}

async function recordStop({ opened, store, by, dryRun }: Deciding, decision: Of<"stop">): Promise<Recorded> {
  const { stopped } = store.memory;
  const cancel = decision.cancel || stopped?.cancel === true;
  const open = openOf([...store.memory.items.values()]);
  const isRepeated = stopped !== null && (stopped.cancel || !decision.cancel);
  if (!isRepeated && !dryRun) await store.record({ type: "stopped", by, cancel, reason: decision.reason });
  const runs = store.openRuns().map(({ item }) => item.item.id);
  const count = runs.length;
  const continues = `${formatCount(count, "active run")} ${count === 1 ? "continues" : "continue"}`;
  const parts = [
    ...isRepeated ? [`it was already stopped, by ${whoStopped(stopped)} at ${utcText(Date.parse(stopped.at))}`] : [],
    "nothing more will start",
    ...count > 0 ? (cancel ? willCancel(dryRun, count) : [continues]) : open.length > 0 ? [] : ["nothing is running"],
    ...open.length > 0
      ? [openStartsText(open.length) + (cancel ? "" : ": to find out, run `campaign stop --cancel`")]
      : [],
  ];
  return {
    items: cancel && dryRun ? runs : [],
    text: parts.join("; "),
    elsewhere: elsewhere(opened, cancel, "all"),
    acts: cancel ? [...runs, ...open] : [],
  };
}

function willCancel(dryRun: boolean, runs: number): string[] {
  return dryRun && runs > 0 ? [`${formatCount(runs, "run")} will be cancelled`] : [];
}

function notStopped({ opened, store: { memory }, attempted }: Deciding): UsageError {
  const approve = ownCommand(opened, "approve");
  if (memory.gates.threshold.closed) {
    const advice = `fix the cause, then run ${approve}`;
    return new UsageError({ attempted, why: "it was stopped by too many failures, not by a person", advice });
  }
  return closedGateReason(memory) === null
    ? new UsageError({ attempted, why: "it is not stopped", advice: listsText(opened) })
    : new UsageError({ attempted, why: "it is waiting for approval, not stopped", advice: `run ${approve}` });
}

async function recordResume(deciding: Deciding, decision: Of<"resume">): Promise<Recorded> {
  const { store, by, dryRun } = deciding;
  if (store.memory.stopped === null) throw notStopped(deciding);
  if (!dryRun) await store.record({ type: "resumed", by, reason: decision.reason });
  const { cancelled } = store.memory.counts;
  const stay = cancelled === 0
    ? ""
    : cancelled === 1
    ? "; 1 cancelled item stays as it is until you retry it"
    : `; ${cancelled} cancelled items stay as they are until you retry them`;
  const gate = closedGateReason(store.memory);
  const next = gate === null
    ? "the campaign can continue"
    : `the campaign can continue, but a gate is still closed: ${gate}`;
  return { items: [], text: `${next}${stay}`, acts: [] };
}

async function recordSkip(deciding: Deciding, { select, reason, cancel = false }: Of<"skip">): Promise<Recorded> {
  const { opened, store, attempted, by, dryRun } = deciding;
  const selection = selectItems(deciding, select).items;
  const items = selection.filter((item) => {
    const { state, skipped, pull } = item;
    const isAtWork = hasRun(item) || isOpenStart(item);
    if (isAtWork && item.starts.at(-1)?.missing) return true;
    if (cancel && isAtWork && skipped?.cancel !== true) return true;
    // A pull request that cannot be read is treated as open until its item is skipped.
    const isLeftOut = state === "skipped" || skipped !== null && state !== "unknown";
    return !isLeftOut && (!WELL.includes(state) || pull?.state === "unreadable");
  });
  if (items.length === 0) {
    const [first] = selection;
    const why = selection.length > 1
      ? "these items succeeded, or are already skipped"
      : first?.skipped || first?.state === "skipped"
      ? "this item is already skipped"
      : "this item succeeded";
    throw new UsageError({ attempted, why, advice: listsText(opened) });
  }
  const open = openOf(items);
  if (open.length > 0 && !cancel) {
    const more = open.length === 1 ? "" : ` and ${open.length - 1} more`;
    throw new UsageError({
      attempted,
      why: `the service has not answered the start of ${open[0]}${more}, so an agent may be running`,
      advice: "use --cancel to find and cancel its run, or `campaign retry` to keep it",
    });
  }
  // A run that no wave can find may still be running. To cancel the run, a wave must find it first.
  const missing = cancel ? [] : items.filter((item) => hasRun(item) && item.starts.at(-1)?.missing);
  const runs = items.filter((item) => hasRun(item) && !missing.includes(item));
  const ids = items.map(({ item }) => item.id);
  if (!dryRun) {
    for (const item of missing) await store.record(missingBody(item));
    await store.record({ type: "skipped", items: ids, by, reason, ...(cancel && { cancel }) });
  }
  const parts = [
    `${formatCount(items.length, "item")} will not start again`,
    ...runs.length === 0 ? [] : cancel ? willCancel(dryRun, runs.length) : [stillRunning(runs, dryRun)],
    ...open.length > 0 ? [openStartsText(open.length)] : [],
  ];
  return {
    items: ids,
    text: parts.join("; "),
    elsewhere: elsewhere(opened, cancel, items.length),
    acts: cancel ? [...runs.map(({ item }) => item.id), ...open] : open,
  };
}

function stillRunning(runs: readonly ItemMemory[], dryRun: boolean): string {
  const waiting = runs.filter(({ state }) => state === "needs-input").length;
  if (runs.length === 1) {
    return `its run ${waiting === 1 ? "needs an answer" : "is still running"}${dryRun ? ": --cancel cancels it" : ""}`;
  }
  const how = waiting === 0 ? "are still running" : waiting === runs.length ? "need an answer" : "have not ended";
  return `${formatCount(runs.length, "run")} ${how}${dryRun ? ": --cancel cancels them" : ""}`;
}

interface Done {
  texts: string[];
  error: unknown;
  leavesCancels: boolean;
}

async function actHere(
  opened: OpenedCampaign,
  store: Store,
  items: ReadonlySet<string>,
  options: DecideOptions,
  internals: CampaignInternals,
): Promise<Done> {
  const openItems = () => store.openRuns().map(({ item }) => item).filter(({ item }) => items.has(item.id));
  const runs = openItems();
  const openStarts = () => toSettle(store.memory).filter(({ item }) => items.has(item.id));
  const leavesCancels = () => [...openItems(), ...openStarts()].some((item) => isToCancel(store.memory, item));
  let session: Session;
  try {
    session = openSession(options, { ...detected(options), ...internals });
  } catch (error) {
    // A decision does not require a token, because the next wave has one.
    if (!(error instanceof UnauthorizedError)) throw error;
    const next = [
      ...runs.length > 0 ? [`cancels ${formatCount(runs.length, "run")}`] : [],
      ...openStarts().length > 0 ? ["looks up the starts"] : [],
    ];
    const text = `no token is set, so the next wave ${next.join(" and ")}`;
    return { texts: [text], error: undefined, leavesCancels: leavesCancels() };
  }
  expectToken(session, store);
  const { client } = session;
  checkOrigin(store.memory.lock, client.origin);
  const work = workOn(session, store, joinRedactors(session.redactor(), opened.mask), options.forge, {
    started: opened.started,
    showTask: opened.showTask,
    pace: new RequestPace(session, opened.home.sentAt),
    openFiles: filesOpener(options, internals, session),
  });
  const { starts, error } = await settleNow(work, items);
  const active = openItems();
  const ended = runs.filter((run) => !active.includes(run));
  const texts = [...endsTexts(ended, active.length), ...starts.map(({ item, text }) => `${item}: ${text}`)];
  return { texts, error, leavesCancels: leavesCancels() };
}

function endsTexts(ended: readonly ItemMemory[], left: number): string[] {
  const cancelled = ended.filter(({ starts }) => starts.at(-1)?.status === "cancelled").length;
  const before = ended.length - cancelled;
  return [
    ...cancelled > 0 ? [`${formatCount(cancelled, "run")} ${cancelled === 1 ? "was" : "were"} cancelled`] : [],
    ...before > 0 ? [`${formatCount(before, "run")} had already ended`] : [],
    ...left > 0 ? [`${formatCount(left, "run")} ${left === 1 ? "is" : "are"} not cancelled yet`] : [],
  ];
}
