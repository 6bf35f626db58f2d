import { detected } from "../ci/detect.ts";
import type { JobIdentity } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import { ownFields } from "../lookup.ts";
import type { StartRequest, StartResult } from "../model.ts";
import { resultPathFor } from "../result/result_path.ts";
import { withResultTask } from "../result/task.ts";
import {
  checkResultRequest,
  type PlannedResult,
  type ResultRequest,
  type WantedResult,
} from "../result/wanted_result.ts";
import type { ServiceClient } from "../service/client.ts";
import { isUuid } from "../service/contract.ts";
import { checkRepository, findRepository, type RepositoryChoice } from "../service/repository.ts";
import type { CallOptions } from "../service/retry.ts";
import { runToStart } from "../service/start.ts";
import { checkRequestKeys, type Keys, unknownHarness, validateStartRequest } from "../service/validate.ts";
import { startError } from "./job.ts";
import {
  hashOf,
  jobOf,
  type KeyChoice,
  keyKeys,
  type KeyOptions,
  LAST_SUFFIX,
  planKey,
  splitSuffix,
  type StartKey,
} from "./key.ts";
import { type ConnectOptions, openSession, type Session, verbKeys, type VerbOptions } from "./session.ts";
import { type SeriesHooks, type StartedRun, StartSeries } from "./start.ts";
import { requestHash, type RunState } from "./state.ts";

/** Starts a run, or finds the run that was started with the same key. */
export async function start(request: RunRequest, options: StartOptions & ConnectOptions): Promise<StartedRun> {
  checkRequestKeys(request);
  if (request.result !== undefined) {
    throw new UsageError({
      attempted: "start run",
      why: "start() does not check result files",
      advice: "call run(), which follows the run and checks its file",
    });
  }
  const session = openSession(options, detected(options));
  const plan = await planStart(session, request, options, true);
  const { onStarting, onStarted, signal } = options;
  const series = runSeries(session, plan, { onStarting });
  try {
    const started = await series.start();
    noteNewTask(session, plan, started);
    onStarted?.(started);
    return started;
  } catch (error) {
    throw startError(error, series, signal);
  }
}

/** Options for {@linkcode Mogplex.start}. */
export interface StartOptions extends VerbOptions, KeyOptions {
  /**
   * Maximum time to wait, in milliseconds: more than 0 (at least one second if the run is followed), at most 30 days. @default {1_800_000}
   */
  timeoutMs?: number | undefined;
  /**
   * Called as soon as the run is started or found, and again each time `run()` starts another run because no sandbox was free. The return value is
   * not awaited. If the function throws or rejects, a notice reports the error.
   */
  onStarted?: ((started: StartedRun) => unknown) | undefined;
}

export function startKeys(): Keys<StartOptions> {
  return { ...verbKeys(), ...keyKeys(), timeoutMs: "number", onStarted: "function" };
}

export function runKeys() {
  return { ...attachKeys(), ...startKeys() } as const;
}

export function attachKeys() {
  const jobKeys = {
    timeoutMs: "number",
    tokenShare: "number",
    stream: "boolean",
    eventsFile: "string",
    throwOnFailure: "boolean",
    cancelOn: "list",
    onItem: "function",
  } as const;
  return { ...verbKeys(), ...jobKeys };
}

export interface StartPlan {
  request: StartRequest;
  task: string;
  hash: string;
  key: StartKey;
  job: JobIdentity | null;
  result?: PlannedResult | undefined;
}

/** The suffix of the key is left out, so that every start of the series has the same task. */
export function plannedResult(wanted: WantedResult | undefined, key: string): PlannedResult | undefined {
  return wanted && { ...wanted, path: resultPathFor(wanted.path, splitSuffix(key).key) };
}

export function withPlannedResult(request: StartRequest, result: PlannedResult | undefined): StartRequest {
  return result === undefined
    ? request
    : { ...request, prompt: withResultTask(request.prompt, result.path, result.schema) };
}

export function runSeries(
  session: Session,
  plan: StartPlan & { earlierRunId?: string | null | undefined },
  hooks: SeriesHooks,
): StartSeries<StartResult> {
  const { request, key, job, earlierRunId } = plan;
  return new StartSeries(session, { what: runToStart(session.client, request), key, job, earlierRunId }, hooks);
}

const VARIABLE = /\$[A-Z][A-Z0-9_]+\b/;

function warnOfVariable({ notify }: Session, { prompt }: Pick<StartRequest, "prompt">): void {
  const [name] = VARIABLE.exec(prompt) ?? [];
  if (name === undefined) return;
  const message = `the prompt contains ${name}, which was not replaced; the service may treat it as a skill call`;
  notify({ kind: "text", message });
}

/**
 * @param byTask Whether a derived key also depends on the request, so that two tasks of one job get separate runs. The command has one task for each
 * job.
 */
export async function planStart(
  session: Session,
  request: RunRequest,
  options: KeyChoice,
  byTask = false,
): Promise<KeyedPlan> {
  const checked = checkRunRequest(request);
  warnOfVariable(session, checked.rest);
  const harness = unknownHarness(checked.rest.harness);
  if (harness !== undefined) session.notify({ kind: "text", message: harness });
  const { client, deadline, signal } = session;
  const valid = await resolveRequest(client, checked, { deadline, signal });
  const job = jobOf(session, options);
  const { result: wanted } = checked;
  const task = requestHash(valid);
  const more = byTask ? wanted === undefined ? task : hashOf([task, wanted.path, wanted.schema.text]) : undefined;
  const key = planKey(session, options, "start run", { job, repoId: valid.repoId, more });
  return withKey({ valid, wanted }, key, job);
}

interface PlannedRequest {
  valid: StartRequest;
  wanted: WantedResult | undefined;
}

interface KeyedPlan extends StartPlan {
  readonly planned: PlannedRequest;
}

/** Maximum length of a key that follow-ups can extend. A key has at most 200 characters. Source: API reference, "Idempotency". */
const MAX_RETRIED_KEY = 190;

function withKey(planned: PlannedRequest, key: StartKey, job: JobIdentity | null): KeyedPlan {
  const result = plannedResult(planned.wanted, key.key);
  if ((result?.retries ?? 0) > 0 && key.key.length > MAX_RETRIED_KEY) {
    throw new UsageError({
      attempted: "plan result retries",
      why: "the idempotency key is too long to append '.result.1'",
      advice: `use a key of at most ${MAX_RETRIED_KEY} characters`,
    });
  }
  const request = withPlannedResult(planned.valid, result);
  const { prompt: task } = planned.valid;
  return { request, task, hash: requestHash(request), key, job, result, planned };
}

const REPEATED = /^(?:[2-9]|[1-9]\d+)$/;

export function noteNewTask(
  { notify, platform }: Session,
  { key, job }: StartPlan,
  { replayed, keyScope }: StartedRun,
): void {
  if (replayed || key.scope !== "pipeline" || keyScope !== "pipeline") return;
  if (!platform.countsAttempts || !REPEATED.test(job?.attempt ?? "")) return;
  const message =
    "the task differs from the tasks of earlier attempts of this job, so a new run starts (times and build numbers in a " +
    "prompt make every attempt a different task)";
  notify({ kind: "text", message });
}

/** Call this only if no earlier attempt of the same job has a run that is in progress or succeeded. */
export async function planLater(
  session: Session,
  later: LaterRequest,
  options: KeyChoice,
  before: RunState | undefined,
): Promise<StartPlan> {
  if (before?.idempotencyKey == null) return await planStart(session, await later.make(), options);
  const { key, suffix } = splitSuffix(before.idempotencyKey);
  if (before.runId === null && before.request !== null && before.parting !== "ended") {
    // The earlier start was not answered. Sending the same bytes with the same key finds the run of that start, or starts the run. No other key is
    // used.
    const message =
      "an earlier attempt got no answer to its start request, so that request is sent again without reading the forge";
    session.notify({ kind: "text", message });
    const plan = await planStart(session, before.request, options);
    const result = plannedResult(later.result, key);
    return { ...plan, key: { key, suffix, scope: scopeOf(before) }, result };
  }
  const plan = await planStart(session, await later.make(), options);
  if (key !== plan.key.key) return plan;
  // A caller's key is used unchanged. A derived key keeps its suffix if the earlier attempt has no run. Otherwise, that run no longer exists, failed
  // or was cancelled, so the next suffix is used.
  if (plan.key.scope === "given") return plan;
  const next = before.runId === null ? suffix : Math.min(suffix + 1, LAST_SUFFIX);
  return { ...plan, key: { ...plan.key, suffix: next } };
}

export function resumePlan(
  session: Session,
  plan: KeyedPlan,
  state: RunState | undefined,
  maxEndAgeMs?: number,
): StartPlan {
  if (state === undefined) return plan;
  if (plan.key.scope === "given") {
    if (state.idempotencyKey !== plan.key.key) {
      session.notify({ kind: "text", message: "the state file belongs to another key, so it is not used" });
    }
    return plan;
  }
  if (state.idempotencyKey === null) {
    session.notify({
      kind: "text",
      message: "the state file belongs to a run that was only followed, so it has no key",
    });
    return plan;
  }
  const { key, suffix } = splitSuffix(state.idempotencyKey);
  const scope = key === plan.key.key ? plan.key.scope : scopeOf(state);
  // The path of a result file depends on the key.
  const again = withKey(plan.planned, { key, suffix, scope, maxEndAgeMs }, plan.job);
  if (state.requestHash === again.hash) return again;
  session.notify({ kind: "text", message: "the state file belongs to another request, so its key is not used" });
  return plan;
}

/** A random key of this job belongs to the job. A key from the user may be shared with other jobs. */
function scopeOf({ owned }: RunState): StartKey["scope"] {
  return owned ? "random" : "given";
}

/**
 * A request that is created only if a run must be started. Its content depends on other systems, and may have changed since an earlier attempt of the
 * job started its run.
 */
export interface LaterRequest {
  readonly asked: string;
  readonly task: string | null;
  readonly result?: WantedResult | undefined;
  make(): Promise<RunRequest>;
}

export function isLater(request: RunRequest | LaterRequest): request is LaterRequest {
  return "make" in request;
}

/** What a run should do, and where: `repo` or `repoId` names the repository. `S` is the schema of its result. */
export type RunRequest<S extends object = object> = RepositoryChoice & RunDetails<S>;

/** The part of a {@linkcode RunRequest} without the repository. */
export interface RunDetails<S extends object = object> extends Omit<StartRequest, "repoId" | "createBranch"> {
  /** Whether to create the working branch. @default {true} without `workingBranch`, otherwise {false} */
  createBranch?: boolean | undefined;
  /**
   * A result file that the run must write. A paragraph about the file is added to the task. The run then always pushes a branch and opens a pull
   * request that contains the file. @default no file
   */
  result?: ResultRequest<S> | undefined;
}

interface CheckedRequest {
  repository: string;
  rest: Omit<StartRequest, "repoId">;
  result: WantedResult | undefined;
}

const SOME_ID = "00000000-0000-4000-8000-000000000000";

export function checkRunRequest(given: RunRequest): CheckedRequest {
  const request = ownFields(given);
  const { repo, repoId, result } = request;
  const repository = checkRepository({ repo, repoId }, "start run");
  const { repoId: _, ...rest } = validateStartRequest({
    ...request,
    createBranch: request.createBranch ?? (request.workingBranch === undefined ? true : undefined),
    repoId: isUuid(repository) ? repository : SOME_ID,
  });
  const resultRequest = result === undefined ? undefined : checkResultRequest(result);
  if (resultRequest !== undefined) {
    // Only the length of the id matters here, so a placeholder is enough.
    withPlannedResult({ ...rest, repoId: SOME_ID }, plannedResult(resultRequest, ""));
    if (resultRequest.retries > 0 && rest.harness === "mogplex") {
      const why = 'the agent "mogplex" always creates a branch, but a follow-up run needs an existing branch';
      throw new UsageError({ attempted: "plan result retries", why, advice: "choose another agent" });
    }
  }
  return { repository, rest, result: resultRequest };
}

export function askedHash(asked: RunRequest | LaterRequest): string {
  if (isLater(asked)) return asked.asked;
  const { repository, rest, result } = checkRunRequest(asked);
  const request = withPlannedResult({ ...rest, repoId: SOME_ID }, plannedResult(result, ""));
  return hashOf([repository.toLowerCase(), requestHash(request)]);
}

async function defaultBranchOf(client: ServiceClient, id: string, call: CallOptions): Promise<string | null> {
  try {
    const [row] = await client.listRepos({ id, limit: 1 }, { ...call, maxAttempts: 1 });
    return row?.id.toLowerCase() === id ? row.default_branch : null;
  } catch (error) {
    if (call.signal?.aborted) throw error;
    return null;
  }
}

/** A run that would create its default branch is refused here, because the service counts such a start before it refuses it. */
export async function resolveRequest(
  client: ServiceClient,
  { repository, rest }: Omit<CheckedRequest, "result">,
  call: CallOptions,
): Promise<StartRequest> {
  const { id, defaultBranch } = await findRepository(client, repository, call, rest.rootDirectory);
  const { createBranch, workingBranch } = rest;
  const creates = createBranch === true && workingBranch !== undefined;
  if (creates && workingBranch === (defaultBranch ?? await defaultBranchOf(client, id, call))) {
    throw new UsageError({
      attempted: "start run",
      why: "a run cannot create the default branch of the repository",
      value: JSON.stringify(workingBranch),
      advice: "choose another working branch",
    });
  }
  return { repoId: id, ...rest };
}
