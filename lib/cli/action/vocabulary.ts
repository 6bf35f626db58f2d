/**
 * The vocabulary of the GitHub action, which has inputs in place of flags, and a job to run again in place of a command.
 *
 * @module
 */
import type { ReadEnv } from "../../platforms/platform.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { inputText } from "./inputs.ts";

const BY_KEY = "the same command with --idempotency-key";

/** The phrases of the action. @param env Reads inputs and variables: see `inputsFirst`. */
export function actionVocabulary(env: ReadEnv): Vocabulary {
  return {
    program: "the action",
    prompt: "input prompt or prompt-file, or variable MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    promptVariables: "prompt and prompt-file (inputs, or variables MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE)",
    repo: "input repo or variable MOGPLEX_REPO_ID",
    runId: "input run-id",
    resume({ resume, outcome, runId }) {
      if (resume === null) return null;
      const scope = env("MOGPLEX_KEY_SCOPE")?.trim() ?? "";
      const named = inputText(env, "idempotency-key") ?? inputText(env, "run-id");
      const findsAgain = named !== undefined || !["job", "random"].includes(scope);
      if (outcome !== "started" && findsAgain) return "run this job again";
      // For an automation it says which key finds the run.
      return resume.startsWith(BY_KEY)
        ? resume.replace(BY_KEY, "this step with input idempotency-key")
        : `the action with input run-id ${runId}`;
    },
    cancel: () => "in the app",
  };
}
