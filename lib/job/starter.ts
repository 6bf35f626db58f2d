/**
 * Starting once: attempts with one key, and the series of keys when an operation that was found is dead.
 *
 * @module
 */
import { START_BACKOFF_MS } from "../api/caller.ts";
import { startUnknown } from "../api/calls/start_guard.ts";
import type { CallOptions } from "../api/client.ts";
import {
  ApiError,
  type ErrorParts,
  MogplexError,
  RateLimitedError,
  StartUnknownError,
  UnavailableError,
} from "../errors.ts";
import type { Pacer } from "../retry/pacer.ts";
import { retry } from "../retry/retry.ts";
import { type Setback, statusOf } from "../retry/setback.ts";
import { keyWithSuffix, LAST_SUFFIX } from "./key.ts";
import type { Session } from "./session.ts";
import { CLOCK_SKEW_MS, type Found, isNewerThan, ownsRun, type Startable, type Started } from "./started.ts";

/** Keys that one process tries. Source: design, "Idempotency keys": every start slot is precious. */
const MAX_KEYS = 4;
/** Attempts of one process after which it stays unknown whether they worked; each may have cost a start slot. */
const MAX_UNKNOWN = 8;
/** How far a time made of the service's `Date` can be too early, in milliseconds: a second that was cut off, and the way of the answer. */
const DATE_DOUBT_MS = 2_000;

/** One start, with everything that a signal in the middle of it has to know. */
export class Starter<R extends Found> {
  readonly #session: Session;
  readonly #plan: Startable<R>;
  readonly #pacer: Pacer;
  readonly #onKey: (key: string) => void;
  #suffix: number;
  /** Attempts so far of which it is not known whether they worked. */
  #unknownAttempts = 0;
  /** Whether an attempt of this process failed, in whatever way. */
  #triedBefore = false;
  /** Point on the clock at which the first attempt was sent. */
  #firstSentAt: number | undefined;
  /** Point on the clock at which the first attempt was sent that a 5xx answered. */
  #troubleAt: number | undefined;
  #mayExist = false;
  /** Whether an earlier attempt under the present key may have started its run. */
  #unsure = false;

  /**
   * @param plan What to start.
   * @param onKey Called before a key is used for the first time.
   */
  constructor(session: Session, plan: Startable<R>, onKey: (key: string) => void = () => {}) {
    this.#session = session;
    this.#plan = plan;
    this.#onKey = onKey;
    this.#suffix = plan.key.suffix;
    this.#pacer = session.pacer(plan.deadline);
  }

  /** Key that is being tried. */
  get key(): string {
    return keyWithSuffix(this.#plan.key.key, this.#suffix);
  }

  /** Whether a run may exist under {@linkcode Starter.key}, whether or not this process has heard of it. */
  get mayExist(): boolean {
    return this.#mayExist;
  }

  /**
   * Starts it, or finds what an earlier attempt started. With a derived key, a run that is found failed or cancelled is not taken: the
   * next key of the series is tried.
   *
   * @throws {StartUnknownError} when it is not known whether an attempt worked; carries the key.
   * @throws {RateLimitedError | UnavailableError} when the limits or the service do not permit a start in time.
   * @throws what the service answers for good; `signal.reason` if the session's signal aborts.
   */
  async start(): Promise<Started<R>> {
    const { notify } = this.#session;
    for (let tried = 1;; tried++) {
      // A key that is not going to be used must not get into the state file.
      this.#session.signal?.throwIfAborted();
      this.#onKey(this.key);
      const run = await this.#startWithKey();
      const { status } = run;
      if (!this.#isStale(run)) {
        if (this.#isShared(run)) notify({ kind: "shared_key", runId: run.runId });
        return this.#started(run);
      }
      if (tried >= MAX_KEYS || this.#suffix >= LAST_SUFFIX) {
        const message = `every key of this job that was tried belongs to a run that ${status}; ` +
          "none is started afresh (key scope job, or a key part, would start one)";
        notify({ kind: "text", message });
        return this.#started(run);
      }
      this.#suffix++;
      notify({ kind: "restart", runId: run.runId, status, suffix: this.#suffix });
    }
  }

  /**
   * Gives up on the attempt in flight and finds what it started, by sending the same key and the same bytes again.
   *
   * @returns Undefined when all that is there is the dead run of an earlier attempt of the job.
   * @throws what the service answers.
   */
  async find(call: CallOptions): Promise<Started<R> | undefined> {
    // A later replay may turn out to be the run that the attempt started.
    this.#unsure = true;
    this.#triedBefore = true;
    this.#unknownAttempts++;
    const run = await this.#plan.send(this.key, call);
    return this.#isStale(run) ? undefined : this.#started(run);
  }

  /**
   * Whether somebody else in the same pipeline has this job's key: on its first attempt there is nothing of its own to be
   * found, and where nodes of a matrix look the same one of them must have been first.
   */
  #isShared({ replayed }: R): boolean {
    const { key: { scope }, job } = this.#plan;
    const derived = scope === "pipeline" || scope === "job";
    return replayed && derived && this.#session.platform.hidesNode && job?.attempt === "1" && !this.#triedBefore;
  }

  /**
   * Whether a run that a derived key found is the dead one of an earlier attempt of the job, in whose place another is started.
   *
   * @throws {UnavailableError} when the service failed the run while it answered 5xx: its queue was down.
   */
  #isStale(run: R): boolean {
    const { scope } = this.#plan.key;
    const derived = scope !== "given" && scope !== "random";
    const dead = run.replayed && (run.status === "failed" || run.status === "cancelled");
    return derived && dead && !this.#isOurs(run);
  }

  #started(run: R): Started<R> {
    const { scope } = this.#plan.key;
    // Somebody else's run can be as young as our attempt; only one of which we know nothing can have started it.
    const owned = ownsRun(run, scope, this.#unsure ? this.#serviceTime(this.#firstSentAt) : Infinity);
    const { runId, replayed } = run;
    return { runId, run, replayed, idempotencyKey: this.key, keyScope: scope, owned };
  }

  /**
   * The service's wall time at a point on our clock. Ours may be wrong by hours, and may have been set right meanwhile, so it is
   * only used together with the service's last `Date`. `Infinity` for no point.
   */
  #serviceTime(at: number | undefined): number {
    const { client, clock } = this.#session;
    return at === undefined ? Infinity : clock.wallTime() - (client.clockSkewMs ?? 0) - (clock.now() - at);
  }

  /**
   * Whether a dead run is the work of this very process: its verdict counts then, and starting afresh would be a second run.
   *
   * A cancelled run counts only when it was cancelled after the first attempt without doubt: a job that is retried right after it was
   * stopped finds the run that it cancelled itself.
   *
   * @throws {UnavailableError} when the service failed the run while it answered 5xx: its queue was down.
   */
  #isOurs(run: R): boolean {
    // The service's `Date` has whole seconds and is older than the answer: times made of it are never too late.
    const isExact = this.#session.client.clockSkewMs !== undefined;
    const toleranceMs = isExact ? 0 : CLOCK_SKEW_MS;
    if (
      this.#plan.takesSlot && run.status === "failed" &&
      isNewerThan(run, this.#serviceTime(this.#troubleAt), toleranceMs)
    ) {
      const why = `the service was in trouble, and failed run "${run.runId}" before it began`;
      throw new UnavailableError({ attempted: this.#plan.what, why, advice: "try again later" }, "unavailable", {
        status: 500,
        code: null,
        requestId: null,
        retryAfterMs: null,
      });
    }
    // Even a refusal can come from a proxy behind which the start went through.
    if (!this.#triedBefore) return false;
    const sentMs = this.#serviceTime(this.#firstSentAt);
    if (run.status !== "cancelled") return isNewerThan(run, sentMs, toleranceMs);
    const doubtMs = isExact ? DATE_DOUBT_MS : CLOCK_SKEW_MS;
    return isNewerThan(run, sentMs, 0) && Date.parse(run.updatedAt ?? "") >= sentMs + doubtMs;
  }

  async #startWithKey(): Promise<R> {
    const { clock, signal, memory } = this.#session;
    const { deadline, takesSlot } = this.#plan;
    let sentAt = 0;
    this.#unsure = false;
    const end = await retry<R>({
      memory,
      signal,
      starts: takesSlot,
      attempt: () => {
        sentAt = clock.now();
        this.#firstSentAt ??= sentAt;
        this.#mayExist = true;
        return this.#plan.send(this.key, { signal, deadline, maxAttempts: 1 });
      },
      onFailure: (error, setback) => {
        if (setback !== undefined && !setback.refused) {
          this.#unsure = true;
          this.#unknownAttempts++;
          if ((statusOf(error) ?? 0) >= 500) this.#troubleAt ??= sentAt;
        }
        this.#triedBefore = true;
        this.#mayExist = this.#unsure;
      },
      wait: (setback, count) => this.#wait(setback, count),
    });
    if (!end.ok) throw this.#finalError(end.error, end.setback);
    return end.value;
  }

  /** Waits for the next attempt; false when there is none in time. */
  async #wait(setback: Setback, count: number): Promise<boolean> {
    const tooMany = !setback.refused && this.#unknownAttempts >= MAX_UNKNOWN;
    if (tooMany || (setback.namedMs ?? 0) >= this.#pacer.leftMs) return false;
    return await this.#pacer.setBack(this.#plan.what, setback, count, START_BACKOFF_MS);
  }

  /** The error of a start that is given up. */
  #finalError(error: unknown, setback: Setback | undefined): unknown {
    if (setback === undefined || !(error instanceof MogplexError)) {
      if (this.#unsure) {
        const message = "it is unknown whether an earlier attempt started the run; it would be found with " +
          `idempotency key ${JSON.stringify(this.key)} and the same inputs`;
        this.#session.notify({ kind: "text", message });
      }
      return error;
    }
    if (this.#unsure) return error instanceof StartUnknownError ? error : startUnknown(error, this.key);
    if (!(error instanceof ApiError) || setback.namedMs === null) return error;
    return this.#tooLate(error, setback.namedMs);
  }

  /** The same error, saying when a start would be possible. */
  #tooLate(error: ApiError, namedMs: number): MogplexError {
    const at = new Date(this.#session.clock.wallTime() + namedMs).toISOString();
    const later = `the deadline comes first, it would work from ${at} on`;
    const problem: ErrorParts = {
      attempted: error.attempted ?? this.#plan.what,
      why: error.attempted === null ? error.message : error.why,
      advice: error.advice === null ? later : `${error.advice}; ${later}`,
    };
    const limited = error instanceof RateLimitedError;
    if (limited) return new RateLimitedError(problem, "rateLimited", error, { cause: error });
    return new UnavailableError(problem, "unavailable", error, { cause: error });
  }
}
