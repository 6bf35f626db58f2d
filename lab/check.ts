export type Outcome = "passed" | "failed" | "skipped";

export interface Check {
  what: string;
  outcome: Outcome;
  why: string;
}

/** A program is missing and cannot be installed. The experiment is skipped. */
export class MissingError extends Error {
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
