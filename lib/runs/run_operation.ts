/**
 * A run as an operation for the engine: starts, follows and stops it, and keeps its state file up to date.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import type { Ending, Look, Operation, Parting, StopCause, Stopped } from "../job/operation.ts";
import type { Session } from "../job/session.ts";
import type { Started } from "../job/started.ts";
import { RepositoryName } from "../job/repository_name.ts";
import { Starter } from "../job/starter.ts";
import type { Run, StartResult } from "../model.ts";
import type { EventSink } from "../report/event_file.ts";
import { hasEnded } from "../result/ends.ts";
import type { RunResult } from "../result/run_result.ts";
import { buildResult } from "./result.ts";
import { AgentWatch, lackedSandbox, noSandbox, SANDBOX_WAITS_MS } from "./no_sandbox.ts";
import { type FollowItem, RunFollower } from "./run_items.ts";
import type { RunRequest } from "./run_request.ts";
import { planStart, resumePlan, startableRun, type StartOptions, type StartPlan } from "./start_plan.ts";
import type { RunState } from "./state.ts";
import type { StateWriter } from "./state_writer.ts";
import type { OnInterrupt } from "../job/interrupt.ts";
import { stopRun } from "./stop.ts";

/** Settings of a {@linkcode RunOperation}. */
export interface RunSettings {
  /** Longest time of the whole job, in milliseconds. */
  timeoutMs: number;
  /** Jobs that use the token at the same time, at least 1. */
  tokenShare: number;
  /** Whether to use the event stream if the service has one. */
  stream: boolean;
  /** What a signal does to the run. The state file passes it on to `cleanup`. */
  onInterrupt: OnInterrupt;
  /** Writes the state file; undefined in the library. */
  state: StateWriter | undefined;
  /** Gets every event. */
  sink: EventSink | undefined;
  /** Whether the result has the task. */
  showTask: boolean;
  /** Name of the repository, `owner/name`; undefined to ask the service for it. */
  repository: string | undefined;
}

/** A run to start. */
export interface RunStart {
  /** The request. */
  request: RunRequest;
  /** Options of its key, and `onStarted`. */
  options: StartOptions;
  /** State of an earlier attempt, whose key is used again; undefined for none. */
  resumed: RunState | undefined;
  /** How long ago the run of that key may have ended, in milliseconds; undefined: as long as it likes. @default {undefined} */
  maxEndAgeMs?: number | undefined;
  /** Makes the request a part of the key (see {@linkcode planStart}); called once the run is started or found. @default {undefined} */
  byTask?: ((session: Session, plan: StartPlan, started: Started<StartResult>) => void) | undefined;
}

/** Shortest time between two writes of an event to the state file, in milliseconds. */
const STATE_MS = 5_000;

/** One run, which is to be started or exists already. */
export class RunOperation implements Operation<FollowItem, RunResult> {
  readonly #session: Session;
  readonly #settings: RunSettings;
  readonly #target: RunStart | string;
  #plan: StartPlan | undefined;
  #starter: Starter<StartResult> | undefined;
  #started: Started<StartResult> | undefined;
  #follower: RunFollower | undefined;
  readonly #name: RepositoryName;
  /** The run as the cancel returned it. */
  #stopped: Run | undefined;
  #stateAt = -Infinity;
  /** How many starts have followed one that found no sandbox. */
  #lacks = 0;
  /** Whether the last run got no sandbox. */
  #lacked = false;

  /** @param target What to start, or the id of a run that exists. */
  constructor(session: Session, settings: RunSettings, target: RunStart | string) {
    this.#session = session;
    this.#settings = settings;
    this.#target = target;
    this.#name = new RepositoryName(session, settings.repository);
  }

  get #runId(): string | undefined {
    return typeof this.#target === "string" ? this.#target : this.#started?.runId;
  }

  get label(): string {
    return `run "${this.#runId ?? ""}"`;
  }

  get mayExist(): boolean {
    return this.#runId !== undefined || this.#starter?.mayExist === true;
  }

  get foundEnded(): boolean {
    return this.#started !== undefined && hasEnded(this.#started.run.status);
  }

  async start(): Promise<void> {
    if (typeof this.#target === "string") throw new Error("Cannot start a run that exists");
    const { request, options, resumed, maxEndAgeMs, byTask } = this.#target;
    const plan = resumePlan(
      this.#session,
      await planStart(this.#session, request, options, byTask !== undefined),
      resumed,
      maxEndAgeMs,
    );
    const starter = new Starter(
      this.#session,
      startableRun(this.#session, plan),
      (idempotencyKey) => this.#begin(plan, idempotencyKey),
    );
    this.#plan = plan;
    this.#starter = starter;
    const started = await starter.start();
    byTask?.(this.#session, plan, started);
    this.#announce(started);
  }

  async *items(look: Look): AsyncGenerator<FollowItem, void, void> {
    for (;;) {
      const items = this.#itemsOf(look);
      if (items === undefined) return;
      const agent = new AgentWatch();
      let lacking: Run | undefined;
      for await (const item of items) {
        this.#record(item);
        if (item.type === "event") agent.take(item.event);
        const isOwn = typeof this.#target !== "string" && look.kind === "all";
        if (item.type === "end" && isOwn && lackedSandbox(item.run) && !agent.hasBegun) lacking = item.run;
        else yield item;
      }
      if (lacking === undefined) return;
      await this.#startAgain(lacking);
    }
  }

  /**
   * Starts once more after a run that got no sandbox, a while later: no agent has begun, so nothing is done twice.
   *
   * @throws {MogplexError} with exit code 75 when there is no time or no key for another start.
   */
  async #startAgain(run: Run): Promise<void> {
    const { clock, startedAt, notify } = this.#session;
    const starter = this.#starter;
    const deadline = startedAt + this.#settings.timeoutMs;
    const waitMs = SANDBOX_WAITS_MS[this.#lacks];
    const why = starter?.hasNext !== true
      ? "a key that was given starts one run"
      : waitMs === undefined
      ? "four starts have found none"
      : clock.now() + waitMs >= deadline
      ? "the deadline comes before another start makes sense"
      : undefined;
    this.#lacked = true;
    if (why !== undefined || starter === undefined || waitMs === undefined) {
      throw noSandbox(run, clock.now() - startedAt, why ?? "nothing was started");
    }
    const minutes = waitMs / 60_000;
    notify({
      kind: "text",
      message:
        `no sandbox was free for run "${run.runId}", and no agent has begun: another start in ${minutes} minutes`,
    });
    const pacer = this.#session.pacer(deadline);
    pacer.status = "waiting for a sandbox";
    await pacer.pause(waitMs);
    this.#lacks++;
    this.#started = undefined;
    this.#announce(await starter.startNext());
    this.#lacked = false;
  }

  #itemsOf(look: Look): AsyncGenerator<FollowItem, Run, void> | undefined {
    if (look.kind === "rest") {
      const run = this.#stopped;
      // The follower reads the run once more, and its state is then newer than this one.
      this.#stopped = undefined;
      return run === undefined ? undefined : this.#follower?.conclude(run, look.outcome, look);
    }
    const runId = this.#runId;
    if (runId === undefined) throw new Error("Cannot follow a run before it is started");
    const { timeoutMs, tokenShare, stream, sink } = this.#settings;
    const deadline = this.#session.startedAt + timeoutMs;
    this.#follower = new RunFollower(this.#session, runId, { deadline, tokenShare, stream, sink });
    // A single look has no time for a request after it.
    if (look.kind === "once") this.#name.ask();
    return look.kind === "once" ? this.#follower.once() : this.#follower.items();
  }

  async stop(cause: StopCause): Promise<Stopped> {
    const runId = this.#runId;
    const { run, ...stopped } = await stopRun({
      session: this.#session,
      cause,
      state: this.#settings.state,
      known: runId === undefined ? undefined : { runId, owned: this.#started?.owned ?? false },
      starter: this.#starter,
      onFound: (started) => this.#announce(started),
    });
    this.#stopped = run;
    return stopped;
  }

  part(parting: Parting): void {
    // A run that got no sandbox has ended, although it is no verdict.
    this.#settings.state?.update({ parting: this.#lacked ? "ended" : parting });
  }

  result({ outcome, exitCode, reason, error }: Ending): RunResult {
    return buildResult({
      session: this.#session,
      outcome,
      exitCode,
      reason,
      error,
      request: this.#plan?.request,
      showTask: this.#settings.showTask,
      repository: this.#name.take((this.#follower?.run ?? this.#started?.run)?.repoId),
      idempotencyKey: this.#starter?.key,
      started: this.#started,
      follower: this.#follower,
      runId: this.#runId,
      run: this.#stopped,
    });
  }

  #begin({ hash, request, job, key }: StartPlan, idempotencyKey: string): void {
    const { state, onInterrupt } = this.#settings;
    // Other jobs may use the same key: only the answer shows who owns the run.
    const owned = key.scope === "given" || key.scope === "day" ? null : true;
    const startedAt = new Date(this.#session.clock.wallTime()).toISOString();
    state?.begin({ idempotencyKey, owned, startedAt, onInterrupt, requestHash: hash, request, job, runId: null });
    if (typeof this.#target !== "string") unawaited(this.#target.options.onStarting?.({ idempotencyKey }));
  }

  #announce(started: Started<StartResult>): void {
    if (this.#started !== undefined || typeof this.#target === "string") return;
    this.#started = started;
    this.#name.ask(started.run.repoId);
    const { runId, owned, run } = started;
    this.#settings.state?.update({ runId, owned, status: run.status });
    unawaited(this.#target.options.onStarted?.(started));
  }

  #record(item: FollowItem): void {
    if (item.type === "gap") return;
    if (item.type === "status") this.#name.ask(item.run.repoId);
    const now = this.#session.clock.now();
    if (item.type === "event" && now - this.#stateAt < STATE_MS) return;
    this.#stateAt = now;
    const lastEventId = this.#follower?.lastEventId ?? null;
    this.#settings.state?.update({ lastEventId, ...(item.type === "status" && { status: item.status }) });
  }
}
