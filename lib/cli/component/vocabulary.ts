/**
 * The vocabulary of the GitLab components, which have inputs in place of flags, and a job to retry in place of a command.
 *
 * @module
 */
import type { ReadEnv } from "../../platforms/platform.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** Whether a retried job finds the run that it started. */
function findsAgain(env: ReadEnv): boolean {
  return !["job", "random"].includes(env("MOGPLEX_KEY_SCOPE")?.trim() ?? "");
}

/**
 * The phrases of the components.
 *
 * @param verb What the job does.
 * @param env Reads inputs and variables.
 */
export function componentVocabulary(verb: string, env: ReadEnv): Vocabulary {
  return {
    program: "the job",
    prompt: "input prompt or prompt-file, or variable MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    promptVariables: "prompt and prompt-file (inputs, or variables MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE)",
    repo: "input repo-id or variable MOGPLEX_REPO_ID",
    runId: "input run-id, or variable MOGPLEX_RUN_ID",
    resume({ resume, outcome, runId }) {
      if (resume === null) return null;
      const retry = outcome !== "started" && (verb === "follow" || findsAgain(env));
      return retry ? "retry this job" : `the component follow with input run-id ${runId}`;
    },
    cancel: () => "in the app",
  };
}
