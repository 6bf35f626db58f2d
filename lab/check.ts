export type Outcome = "passed" | "failed" | "skipped";

export interface Check {
  what: string;
  outcome: Outcome;
  why: string;
}

export class MissingError extends Error {
  constructor(what: string) {
    super(`missing: ${what}`);
    this.name = "MissingError";
  }
}

export class NotPossibleError extends Error {
  constructor(why: string) {
    super(`${NOT_POSSIBLE}: ${why}`);
    this.name = "NotPossibleError";
  }
}

/** Prefix of the reason of a skip that nothing on this machine can prevent. The gate accepts only such skips. */
export const NOT_POSSIBLE = "not possible here";
