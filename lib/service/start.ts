/**
 * Starts something that must not start twice. All attempts use the same key.
 * @module
 */
import { ApiError, MogplexError, StartUnknownError, UsageError } from "../errors.ts";
import type { StartRequest, StartResult } from "../model.ts";
import { type CallOptions, type Failure, failureOf, isAmbiguous, retry } from "./retry.ts";
import type { TokenMemory } from "./memory.ts";
import { REPOS_LIST } from "./validate.ts";

export class Start<R> {
  readonly #what: Startable<R>;
  readonly #parts: StartParts;
  #isUnsure = false;
  #isSending = false;
  #hasProbed = false;
  #failed: FailedStart | undefined;

  constructor(what: Startable<R>, parts: StartParts) {
    this.#what = what;
    this.#parts = parts;
  }

  /** Whether an earlier attempt may have succeeded, although its answer was lost or unclear. */
  get isUnsure(): boolean {
    return this.#isUnsure;
  }

  get mayExist(): boolean {
    return this.#isSending || this.#isUnsure;
  }

  get failed(): FailedStart | undefined {
    return this.#failed;
  }

  async send(): Promise<R> {
    const { key, memory, call, announce, onSend, onFailure, wait } = this.#parts;
    const { takesSlot, judge } = this.#what;
    let isAnnounced = false;
    /** What `announce` threw. No attempt was sent, so this error is not treated as an answer. */
    let unannounced: unknown;
    let last: FailedStart | undefined;
    try {
      return await retry<R>({
        memory,
        signal: call.signal,
        wait,
        attempt: async (count) => {
          last = undefined;
          try {
            if (!isAnnounced) await announce?.();
          } catch (error) {
            unannounced = error;
            throw error;
          }
          isAnnounced = true;
          this.#isSending = true;
          onSend?.();
          try {
            return await this.#what.attempt(key, { ...call, maxAttempts: 1, attempt: count + (call.attempt ?? 1) - 1 });
          } catch (error) {
            await this.#probe(error);
            throw error;
          }
        },
        judge: (error) =>
          error === unannounced ? undefined : judge?.(error) ?? startFailureOf(error, memory, takesSlot),
        onFailure: (error, failure) => {
          if (error === unannounced) return;
          last = { error, failure };
          isAnnounced = failure?.refused === true;
          // An unexpected error may have hidden an answer of the service.
          const isBug = this.#isSending && !(error instanceof MogplexError);
          this.#isUnsure ||= failure === undefined ? isBug : !failure.refused;
          this.#isSending = false;
          onFailure?.(last);
        },
      });
    } catch (error) {
      if (last === undefined || last.error !== error) throw error;
      this.#failed = { error: this.#told(last), failure: last.failure };
      throw this.#failed.error;
    }
  }

  /**
   * After a 503 of the API, checks once whether the token has access to the repository, because the service's rate limiter answers 503 for a
   * repository that does not exist. A 503 without an error code comes from the host and is not checked.
   */
  async #probe(error: unknown): Promise<void> {
    const { what, repository } = this.#what;
    if (this.#hasProbed || repository === undefined) return;
    if (!(error instanceof ApiError) || error.status !== 503 || error.code === null) return;
    this.#hasProbed = true;
    if (await repository.isReached(this.#parts.call).catch(() => true)) return;
    throw new UsageError({
      attempted: what,
      why: `the token cannot access repository "${repository.id}"`,
      advice: `correct the id (${REPOS_LIST} shows the ids), or unhide the repository in the app (hidden ` +
        "repositories are not listed)",
    }, { cause: error });
  }

  #told({ error, failure }: FailedStart): unknown {
    if (!this.#isUnsure || !(error instanceof MogplexError) || error instanceof StartUnknownError) return error;
    if (failure === undefined && !error.isRetryable || this.#what.judge?.(error) !== undefined) return error;
    const { key, shownKey = key } = this.#parts;
    return new StartUnknownError(
      {
        attempted: "determine whether the run was started",
        why: error.attempted === null ? error.message : withAdvice(error),
        advice:
          `start again with idempotency key ${JSON.stringify(shownKey)} and the same inputs: this finds the run, ` +
          "or starts it once",
      },
      key,
      { cause: error },
    );
  }
}

function withAdvice({ why, advice }: MogplexError): string {
  return advice === null ? why : `${why}; ${advice}`;
}

export interface Startable<R> {
  what: string;
  /** Whether the start counts against the start limit. If so, a 429 can be about this limit. */
  takesSlot: boolean;
  /** All attempts with one key must send the same bytes. */
  attempt(idempotencyKey: string, call: CallOptions): Promise<R>;
  find?(idempotencyKey: string, call: CallOptions): Promise<R>;
  /** Whether the last answer contained the id of an existing run, although the attempt failed afterwards. */
  isNamed?: (() => boolean) | undefined;
  repository?: { id: string; isReached(call: CallOptions): Promise<boolean> } | undefined;
  /** Interprets an error that the service did not cause, such as a trigger that was accepted but started nothing. */
  judge?: ((error: unknown) => Failure | undefined) | undefined;
}

interface StartParts {
  key: string;
  shownKey?: string | undefined;
  memory: TokenMemory;
  call: CallOptions;
  /**
   * Called before the first attempt, and before each retry after an attempt that may have counted against the start limit. If the function throws,
   * nothing is sent.
   */
  announce?: (() => void | Promise<void>) | undefined;
  onSend?: (() => void) | undefined;
  onFailure?: ((failed: FailedStart) => void) | undefined;
  wait(failure: Failure, count: number): Promise<boolean>;
}

export interface FailedStart {
  error: unknown;
  failure: Failure | undefined;
}

/**
 * Maximum backoff after the first failed start. Each start counts against the limits of 10 a minute and 30 an hour. Source: API reference, "Rate
 * limits".
 */
const START_BACKOFF_MS = 4_000;

/** Unlike other requests, a start is also repeated after an answer that may hide a success, and the pauses are longer. */
export function startFailureOf(error: unknown, { worked }: TokenMemory, takesSlot: boolean): Failure | undefined {
  const failure = failureOf(error, { worked, starts: takesSlot });
  if (failure !== undefined) return { ...failure, baseMs: START_BACKOFF_MS };
  if (!(error instanceof MogplexError) || !isAmbiguous(error)) return undefined;
  return { cause: "network", detail: error.why, namedMs: null, refused: false, baseMs: START_BACKOFF_MS };
}

export function runToStart(client: StartClient, request: StartRequest): Startable<StartResult> {
  const { repoId: id } = request;
  return {
    what: "start run",
    takesSlot: true,
    attempt(idempotencyKey, call) {
      if (client.attemptStart !== undefined) return client.attemptStart(request, { idempotencyKey }, call);
      return client.startRun(request, { idempotencyKey }, call);
    },
    find: (idempotencyKey, call) => client.startRun(request, { idempotencyKey }, call),
    repository: client.reachesRepository && {
      id,
      isReached: (call) => client.reachesRepository?.(id, call) ?? Promise.resolve(true),
    },
  };
}

/** The library's own client sends single attempts. A client from the caller may send several requests for each attempt. */
export interface StartClient {
  startRun(request: StartRequest, key: { idempotencyKey: string }, call?: CallOptions): Promise<StartResult>;
  attemptStart?(request: StartRequest, key: { idempotencyKey: string }, call: CallOptions): Promise<StartResult>;
  /** A positive answer is cached. */
  reachesRepository?(repoId: string, call: CallOptions): Promise<boolean>;
}
