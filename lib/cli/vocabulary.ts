/**
 * What a program calls the ways in which it is told something: the command has flags, the GitLab components have inputs.
 *
 * @module
 */
import type { RunResult } from "../result/run_result.ts";

/** Words of one program. All but `resume` and `cancel` follow "give". */
export interface Vocabulary {
  /** Ways to give a task. */
  readonly prompt: string;
  /** The two variables with a task, where both are set. */
  readonly promptVariables: string;
  /** Ways to give a repository. */
  readonly repo: string;
  /** Ways to give the id of a run. */
  readonly runId: string;
  /** How to look at a run again that has not ended; for the result, whose own words are the command's. */
  resume(result: RunResult): string | null;
  /** How to cancel a run. */
  cancel(runId: string): string;
}

/** Words of the command. */
export const COMMAND_WORDS: Vocabulary = {
  prompt: "an argument, - for standard input, --prompt-file, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
  promptVariables: "MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE",
  repo: "--repo or MOGPLEX_REPO_ID (`mogplex-ci repos list` shows the ids)",
  runId: "an argument or MOGPLEX_RUN_ID",
  resume: ({ resume }) => resume,
  cancel: (runId) => `mogplex-ci runs cancel ${runId}`,
};
