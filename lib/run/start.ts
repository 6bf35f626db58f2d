import type { JobIdentity } from "../ci/platform.ts";
import {
  ApiError,
  ConflictError,
  type ErrorParts,
  MogplexError,
  RateLimitedError,
  StartUnknownError,
  UnavailableError,
} from "../errors.ts";
import { awaitHook } from "../hook.ts";
import { MAX_RETRY_AFTER_MS } from "../service/answer.ts";
import type { StartResult } from "../model.ts";
import type { Pacer } from "../service/pacer.ts";
import { type CallOptions, type Failure, isUnreached, statusOf } from "../service/retry.ts";
import { type FailedStart, Start, type Startable } from "../service/start.ts";
import { formatDuration } from "../text/duration.ts";
import {
  ADD_KEY_PART,
  isOutsideCi,
  KEYS_USED_UP,
  type KeyScope,
  keyWithSuffix,
  LAST_SUFFIX,
  type StartKey,
} from "./key.ts";
import { hadSandbox, lackedSandbox } from "./no_sandbox.ts";
import { endOfRun, utcText } from "./result.ts";
import type { Session } from "./session.ts";

export class StartSeries<R extends StartAnswer> {
  readonly #session: Session;
  readonly #plan: SeriesPlan<R>;
  readonly #pacer: Pacer;
  readonly #hooks: SeriesHooks;
  #suffix: number;
  #start: Start<R> | undefined;
  #unknownAttempts = 0;
  #triedBefore = false;
  #firstSentAt: number | undefined;
  #troubleAt: number | undefined;
  #permittedAt = 0;
  #isInterrupted = false;
  #isUsedUp = false;

  constructor(session: Session, plan: SeriesPlan<R>, hooks: SeriesHooks) {
    this.#session = session;
    this.#plan = plan;
    this.#hooks = hooks;
    this.#suffix = plan.key.suffix;
    this.#pacer = session.pacer();
  }

  get key(): string {
    return keyWithSuffix(this.#plan.key.key, this.#suffix);
  }

  get mayExist(): boolean {
    return this.#start?.mayExist === true || this.#plan.what.isNamed?.() === true;
  }

  /** Whether the last start found only finished runs. */
  get isUsedUp(): boolean {
    return this.#isUsedUp;
  }

  async start(): Promise<Started<R>> {
    const { notify, redactor } = this.#session;
    const limits = { ...this.#session, redact: (text: string) => redactor()(text) };
    let agents = 0;
    for (;;) {
      // Check the signal first, because `onKey` writes the key to the state file, which must not contain a key that is never used.
      this.#session.signal?.throwIfAborted();
      const { onStarting, onKey } = this.#hooks;
      await awaitHook(this.#plan.what.what, "onStarting", onStarting, { idempotencyKey: this.key }, limits);
      onKey?.(this.key);
      const run = await this.#startWithKey();
      const { status } = run;
      if (!this.#isStale(run)) {
        if (this.#isShared(run)) notify({ kind: "shared_key", runId: run.runId });
        this.#warnOfOldEnd(run);
        return this.#started(run);
      }
      if (!isWithoutAgent(run)) agents++;
      if (agents >= MAX_AGENTS || this.#suffix >= LAST_SUFFIX) {
        notify({ kind: "text", message: KEYS_USED_UP });
        this.#isUsedUp = true;
        return this.#started(run);
      }
      this.#suffix++;
      notify({ kind: "restart", runId: run.runId, status, suffix: this.#suffix });
    }
  }

  get hasOneKey(): boolean {
    const { scope, isSeries = false } = this.#plan.key;
    return scope === "given" && !isSeries;
  }

  get hasNext(): boolean {
    return !this.hasOneKey && this.#suffix < LAST_SUFFIX;
  }

  async startNext(): Promise<Started<R> | undefined> {
    this.#suffix++;
    this.#isUsedUp = false;
    this.#start = this.#firstSentAt = this.#troubleAt = undefined;
    this.#triedBefore = false;
    return await this.#isPermitted() ? await this.start() : undefined;
  }

  /** Finds the run that an interrupted attempt may have started, by sending the same key and the same bytes again. */
  async find(call: CallOptions): Promise<Started<R> | undefined> {
    this.#isInterrupted = true;
    this.#triedBefore = true;
    const run = await this.#plan.what.find?.(this.key, call);
    return run === undefined || this.#isStale(run) ? undefined : this.#started(run);
  }

  #isShared({ replayed, runId }: R): boolean {
    return replayed && runId !== this.#plan.earlierRunId && this.#isFirstAttempt && this.#session.platform.hidesNode &&
      !this.#triedBefore;
  }

  /** If every build uses the same key, only the first build starts an agent. This warning makes the mistake visible. */
  #warnOfOldEnd(run: R): void {
    const { maxEndAgeMs = Infinity } = this.#plan.key;
    const end = endOfRun(run.status);
    if (!run.replayed || end === undefined || end === "awaiting_input" || maxEndAgeMs < Infinity) return;
    const ageMs = endAgeMs(run, this.#serviceTime(this.#firstSentAt));
    if (ageMs < OLD_END_MS) return;
    const when = ageMs === Infinity ? "earlier" : `${formatDuration(ageMs)} ago`;
    const message = `no agent was started: this key belongs to run "${run.runId}", which ended ${when} ` +
      `(${run.status}); to start another run, use another key`;
    this.#session.notify({ kind: "text", message });
  }

  get #isFirstAttempt(): boolean {
    const { key: { scope }, job } = this.#plan;
    return (scope === "pipeline" || scope === "job") && job?.attempt === "1";
  }

  #isStale(run: R): boolean {
    const { scope, maxEndAgeMs = Infinity } = this.#plan.key;
    const end = endOfRun(run.status);
    const isOver = run.replayed && end !== undefined && end !== "awaiting_input";
    if (isOver && maxEndAgeMs < Infinity) {
      return this.endAgeMs(run) > maxEndAgeMs;
    }
    const derived = scope !== "given" && scope !== "random";
    const dead = run.replayed && (run.status === "failed" || run.status === "cancelled");
    return derived && dead && !this.#isOurs(run);
  }

  #started(run: R): Started<R> {
    const { key: { scope }, job } = this.#plan;
    // Outside CI, the folder passes a random key from one command to the next.
    const isShared = scope === "given" || scope === "day" || isOutsideCi(this.#session, { identity: job });
    // With a shared key, the run can belong to another job even if it is as new as this job's attempt. Its age matters only if the outcome of an
    // attempt is unknown.
    const isUnsure = this.#isInterrupted || this.#start?.isUnsure === true;
    const { runId, replayed } = run;
    const owned = !replayed || !isShared ||
      isNewerThan(run, isUnsure ? this.#serviceTime(this.#firstSentAt) : Infinity);
    return { runId, run, replayed, idempotencyKey: this.key, keyScope: scope, owned };
  }

  endAgeMs(run: Pick<R, "updatedAt">): number {
    return endAgeMs(run, this.#serviceTime(this.#session.clock.now()));
  }

  /**
   * Converts a time on this machine's clock to the service's wall time. This machine's wall time may be wrong by hours, or may have been corrected in
   * the meantime, so it is adjusted by the skew from the service's last `Date`.
   */
  #serviceTime(at: number | undefined): number {
    const { client, clock } = this.#session;
    return at === undefined ? Infinity : clock.wallTime() - (client.clockSkewMs ?? 0) - (clock.now() - at);
  }

  /**
   * If this process started the run, its outcome is final, and another start would create a second run. A retried job can find a run that its own
   * earlier attempt cancelled, so a cancelled run belongs to this process only if it was certainly cancelled after the first request.
   */
  #isOurs(run: R): boolean {
    // The service's `Date` has whole seconds and is set before the answer arrives, so a time derived from it is never too late.
    const isExact = this.#session.client.clockSkewMs !== undefined;
    const toleranceMs = isExact ? 0 : CLOCK_SKEW_MS;
    if (
      this.#plan.what.takesSlot && run.status === "failed" && !hadSandbox(run) &&
      isNewerThan(run, this.#serviceTime(this.#troubleAt), toleranceMs)
    ) {
      // The run has ended, so no run is left to find.
      this.#start = undefined;
      const why = `a problem in the service ended run "${run.runId}" before it began`;
      throw new UnavailableError({ attempted: this.#plan.what.what, why, advice: "try again later" }, "unavailable", {
        status: 500,
        code: null,
        requestId: null,
        retryAfterMs: null,
      });
    }
    // Even a refused attempt may have started the run, because a proxy can refuse a request after passing it on.
    if (!this.#triedBefore) return false;
    const sentMs = this.#serviceTime(this.#firstSentAt);
    if (run.status !== "cancelled" || this.#isFirstAttempt) return isNewerThan(run, sentMs, toleranceMs);
    const doubtMs = isExact ? DATE_DOUBT_MS : CLOCK_SKEW_MS;
    return isNewerThan(run, sentMs, 0) && Date.parse(run.updatedAt ?? "") >= sentMs + doubtMs;
  }

  async #startWithKey(): Promise<R> {
    const { clock, signal, memory, deadline } = this.#session;
    const { what } = this.#plan;
    let sentAt = 0;
    this.#permittedAt = clock.now();
    const start = this.#start = new Start(what, {
      key: this.key,
      shownKey: this.#session.redactor().token(this.key),
      memory,
      call: { signal, deadline },
      onSend: () => {
        sentAt = clock.now();
        this.#firstSentAt ??= sentAt;
      },
      onFailure: ({ error, failure }) => {
        this.#triedBefore = true;
        if (failure?.refused !== false) return;
        this.#unknownAttempts++;
        if ((statusOf(error) ?? 0) >= 500) this.#troubleAt ??= sentAt;
      },
      wait: (failure, count) => this.#wait(failure, count),
    });
    try {
      return await start.send();
    } catch (error) {
      const { failed } = start;
      throw error === failed?.error ? this.#finalError(failed as FailedStart, start.isUnsure) : error;
    }
  }

  async #wait(failure: Failure, count: number): Promise<boolean> {
    const tooMany = !failure.refused && this.#unknownAttempts >= MAX_UNKNOWN;
    if (tooMany || (failure.namedMs ?? 0) >= this.#pacer.leftMs) return false;
    // A start that may have arrived is repeated even if the service cannot be reached, because its run must be found.
    if (!this.mayExist && isUnreached(this.#session.memory, this.#session.clock.now())) return false;
    if (!await this.#pacer.waitAfter(this.#plan.what.what, failure, count)) return false;
    return await this.#isPermitted();
  }

  async #isPermitted(): Promise<boolean> {
    const { mayRepeat } = this.#hooks;
    if (mayRepeat === undefined) return true;
    for (;;) {
      if (!await this.#pacer.pause(this.#permittedAt + PERMIT_MS - this.#session.clock.now())) return false;
      this.#permittedAt = this.#session.clock.now();
      if (await mayRepeat(this.mayExist)) return true;
    }
  }

  #finalError({ error, failure }: FailedStart, isUnsure: boolean): unknown {
    if (isUnsure) {
      if (error instanceof StartUnknownError) return error;
      const message = "it is unknown whether an earlier attempt started the run; to find it, start again with " +
        `idempotency key ${JSON.stringify(this.key)} and the same inputs`;
      this.#session.notify({ kind: "text", message });
      return error;
    }
    const { scope } = this.#plan.key;
    if (error instanceof ConflictError && error.serviceCode === "IDEMPOTENCY_CONFLICT" && scope !== "given") {
      return this.#otherTask(error);
    }
    const namedMs = failure?.namedMs ?? null;
    return error instanceof ApiError && namedMs !== null ? this.#tooLate(error, namedMs) : error;
  }

  #otherTask(error: ConflictError): ConflictError {
    const key = JSON.stringify(this.#session.redactor().token(this.key));
    const problem: ErrorParts = {
      attempted: this.#plan.what.what,
      why: "this job has already started a run with another task or other options " +
        `(HTTP ${error.status} ${error.serviceCode}, key ${key})`,
      advice: `to start a second run in this job, or one run for each job of a matrix, ${ADD_KEY_PART}`,
    };
    return new ConflictError(problem, "usage", error, { cause: error });
  }

  #tooLate(error: ApiError, namedMs: number): MogplexError {
    const at = utcText(Math.ceil((this.#session.clock.wallTime() + namedMs) / 60_000) * 60_000);
    const until = namedMs >= MAX_RETRY_AFTER_MS ? `${at} or later` : at;
    const later = `wait until ${until}, or use a timeout that ends after that time`;
    const isLimited = error instanceof RateLimitedError;
    const problem: ErrorParts = {
      attempted: error.attempted ?? this.#plan.what.what,
      why: error.attempted === null ? error.message : error.why,
      advice: error.advice === null || isLimited ? later : `${error.advice}; ${later}`,
    };
    if (isLimited) return new RateLimitedError(problem, "rateLimited", error, { cause: error });
    return new UnavailableError(problem, "unavailable", error, { cause: error });
  }
}

/** Maximum number of finished runs with an agent after which a job starts no other run. */
const MAX_AGENTS = 4;
/**
 * Maximum number of attempts with an unknown outcome before the start is abandoned. Each of these attempts may have used one of the permitted starts.
 */
const MAX_UNKNOWN = 8;
const PERMIT_MS = 60_000;
/**
 * Maximum error of a time derived from the service's `Date`. The derived time can be too early, because `Date` has whole seconds and the answer takes
 * time to arrive.
 */
const DATE_DOUBT_MS = 2_000;

/**
 * If the key finds a run that ended at least this long ago, a notice warns that no agent was started. A quick retry that finds its own run causes no
 * notice.
 */
const OLD_END_MS = 60_000;

const CLOCK_SKEW_MS = 5_000;

export interface StartAnswer {
  runId: string;
  status: string;
  replayed: boolean;
  createdAt: string | null;
  /** For a finished run, this is the time of its end. */
  updatedAt: string | null;
  /** Only runs have this field and the next two. */
  error?: string | null;
  sandboxRecordId?: string | null;
  branch?: { createBranch: boolean };
}

/** If one of these functions throws, nothing more is sent. */
export interface SeriesHooks {
  onStarting?: ((start: { idempotencyKey: string }) => unknown) | undefined;
  onKey?: ((key: string) => void) | undefined;
  /** Called before a repeated attempt and by `startNext()`, at most once a minute. If it returns `false`, the start waits. */
  mayRepeat?: ((mayExist: boolean) => Promise<boolean>) | undefined;
}

interface SeriesPlan<R extends StartAnswer> {
  what: Startable<R>;
  key: StartKey;
  job: JobIdentity | null;
  earlierRunId?: string | null | undefined;
}

type Started<R> = Omit<StartedRun, "run"> & { run: R };

/** A run that was started or found. */
export interface StartedRun {
  /** UUID of the run. */
  runId: string;
  /** The service's answer to the start. */
  run: StartResult;
  /** Whether the run existed before this start. */
  replayed: boolean;
  /** Key that finds the run again. */
  idempotencyKey: string;
  /** Scope of the key; `given` for a key from the caller. */
  keyScope: KeyScope | "given";
  /**
   * Whether this job, or an earlier attempt of it, started the run. `false` if your own key, or a key with the scope `day`, found an existing run;
   * `cancel()` and `cancelOn` still cancel that run.
   */
  owned: boolean;
}

function isWithoutAgent(run: StartAnswer): boolean {
  return lackedSandbox({ status: run.status, error: run.error ?? null }) && !hadSandbox(run);
}

export function isNewerThan(
  { createdAt }: Pick<StartAnswer, "createdAt">,
  wallMs: number,
  toleranceMs = CLOCK_SKEW_MS,
): boolean {
  return createdAt !== null && Date.parse(createdAt) >= wallMs - toleranceMs;
}

export function endAgeMs({ updatedAt }: Pick<StartAnswer, "updatedAt">, nowMs: number): number {
  const endMs = Date.parse(updatedAt ?? "");
  return Number.isNaN(endMs) ? Infinity : Math.max(0, nowMs - endMs);
}
