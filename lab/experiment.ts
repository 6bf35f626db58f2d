import type { Bench } from "./bench.ts";
import type { Check } from "./check.ts";
import type { Program } from "./programs.ts";

export interface Experiment {
  name: string;
  system: string;
  /** The first program is the program under test. */
  programs: readonly Program[];
  tried: string;
  /** An experiment that exceeds the limit has failed. @default {90} */
  limitSeconds?: number;
  /** Whether the experiment runs only if an argument names it, or with `--write`, because it takes many minutes. @default {false} */
  byName?: boolean;
  /** An error is a failed check, and so is the end of an experiment without any check. */
  run(bench: Bench): Promise<void>;
}

export interface Finished {
  experiment: Experiment;
  checks: readonly Check[];
  tookMs: number;
}
