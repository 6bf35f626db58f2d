export const NEW_TITLE = "Describe the change in one line";

export const NEW_TASK =
  `Describe the task for {{ repository.name }} here: what to change, how to check the result (run the tests, build it), and what not to touch.
`;

export const NEW_REPOSITORY = "owner/name";

const TEXTS: readonly string[] = [NEW_TITLE, NEW_TASK.trim(), NEW_REPOSITORY];

export function placeholderProblem(text: string): string | undefined {
  return TEXTS.includes(text.trim()) ? "this is still the text that `campaign new` wrote: replace it" : undefined;
}
