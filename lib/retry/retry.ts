/**
 * The one retry loop: calls of the client, starts, reads of a run and the note on a merge request all use it.
 *
 * @module
 */
import { ApiError } from "../errors.ts";
import { firstUnauthorized, isUnauthorized, MAX_UNAUTHORIZED, type Setback, setbackOf } from "./setback.ts";
import type { TokenMemory } from "./token_memory.ts";

/** Options of {@linkcode retry}. */
export interface RetryOptions<T> {
  /** What the process has learned about the token. The loop records here that the service accepted it. */
  memory: TokenMemory;
  /** Ends the loop, before the next attempt or after a failed one. It does not end a running attempt. */
  signal?: AbortSignal | undefined;
  /** Whether the service counts an attempt against the limit of starts. @default {false} */
  starts?: boolean | undefined;
  /**
   * One attempt.
   *
   * @param count Number of the attempt, from 1.
   */
  attempt(count: number): Promise<T>;
  /** The setback that an error means; undefined if a retry cannot mend it. @default {@linkcode setbackOf} */
  judge?: ((error: unknown) => Setback | undefined) | undefined;
  /** Called after each failed attempt; `setback` is undefined if a retry cannot mend the error. If it throws, the loop ends. */
  onFailure?: ((error: unknown, setback: Setback | undefined) => void | Promise<void>) | undefined;
  /**
   * Waits for the next attempt.
   *
   * @param count Number of failed attempts, at least 1.
   * @returns Whether to make another attempt.
   */
  wait(setback: Setback, count: number): Promise<boolean>;
}

/** How the attempts ended: with a value, or with the last error. `setback` is undefined if a retry cannot mend that error. */
export type Retried<T> = { ok: true; value: T } | { ok: false; error: unknown; setback: Setback | undefined };

/** Adds the advice to the detail of a setback, once a process. */
function withAdvice(setback: Setback, memory: TokenMemory): Setback {
  if (!setback.advice || memory.advised) return setback;
  memory.advised = true;
  return { ...setback, detail: `${setback.detail}; ${setback.advice}` };
}

/**
 * Tries until an attempt works, an error cannot be mended by a retry, or `wait` returns false.
 *
 * @returns The value or the last error: errors of attempts are not thrown.
 * @throws `signal.reason` if the signal aborts; what `onFailure` and `wait` throw.
 */
export async function retry<T>(options: RetryOptions<T>): Promise<Retried<T>> {
  const { memory, signal, starts, judge = (error) => setbackOf(error, { worked: memory.worked, starts }) } = options;
  let unauthorized = 0;

  function meaningOf(error: unknown): Setback | undefined {
    if (!isUnauthorized(error)) return judge(error);
    unauthorized++;
    if (memory.worked || !memory.workedBefore) return unauthorized > MAX_UNAUTHORIZED ? undefined : judge(error);
    const setback = firstUnauthorized(error, unauthorized);
    // Once is enough: other requests of the process do not wait as long.
    memory.workedBefore = setback !== undefined;
    return setback;
  }

  for (let count = 1;; count++) {
    signal?.throwIfAborted();
    try {
      const value = await options.attempt(count);
      memory.worked = true;
      return { ok: true, value };
    } catch (error) {
      signal?.throwIfAborted();
      const setback = meaningOf(error);
      // An error code of the API proves that the service accepted the token. A later 401 may then be temporary.
      memory.worked ||= error instanceof ApiError && error.code !== null;
      await options.onFailure?.(error, setback);
      if (setback === undefined || !await options.wait(withAdvice(setback, memory), count)) {
        return { ok: false, error, setback };
      }
    }
  }
}
