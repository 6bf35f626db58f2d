import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { root } from "../tools/setup.mjs";
import type { Bench } from "./bench.ts";

export interface GitlabJob {
  script: readonly string[];
  afterScript: readonly string[];
  variables: Readonly<Record<string, string>>;
}

export function componentJob(component: string, inputs: Readonly<Record<string, unknown>>): GitlabJob {
  const text = readFileSync(join(root, `dist/templates/${component}.yml`), "utf8");
  const [head, body] = parseAllDocuments(text).map((document) => document.toJS());
  const job = body["$[[ inputs.job-name ]]"];
  const value = (name: string) => String(inputs[name] ?? head.spec.inputs[name].default);
  const variables = Object.entries<string | { value: string }>(job.variables).map(([name, given]) => {
    const raw = typeof given === "string" ? given : given.value;
    return [name, raw.replace(/\$\[\[ inputs\.([\w-]+) \]\]/g, (_, input: string) => value(input))];
  });
  return { script: job.script, afterScript: job.after_script, variables: Object.fromEntries(variables) };
}

export function recipeJob(bench: Bench, file: string, name: string): GitlabJob {
  const job = parse(bench.example(`gitlab/${file}`))[name];
  const variables = Object.entries<unknown>(job.variables).map(([key, value]) => [key, String(value)]);
  return { script: job.script, afterScript: job.after_script ?? [], variables: Object.fromEntries(variables) };
}

export function predefined(cwd: string): Record<string, string> {
  return {
    CI: "true",
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_PROJECT_ID: "42",
    CI_PROJECT_DIR: cwd,
    CI_PIPELINE_ID: crypto.randomUUID(),
    CI_JOB_ID: crypto.randomUUID(),
    CI_JOB_NAME: "agent",
  };
}

/** How the runner wraps the lines of a stage: `eval` in a pipe before 18.11.4 and 19.0.2, in a subshell in later versions. */
export const FORMS = ["pipe", "subshell"] as const;
export type Form = typeof FORMS[number];

/** Lines of the script as in shells/bash.go. The experiment `gitlab-source` compares these lines with the newest runner. */
export const LINES = {
  trap: "trap 'exit 1' TERM",
  options: 'case "$(set -o)" in *"pipefail"*) set -o pipefail;; esac; set -o errexit',
  optionsBefore: "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit",
} as const;

export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The script of one stage, which the runner passes to the standard input of a shell. Source: gitlab-runner, shells/bash.go. */
export function stageScript(
  lines: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>>,
  form: Form,
): string {
  const text = [
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}`),
    `cd ${quoted(cwd)}`,
    ...lines,
  ].join("\n");
  const wrapped = form === "pipe" ? `: | eval ${quoted(text)}` : `(${LINES.trap}; eval ${quoted(text)}) < /dev/null`;
  return `${LINES.trap}
${form === "pipe" ? LINES.optionsBefore : LINES.options}
set +o noclobber
${wrapped}
exit 0
`;
}
