/**
 * What a forge shows of what is wrong with a pull request, for a run that fixes it: checks that failed with what they said last, and what
 * reviewers ask for. Texts are untrusted.
 *
 * @module
 */
import { plainText } from "../text/plain_text.ts";

export interface ForgeUser {
  /** Its number at the forge: names can be given to another user. */
  readonly id: number;
  readonly name: string;
  /** Whether it is a program; null where the forge does not show that. */
  readonly isBot: boolean | null;
}

/** What is looked for. */
export type FindingsOf = "checks" | "review";

export interface FailedCheck {
  readonly name: string;
  /** Its page; null when the forge names none. */
  readonly url: string | null;
  /** What it said last; empty where the forge does not show that. */
  readonly text: string;
}

/** What a reviewer asks for, in an open thread or in the review as a whole. */
export interface Remark {
  readonly author: ForgeUser;
  /** Whether the forge says that its author may push. */
  readonly mayPush: boolean;
  /** `file:line`, or the file alone; null for what is not about a line. */
  readonly place: string | null;
  readonly text: string;
}

export interface Findings {
  readonly checks: readonly FailedCheck[];
  readonly remarks: readonly Remark[];
  /** How many of these there are that the forge did not show, or whose author is not known. */
  readonly leftOut: number;
}

export const NO_FINDINGS: Findings = { checks: [], remarks: [], leftOut: 0 };

/** Most checks whose last lines are read. */
export const MAX_READ_CHECKS = 5;

const MAX_LINES = 40;
const MAX_LOG = 3_000;

/** The last lines of a log, without colours and without the marks of GitLab's sections. */
export function lastLinesOf(log: string): string {
  // What comes before cannot be among the last lines.
  const lines = plainText(log.slice(-20 * MAX_LOG)).split("\n").map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/^section_(?:start|end):\d+:/.test(line)).slice(-MAX_LINES);
  while (lines.length > 1 && lines.join("\n").length > MAX_LOG) lines.shift();
  return lines.join("\n").slice(-MAX_LOG);
}

/** A line of a file, for people. */
export function placeOf(path: string | null | undefined, line: number | null | undefined): string | null {
  if (!path) return null;
  return typeof line === "number" && line > 0 ? `${path}:${line}` : path;
}
