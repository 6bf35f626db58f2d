/**
 * What an experiment is: a real program at work on our real files, and the checks that come of it.
 *
 * @module
 */
import type { Bench } from "./bench.ts";
import type { Program } from "./programs.ts";

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

/** A real program at work on our real files. */
export interface Experiment {
  /** Short name, for the command line: letters, digits and dashes. */
  name: string;
  /** The CI system, or the kind of tool, that it stands for. */
  system: string;
  /** The programs that it needs; the first one is the one that is tried. */
  programs: readonly Program[];
  /** What it proves, for `docs/tested-on.md`. */
  tried: string;
  /** Seconds after which it is ended and has failed. @default {60} */
  limitSeconds?: number;
  /** Carries it out. An error that it throws is a failed check; so is an end without any check. */
  run(bench: Bench): Promise<void>;
}

/** An experiment that has ended. */
export interface Finished {
  experiment: Experiment;
  checks: readonly Check[];
  /** Milliseconds that it took, without the installation of its programs. */
  tookMs: number;
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

/** How the reason of a skip starts that nobody can mend: the gate accepts only these. */
export const NOT_POSSIBLE = "not possible here";
