/**
 * The list of experiments, in the order in which they run and stand in `docs/tested-on.md`.
 *
 * @module
 */
import type { Experiment } from "./experiment.ts";
import { GITHUB } from "./experiments/github.ts";
import { LINTERS } from "./experiments/linters.ts";

/** Every experiment of the lab. */
export const EXPERIMENTS: readonly Experiment[] = [...GITHUB, ...LINTERS];
