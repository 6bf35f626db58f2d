/**
 * The one loop of attempts: client calls, starts, looks at a run and the note on a merge request all go through it.
 *
 * @module
 */
import { ApiError } from "../errors.ts";
import { isUnauthorized, MAX_UNAUTHORIZED, type Setback, setbackOf } from "./setback.ts";
import type { TokenMemory } from "./token_memory.ts";

/** Options of {@linkcode retry}. */
export interface RetryOptions<T> {
  /** What is known of the token; a success is noted here. */
  memory: TokenMemory;
  /** Ends the loop before the next attempt, and after a failed one. */
  signal?: AbortSignal | undefined;
  /** Whether the attempt takes one of the slots for starts. @default {false} */
  starts?: boolean | undefined;
  /**
   * One attempt.
   *
   * @param count Number of the attempt, from 1.
   */
  attempt(count: number): Promise<T>;
  /** Tells a setback from an error that lasts. @default `setbackOf` */
  judge?: ((error: unknown) => Setback | undefined) | undefined;
  /** Called after each failed attempt; what it throws ends the loop. `setback` is undefined when the error lasts. */
  onFailure?: ((error: unknown, setback: Setback | undefined) => void | Promise<void>) | undefined;
  /**
   * Waits for the next attempt.
   *
   * @param count Attempts so far, all of which failed; at least 1.
   * @returns Whether there is another attempt.
   */
  wait(setback: Setback, count: number): Promise<boolean>;
}

/** How the attempts ended: with a value, or with the last error. `setback` is undefined when that error lasts. */
export type Retried<T> = { ok: true; value: T } | { ok: false; error: unknown; setback: Setback | undefined };

/** The setback with its advice, the first time that the log hears of it. */
function withAdvice(setback: Setback, memory: TokenMemory): Setback {
  if (!setback.advice || memory.advised) return setback;
  memory.advised = true;
  return { ...setback, detail: `${setback.detail}; ${setback.advice}` };
}

/**
 * Attempts something until it works, it fails for good, or `wait` says that there is no further attempt.
 *
 * @throws `signal.reason` if the signal aborts; what `onFailure` and `wait` throw.
 */
export async function retry<T>(options: RetryOptions<T>): Promise<Retried<T>> {
  const { memory, signal, starts, judge = (error) => setbackOf(error, { worked: memory.worked, starts }) } = options;
  let unauthorized = 0;
  for (let count = 1;; count++) {
    signal?.throwIfAborted();
    try {
      const value = await options.attempt(count);
      memory.worked = true;
      return { ok: true, value };
    } catch (error) {
      signal?.throwIfAborted();
      const spent = isUnauthorized(error) && ++unauthorized > MAX_UNAUTHORIZED;
      const setback = spent ? undefined : judge(error);
      // Only a token that was accepted gets the service's own word for an error; a 401 after it may pass.
      memory.worked ||= error instanceof ApiError && error.code !== null;
      await options.onFailure?.(error, setback);
      if (setback === undefined || !await options.wait(withAdvice(setback, memory), count)) {
        return { ok: false, error, setback };
      }
    }
  }
}
