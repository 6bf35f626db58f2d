import { MogplexError } from "./errors.ts";
import { EXIT, type ExitName } from "./exit_codes.ts";

export type CheckState = "ok" | "warning" | "failed" | "skipped";

/** The texts of a check are untrusted. */
export interface Check {
  name: string;
  state: CheckState;
  finding: string;
  advice: string | null;
  startsRuns?: boolean;
  lacksTrigger?: boolean;
  /** `true` if the job can run but, because of a setting, starts no agent. */
  isOff?: boolean;
  isUnread?: boolean;
  /** Exit code of a job with this problem; only for failed checks. */
  code?: number;
}

export function ok(name: string, finding: string): Check {
  return { name, state: "ok", finding, advice: null };
}

/** For a problem that does not prevent a job from running. */
export function warning(name: string, finding: string, advice: string): Check {
  return { name, state: "warning", finding, advice };
}

export function failed(name: string, finding: string, advice: string, exit: ExitName): Check {
  return { name, state: "failed", finding, advice, code: EXIT[exit] };
}

export function skipped(name: string, why: string): Check {
  return { name, state: "skipped", finding: why, advice: null };
}

export function unread(check: Check): Check {
  return { ...check, isUnread: true };
}

export function follows(name: string, cause: string): Check {
  return skipped(name, `${cause} failed`);
}

export function adviceOf({ advice }: MogplexError, other: string): string {
  return advice === null ? other : `${advice.charAt(0).toUpperCase()}${advice.slice(1)}`;
}

export function failedWith(name: string, error: MogplexError, advice: string): Check {
  return failed(name, error.message.replace(`; ${error.advice}`, ""), advice, error.exit);
}

export type Tried<T> = { ok: true; value: T } | { ok: false; error: MogplexError };

/** Catches only the toolkit's own errors, because any other error is a bug. */
export async function tried<T>(work: () => T | Promise<T>): Promise<Tried<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof MogplexError) return { ok: false, error };
    throw error;
  }
}
