import { UsageError } from "../errors.ts";
import { MAX_PROMPT_LENGTH } from "../service/contract.ts";
import type { ResultSchema } from "./result_schema.ts";

/**
 * The paragraph about the result file is added at the end of the task, because the first line of a task becomes the title of the pull request. An
 * untracked file makes delivery fail, and with it the whole run. Source: API reference, "Branches and pull requests".
 */
export function withResultTask(task: string, path: string, { text }: Pick<ResultSchema, "text">): string {
  const whole = `${task.trim()}\n\n${paragraph(path, text)}`;
  if (whole.length <= MAX_PROMPT_LENGTH) return whole;
  throw new UsageError({
    attempted: "start run",
    why: `the task and the schema of the result have more than ${MAX_PROMPT_LENGTH} characters`,
    value: `they have ${whole.length}`,
    advice: "shorten one of them",
  });
}

function paragraph(path: string, schema: string): string {
  return `When you have finished, write your result as JSON to the file "${path}" (from the root of the repository), and commit it ` +
    `on your branch: git add --force -- "${path}" && git commit -m "Add the result". Do this even if nothing else has changed. ` +
    "The file must contain one JSON value in UTF-8, no comments, no other text and no secrets, and it must be valid against this JSON Schema:\n" +
    schema;
}

export function retryTask(path: string, mistakes: readonly string[], schema: Pick<ResultSchema, "text">): string {
  const list = mistakes.map((mistake) => `- ${mistake}`).join("\n");
  return withResultTask(
    `Fix the result file of this branch\n\nThe last commit of this branch should contain a result file, but the file is not valid:\n${list}\n\n` +
      "Change nothing but this file.",
    path,
    schema,
  );
}
