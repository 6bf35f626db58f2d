/**
 * What an experiment is: a real program at work on our real files, and the checks that come of it.
 *
 * @module
 */
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import type { Program } from "./programs.ts";

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
  /** Seconds after which it is ended and has failed. @default {90} */
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
