/**
 * An experiment: it runs a real program on our real files and checks the result.
 *
 * @module
 */
import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import type { Program } from "./programs.ts";

/** Runs a real program on our real files. */
export interface Experiment {
  /** Short name, for the command line: letters, digits and dashes. */
  name: string;
  /** The CI system, or the kind of tool, that it stands for. */
  system: string;
  /** The programs that it needs; the first one is the program under test. */
  programs: readonly Program[];
  /** What it proves, for `docs/tested-on.md`. */
  tried: string;
  /** Time limit in seconds; an experiment that takes longer has failed. @default {90} */
  limitSeconds?: number;
  /** Whether it runs only if an argument names it, or with `--write`, because it takes many minutes. @default {false} */
  byName?: boolean;
  /** Runs the experiment. A thrown error is a failed check; so is an end without any check. */
  run(bench: Bench): Promise<void>;
}

/** An experiment that has ended. */
export interface Finished {
  experiment: Experiment;
  checks: readonly Check[];
  /** Milliseconds that it took, without the installation of its programs. */
  tookMs: number;
}
