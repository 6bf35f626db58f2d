/**
 * The sentence that an error's parts make, and the message of whatever was thrown.
 *
 * @module
 */

/** The parts of which an error's message is made. Reports and `--json` show them one by one. */
export interface ErrorParts {
  /** What was attempted, after "Cannot": `start run`. */
  attempted: string;
  /** Why it did not work, without a full stop. */
  why: string;
  /** The value at fault, quoted so that an empty one is visible; never a secret. @default {undefined} (none) */
  value?: string | undefined;
  /** What the reader can do. @default {undefined} (nothing is known to help) */
  advice?: string | undefined;
}

/** `Cannot … : …; …`, or `Cannot … as …: value; …` where a value is at fault. */
export function errorSentence({ attempted, why, value, advice }: ErrorParts): string {
  const reason = value === undefined ? `: ${why}` : ` as ${why}: ${value}`;
  return `Cannot ${attempted}${reason}${advice === undefined ? "" : `; ${advice}`}`;
}

/** What is said by something that was thrown, which may be anything. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
