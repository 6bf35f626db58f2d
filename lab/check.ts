/**
 * What a check of an experiment found, and why an experiment is skipped.
 *
 * @module
 */

/** How a check ended. */
export type Outcome = "passed" | "failed" | "skipped";

/** One thing that an experiment looked at. */
export interface Check {
  /** What has to hold, as a short sentence. */
  what: string;
  outcome: Outcome;
  /** Why it failed or was skipped; empty when it passed. */
  why: string;
}

/** Thrown when a program is not there and cannot be installed: its experiment is skipped. */
export class MissingError extends Error {
  /** @param what The program, and the package that has it. */
  constructor(what: string) {
    super(`missing: ${what}`);
    this.name = "MissingError";
  }
}

/** Thrown when the kernel, or the rights of this machine, forbid an experiment: it is skipped. */
export class NotPossibleError extends Error {
  /** @param why What is forbidden. */
  constructor(why: string) {
    super(`${NOT_POSSIBLE}: ${why}`);
    this.name = "NotPossibleError";
  }
}

/** How the reason of a skip starts that no machine could avoid: the gate accepts only these. */
export const NOT_POSSIBLE = "not possible here";
