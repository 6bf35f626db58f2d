/**
 * What a check of an experiment found, and why an experiment is skipped.
 *
 * @module
 */

export type Outcome = "passed" | "failed" | "skipped";

export interface Check {
  /** The requirement, as a short sentence. */
  what: string;
  outcome: Outcome;
  /** Reason of the failure or skip; empty if the check passed. */
  why: string;
}

/** A program is missing and cannot be installed. The experiment is skipped. */
export class MissingError extends Error {
  /** @param what The program, and the package that contains it. */
  constructor(what: string) {
    super(`missing: ${what}`);
    this.name = "MissingError";
  }
}

/** The kernel or missing permissions prevent an experiment. The experiment is skipped. */
export class NotPossibleError extends Error {
  constructor(why: string) {
    super(`${NOT_POSSIBLE}: ${why}`);
    this.name = "NotPossibleError";
  }
}

/** Prefix of the reason of a skip that nothing on this machine can prevent. The gate accepts only such skips. */
export const NOT_POSSIBLE = "not possible here";
