/**
 * All texts are untrusted.
 *
 * @module
 */
import { plainText } from "../text/plain_text.ts";

export interface ForgeUser {
  /** Id of the account on the forge. A name does not identify an account, because another user can take over the name. */
  readonly id: number;
  readonly name: string;
  readonly isBot: boolean | null;
}

export type FindingsOf = "checks" | "review";

export interface FailedCheck {
  readonly name: string;
  readonly url: string | null;
  readonly text: string;
}

export interface Remark {
  readonly author: ForgeUser;
  readonly mayPush: boolean;
  /** `file:line`, or only the file; `null` if the remark is not about a line. */
  readonly place: string | null;
  readonly text: string;
}

export interface Findings {
  readonly checks: readonly FailedCheck[];
  readonly remarks: readonly Remark[];
  /** Number of remarks or threads that are not in `remarks`. */
  readonly leftOut: number;
}

export const NO_FINDINGS: Findings = { checks: [], remarks: [], leftOut: 0 };

export const MAX_READ_CHECKS = 5;

const MAX_LINES = 40;
const MAX_LOG = 3_000;

export function lastLinesOf(log: string): string {
  // Cut a long log first, because it takes time to clean the text.
  const lines = plainText(log.slice(-20 * MAX_LOG)).split("\n").map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/^section_(?:start|end):\d+:/.test(line)).slice(-MAX_LINES);
  while (lines.length > 1 && lines.join("\n").length > MAX_LOG) lines.shift();
  return lines.join("\n").slice(-MAX_LOG);
}

export function placeOf(path: string | null | undefined, line: number | null | undefined): string | null {
  if (!path) return null;
  return typeof line === "number" && line > 0 ? `${path}:${line}` : path;
}
