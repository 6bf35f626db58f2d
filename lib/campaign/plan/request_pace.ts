/**
 * Spaces out the requests of a campaign: the service takes 60 a minute from a token, and other jobs may use the same one.
 *
 * @module
 */
import type { MogplexClient } from "../../api/client.ts";
import { REQUEST_WINDOW_MS } from "../../api/contract/rules.ts";
import { MogplexError, RateLimitedError } from "../../errors.ts";
import type { Clock } from "../../clock.ts";
import type { CallOptions } from "../../retry/call_options.ts";
import { REQUEST_BUDGET } from "../pace/poll_plan.ts";

/** Longest time of one request with its retries, in milliseconds. */
const REQUEST_MS = 60_000;

/** Options of {@linkcode RequestPace}. */
export interface RequestPaceOptions {
  /** Counts what was really sent, retries included. */
  client: Pick<MogplexClient, "requests">;
  /** Time. */
  clock: Clock;
  /** Ends waits and requests. */
  signal?: AbortSignal | undefined;
  /** Longest time of one request with its retries, in milliseconds. @default {60_000} */
  limitMs?: number | undefined;
}

/** Sends requests one after the other, at most {@linkcode REQUEST_BUDGET} in any minute. */
export class RequestPace {
  readonly #options: RequestPaceOptions;
  /**
   * How long requests may wait altogether after a 429, in milliseconds. A wave that ends by one costs the campaign the time until the next
   * wave; a process that stays comes back by itself. @default {0}
   */
  patienceMs = 0;
  /** The last 429, and the point on the clock until which it holds for every request of the token. */
  #refused: { error: RateLimitedError; until: number } | undefined;
  /** Whether the last request failed for want of the service, after its retries: the next ones then ask once each, until one is answered. */
  #isDown = false;
  /** Points on the clock of the requests of the last minute, oldest first. */
  #sentAt: number[] = [];

  constructor(options: RequestPaceOptions) {
    this.#options = options;
  }

  /** Points on the clock at which the requests of the last minute were sent, oldest first. */
  get lastMinute(): readonly number[] {
    const from = this.#options.clock.now() - REQUEST_WINDOW_MS;
    this.#sentAt = this.#sentAt.filter((at) => at > from);
    return this.#sentAt;
  }

  /** Milliseconds until another request fits; 0 if one fits now. */
  get waitMs(): number {
    if (this.lastMinute.length < REQUEST_BUDGET) return 0;
    return Math.max(0, (this.#sentAt.at(-REQUEST_BUDGET) ?? 0) + REQUEST_WINDOW_MS - this.#options.clock.now());
  }

  /**
   * Waits until a request fits, and sends it. A 429 answers for all requests until the time that it names: nothing is sent until then. It
   * is waited for as long as {@linkcode RequestPace.patienceMs} allows.
   *
   * @param send Gets the limits of the call.
   * @throws what `send` throws; `signal.reason` if the signal aborts.
   */
  async request<T>(send: (call: CallOptions) => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options;
    for (;;) {
      try {
        return await this.#once(send);
      } catch (error) {
        const restMs = (this.#refused?.until ?? 0) - clock.now();
        if (!(error instanceof RateLimitedError) || restMs <= 0 || restMs > this.patienceMs) throw error;
        this.patienceMs -= restMs;
        await clock.sleep(restMs, { signal });
      }
    }
  }

  async #once<T>(send: (call: CallOptions) => Promise<T>): Promise<T> {
    const { client, clock, signal, limitMs = REQUEST_MS } = this.#options;
    signal?.throwIfAborted();
    if (this.#refused !== undefined && clock.now() < this.#refused.until) throw this.#refused.error;
    const waitMs = this.waitMs;
    if (waitMs > 0) await clock.sleep(waitMs, { signal });
    const before = client.requests;
    try {
      const value = await send({ signal, deadline: clock.now() + limitMs, ...(this.#isDown && { maxAttempts: 1 }) });
      this.#isDown = false;
      return value;
    } catch (error) {
      this.#isDown = error instanceof MogplexError && error.exit === "unavailable";
      if (error instanceof RateLimitedError) {
        this.#refused = { error, until: clock.now() + (error.retryAfterMs ?? REQUEST_WINDOW_MS) };
      }
      throw error;
    } finally {
      this.#sentAt.push(...Array.from({ length: client.requests - before }, () => clock.now()));
    }
  }
}
