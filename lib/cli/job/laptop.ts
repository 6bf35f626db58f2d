import { UsageError } from "../../errors.ts";
import { openFile } from "../../files/open_file.ts";
import type { Run, StartResult } from "../../model.ts";
import { type ClaimFor, claimState } from "../../run/claim.ts";
import {
  askedHash,
  checkRunRequest,
  isLater,
  type LaterRequest,
  plannedResult,
  resolveRequest,
  type RunRequest,
  withPlannedResult,
} from "../../run/request.ts";
import { endAgeMs } from "../../run/start.ts";
import { type AnyResult, endOfRun } from "../../run/result.ts";
import { recordedOutcomeOf } from "../../run/result_view.ts";
import type { Session } from "../../run/session.ts";
import { readState, readStateText, requestHash, type RunState, type StateFiles, stateSeal } from "../../run/state.ts";
import type { CallOptions } from "../../service/client.ts";
import { ifFound } from "../../service/errors.ts";
import { formatDuration } from "../../text/duration.ts";
import { jsonLine } from "../../text/escape.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { IDEMPOTENCY_KEY, KEY_PART, KEY_SCOPE, RESUME, SHOW_TASK, STATE } from "../options.ts";
import { isDefaultOut, isLaptop, outDirectory, statePath } from "../settings.ts";
import type { ReportTarget } from "../../report/write.ts";
import type { Context, Folder, RequestedTask, RunFolder, RunFolderUse } from "../verb.ts";
import { ONE_SHOT_MS } from "../context.ts";
import { isObject, parseJson, valueOr } from "../../lookup.ts";
import { isNotPermitted, isVariableRefused } from "../../runtime.ts";

interface Remembered {
  /** `null` if the response to the start was lost. In this case, only the key identifies the run. */
  runId: string | null;
  run?: Run;
  same: boolean;
  /** `null` unless the run succeeded. */
  endAgeMs: number | null;
}

/**
 * If no command has seen the end of a successful run, a command attaches to the run for this long after its end. The limit lets users come back
 * within the hour, and still lets a nightly command start a new run.
 */
const UNSEEN_MS = 3_600_000;

/** A start of another request without a run id is treated as active for this long. */
const STARTING_MS = 300_000;

/**
 * Only a state file that was written with this token is trusted. A finished run is returned only if it has the same request and succeeded within
 * {@linkcode UNSEEN_MS}, and no command has seen its end.
 */
async function rememberedRun(
  session: Session,
  files: StateFiles,
  path: string,
  isSame: (state: RunState) => boolean,
  call: CallOptions,
): Promise<Remembered | undefined> {
  const { client, clock, memory } = session;
  const nowMs = clock.wallTime();
  const state = provenState(session, files, path);
  if (state === undefined || state.parting === "ended") return undefined;
  const { runId, startedAt } = state;
  const same = isSame(state);
  if (runId === null) {
    return same || nowMs - Date.parse(startedAt) < STARTING_MS ? { runId, same, endAgeMs: null } : undefined;
  }
  memory.workedBefore = true;
  const run = await ifFound(client.getRun(runId, call));
  if (run === undefined) return undefined;
  const end = endOfRun(run.status);
  if (end === undefined || end === "awaiting_input") return { runId, run, same, endAgeMs: null };
  const ageMs = endAgeMs(run, clock.wallTime() - (client.clockSkewMs ?? 0));
  // The end of a run that was being cancelled does not need to be seen.
  const isUnseen = state.parting === "following" || state.parting === "detached";
  return same && end === "success" && isUnseen && ageMs <= UNSEEN_MS
    ? { runId, run, same, endAgeMs: ageMs }
    : undefined;
}

function provenState({ clock, token }: Session, files: StateFiles, path: string): RunState | undefined {
  if (token === undefined) return undefined;
  return readState(files, path, { job: null, execution: false, nowMs: clock.wallTime(), notify() {} })
    ?.proven(stateSeal(token));
}

const MAX_FOLDERS = 50;

/**
 * Unless the user asks for a new run or sets a key, the first choice is the folder of a run with the same request, if the run is active, or if it
 * succeeded recently and no command has seen its end. Otherwise, the first folder without an active run is claimed, so that other processes see this
 * start.
 */
export async function chooseFolder(
  context: Context,
  asked: RunRequest | LaterRequest,
  wantsNew: boolean,
  session: Session,
): Promise<Folder> {
  const { io, option, flags, writer } = context;
  const base = outDirectory(context);
  const first = { request: asked, out: base, resumePath: undefined };
  // An invalid request must fail before the reports of the last run are removed.
  if (isLaptop(context) && !isLater(asked)) checkRunRequest(asked);
  const ownKey = [IDEMPOTENCY_KEY, KEY_SCOPE, KEY_PART].some((key) => option(key) !== undefined);
  if (!isLaptop(context) || flags.get(RESUME) !== undefined) return first;
  const purpose = { asked: askedHash(asked) };
  // With --state, the state of all folders would be the same file.
  const folders = option(STATE) === undefined ? foldersOf(base) : [base];
  if (!folders.some((out) => exists(context, statePath(context, out)))) {
    const folder = await claimFolder(context, session, purpose, first, undefined);
    if (folder !== undefined) return folder;
  }
  const { clock, deadline, signal } = session;
  const call = { deadline: Math.min(deadline, clock.now() + ONE_SHOT_MS), signal };
  const { request, isSame } = await knownRequest(session, asked, call);
  const attached = (out: string, run: Remembered): Folder => {
    writer.note(sentenceOf(run));
    const resumePath = statePath(context, out);
    return { request, out, resumePath, resumeRun: run.run, maxEndAgeMs: UNSEEN_MS };
  };
  // All folders are searched first, because a folder before the matching one may be free again.
  for (const out of wantsNew || ownKey ? [] : folders) {
    const path = statePath(context, out);
    const state = valueOr(() => provenState(session, io, path), undefined);
    if (state === undefined || !isSame(state)) continue;
    const run = await rememberedRun(session, io, path, isSame, call);
    if (run?.same) return attached(out, run);
  }
  const others: Remembered[] = [];
  for (const out of folders) {
    const path = statePath(context, out);
    let earlierRun: Remembered | undefined;
    for (;;) {
      const text = valueOr(() => readStateText(io, path), undefined);
      earlierRun = await rememberedRun(session, io, path, isSame, call);
      if (earlierRun !== undefined && (earlierRun.endAgeMs === null || !wantsNew && !ownKey)) break;
      const folder = await claimFolder(context, session, purpose, { request, out, resumePath: undefined }, text);
      if (folder === undefined) continue;
      noteOtherFolder(context, out, others, liveState);
      return folder;
    }
    if (earlierRun.same && !wantsNew && !ownKey) return attached(out, earlierRun);
    if (option(STATE) !== undefined) throw usedState("start run", earlierRun, path, liveState(earlierRun));
    others.push(earlierRun);
  }
  throw usedFolders("start run", "have not ended");
}

/**
 * @param text The text that the state file had when the folder was free.
 * @returns `undefined` if another process has changed the file.
 */
async function claimFolder<F extends RunFolder>(
  context: Context,
  session: Session,
  purpose: ClaimFor,
  folder: F,
  text: string | undefined,
): Promise<F | undefined> {
  const { token } = session;
  if (token === undefined) return folder;
  const isNew = !exists(context, folder.out);
  const path = statePath(context, folder.out);
  try {
    const claim = await claimState({ ...session, token }, context.io, path, purpose, text);
    return claim && { ...folder, claim, isNew };
  } catch {
    // The job reports files that it cannot write, and handles signals.
    return folder;
  }
}

/**
 * The run's own folder, or the first folder whose run can no longer be attached to. The state in a folder is needed to find its run again, so the id
 * of another run never replaces the state. An unknown id fails before anything is written.
 */
export async function folderOfRun(
  context: Context,
  runId: string,
  session: Session,
  { attempted, claims }: RunFolderUse,
): Promise<RunFolder> {
  const { io, option } = context;
  const base = outDirectory(context);
  if (!isLaptop(context)) return { out: base };
  const { client, clock, deadline, signal } = session;
  const call = { deadline: Math.min(deadline, clock.now() + ONE_SHOT_MS), signal };
  await client.getRun(runId, call);
  const folders = foldersOf(base);
  const stateRun = (out: string) => provenState(session, io, statePath(context, out))?.runId;
  const ownFolder = folders.find((out) => stateRun(out) === runId);
  if (ownFolder !== undefined) return { out: ownFolder };
  const others: Remembered[] = [];
  for (const out of folders) {
    const path = statePath(context, out);
    let earlierRun: Remembered | undefined;
    for (;;) {
      const text = valueOr(() => readStateText(io, path), undefined);
      if (stateRun(out) === runId) return { out };
      earlierRun = await rememberedRun(session, io, path, () => true, call);
      if (earlierRun !== undefined) break;
      const folder = claims ? await claimFolder(context, session, { runId }, { out }, text) : { out };
      if (folder === undefined) continue;
      noteOtherFolder(context, out, others, attachableState);
      return folder;
    }
    if (option(STATE) !== undefined) throw usedState(attempted, earlierRun, path, attachableState(earlierRun));
    others.push(earlierRun);
  }
  throw usedFolders(attempted, "can still be attached to");
}

/**
 * The user's folder, and folders inside it that may hold other runs. A command that is allowed to write to the user's folder is also allowed to write
 * to the folders inside it.
 */
export function foldersOf(base: string): string[] {
  const parent = base.replace(/\/+$/, "");
  return Array.from({ length: MAX_FOLDERS }, (_, index) => index === 0 ? base : `${parent}/run-${index + 1}`);
}

const isWaiting = ({ run }: Remembered) => run !== undefined && endOfRun(run.status) === "awaiting_input";

function liveState(earlierRun: Remembered): string {
  if (isWaiting(earlierRun)) return "needs an answer";
  return earlierRun.runId === null ? "has no response yet" : "is still running";
}

function attachableState(earlierRun: Remembered): string {
  return isWaiting(earlierRun) ? liveState(earlierRun) : "can still be attached to";
}

/**
 * If one of the other runs waits for an answer, the message is about that run, because the run does not end until the user acts.
 * @param others The runs in the folders before `out`.
 */
function noteOtherFolder(
  { vocabulary, writer }: Context,
  out: string,
  others: readonly Remembered[],
  stateOf: (run: Remembered) => string,
): void {
  const other = others.find(isWaiting) ?? others[0];
  if (other === undefined) return;
  const { runId } = other;
  const name = runId === null ? "an earlier start" : `run "${runId}"`;
  const cancel = runId !== null && isWaiting(other) ? ` (to cancel it: ${vocabulary.cancel(runId)})` : "";
  writer.note(
    `${name} in this folder ${stateOf(other)}${cancel}, so the files of this run go to ${JSON.stringify(out)}`,
  );
}

function usedState(attempted: string, { runId }: Remembered, path: string, state: string): UsageError {
  const why = `the state file belongs to run "${runId ?? "unknown"}", which ${state}`;
  return new UsageError({ attempted, why, value: JSON.stringify(path), advice: "give another --state" });
}

function usedFolders(attempted: string, state: string): UsageError {
  return new UsageError({
    attempted,
    why: `${MAX_FOLDERS} runs in this folder ${state}`,
    advice: "use another folder with --out",
  });
}

async function knownRequest(
  { client }: Session,
  asked: RunRequest | LaterRequest,
  call: CallOptions,
): Promise<{ request: RunRequest | LaterRequest; isSame(state: RunState): boolean }> {
  const hashAsked = askedHash(asked);
  if (isLater(asked)) return { request: asked, isSame: (state) => state.asked === hashAsked };
  const checked = checkRunRequest(asked);
  const resolved = await resolveRequest(client, checked, call);
  return {
    request: { ...resolved, result: asked.result },
    // The path of a result file depends on the key.
    isSame: ({ idempotencyKey, requestHash: hash, asked: askedBefore }) =>
      hash === ""
        ? askedBefore === hashAsked
        : hash === requestHash(withPlannedResult(resolved, plannedResult(checked.result, idempotencyKey ?? ""))),
  };
}

function sentenceOf(earlierRun: Remembered): string {
  const { runId, endAgeMs } = earlierRun;
  if (endAgeMs !== null) {
    return `run "${runId}" in this folder, with the same request, succeeded ${
      formatDuration(endAgeMs)
    } ago without being followed: ` +
      "here is its result (--new starts another run)";
  }
  const run = runId === null
    ? "an earlier start in this folder has no response yet"
    : `run "${runId}" in this folder ${liveState(earlierRun)}`;
  return `${run}, with the same request: attaching to it (--new starts another run)`;
}

function exists({ io }: Context, path: string): boolean {
  // A file that Deno is not allowed to read is treated as missing.
  return valueOr(() => io.realPath(path) !== undefined, false);
}

/** Prepares a `.gitignore`, so that users do not commit the reports by accident. An existing folder with a user-chosen name is not changed. */
export function ignoringFolder(
  context: Context,
  { out, targets, isNew = false }: { out: string; targets: readonly Pick<ReportTarget, "path">[]; isNew?: boolean },
): () => void {
  const folder = out.replace(/\/+$/, "");
  const path = `${folder}/.gitignore`;
  const isInside = !folder.startsWith("/") && !folder.split("/").some((part) => /^\.*$/.test(part));
  const isUsed = targets.some((target) => target.path.startsWith(`${folder}/`));
  const wanted = isLaptop(context) && isInside && isUsed && (isDefaultOut(out) || isNew || !exists(context, folder));
  return () => {
    if (!wanted || exists(context, path)) return;
    try {
      context.io.writeFile(path, "*\n");
    } catch {
      // Ignored: the reports show whether the folder is writable.
    }
  };
}

// Outside CI, the runs that this machine started are listed in a small file in the user's state directory. The file contains no token, and at most
// the first line of each task.
//
// Each line is a JSON object that describes a start, the end of a run, or the place of a campaign. Campaigns store their runs themselves.

const KEPT = 200;
const MOST = 400;
const MAX_BYTES = 1024 * 1024;
/** In UTF-16 units. */
const MAX_TEXT = 200;
const ABSOLUTE = /^(?:\/|[A-Za-z]:)/;

function isRecentOn(context: Context): boolean {
  return isLaptop(context) && context.io.env("MOGPLEX_RECENT")?.trim() !== "off";
}

export function recentFile(context: Context): string | undefined {
  const { io: { env } } = context;
  if (!isRecentOn(context)) return undefined;
  const home = env("HOME");
  const state = env("XDG_STATE_HOME") || (home ? `${home}/.local/state` : env("LOCALAPPDATA")?.replaceAll("\\", "/"));
  // Source: XDG Base Directory Specification. Relative paths must be ignored.
  return state && ABSOLUTE.test(state) ? `${state}/mogplex-ci/recent.ndjson` : undefined;
}

/** `permissions` leaves this access out, because a run in a sandbox does not need to know what else this machine runs. */
const ALLOW_RECENT = "add --allow-env=HOME,XDG_STATE_HOME, and --allow-read and --allow-write for the directory " +
  "mogplex-ci in $XDG_STATE_HOME or ~/.local/state";

export function recentRefusal(context: Context): { why: string; advice: string } | undefined {
  if (!isRecentOn(context)) return undefined;
  const path = recentFile(context);
  const refusal = (what: string) => ({ why: `Deno is not allowed to read ${what}`, advice: ALLOW_RECENT });
  if (path === undefined) {
    const variable = ["XDG_STATE_HOME", "HOME"].find(isVariableRefused);
    return variable === undefined ? undefined : refusal(`the variable ${variable}`);
  }
  try {
    readRecent(context, path);
    return undefined;
  } catch (error) {
    return isNotPermitted(error) ? refusal(path) : undefined;
  }
}

function readRecent({ io }: Context, path: string): string | undefined {
  return io.readFile(path, MAX_BYTES, "refuse", "replace");
}

export function recentLines(context: Context, path: string): string[] {
  const text = valueOr(() => readRecent(context, path), "") ?? "";
  return text.split("\n").filter((line) => line !== "");
}

/** Oldest first. */
export function recentRecords(context: Context): Record<string, unknown>[] {
  const path = recentFile(context);
  if (path === undefined) return [];
  const { origin } = context.connection();
  return recentLines(context, path).map(parseJson).filter(isObject).filter((record) => record.origin === origin);
}

/** Prints no error, because the list is not worth a message in every log. */
function add(context: Context, value: object, isOnce = false): void {
  const path = recentFile(context);
  if (path === undefined) return;
  const { io, writer } = context;
  const text = `${writer.redact.token(jsonLine(writer.clean(value)))}\n`;
  try {
    const lines = recentLines(context, path);
    if (isOnce && lines.includes(text.trimEnd())) return;
    if (lines.length > 0 && lines.length < MOST) io.appendFile(path, text);
    else io.writeFile(path, [...lines.slice(-KEPT), text].join("\n"));
  } catch {
    // Ignored: a failure must not affect the run.
  }
}

const short = (text: string | null) => text === null ? null : cutText(plainText(text), MAX_TEXT);

export function rememberStart(
  context: Context,
  run: Pick<StartResult, "runId" | "branch">,
  out: string | null,
  asked: RequestedTask,
): void {
  const { io, clock } = context;
  // Returns early so that CI jobs do not read the settings below.
  if (recentFile(context) === undefined) return;
  // Deno may not have permission to resolve the path.
  const folder = out === null ? null : valueOr(() => io.realPath(out), undefined) ?? out;
  // An invalid setting hides the task, but must not keep the id of the started run out of the list.
  const isTaskVisible = valueOr(() => context.option(SHOW_TASK) !== false, false);
  const withTask = io.env("MOGPLEX_RECENT")?.trim() !== "ids" && isTaskVisible;
  const task = asked.task.trim();
  const line = short(task.split("\n")[0] ?? "");
  const isWhole = line === task && asked.isLater !== true;
  add(context, {
    startedAt: new Date(clock.wallTime()).toISOString(),
    runId: run.runId,
    origin: context.connection().origin,
    repository: short(asked.repository),
    // A run without a separate working branch has no branch until the first push.
    branch: run.branch.working === run.branch.base ? null : short(run.branch.working),
    folder,
    ...(withTask && { task: line, ...(isWhole && { isWholeTask: true }) }),
  });
}

export function taskOfRun(context: Context, runId: string): string | undefined {
  const start = recentRecords(context).find((record) => record.runId === runId && record.isWholeTask === true);
  return typeof start?.task === "string" ? start.task : undefined;
}

export function repositoryOfRun(context: Context, runId: string): string | undefined {
  return recentRecords(context).map((record) => record.runId === runId ? record.repository : undefined)
    .findLast((name): name is string => typeof name === "string" && name.includes("/"));
}

export interface CampaignHere {
  directory: string;
  file: string;
  home: string | null;
}

const MAX_CAMPAIGNS = 50;

export function rememberCampaign(
  context: Context,
  origin: string,
  { directory, file, home }: { directory: string; file: string; home: string | undefined },
): void {
  add(context, {
    campaign: absolutePath(context, directory),
    file: absolutePath(context, file),
    home: home ?? null,
    origin,
  }, true);
}

/** The directory might not exist yet. If the campaign uses a branch, the directory contains only the reports. */
function absolutePath({ io }: Context, path: string): string {
  return valueOr(() => io.realPath(path), undefined) ??
    (ABSOLUTE.test(path) ? path : `${valueOr(() => io.realPath("."), undefined) ?? ""}/${path}`);
}

export function recentCampaigns(context: Context): CampaignHere[] {
  return recentRecords(context).flatMap(({ campaign: directory, file, home }) => {
    if (typeof directory !== "string" || typeof file !== "string") return [];
    return [{ directory, file, home: typeof home === "string" ? home : null }];
  }).reverse().slice(0, MAX_CAMPAIGNS);
}

interface RecentEnd {
  runId: string;
  outcome: string | null;
  exitCode: number | null;
  pullRequest: string | null;
}

export function rememberState(
  context: Context,
  { runId, outcome, exitCode, pullRequest }: RecentEnd,
): void {
  add(context, { runId, outcome, exitCode, pullRequest: short(pullRequest) });
}

export function rememberEnd(context: Context, result: AnyResult): void {
  if (result.kind !== "run" || result.runId === null || result.outcome === "started") return;
  const { runId, exitCode, pullRequest, repository, branch } = result;
  add(context, {
    ...{
      runId,
      outcome: recordedOutcomeOf(result),
      exitCode,
      pullRequest: short(pullRequest.url),
      repository: short(repository),
    },
    ...branch.pushed !== null && { branch: short(branch.pushed) },
  });
}

export async function openPage({ io, clock, writer }: Context, path: string): Promise<void> {
  const problem = await openFile(path, (name) => io.env(name), clock);
  if (problem !== null) writer.error(`Cannot open page ${JSON.stringify(path)}: ${problem}; open it by hand`);
}
