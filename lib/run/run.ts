import { ConflictError, MogplexError, UsageError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import type { CancelResult, Run, StartRequest, StartResult } from "../model.ts";
import { ifFound } from "../service/errors.ts";
import { foldName, givenName } from "../service/repository.ts";
import { retryTask } from "../result/task.ts";
import type { PlannedResult } from "../result/wanted_result.ts";
import { formatDuration } from "../text/duration.ts";
import { createRedactor } from "../text/redact.ts";
import { capital } from "../text/plain_text.ts";
import { cancelWith } from "./cancel.ts";
import { guardResult } from "./clean.ts";
import { type FollowItem, type FollowOptions, RunFollower, type RunHandleItem } from "./follow.ts";
import { type Ending, Job, type JobEnd, type Look, type Operation, type StopCause, type Stopped } from "./job.ts";
import {
  ANOTHER_RUN,
  isComplete,
  isOutsideCi,
  jobOf,
  KEYS_USED_UP,
  keyWithSuffix,
  LAST_AGENT_SUFFIX,
  LAST_SUFFIX,
  NO_NEW_RUN,
  splitSuffix,
} from "./key.ts";
import { AgentWatch, lackedSandbox, NO_SANDBOX, noSandbox, SANDBOX_WAITS_MS, whyNoSandbox } from "./no_sandbox.ts";
import type { JobOptions, StatePlace } from "./options.ts";
import {
  isLater,
  type LaterRequest,
  noteNewTask,
  planLater,
  plannedResult,
  planStart,
  resumePlan,
  type RunRequest,
  runSeries,
  type StartOptions,
  type StartPlan,
} from "./request.ts";
import {
  checkResultAbsent,
  interruptedReading,
  readResultFile,
  type ResultPlace,
  type ResultReading,
  withoutReading,
  withReading,
} from "./result_file.ts";
import {
  attachCall,
  emptyRunResult,
  endOfRun,
  finalMessageOf,
  hasEnded,
  noFacts,
  phasesOf,
  resultError,
  type RunResult,
  SEE_REASON,
} from "./result.ts";
import { type CancelCause } from "./interrupts.ts";
import { type Session } from "./session.ts";
import { RepositoryName } from "./repository_name.ts";
import { type StartedRun, type StartSeries } from "./start.ts";
import { isClaim, type Parting, readState, type RunState, type StateSeal, stateSeal, StateWriter } from "./state.ts";

/** Options for {@linkcode Mogplex.attach}. */
export interface AttachOptions extends FollowOptions {
  /**
   * Whether to throw unless the run succeeds. If `false`, the call returns the result of an existing run, however the run ended. In that case, check
   * `outcome`, which can also be `deadline` or `error`. For `error`, retry only if the exit code is 69 or 75. If the service does not know
   * the id of the run or refuses the token, the outcome is `error` as well. Three kinds of errors are always thrown: a start that failed before a run
   * existed, an invalid option, and an aborted `signal`.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
  /**
   * What cancels the run: `timeout`, when `timeoutMs` passes; `abort`, when `signal` aborts. The call can then take about 20 seconds longer. If a
   * start has no answer yet, the call finds its run and cancels it as well. @default {[]} (the run continues)
   */
  cancelOn?: readonly CancelCause[] | undefined;
  /**
   * Called with each item as it arrives. The items are the same as in a loop over the handle. The return value is not awaited. If the function throws
   * or rejects, a notice reports the error.
   */
  onItem?: ((item: RunHandleItem) => unknown) | undefined;
}

/** Options for {@linkcode Mogplex.run}. */
export interface RunOptions extends StartOptions, AttachOptions {}

export type RunJob = JobOptions<FollowItem, StartedRun>;

export async function runJob(request: RunRequest | LaterRequest, options: RunJob): Promise<JobEnd<RunResult>> {
  const state = openState(options);
  const resumed = readResumed(request, options, state);
  const isClaimed = state?.claim !== undefined;
  const earlier = resumed ?? (isClaimed ? undefined : readEarlier(options, state));
  // The state of an earlier deferred request is not cleared yet, because the service might not answer now.
  if (!isClaimed && resumed?.asked == null) state?.writer.clear();
  const operation = new RunOperation(options, { request, resumed, earlier }, state?.writer);
  const end = await new Job(operation, options).start();
  return await withResultFile(operation, end, options, state?.writer);
}

export async function attachJob(runId: string, options: RunJob): Promise<JobEnd<RunResult>> {
  const state = openState(options);
  recordFollowing(runId, options, state);
  const operation = new RunOperation(options, runId, state?.writer);
  return await withResultFile(operation, await new Job(operation, options).attach(), options, state?.writer);
}

export const LOOK_MS = 60_000;

export async function lookJob(runId: string, options: RunJob): Promise<JobEnd<RunResult>> {
  const operation = new RunOperation(options, runId, undefined);
  return await withResultFile(operation, await new Job(operation, options).attach(true), options, undefined);
}

async function withResultFile(
  operation: RunOperation,
  end: JobEnd<RunResult>,
  options: RunJob,
  state: StateWriter | undefined,
): Promise<JobEnd<RunResult>> {
  const { resultFile: wanted } = operation;
  const { session } = options;
  let [last, lastEnd] = [operation, end];
  let blobBefore: string | null = null;
  let mistakesBefore: readonly string[] = [];
  for (let count = 0;; count++) {
    const { outcome, exitCode, idempotencyKey } = lastEnd.result;
    if (wanted === undefined || outcome !== "success" || exitCode !== 0) return lastEnd;
    const branch = last.deliveredBranch;
    let reading: ResultReading;
    try {
      const { signal } = session;
      signal?.throwIfAborted();
      const read = readResultFile(session, await last.resultPlace(), wanted, {
        ...{ branch, blobBefore, redact: options.redactFile },
      });
      reading = await Promise.race([read, whenAborted(signal)]);
    } catch (error) {
      const { signal } = session;
      if (signal?.aborted) return interruptedReading(lastEnd, signal.reason);
      return withoutReading(lastEnd, wanted, branch ?? null, error);
    }
    const { file: { cause, blob, mistakes } } = reading;
    const ended = withReading(lastEnd, reading);
    if (cause === null || count >= wanted.retries || idempotencyKey === null) return ended;
    if (session.clock.now() >= session.deadline) {
      session.notify({ kind: "text", message: "no time is left to request the result file again" });
      return ended;
    }
    session.notify({ kind: "text", message: `${ended.result.reason}; requesting the file again in a follow-up run` });
    const key = `${count === 0 ? idempotencyKey : idempotencyKey.replace(/\.result\.\d+$/, "")}.result.${count + 1}`;
    mistakesBefore = blob !== null && blob === blobBefore ? [...new Set([...mistakesBefore, ...mistakes])] : mistakes;
    const request = followUpOf(last, lastEnd.result, wanted, branch ?? null, mistakesBefore);
    blobBefore = blob ?? blobBefore;
    const again = { ...options, ...ownKey(key), byTask: false, startOnly: false, resultFile: wanted };
    last = new RunOperation(again, { request, resumed: undefined }, state);
    const next = await new Job(last, again).start();
    if (next.error instanceof ConflictError && next.result.runId === null) {
      session.notify({ kind: "text", message: "an earlier attempt of this job has already requested the file" });
      return ended;
    }
    lastEnd = { ...next, result: continued(ended.result, next.result) };
  }
}

function continued(before: RunResult, result: RunResult): RunResult {
  return {
    ...result,
    task: before.task,
    pullRequest: result.pullRequest.url === null ? before.pullRequest : result.pullRequest,
    branch: { ...result.branch, pushed: result.branch.pushed ?? before.branch.pushed },
    resultFile: before.resultFile,
  };
}

const ownKey = (idempotencyKey: string) => ({ idempotencyKey, keyScope: undefined, keyPart: undefined });

function whenAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

function followUpOf(
  { request }: RunOperation,
  { repoId, branch: { base } }: RunResult,
  { path, schema }: PlannedResult,
  branch: string | null,
  mistakes: readonly string[],
): RunRequest {
  return {
    repoId: repoId ?? "",
    prompt: retryTask(path, mistakes, schema),
    harness: request?.harness,
    mode: request?.mode,
    rootDirectory: request?.rootDirectory,
    baseBranch: base ?? undefined,
    ...branch === null ? { createBranch: true } : { workingBranch: branch, createBranch: false },
  };
}

interface OpenState extends StatePlace {
  seal: StateSeal;
  writer: StateWriter;
}

function openState({ session, state, identity }: RunJob): OpenState | undefined {
  const { token, notify } = session;
  if (state === undefined || token === undefined) return undefined;
  const seal = stateSeal(token);
  const keeps = jobOf(session, { identity }) === null;
  const writer = state.claim?.writer ?? new StateWriter(state.files, state.path, seal, notify, keeps);
  return { ...state, seal, writer };
}

/**
 * Without `resumePath`, a deferred request uses the job's own state file: its content may have changed, and a new key would not find the earlier run.
 * With `resumePath`, the file must exist, because a mistyped path must not start a second agent.
 */
function readResumed(
  request: RunRequest | LaterRequest,
  options: RunJob,
  state: OpenState | undefined,
): RunState | undefined {
  if (state === undefined) return undefined;
  const { files, resumePath, path: ownPath, seal } = state;
  const { session, idempotencyKey, keyScope = "pipeline" } = options;
  const { notify, clock, memory } = session;
  const job = jobOf(session, options);
  const isPipelines = keyScope === "pipeline" && idempotencyKey === undefined;
  // Outside CI, the caller has already handled the state of the folder. A job that cannot be distinguished from jobs of other pipelines starts a new
  // run each time.
  const findsOwn = isLater(request) && isPipelines && job !== null && isComplete(job);
  const path = resumePath ?? (findsOwn ? ownPath : undefined);
  if (path === undefined) return undefined;
  const required = resumePath !== undefined;
  const stored = readState(files, path, {
    job,
    execution: false,
    required,
    tellsOfOthers: required,
    nowMs: clock.wallTime(),
    notify,
  });
  const proven = stored?.proven(seal);
  // A proven state with a run id shows that the service has accepted this token before.
  memory.workedBefore ||= typeof proven?.runId === "string";
  return proven;
}

function readEarlier({ session, identity }: RunJob, state: OpenState | undefined): RunState | undefined {
  if (state === undefined) return undefined;
  const { files, path, seal } = state;
  const [job, nowMs] = [jobOf(session, { identity }), session.clock.wallTime()];
  return readState(files, path, { job, execution: false, tellsOfOthers: false, nowMs, notify() {} })?.proven(seal);
}

function recordFollowing(runId: string, options: RunJob, state: OpenState | undefined): void {
  const { session, onInterrupt } = options;
  const startedAt = new Date(session.clock.wallTime()).toISOString();
  const job = jobOf(session, options);
  const unknown = { idempotencyKey: null, requestHash: null, asked: null, request: null };
  const result = stateResult(options.resultFile);
  try {
    // Outside CI, an earlier state of the same run is kept, because it has the idempotency key.
    const earlier = job === null && state?.claim === undefined ? readEarlier(options, state) : undefined;
    if (state !== undefined && earlier?.runId === runId) {
      state.writer.adopt(earlier);
      return state.writer.update({ parting: "following", onInterrupt });
    }
    // A claimed folder must never appear to be free.
    if (state?.claim === undefined) state?.writer.clear();
    // This job did not start the run, so a signal cancels the run only with `onInterrupt: "cancel"`.
    state?.writer.begin({ ...unknown, owned: false, startedAt, onInterrupt, result, job, runId });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    session.notify({ kind: "text", message: `${error.message}; cleanup will not find this run` });
  }
}

function stateResult(result: PlannedResult | undefined): RunState["result"] {
  return result === undefined ? null : { path: result.path, schema: result.schema.text };
}

interface RunStart {
  request: RunRequest | LaterRequest;
  resumed: RunState | undefined;
  /** State that an earlier attempt left at the default path. */
  earlier?: RunState | undefined;
}

/** Time limit of one repeated start. A second repeated start and the cancel request must also fit into the remaining time. */
const RESEND_MS = 1_500;
const STATE_MS = 5_000;
const WITHOUT_SANDBOX = "the run was waiting for a sandbox, and no agent has started";

class RunOperation implements Operation<FollowItem, RunResult> {
  readonly #session: Session;
  readonly #options: RunJob;
  readonly #target: RunStart | string;
  readonly #state: StateWriter | undefined;
  #plan: StartPlan | undefined;
  #series: StartSeries<StartResult> | undefined;
  #started: StartedRun | undefined;
  #follower: RunFollower | undefined;
  readonly #name: RepositoryName;
  #resultFile: PlannedResult | undefined;
  #stopped: Run | undefined;
  #stateAt = -Infinity;
  #lacks = 0;
  #lacked = false;
  #isUsedUp = false;
  /** Whether the job or the folder of the state owns the run; `null` until the answer to the start shows it. */
  #recordedOwned: boolean | null = null;
  #agent = new AgentWatch();

  constructor(options: RunJob, target: RunStart | string, state: StateWriter | undefined) {
    this.#session = options.session;
    this.#options = options;
    this.#target = target;
    this.#state = state;
    const requested = typeof target === "string" || isLater(target.request)
      ? undefined
      : givenName(target.request.repo);
    this.#name = new RepositoryName(options.session, options.repository ?? requested, options.onRepository);
  }

  get #runId(): string | undefined {
    return typeof this.#target === "string" ? this.#target : this.#started?.runId;
  }

  get request(): StartRequest | undefined {
    return this.#plan?.request;
  }

  get resultFile(): PlannedResult | undefined {
    return this.#resultFile ?? this.#options.resultFile;
  }

  get deliveredBranch(): string | null | undefined {
    const { changed, pushedBranch, workingBranch } = this.#follower?.facts ?? noFacts();
    return changed === false ? null : pushedBranch ?? workingBranch ?? undefined;
  }

  async resultPlace(): Promise<ResultPlace> {
    const { openFiles: open, repositoryOrigin: origin, repository } = this.#options;
    if (open === undefined) throw new Error("Cannot read a result file without a way to open its repository");
    const repoId = this.#plan?.request.repoId ?? (this.#follower?.run ?? this.#started?.run)?.repoId;
    const name = repository ?? this.#requestedName ?? await this.#nameByService(repoId);
    const isNamed = origin !== undefined;
    return { open, repository: { name, origin: origin ?? this.#pullOrigin(name), isNamed } };
  }

  #pullOrigin(name: string): string | undefined {
    const { url } = this.#follower?.facts.pullRequest ?? noFacts().pullRequest;
    if (url === null || !URL.canParse(url)) return undefined;
    const { origin, pathname } = new URL(url);
    return foldName(pathname).startsWith(`/${foldName(name)}/`) ? origin : undefined;
  }

  get #requestedName(): string | undefined {
    if (typeof this.#target === "string" || isLater(this.#target.request)) return undefined;
    return givenName(this.#target.request.repo);
  }

  async #nameByService(repoId: string | undefined): Promise<string> {
    const { client, signal, clock } = this.#session;
    const call = { signal, deadline: clock.now() + LOOK_MS };
    const [row] = repoId === undefined ? [] : await client.listRepos({ id: repoId, limit: 1 }, call);
    if (row !== undefined) return row.full_name;
    const why = "the service did not return the name of the repository";
    throw new MogplexError({ attempted: "read the result file", why }, "unavailable");
  }

  get #later(): LaterRequest | undefined {
    return typeof this.#target !== "string" && isLater(this.#target.request) ? this.#target.request : undefined;
  }

  get #requestedTask(): string | null {
    if (typeof this.#target === "string") return null;
    const { request } = this.#target;
    const task = isLater(request) ? request.task : request.prompt;
    return typeof task === "string" ? task : null;
  }

  get #isOutsideCi(): boolean {
    return isOutsideCi(this.#session, this.#options);
  }

  get label(): string {
    return `run "${this.#runId ?? ""}"`;
  }

  get mayExist(): boolean {
    return this.#runId !== undefined || this.#series?.mayExist === true;
  }

  get idle(): string | undefined {
    return this.#lacksSandbox ? WITHOUT_SANDBOX : undefined;
  }

  /** `false` while a later start has no answer, because its run may exist. */
  get #lacksSandbox(): boolean {
    return this.#lacked && (this.#started !== undefined || this.#series?.mayExist !== true);
  }

  get isSeen(): boolean {
    return (this.#follower?.run ?? this.#started) !== undefined;
  }

  get foundEnded(): boolean {
    return this.#started !== undefined && hasEnded(this.#started.run.status);
  }

  async start(): Promise<void> {
    if (typeof this.#target === "string") throw new Error("Cannot start a run that already exists");
    const { request } = this.#target;
    const earlierRun = isLater(request) ? this.#leftBy(request, this.#target) : undefined;
    if (earlierRun !== undefined && await this.#attachTo(earlierRun)) return;
    const plan = await this.#planOf(this.#target, earlierRun);
    this.#plan = plan;
    this.#resultFile = plan.result;
    const earlierKey = splitSuffix(this.#target.earlier?.idempotencyKey ?? "").key;
    if (plan.result !== undefined && earlierKey !== plan.key.key) {
      await checkResultAbsent(await this.resultPlace(), plan.result, plan.request);
    }
    const { onStarting, byTask, mayRepeat } = this.#options;
    this.#series = runSeries(this.#session, { ...plan, earlierRunId: this.#target.earlier?.runId }, {
      onStarting,
      onKey: (key) => this.#begin(plan, key),
      mayRepeat,
    });
    const folderRun = isLater(request) ? undefined : this.#runOfFolder(plan, this.#target.resumed);
    if (folderRun !== undefined) return this.#announce(folderRun);
    const started = await this.#series.start().catch((error) => {
      if (isLater(request) && error instanceof ConflictError) {
        const message =
          "an earlier attempt or step of this job has already started a run with this key; to attach to that run, use --resume " +
          "with the state file of that attempt";
        this.#session.notify({ kind: "text", message });
      }
      throw error;
    });
    if (byTask) noteNewTask(this.#session, plan, started);
    this.#announce(started);
  }

  async #planOf({ request, resumed }: RunStart, left: RunState | undefined): Promise<StartPlan> {
    // A claim means that another process is starting a run for the same request.
    const claimed = resumed !== undefined && isClaim(resumed) ? resumed.idempotencyKey : null;
    const options = { ...this.#options, randomKey: claimed ?? this.#options.state?.claim?.key };
    if (isLater(request)) return await planLater(this.#session, request, options, claimed === null ? left : undefined);
    const plan = await planStart(this.#session, request, options, options.byTask);
    return claimed === null ? resumePlan(this.#session, plan, resumed, options.state?.maxEndAgeMs) : plan;
  }

  #leftBy({ asked }: LaterRequest, { resumed }: RunStart): RunState | undefined {
    if (resumed === undefined) return undefined;
    const { idempotencyKey } = this.#options;
    const isSame = resumed.asked === asked && [undefined, resumed.idempotencyKey].includes(idempotencyKey);
    if (!isSame) {
      this.#session.notify({
        kind: "text",
        message: "the state file belongs to another request, so its run is not used",
      });
    }
    return isSame ? resumed : undefined;
  }

  /** The run is followed without another start, because a start could be refused or wait for the quota although the run is in progress. */
  #runOfFolder({ key, hash, request }: StartPlan, state: RunState | undefined): StartedRun | undefined {
    const run = this.#options.state?.resumeRun;
    const idempotencyKey = state?.idempotencyKey;
    if (state === undefined || idempotencyKey == null || run === undefined || state.runId !== run.runId) {
      return undefined;
    }
    if (keyWithSuffix(key.key, key.suffix) !== idempotencyKey || hash !== state.requestHash) return undefined;
    const { runId, owned } = state;
    this.#recordStart({ idempotencyKey, owned, requestHash: hash, asked: null, request, runId });
    return this.#foundRun(run, { idempotencyKey, owned }, key.scope);
  }

  #foundRun(
    run: Run,
    { idempotencyKey, owned }: { idempotencyKey: string; owned: boolean | null },
    keyScope: StartedRun["keyScope"],
  ): StartedRun {
    // Outside CI, the state belongs to the folder, so another command may have started the run.
    const isOurs = owned === true && !this.#isOutsideCi;
    const { runId } = run;
    return { runId, run: { ...run, replayed: true }, replayed: true, idempotencyKey, keyScope, owned: isOurs };
  }

  async #attachTo({ runId, idempotencyKey, owned, requestHash, asked }: RunState): Promise<boolean> {
    const { client, deadline, signal, notify } = this.#session;
    if (runId === null || idempotencyKey === null) return false;
    const run = await ifFound(client.getRun(runId, { deadline, signal }));
    if (run === undefined) {
      notify({
        kind: "text",
        message: `run "${runId}" of an earlier attempt no longer exists; reading the forge again to start a new run`,
      });
      return false;
    }
    const end = endOfRun(run.status);
    if (end === "failed" || end === "cancelled") {
      const { idempotencyKey: requestedKey, keyScope = "pipeline" } = this.#options;
      const lastSuffix = lackedSandbox(run) ? LAST_SUFFIX : LAST_AGENT_SUFFIX;
      const isLast = keyScope === "pipeline" && splitSuffix(idempotencyKey).suffix >= lastSuffix;
      if (requestedKey === undefined && !isLast) {
        const message = `run "${runId}" of an earlier attempt has ${end === "failed" ? "failed" : "been cancelled"}, ` +
          "so a new run is started after reading the forge again";
        notify({ kind: "text", message });
        return false;
      }
      this.#isUsedUp = isLast;
      if (isLast) notify({ kind: "text", message: KEYS_USED_UP });
    }
    // The job's own `cleanup` needs the state.
    this.#resultFile = plannedResult(this.#later?.result, idempotencyKey);
    this.#recordStart({ idempotencyKey, owned, requestHash, asked, request: null, runId });
    this.#announce(this.#foundRun(run, { idempotencyKey, owned }, "given"));
    return true;
  }

  async *items(look: Look): AsyncGenerator<FollowItem, void, void> {
    for (;;) {
      const items = this.#itemsOf(look);
      if (items === undefined) return;
      let lacking: Run | undefined;
      for await (const item of items) {
        this.#record(item);
        if (item.type === "event") this.#agent.take(item.event);
        if (item.type === "end" && this.#isLacking(item.run)) lacking = item.run;
        else yield item;
      }
      if (lacking === undefined) return;
      await this.#startAgain(lacking, look);
    }
  }

  #isLacking(run: Run): boolean {
    return lackedSandbox(run) && !this.#agent.hasBegun(run);
  }

  /** No agent has started, so no work is done twice. */
  async #startAgain(run: Run, look: Look): Promise<void> {
    const { client, clock, startedAt, deadline, signal, notify } = this.#session;
    const { cancelled, waitsForSandbox } = this.#options;
    const series = this.#series;
    const refused = (why: string, advice?: string) => noSandbox(run, clock.now() - startedAt, { why, advice });
    const pauseMs = SANDBOX_WAITS_MS[this.#lacks];
    const endAgeMs = this.#started?.replayed ? series?.endAgeMs(run) ?? 0 : 0;
    const waitMs = Math.max(0, (pauseMs ?? 0) - (Number.isFinite(endAgeMs) ? endAgeMs : 0));
    this.#lacked = true;
    if (cancelled?.aborted) throw refused("it was cancelled");
    if (typeof this.#target === "string" || look.kind !== "all") throw refused("this job does not start another run");
    if (series?.hasOneKey) throw refused("this idempotency key can start only one run", "use another idempotency key");
    this.#isUsedUp ||= series?.hasNext === false;
    if (this.#isUsedUp) throw refused("this job has used all its keys", ANOTHER_RUN);
    if (series === undefined) throw refused("the run belongs to an earlier attempt");
    if (pauseMs === undefined) throw refused("all four attempts failed");
    if (!waitsForSandbox && waitMs > 0) {
      throw refused(`this job does not wait ${formatDuration(waitMs)} for the next attempt`);
    }
    if (clock.now() + waitMs >= deadline) {
      throw refused(`the next attempt would start after the time limit of ${formatDuration(deadline - startedAt)}`);
    }
    const untilMs = clock.wallTime() + waitMs;
    notify({ kind: "no_sandbox", runId: run.runId, cause: whyNoSandbox(run), delayMs: waitMs, untilMs });
    const pacer = this.#session.pacer();
    pacer.status = "waiting for a sandbox";
    await pacer.pause(waitMs, cancelled);
    if (cancelled?.aborted) throw refused("it was cancelled");
    this.#lacks++;
    this.#started = undefined;
    const started = await series.startNext();
    if (started === undefined) throw refused("the time limit was reached before the next attempt was permitted");
    this.#announce(started);
    // A cancel request that was sent in the meantime went to the previous run.
    if (cancelled?.aborted) await client.cancelRun(started.runId, { deadline, signal });
  }

  #itemsOf(look: Look): AsyncGenerator<FollowItem, Run, void> | undefined {
    if (look.kind === "rest") {
      const run = this.#stopped;
      this.#stopped = undefined;
      return run === undefined ? undefined : this.#follower?.conclude(run, look.outcome, look);
    }
    const runId = this.#runId;
    if (runId === undefined) throw new Error("Cannot follow a run before it is started");
    const { tokenShare, stream, sink } = this.#options;
    this.#follower = new RunFollower(this.#session, runId, { tokenShare, stream, sink });
    this.#agent = new AgentWatch();
    // After a single read, there is no time for a second request, so the name is requested at once.
    if (look.kind === "once") this.#name.ask();
    return look.kind === "once" ? this.#follower.once() : this.#follower.items();
  }

  async stop(cause: StopCause): Promise<Stopped> {
    const { client, clock, signal } = this.#session;
    const deadline = clock.now() + cause.limitMs;
    const cancels = (owned: boolean) => cause.kind === "deadline" || cause.cancels(owned);
    const leave = (parting: Parting, text: string): Stopped => {
      this.#state?.update({ parting });
      return { answered: false, text };
    };
    const none = () => leave("ended", this.#lacked ? WITHOUT_SANDBOX : "no run was started");
    const runId = this.#runId;
    if (this.#lacksSandbox || runId === undefined && this.#series?.mayExist !== true) return none();
    const known = runId === undefined ? undefined : { runId, owned: this.#started?.owned ?? false };
    const elsewhere = `the run continues, because another ${this.#isOutsideCi ? "command" : "job"} started it`;
    if (!cancels(known?.owned ?? true)) return leave("detached", cancels(true) ? elsewhere : "the run continues");
    // A later step must know that the deadline cancels the run, even if a signal would not.
    const late = cause.kind === "deadline" && known === undefined;
    this.#state?.update({ parting: "cancelling", ...(late && { onInterrupt: "cancel" as const }) });
    try {
      const run = known ?? await this.#series?.find({ deadline, requestTimeoutMs: RESEND_MS });
      if (run === undefined) return none();
      if (known === undefined) this.#announce(run as StartedRun);
      if (!cancels(run.owned)) return leave("detached", elsewhere);
      // After a signal, the session's own signal is already aborted. The aborted signal must not end the cancel request, because there may be no
      // later step that repeats the request.
      const signalled = cause.kind === "signal";
      const limits = { deadline, signal: signalled ? undefined : signal, untilAnswered: signalled };
      return this.#cancelled(await cancelWith(client, clock, run.runId, limits));
    } catch (error) {
      const why = error instanceof MogplexError ? error.message : String(error);
      return { answered: false, text: `the run may still be running, because it could not be cancelled: ${why}` };
    }
  }

  #cancelled({ run, alreadyTerminal }: CancelResult): Stopped {
    this.#stopped = run;
    const { status } = run;
    const outcome = endOfRun(status);
    this.#state?.update({ status, ...(outcome !== undefined && { parting: "ended" }) });
    if (this.#isLacking(run)) {
      this.#lacked = true;
      return { answered: true, text: WITHOUT_SANDBOX };
    }
    const byItself = outcome !== undefined && (outcome !== "cancelled" || alreadyTerminal);
    const after = outcome === undefined ? " after the cancel request" : "";
    const text = outcome === "cancelled" && !alreadyTerminal
      ? "the run was cancelled"
      : `the run is ${JSON.stringify(status)}${after}`;
    return { answered: true, outcome, byItself, text };
  }

  part(parting: Parting): void {
    this.#state?.update({ parting: this.#lacksSandbox ? "ended" : parting });
  }

  result({ outcome, exitCode, reason, error }: Ending): RunResult {
    const session = this.#session;
    const [started, follower, request] = [this.#started, this.#follower, this.#plan?.request];
    const { showTask, task } = this.#options;
    // The answer to a cancel request is newer than the follower's last read.
    const run = this.#stopped ?? follower?.run ?? started?.run;
    const runId = run?.runId ?? this.#runId ?? null;
    const { seen = 0, events = [] } = follower?.kept ?? {};
    const facts = follower?.facts ?? noFacts();
    const end = run === undefined ? undefined : endOfRun(run.status);
    const terminal = end !== undefined && end !== "awaiting_input";
    const failure = run?.status === "failed" && outcome !== "cancelled"
      ? run.error ?? facts.failureError ?? facts.failureMessage
      : null;
    const isUsedUp = this.#isUsedUp || this.#series?.isUsedUp === true;
    const keysUsedUp = this.#lacksSandbox
      ? this.#isUsedUp
      : isUsedUp && (outcome === "failed" || outcome === "cancelled");
    return {
      ...emptyRunResult(),
      runId,
      repoId: run?.repoId ?? request?.repoId ?? null,
      repository: this.#name.take((follower?.run ?? started?.run)?.repoId) ?? null,
      task: showTask ? this.#plan?.task ?? this.#requestedTask ?? task ?? null : null,
      harness: run?.harness ?? request?.harness ?? null,
      status: run?.status ?? null,
      outcome,
      exitCode,
      reason: reason ?? this.#reasonOf(keysUsedUp, failure),
      error: error === undefined || hasEnded(outcome)
        ? null
        : { ...resultError(error), ...(this.#lacksSandbox && { code: NO_SANDBOX }) },
      failureCode: facts.failureCode,
      replayed: started?.replayed ?? null,
      idempotencyKey: started?.idempotencyKey ?? this.#series?.key ?? null,
      mayExist: runId !== null || this.mayExist,
      keysUsedUp,
      branch: { base: run?.branch.base ?? null, requested: run?.branch.working ?? null, pushed: facts.pushedBranch },
      pullRequest: facts.pullRequest,
      changed: facts.changed,
      files: facts.files,
      finalMessage: finalMessageOf(facts),
      createdAt: run?.createdAt ?? null,
      updatedAt: run?.updatedAt ?? null,
      phases: phasesOf(follower?.milestones, { createdAt: run?.createdAt, endedAt: terminal ? run?.updatedAt : null }),
      eventCount: {
        seen,
        missed: follower?.window.missed ?? false,
        windowFull: follower?.window.full ?? false,
      },
      requests: session.requests(),
      waits: session.waits(),
      durationMs: Math.round(session.clock.now() - session.startedAt),
      origin: session.client.origin,
      resume: terminal || runId === null ? null : attachCall(runId),
      resumeIsCommand: !terminal && runId !== null,
      eventsOmitted: seen - events.length,
      events,
    };
  }

  #reasonOf(keysUsedUp: boolean, failure: string | null): string | null {
    if (!keysUsedUp) return failure;
    const reason = capital(NO_NEW_RUN);
    return failure === null ? reason : `${reason}; the last run: ${failure}`;
  }

  #begin({ hash, request, key }: StartPlan, idempotencyKey: string): void {
    // Other jobs may use the same key, so only the answer shows who owns the run.
    const owned = key.scope === "given" || key.scope === "day" ? null : true;
    const asked = this.#later?.asked ?? null;
    this.#recordStart({ idempotencyKey, owned, requestHash: hash, asked, request, runId: null });
  }

  #recordStart(
    start: Pick<RunState, "idempotencyKey" | "owned" | "requestHash" | "asked" | "request" | "runId">,
  ): void {
    const startedAt = new Date(this.#session.clock.wallTime()).toISOString();
    const job = jobOf(this.#session, this.#options);
    const { onInterrupt } = this.#options;
    this.#recordedOwned = start.owned;
    this.#state?.begin({ ...start, startedAt, onInterrupt, result: stateResult(this.resultFile), job });
  }

  #announce(started: StartedRun): void {
    if (this.#started !== undefined || typeof this.#target === "string") return;
    this.#started = started;
    this.#lacked = false;
    this.#name.ask(started.run.repoId);
    const { runId, owned, run } = started;
    this.#state?.update({ runId, owned: this.#recordedOwned ?? owned, status: run.status });
    this.#options.onStarted(started);
  }

  #record(item: FollowItem): void {
    if (item.type === "gap") return;
    if (item.type === "status") this.#name.ask(item.run.repoId);
    const now = this.#session.clock.now();
    if (item.type === "event" && now - this.#stateAt < STATE_MS) return;
    this.#stateAt = now;
    const lastEventId = this.#follower?.lastEventId ?? null;
    this.#state?.update({ lastEventId, ...(item.type === "status" && { status: item.status }) });
  }
}

/** Base class of the errors for a run that failed, was cancelled, is waiting for an answer, or succeeded without a valid result file. */
export class RunVerdictError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "RunVerdictError";

  constructor(message: string, exit: ExitName, result: RunResult) {
    super(message, exit, { code: `RUN_${exit.replace(/[A-Z]/g, "_$&").toUpperCase()}` });
    const { runId, idempotencyKey } = result;
    MogplexError.tellRun(this, { runId, idempotencyKey, result: guardResult(result, createRedactor()) });
  }

  /** The result of the run. */
  override get result(): RunResult {
    return super.result as RunResult;
  }
}

/** The run ended as `failed`. Exit code 1. */
export class RunFailedError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "RunFailedError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" failed${SEE_REASON}`, "failed", result);
  }
}

/** The run ended as `cancelled`. Exit code 3. */
export class RunCancelledError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "RunCancelledError";
  constructor(result: RunResult) {
    super(`Run "${result.runId}" was cancelled`, "cancelled", result);
  }
}

/** The run is waiting for an answer. The question can only be answered in the app, because the API has no call for it. Exit code 4. */
export class AwaitingInputError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "AwaitingInputError";
  constructor(result: RunResult) {
    const text =
      "the agent asked a question and is waiting for an answer. Answer the question in the app, or cancel the run.";
    super(`Run "${result.runId}" has not finished: ${text}`, "awaitingInput", result);
  }
}

/** The run succeeded, but its result file is missing, not JSON, or not valid: see `result.resultFile`. Exit code 1. */
export class InvalidResultError extends RunVerdictError {
  /** @internal */
  static override readonly kind: string = "InvalidResultError";
  constructor(result: RunResult) {
    super(
      `Run "${result.runId}" has no valid result (${result.resultFile?.cause}); see 'result.resultFile'`,
      "failed",
      result,
    );
  }
}

export function verdictErrorOf(result: RunResult): RunVerdictError | undefined {
  if (result.outcome === "failed" && result.resultFile !== null) return new InvalidResultError(result);
  if (result.outcome === "failed") return new RunFailedError(result);
  if (result.outcome === "cancelled") return new RunCancelledError(result);
  return result.outcome === "awaiting_input" ? new AwaitingInputError(result) : undefined;
}
