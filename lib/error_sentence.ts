import { isNotPermitted } from "./runtime.ts";

/** The parts of an error's message. Reports and `--json` show them separately. */
export interface ErrorParts {
  /** What was attempted: the words after "Cannot" in the message, such as `start run`. */
  attempted: string;
  /** Why it failed, without a period at the end. */
  why: string;
  /** The value at fault, quoted so that an empty one is visible; never a secret. @default none */
  value?: string | undefined;
  /** What the reader can do. @default no advice */
  advice?: string | undefined;
}

export function errorSentence({ attempted, why, value, advice }: ErrorParts): string {
  const reason = value === undefined ? `: ${why}` : ` because ${why}: ${value}`;
  return `Cannot ${attempted}${reason}${advice === undefined ? "" : `; ${advice}`}`;
}

/** Deno's message names only the first missing permission, although others may be missing as well. */
export function messageOf(thrown: unknown): string {
  if (isNotPermitted(thrown)) {
    return thrown.message.replace(
      /, run again with the --allow-\w+ flag$/,
      ": start Deno with the flags that the permissions command prints",
    );
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What is known about a run when something goes wrong: the common part of a `RunResult` and an `AutomationResult`. */
export interface ResultSoFar {
  /** Kind of result: `automation-run` for an automation run, otherwise `run`. */
  kind: "run" | "automation-run";
  /** UUID of the run; `null` if none is known. */
  runId: string | null;
  /** Key that finds the run again; `null` if none was used. */
  idempotencyKey: string | null;
  /** Last status that the service reported; `null` if it reported none. */
  status: string | null;
  /** The toolkit's verdict, such as `success`, or `deadline` if the service gave none in time. */
  outcome: string;
  /** Exit code for the outcome. */
  exitCode: number;
  /** Reason for the outcome, in the words of the service or of the toolkit; `null` if there is nothing to report. Untrusted text. */
  reason: string | null;
}

export interface KnownRun {
  /** UUID of the run. */
  runId: string | null;
  idempotencyKey: string | null;
  result: ResultSoFar | null;
}
