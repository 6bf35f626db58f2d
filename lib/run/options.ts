/**
 * Options of everything that follows an operation, and their checks.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import {
  checkTimeout,
  DEFAULT_TIMEOUT_MS,
  type Interrupts,
  ON_INTERRUPT,
  ON_TIMEOUT,
  type OnInterrupt,
  type OnTimeout,
  type SessionInternals,
  type WatchSettings,
} from "./session.ts";

/** Largest {@linkcode WaitOptions.tokenShare}. */
export const MAX_TOKEN_SHARE = 1_000;

/** How long and how often to poll. */
interface WaitOptions {
  /** Whole wait in milliseconds: more than 0, at most 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** How many jobs use the token at the same time: a whole number from 1 to 1 000. @default {1} */
  tokenShare?: number | undefined;
}

/** Options of a job that only the command line sets. */
export interface JobInternals extends SessionInternals {
  /** Signals of the process, from `interruptible`. @default {undefined} (not handled) */
  interrupts?: Interrupts | undefined;
  /** What a signal does to the operation. @default {"auto"} */
  onInterrupt?: OnInterrupt | undefined;
}

/**
 * The internals of a job of the library: with `onAbort: "cancel"` the caller's signal also cancels the operation.
 *
 * @throws {UsageError} for an unknown word.
 */
export function abortInternals<M extends JobInternals>(
  { signal, onAbort = "detach" }: { signal?: AbortSignal | undefined; onAbort?: OnTimeout | undefined },
  more: M,
): M {
  if (checkWord("onAbort", onAbort, ON_TIMEOUT) === "detach" || signal === undefined) return more;
  return { ...more, interrupts: { signal, terminal: false }, onInterrupt: "cancel" };
}

/** Returns the value if it is one of the known words. @throws {UsageError} if not. */
function checkWord<T extends string>(name: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value;
  const why = `'${name}' must be one of ${known.join(", ")}`;
  throw new UsageError({ attempted: "follow", why, value: JSON.stringify(value) });
}

/** Checks the wait and sets its defaults. @throws {UsageError} when a value is out of range. */
export function checkWait(
  { timeoutMs = DEFAULT_TIMEOUT_MS, tokenShare = 1 }: WaitOptions,
): { timeoutMs: number; tokenShare: number } {
  if (!Number.isInteger(tokenShare) || tokenShare < 1 || tokenShare > MAX_TOKEN_SHARE) {
    const why = `'tokenShare' must be a whole number from 1 to ${MAX_TOKEN_SHARE}`;
    throw new UsageError({ attempted: "follow", why, value: String(tokenShare) });
  }
  return { timeoutMs: checkTimeout(timeoutMs), tokenShare };
}

/** Checks what a job does at its deadline and at a signal, and sets the defaults. @throws {UsageError} for an unknown word. */
export function checkWatch(
  { onTimeout = "detach" }: { onTimeout?: OnTimeout | undefined },
  { interrupts, onInterrupt = "auto" }: Omit<JobInternals, "platform">,
): WatchSettings {
  return {
    onTimeout: checkWord("onTimeout", onTimeout, ON_TIMEOUT),
    onInterrupt: checkWord("onInterrupt", onInterrupt, ON_INTERRUPT),
    interrupts,
  };
}
