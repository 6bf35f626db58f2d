/**
 * The whole job: start, follow, deal with deadlines and signals, keep the state file, and put the result together.
 *
 * @module
 */
import { DeadlineError, exitCodeFor, MogplexError, NotFoundError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { Run, StartRequest } from "../model.ts";
import type { Outcome, RunResult } from "../result/run_result.ts";
import { CANCEL_MS, cancelWith } from "./cancel.ts";
import { END_EXIT, endOfRun, type EndOutcome } from "../result/ends.ts";
import { reasonOf } from "../result/result_error.ts";
import { Follower, type FollowItem } from "./follower.ts";
import { interruptReason, type WatchSettings } from "../job/interrupt.ts";
import { buildResult } from "./result.ts";
import type { Session } from "../job/session.ts";
import { planStart, resumePlan, type StartedRun, type StartOptions, type StartPlan } from "./start_plan.ts";
import { startableRun, Starter } from "../job/starter.ts";
import { setbackOf } from "../retry/setback.ts";
import type { RunState, StateWriter } from "./state.ts";
import { type Stop, stopRun } from "./stop.ts";

/** What a job does, beside the start. */
export interface JobSettings extends WatchSettings {
  /** Whole wait in milliseconds. */
  timeoutMs: number;
  /** Whether the event stream is used where there is one. */
  stream: boolean;
  /** Whether the job is done once the run is started, or found. */
  startOnly: boolean;
  /** The state file; absent in a library. */
  state: StateWriter | undefined;
  /** Gets each item of the follower. */
  onItem: ((item: FollowItem) => void) | undefined;
}

/** How a job ended. */
export interface JobEnd {
  /** Everything that is known of the run. */
  result: RunResult;
  /** What stopped us without a verdict of the service; undefined when there is one. */
  error: unknown;
}

/** How often the newest event is written to the state file, in milliseconds. */
const STATE_MS = 5_000;

/** One job on one run. */
export class Job {
  readonly #session: Session;
  readonly #settings: JobSettings;
  #plan: StartPlan | undefined;
  #starter: Starter | undefined;
  #started: StartedRun | undefined;
  #onStarted: StartOptions["onStarted"];
  #runId: string | undefined;
  #owned = false;
  #follower: Follower | undefined;
  #stopping: Promise<Stop> | undefined;
  #stateAt = -Infinity;

  /** @param settings See {@linkcode JobSettings}. */
  constructor(session: Session, settings: JobSettings) {
    this.#session = session;
    this.#settings = settings;
    // In the handler itself, so that the request is on its way before anything else unwinds.
    settings.interrupts?.signal.addEventListener("abort", () => {
      this.#stopping = this.#stop();
    }, { once: true });
  }

  /** Starts a run and follows it. */
  async start(request: StartRequest, options: StartOptions, resumed: RunState | undefined): Promise<JobEnd> {
    try {
      const plan = resumePlan(this.#session, await planStart(this.#session, request, options), resumed);
      const starter = new Starter(this.#session, startableRun(this.#session, plan));
      starter.onKey = (idempotencyKey) => this.#begin(plan, idempotencyKey);
      this.#plan = plan;
      this.#starter = starter;
      this.#onStarted = options.onStarted;
      this.#announce(await starter.start());
    } catch (error) {
      return await this.#failed(error);
    }
    return this.#settings.startOnly ? await this.#leave() : await this.#follow(true);
  }

  /** Follows a run that exists; with `once` looks at it a single time. */
  async attach(runId: string, once = false): Promise<JobEnd> {
    this.#runId = runId;
    return await this.#follow(false, once);
  }

  #begin({ hash, request, job, proof, key }: StartPlan, idempotencyKey: string): void {
    const { state, onInterrupt } = this.#settings;
    // Under a key that others may use too, only the answer tells.
    const owned = key.scope === "given" || key.scope === "day" ? null : true;
    const startedAt = new Date(this.#session.clock.wallTime()).toISOString();
    state?.begin({ idempotencyKey, owned, startedAt, onInterrupt, requestHash: hash, request, job, proof });
  }

  #announce(started: StartedRun): void {
    if (this.#started !== undefined) return;
    this.#started = started;
    this.#runId = started.runId;
    this.#owned = started.owned;
    this.#settings.state?.update({ runId: started.runId, owned: started.owned, status: started.run.status });
    this.#onStarted?.(started);
  }

  /** Lets the run go on without us. */
  async #leave(): Promise<JobEnd> {
    if (this.#stopping !== undefined) return await this.#interrupted();
    this.#settings.state?.update({ left: "detached" });
    return { result: this.#result("started", EXIT.success, null), error: undefined };
  }

  async #follow(proven: boolean, once = false): Promise<JobEnd> {
    const { timeoutMs, tokenShare, stream } = this.#settings;
    const deadline = this.#session.startedAt + timeoutMs;
    const follower = new Follower(this.#session, this.#runId as string, { deadline, tokenShare, proven, stream });
    this.#follower = follower;
    try {
      const end = await this.#drain(once ? follower.once() : follower.items());
      if (end !== undefined) return await this.#ended(end);
      const status = JSON.stringify(follower.run?.status);
      throw new DeadlineError(`Cannot tell the verdict of run "${this.#runId}": it has not ended, it is ${status}`);
    } catch (error) {
      return await this.#failed(error);
    }
  }

  async #drain(items: AsyncGenerator<FollowItem, Run, void>): Promise<EndOutcome | undefined> {
    let end: EndOutcome | undefined;
    for await (const item of items) {
      if (item.type === "end") end = item.outcome;
      this.#keep(item);
      this.#settings.onItem?.(item);
    }
    return end;
  }

  #keep(item: FollowItem): void {
    const { state } = this.#settings;
    const now = this.#session.clock.now();
    const lastEventId = this.#follower?.events.at(-1)?.id ?? null;
    if (item.type === "event" && now - this.#stateAt < STATE_MS) return;
    if (item.type === "gap") return;
    this.#stateAt = now;
    state?.update({ lastEventId, ...(item.type === "status" && { status: item.status }) });
  }

  async #ended(end: EndOutcome): Promise<JobEnd> {
    if (this.#stopping !== undefined) return await this.#interrupted();
    this.#settings.state?.update({ left: end === "awaiting_input" ? "detached" : "ended" });
    const reason = end === "awaiting_input" ? "the run waits for a person: answer it in the app, or cancel it" : null;
    return { result: this.#result(end, EXIT[END_EXIT[end]], reason), error: undefined };
  }

  async #failed(error: unknown): Promise<JobEnd> {
    if (this.#stopping !== undefined) return await this.#interrupted();
    const late = error instanceof DeadlineError;
    if (this.#settings.onTimeout === "cancel" && error instanceof MogplexError && (late || this.#isPast(error))) {
      return await this.#cancelLate(error);
    }
    const nothing = this.#runId === undefined && this.#starter?.mayExist !== true;
    this.#settings.state?.update({ left: nothing ? "ended" : "detached" });
    const result = this.#result(late ? "deadline" : "error", exitCodeFor(error), reasonOf(error), error);
    return { result: error instanceof NotFoundError ? { ...result, resume: null } : result, error };
  }

  /** Whether the deadline has passed, and the last look at the run did not work. */
  #isPast(error: MogplexError): boolean {
    const { clock, startedAt } = this.#session;
    const past = clock.now() >= startedAt + this.#settings.timeoutMs;
    return past && this.#follower !== undefined && setbackOf(error, true) !== undefined;
  }

  /** Cancels at the deadline; a row that stands still although its work has ended is repaired by it. */
  async #cancelLate(error: MogplexError): Promise<JobEnd> {
    const { client, clock, signal } = this.#session;
    const { state, timeoutMs } = this.#settings;
    state?.update({ left: "cancelling" });
    try {
      const limits = { deadline: clock.now() + CANCEL_MS, signal };
      const { run, status, alreadyTerminal } = await cancelWith(client, clock, this.#runId as string, limits);
      const end = endOfRun(status);
      state?.update({ status, ...(end !== undefined && { left: "ended" }) });
      if (end !== undefined && (end !== "cancelled" || alreadyTerminal)) {
        await this.#drain(this.#follower!.conclude(run, end));
        return await this.#ended(end);
      }
      const words = end === undefined ? `it is ${JSON.stringify(status)} after its cancellation` : "it was cancelled";
      const seconds = Math.round(timeoutMs / 1000);
      const last = new DeadlineError(`Cannot wait for run "${this.#runId}" longer than ${seconds} seconds: ${words}`);
      return { result: this.#result("deadline", exitCodeFor(last), last.message, last, run), error: last };
    } catch (thrown) {
      if (this.#stopping !== undefined) return await this.#interrupted();
      if (!(thrown instanceof MogplexError)) throw thrown;
      const outcome = error instanceof DeadlineError ? "deadline" : "error";
      return { result: this.#result(outcome, exitCodeFor(error), `${error.message}; ${thrown.message}`, error), error };
    }
  }

  #stop(): Promise<Stop> {
    const { onInterrupt, interrupts, state } = this.#settings;
    const [plan, starter] = [this.#plan, this.#starter];
    return stopRun({
      session: this.#session,
      onInterrupt,
      terminal: interrupts?.terminal ?? false,
      state,
      run: this.#runId === undefined ? undefined : { runId: this.#runId, owned: this.#owned },
      starting: plan === undefined || starter === undefined ? undefined : { plan, starter },
      onFound: (started) => this.#announce(started),
    });
  }

  async #interrupted(): Promise<JobEnd> {
    const error = this.#settings.interrupts?.signal.reason;
    const { run, words, deadline } = await this.#stopping!;
    const end = run === undefined ? undefined : endOfRun(run.status);
    const ownEnd = end === "success" || end === "failed" ? end : undefined;
    if (run !== undefined && ownEnd !== undefined) await this.#lastWords(run, ownEnd, deadline);
    const reason = interruptReason(this.#settings.interrupts, words);
    return { result: this.#result(ownEnd ?? "interrupted", exitCodeFor(error), reason, error, run), error };
  }

  /** A run that ended in the moment of the signal has links worth reporting, if they come in time. */
  async #lastWords(run: Run, end: EndOutcome, deadline: number): Promise<void> {
    const limitMs = deadline - this.#session.clock.now();
    const limits = { limitMs, signal: new AbortController().signal };
    if (limitMs > 0 && this.#follower !== undefined) await this.#drain(this.#follower.conclude(run, end, limits));
  }

  #result(outcome: Outcome, exitCode: number, reason: string | null, error?: unknown, run?: Run): RunResult {
    return buildResult({
      session: this.#session,
      outcome,
      exitCode,
      reason,
      error,
      request: this.#plan?.request,
      idempotencyKey: this.#starter?.key,
      started: this.#started,
      follower: this.#follower,
      runId: this.#runId,
      run,
    });
  }
}
