/**
 * The checks of `doctor`: what one found, and what to do about it. Each room has its own; the verb prints them as one table.
 *
 * @module
 */
import { MogplexError } from "./errors.ts";
import { EXIT, type ExitName } from "./exit_codes.ts";

/** `skipped`: the check needs something that another check found missing. */
export type CheckState = "ok" | "warning" | "failed" | "skipped";

/** One check. Its texts may hold untrusted words. */
export interface Check {
  /** What was checked: one word. */
  name: string;
  state: CheckState;
  /** What the check found, as part of a sentence. */
  finding: string;
  /** What to do; null for nothing. */
  advice: string | null;
  /** False if the token is not allowed to start runs; absent otherwise. */
  startsRuns?: boolean;
  /** True if no event and no poll was found that starts the job; absent otherwise. */
  lacksTrigger?: boolean;
  /** True if a setting turns off what the job is for; absent otherwise. */
  isOff?: boolean;
  /** True if the token cannot read what the check is about, so that a job may still lack it; absent otherwise. */
  isUnread?: boolean;
  /** Code that a job would end with because of it; for failed checks only. */
  code?: number;
}

/** A check that found nothing wrong. */
export function ok(name: string, finding: string): Check {
  return { name, state: "ok", finding, advice: null };
}

/** A job can run, but not as well as it could, or not as was meant. */
export function warning(name: string, finding: string, advice: string): Check {
  return { name, state: "warning", finding, advice };
}

/** A job would end because of it, with the code `exit`. */
export function failed(name: string, finding: string, advice: string, exit: ExitName): Check {
  return { name, state: "failed", finding, advice, code: EXIT[exit] };
}

/** A check that could not be made. */
export function skipped(name: string, why: string): Check {
  return { name, state: "skipped", finding: why, advice: null };
}

/** A check of something that the token cannot read. */
export function unread(check: Check): Check {
  return { ...check, isUnread: true };
}

/** A check that cannot be made because another one failed, which is the cause and has the advice. */
export function follows(name: string, cause: string): Check {
  return skipped(name, `${cause} failed`);
}

/** The advice of an error as a sentence; `other` without one. */
export function adviceOf({ advice }: MogplexError, other: string): string {
  return advice === null ? other : `${advice.charAt(0).toUpperCase()}${advice.slice(1)}`;
}

/** A check that failed with the error that a job would end with. `advice` replaces the error's own advice. */
export function failedWith(name: string, error: MogplexError, advice: string): Check {
  return failed(name, error.message.replace(`; ${error.advice}`, ""), advice, error.exit);
}

export type Tried<T> = { ok: true; value: T } | { ok: false; error: MogplexError };

/** Catches our own errors. @throws any other error: it is a bug. */
export async function tried<T>(work: () => T | Promise<T>): Promise<Tried<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof MogplexError) return { ok: false, error };
    throw error;
  }
}
