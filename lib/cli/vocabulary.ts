/**
 * What a program calls the things that a user can give to it: the command has flags, the GitLab components have inputs.
 *
 * @module
 */
import type { AnyResult } from "../result/any_result.ts";

/** Name of the command, as the help shows it. */
export const PROGRAM = "mogplex-ci";

/** Topics of the help that are no verb. */
export const TOPICS: readonly string[] = ["environment", "exit-codes", "reports", "keys", "security"];

/** Phrases of one program. All but `resume` and `cancel` follow "give". */
export interface Vocabulary {
  /** The program as it was called. */
  readonly program: string;
  /** Ways to give a task. */
  readonly prompt: string;
  /** The two variables that hold a task, for the case that both are set. */
  readonly promptVariables: string;
  /** Ways to give a repository. */
  readonly repo: string;
  /** Ways to give the id of a run. */
  readonly runId: string;
  /** How to go on with a run that has not ended; null when there is nothing to go on with. */
  resume(result: Pick<AnyResult, "resume" | "outcome" | "runId">): string | null;
  /** How to cancel a run. */
  cancel(runId: string): string;
}

/**
 * Phrases of the command.
 *
 * @param program The command as it was called: `node mogplex.mjs`, where nothing else is on the PATH.
 */
export function commandVocabulary(program = PROGRAM): Vocabulary {
  return {
    program,
    prompt: "an argument, - for standard input, --prompt-file, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    promptVariables: "MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE",
    repo: `--repo or MOGPLEX_REPO_ID (\`${program} repos list\` shows the names)`,
    runId: "an argument or MOGPLEX_RUN_ID",
    resume: ({ resume }) => resume?.replace(/^mogplex-ci(?= )/, () => program) ?? null,
    cancel: (runId) => `${program} runs cancel ${runId}`,
  };
}
