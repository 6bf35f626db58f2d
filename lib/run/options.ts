/**
 * Options of everything that follows an operation, and their checks.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { didYouMean } from "../nearest.ts";
import {
  CANCEL_CAUSES,
  type CancelCause,
  type Interrupts,
  ON_INTERRUPT,
  type OnInterrupt,
  type WatchSettings,
} from "./interrupts.ts";
import type { SessionInternals } from "./session.ts";

/** Most jobs that use a token at the same time. */
export const MAX_TOKEN_SHARE = 1_000;

/** Options of a job that only the command line sets. */
export interface JobInternals extends SessionInternals {
  /** Signals of the process, from `interruptible`. @default {undefined} (not handled) */
  interrupts?: Interrupts | undefined;
  /** What a signal does to the operation. @default {"auto"} */
  onInterrupt?: OnInterrupt | undefined;
}

/**
 * The internals of a job of the library: with `abort` in `cancelOn` the caller's signal also cancels the operation.
 *
 * @throws {UsageError} for an unknown word.
 */
export function abortInternals<M extends JobInternals>(
  { signal, cancelOn }: { signal?: AbortSignal | undefined; cancelOn?: readonly CancelCause[] | undefined },
  more: M,
): M {
  if (!checkCancelOn(cancelOn).includes("abort") || signal === undefined) return more;
  return { ...more, interrupts: { signal, terminal: false }, onInterrupt: "cancel" };
}

/** Returns what cancels a run; nothing does by default. @throws {UsageError} unless it is a list of known words. */
export function checkCancelOn(cancelOn: readonly CancelCause[] = []): readonly CancelCause[] {
  if (!Array.isArray(cancelOn)) {
    throw new UsageError({
      attempted: "follow",
      why: `'cancelOn' must be a list of ${CANCEL_CAUSES.map((cause) => JSON.stringify(cause)).join(" and ")}`,
      value: JSON.stringify(cancelOn) ?? typeof cancelOn,
      advice: (CANCEL_CAUSES as readonly unknown[]).includes(cancelOn)
        ? `write [${JSON.stringify(cancelOn)}]`
        : undefined,
    });
  }
  for (const cause of cancelOn) checkWord("cancelOn", cause, CANCEL_CAUSES);
  return cancelOn;
}

/** Returns the value if it is one of the known words. @throws {UsageError} if not. */
function checkWord<T extends string>(name: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value;
  const why = `'${name}' must be one of ${known.join(", ")}`;
  throw new UsageError({
    attempted: "follow",
    why,
    value: JSON.stringify(value),
    advice: didYouMean(String(value), known),
  });
}

/** @param tokenShare How many jobs use the token at the same time. @throws {UsageError} when it is out of range. */
export function checkTokenShare(tokenShare = 1): number {
  if (Number.isInteger(tokenShare) && tokenShare >= 1 && tokenShare <= MAX_TOKEN_SHARE) return tokenShare;
  const why = `'tokenShare' must be a whole number from 1 to ${MAX_TOKEN_SHARE}`;
  throw new UsageError({ attempted: "follow", why, value: String(tokenShare) });
}

/** Checks what a job does at its deadline and at a signal, and sets the defaults. @throws {UsageError} for an unknown word. */
export function checkWatch(
  { cancelOn }: { cancelOn?: readonly CancelCause[] | undefined },
  { interrupts, onInterrupt = "auto" }: Omit<JobInternals, "platform">,
): WatchSettings {
  return {
    cancelOn: checkCancelOn(cancelOn),
    onInterrupt: checkWord("onInterrupt", onInterrupt, ON_INTERRUPT),
    interrupts,
  };
}
