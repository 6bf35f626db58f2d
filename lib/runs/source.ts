/**
 * Where a follower learns what is new. Polling is one way; a stream is another one behind the same interface.
 *
 * @module
 */
import { type CadenceEvent, type CadenceState, nextDelay, startCadence } from "./cadence.ts";
import type { Pacer } from "./pacer.ts";
import type { News, Reader } from "./reader.ts";
import { isUnauthorized, MAX_UNAUTHORIZED, setbackOf } from "./setback.ts";

/** A way to learn what is new about one run. */
export interface RunSource {
  /**
   * Waits for the next news in its own rhythm, through every setback that may pass.
   *
   * @param last What the last news meant; absent at the first call, which does not wait.
   * @returns Null when the deadline came first.
   * @throws what lasts: see `setbackOf`; `signal.reason` if the signal aborts.
   */
  next(last?: CadenceEvent): Promise<News | null>;
  /** Ends what is under way. */
  close(): void;
}

/** Options of {@linkcode PollingSource}. */
export interface SourceOptions {
  /** Looks. */
  reader: Reader;
  /** Waits, and announces why. */
  pacer: Pacer;
  /** Point on the clock until which requests may last. */
  deadline: number;
  /** Ends everything. */
  signal: AbortSignal | undefined;
  /** Jobs that use the token at the same time. */
  tokenShare: number;
}

/** One `GET /runs/{id}/events` a tick gives status and events. */
export class PollingSource implements RunSource {
  readonly #options: SourceOptions;
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;
  #cadence: CadenceState;

  /** @param options See {@linkcode SourceOptions}. */
  constructor(options: SourceOptions) {
    this.#options = options;
    this.#cadence = startCadence(options.tokenShare);
    const { signal } = options;
    this.#signal = signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
  }

  async next(last?: CadenceEvent): Promise<News | null> {
    const { reader, pacer, deadline } = this.#options;
    if (last !== undefined && !await pacer.pause(this.#delayAfter(last))) return null;
    let unauthorized = 0;
    for (let attempt = 1;; attempt++) {
      try {
        // One attempt at a time: how long to wait after a failed one is the cadence's business.
        return await reader.read({ deadline, maxAttempts: 1, signal: this.#signal });
      } catch (error) {
        this.#signal.throwIfAborted();
        const setback = setbackOf(error, reader.proven);
        if (setback === undefined || isUnauthorized(error) && ++unauthorized > MAX_UNAUTHORIZED) throw error;
        if (setback.cause === "rate_limit") this.#delayAfter({ kind: "refused" });
        if (!await pacer.setBack(`read events of run "${reader.runId}"`, setback, attempt)) return null;
      }
    }
  }

  close(): void {
    this.#closed.abort(new Error("Cannot go on: the follower was closed"));
  }

  #delayAfter(event: CadenceEvent): number {
    const { state, delayMs } = nextDelay(this.#cadence, event);
    this.#cadence = state;
    return delayMs;
  }
}
