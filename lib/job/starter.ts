/**
 * The start itself: attempts with one key, and the series of keys when a run that was found is dead.
 *
 * @module
 */
import type { CallOptions } from "../api/client.ts";
import { ApiError, MogplexError, RateLimitedError, StartUnknownError, UnavailableError } from "../errors.ts";
import type { StartResult } from "../model.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import { keyWithSuffix, LAST_SUFFIX } from "./key.ts";
import { Pacer } from "../retry/pacer.ts";
import type { Session } from "./session.ts";
import { isUnauthorized, MAX_UNAUTHORIZED, type Setback, setbackOf, statusOf } from "../retry/setback.ts";
import type { StartedRun, StartKey, StartPlan } from "../runs/start_plan.ts";

/** Keys that one process tries. Source: design, "Idempotency keys": every start slot is precious. */
const MAX_KEYS = 4;
/** Attempts of one process after which it stays unknown whether they worked; each may have cost a start slot. */
const MAX_LOST = 8;
/** Longest own delay after the first attempt, in milliseconds. Source: as for the client's own retries of a start. */
const BACKOFF_MS = 4_000;
/** What the clocks of the service and of this machine may differ by, in milliseconds. */
const CLOCK_SKEW_MS = 5_000;

/** What a start answers, as far as the series of keys has to know it. */
export interface FoundRun {
  /** UUID. */
  runId: string;
  /** The service's word. */
  status: string;
  /** Whether it existed before under the key. */
  replayed: boolean;
  /** ISO 8601 with offset. */
  createdAt: string;
}

/** What a {@linkcode Starter} starts. */
export interface Startable<R extends FoundRun> {
  /** What is attempted, after "Cannot": `start run`. */
  what: string;
  /** Its key. */
  key: StartKey;
  /** Who the job is. */
  job: JobIdentity | null;
  /** Point on the clock. */
  deadline: number;
  /**
   * Whether it is the run of an agent: those take the slots for starts, so that a refusal can be the limit of these, and are
   * failed when the queue was down. Runs of automations do neither.
   */
  agent: boolean;
  /** One attempt; each one with a key sends the same bytes. */
  send(idempotencyKey: string, call: CallOptions): Promise<R>;
}

/** A run that was started or found, and what is known of its key. */
export interface Started<R extends FoundRun> extends Omit<StartedRun, "run"> {
  /** The run as the start answered it. */
  run: R;
}

/** The start of a run. */
export function startableRun({ client }: Session, plan: StartPlan): Startable<StartResult> {
  const { request, key, job, deadline } = plan;
  const send = (idempotencyKey: string, call: CallOptions) => client.startRun(request, { idempotencyKey }, call);
  return { what: "start run", key, job, deadline, agent: true, send };
}

/** Whether a run was created after a point of the service's wall time, as far as two clocks can tell. */
export function isNewerThan(run: Pick<FoundRun, "createdAt">, wallMs: number): boolean {
  return Date.parse(run.createdAt) >= wallMs - CLOCK_SKEW_MS;
}

/**
 * Whether this job owns a run, so that it may stop it: it started the run, or whoever started it under this key was an earlier
 * attempt of the same job.
 *
 * @param firstSentMs The service's wall time at this process's first attempt, if the outcome of one is not known; else `Infinity`.
 */
export function ownsRun(run: FoundRun, scope: StartedRun["keyScope"], firstSentMs: number): boolean {
  return !run.replayed || scope === "pipeline" || scope === "job" || scope === "random" ||
    isNewerThan(run, firstSentMs);
}

/** One start, with everything that a signal in the middle of it has to know. */
export class Starter<R extends FoundRun = StartResult> {
  readonly #session: Session;
  readonly #plan: Startable<R>;
  readonly #pacer: Pacer;
  #suffix: number;
  #lost = 0;
  /** Whether an attempt of this process failed, in whatever way. */
  #triedBefore = false;
  /** Point on the clock at which the first attempt was sent. */
  #firstSentAt: number | undefined;
  /** Point on the clock at which the first attempt was sent that a 5xx answered. */
  #troubleAt: number | undefined;
  #mayExist = false;
  /** Whether an earlier attempt under the present key may have started its run. */
  #unsure = false;
  /** Called before a key is used for the first time. */
  onKey: ((key: string) => void) | undefined;

  /** @param plan What to start. */
  constructor(session: Session, plan: Startable<R>) {
    const { clock, signal, notify, requests, startedAt, random } = session;
    this.#session = session;
    this.#plan = plan;
    this.#suffix = plan.key.suffix;
    this.#pacer = new Pacer({ clock, deadline: plan.deadline, startedAt, signal, notify, requests, random });
  }

  /** Key that is being tried. */
  get key(): string {
    return keyWithSuffix(this.#plan.key.key, this.#suffix);
  }

  /** Whether a run may exist under {@linkcode Starter.key}, whether or not this process has heard of it. */
  get mayExist(): boolean {
    return this.#mayExist;
  }

  /** Starts. See `start`. */
  async start(): Promise<Started<R>> {
    const { notify } = this.#session;
    for (let tried = 1;; tried++) {
      // A key that is not going to be used is not to be found in the state file.
      this.#session.signal?.throwIfAborted();
      this.onKey?.(this.key);
      const run = await this.#startWithKey();
      const { status } = run;
      if (!this.isStale(run)) {
        if (this.#isShared(run)) notify({ kind: "shared_key", runId: run.runId });
        return this.started(run);
      }
      if (tried >= MAX_KEYS || this.#suffix >= LAST_SUFFIX) {
        const message = `every key of this job that was tried belongs to a run that ${status}; ` +
          "none is started afresh (key scope job, or a key part, would start one)";
        notify({ kind: "text", message });
        return this.started(run);
      }
      this.#suffix++;
      notify({ kind: "restart", runId: run.runId, status, suffix: this.#suffix });
    }
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
  isStale(run: R): boolean {
    const { scope } = this.#plan.key;
    const derived = scope !== "given" && scope !== "random";
    const dead = run.replayed && (run.status === "failed" || run.status === "cancelled");
    return derived && dead && !this.#isOurs(run);
  }

  /** Says that the attempt under way is given up, so that a replay may be what it started. */
  abandon(): void {
    this.#unsure = true;
    this.#triedBefore = true;
    this.#lost++;
  }

  /** What a start answered, in the form that callers get. */
  started(run: R): Started<R> {
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
   * @throws {UnavailableError} when the service failed the run while it answered 5xx: its queue was down.
   */
  #isOurs(run: R): boolean {
    if (this.#plan.agent && run.status === "failed" && isNewerThan(run, this.#serviceTime(this.#troubleAt))) {
      throw new UnavailableError(
        `Cannot ${this.#plan.what}: the service was in trouble, and failed run "${run.runId}" before it began; try again later`,
        "unavailable",
        { status: 500, code: null, requestId: null, retryAfterMs: null },
      );
    }
    // Even a refusal can come from a proxy behind which the start went through.
    return this.#triedBefore && isNewerThan(run, this.#serviceTime(this.#firstSentAt));
  }

  async #startWithKey(): Promise<R> {
    const { clock, signal } = this.#session;
    const { deadline } = this.#plan;
    let unknown = false;
    this.#unsure = false;
    let proven = false;
    let unauthorized = 0;
    for (let attempt = 1;; attempt++) {
      signal?.throwIfAborted();
      const sentAt = clock.now();
      this.#firstSentAt ??= sentAt;
      this.#mayExist = true;
      try {
        const call = { signal, deadline, maxAttempts: 1 };
        return await this.#plan.send(this.key, call);
      } catch (error) {
        signal?.throwIfAborted();
        const setback = isUnauthorized(error) && ++unauthorized > MAX_UNAUTHORIZED
          ? undefined
          : setbackOf(error, proven);
        // Only a token that was accepted gets the service's own word for an error; a 401 after it may pass.
        proven ||= error instanceof ApiError && error.code !== null;
        if (setback !== undefined && !setback.refused) {
          unknown = true;
          this.#unsure = true;
          this.#lost++;
          if ((statusOf(error) ?? 0) >= 500) this.#troubleAt ??= sentAt;
        }
        this.#triedBefore = true;
        this.#mayExist = unknown;
        if (setback === undefined || !await this.#wait(setback, attempt)) throw this.#giveUp(error, setback, unknown);
      }
    }
  }

  /** Waits for the next attempt; false when there is none in time. */
  async #wait(setback: Setback, attempt: number): Promise<boolean> {
    const { cause, namedMs, refused } = setback;
    if (!refused && this.#lost >= MAX_LOST || (namedMs ?? 0) >= this.#pacer.left) return false;
    const { what, agent } = this.#plan;
    const told: Setback = agent && cause === "rate_limit" ? { ...setback, cause: "start_limit" } : setback;
    return await this.#pacer.setBack(what, told, attempt, BACKOFF_MS);
  }

  #giveUp(error: unknown, setback: Setback | undefined, unknown: boolean): unknown {
    if (setback === undefined || !(error instanceof MogplexError)) {
      if (unknown) {
        const message = "it is unknown whether an earlier attempt started the run; it would be found with " +
          `idempotency key ${JSON.stringify(this.key)} and the same inputs`;
        this.#session.notify({ kind: "text", message });
      }
      return error;
    }
    if (unknown) {
      if (error instanceof StartUnknownError) return error;
      const last = error.message.replace(`Cannot ${this.#plan.what}: `, "");
      return new StartUnknownError(
        `Cannot tell whether the run was started: ${last}; repeat the start with idempotency key ` +
          `${JSON.stringify(this.key)} and the same inputs, which finds the run or starts it once`,
        this.key,
        { cause: error },
      );
    }
    if (!(error instanceof ApiError) || setback.namedMs === null) return error;
    const { clock } = this.#session;
    const at = new Date(clock.wallTime() + setback.namedMs).toISOString();
    const message = `${error.message}; the deadline comes first, it would work from ${at} on`;
    if (error instanceof RateLimitedError) return new RateLimitedError(message, "rateLimited", error, { cause: error });
    return new UnavailableError(message, "unavailable", error, { cause: error });
  }
}
