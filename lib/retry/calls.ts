/**
 * Calls of the client: each retries on its own, within its own limits.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import type { Clock } from "../clock.ts";
import { type MogplexError, UsageError } from "../errors.ts";
import type { OnNotice } from "../notice.ts";
import type { CallOptions } from "./call_options.ts";
import { retry } from "./retry.ts";
import { type Setback, setbackDelay, setbackOf } from "./setback.ts";
import type { TokenMemory } from "./token_memory.ts";

/** State that all calls of one client share. */
export interface CallWorld {
  /** Time. */
  clock: Clock;
  /** Called before every wait. */
  onNotice: OnNotice | undefined;
  /** Random numbers from 0 up to 1, for jitter. */
  random: () => number;
  /** What the process has learned about the token. */
  memory: TokenMemory;
}

/** Description of one call, for {@linkcode callWithin}. */
export interface StandAloneCall {
  /** What is attempted, after "Cannot": `read run "…"`. */
  what: string;
  /** How long and how often to try. */
  limits: CallOptions | undefined;
  /** Whether the service counts it against the limit of starts. @default {false} */
  starts?: boolean | undefined;
  /** Longest backoff after the first attempt, in milliseconds. @default {1_000} */
  backoffBaseMs?: number | undefined;
  /** Whether this call gives up after an error, although other calls would retry. @default never */
  lasts?: ((error: unknown) => boolean) | undefined;
  /** Called after each failed attempt, before the call decides on a retry. If it throws, the call ends with that error. */
  onFailure?: ((error: MogplexError) => Promise<void>) | undefined;
}

// All in milliseconds.
/** Longest time of one attempt, headers and body together. */
const REQUEST_MS = 30_000;
/** Longest time of a call without a deadline. */
const CALL_MS = 120_000;
/** Farthest deadline: no job is longer than 30 days. */
const MAX_CALL_MS = 31 * 86_400_000;
/** Longest backoff after the first attempt. */
const BACKOFF_MS = 1_000;
/** Shortest limit of a first attempt, so that a last read at a deadline is possible. */
const FIRST_ATTEMPT_MS = 2_000;

/**
 * Makes a call: tries until an attempt works, fails for good, or the next wait would pass the deadline.
 *
 * @param attempt One attempt; gets its time limit in milliseconds, and its number from 1.
 * @throws {UsageError} when the deadline is no point on the clock: a date would be one for ever.
 * @throws what the last attempt threw, or `onFailure`; `signal.reason` if the signal aborts.
 */
export async function callWithin<T>(
  world: CallWorld,
  call: StandAloneCall,
  attempt: (limitMs: number, count: number) => Promise<T>,
): Promise<T> {
  const { clock, onNotice, random, memory } = world;
  const { what, starts, limits = {}, backoffBaseMs = BACKOFF_MS } = call;
  const { signal, maxAttempts = Infinity, requestTimeoutMs = REQUEST_MS, overrun = false } = limits;
  const deadline = limits.deadline ?? clock.now() + CALL_MS;
  if (!(deadline - clock.now() <= MAX_CALL_MS)) {
    const why = "'deadline' is no point on the clock of the client, which does not count from 1970";
    const advice = "give clock.now() plus milliseconds, with systemClock if you gave no clock";
    throw new UsageError({ attempted: what, why, value: String(deadline), advice });
  }

  async function wait(setback: Setback, count: number): Promise<boolean> {
    const delayMs = setbackDelay(setback, count, backoffBaseMs, random);
    if (count >= maxAttempts || clock.now() + delayMs >= deadline) return false;
    const { cause, detail, namedMs } = setback;
    const untilMs = clock.wallTime() + delayMs;
    unawaited(
      onNotice?.({ kind: "wait", what, cause, detail, attempt: count, delayMs, named: namedMs !== null, untilMs }),
    );
    await clock.sleep(delayMs, { signal });
    return true;
  }

  const end = await retry<T>({
    memory,
    signal,
    attempt(count) {
      const leftMs = Math.max(deadline - clock.now(), count === 1 ? FIRST_ATTEMPT_MS : 0);
      return attempt(
        overrun ? requestTimeoutMs : Math.min(requestTimeoutMs, leftMs),
        count + (limits.attempt ?? 1) - 1,
      );
    },
    judge: (error) => call.lasts?.(error) ? undefined : setbackOf(error, { worked: memory.worked, starts }),
    onFailure: (error) => call.onFailure?.(error as MogplexError),
    wait,
  });
  if (!end.ok) throw end.error;
  return end.value;
}
