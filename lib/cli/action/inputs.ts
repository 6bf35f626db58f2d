/**
 * Passes the inputs of the GitHub action to the verbs. The runner passes each input as a variable `INPUT_NAME`, with its default if the input is not
 * set. An empty input is treated as unset. Source: actions/runner, Handler.cs, `AddInputsToEnvironment`.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import {
  AFTER,
  ALLOW_USERS,
  BASE_BRANCH,
  BRANCH,
  COMMIT_STATUS,
  CREATE_BRANCH,
  DAILY_LIMIT,
  FIX,
  HARNESS,
  HISTORY,
  IDEMPOTENCY_KEY,
  INPUT,
  KEY_PART,
  KEY_SCOPE,
  LOG,
  MENTION_LABEL,
  MENTION_NAME,
  MODE,
  ON_INTERRUPT,
  ON_TIMEOUT,
  onOrOff,
  OUT,
  PROMPT_FILE,
  REPO,
  REPORT,
  RESULT,
  RESULT_RETRIES,
  ROOT,
  SCHEMA,
  SHOW_TASK,
  TEMPLATE,
  TIMEOUT,
  TOKEN_SHARE,
} from "../options.ts";
import type { VariableName } from "../../variables.ts";
import type { ReadOption, VerbFlag } from "../verb.ts";

/**
 * Each input with the option or the variable that it overrides. `null` if it overrides neither. `tools/build/action_yaml.ts` describes the inputs.
 */
export const ACTION_INPUTS = {
  "token": "MOGPLEX_API_KEY",
  "repo": REPO,
  "prompt": "MOGPLEX_PROMPT",
  "prompt-file": PROMPT_FILE,
  "run-id": null,
  "respond": null,
  "name": MENTION_NAME,
  "label": MENTION_LABEL,
  "allow-users": ALLOW_USERS,
  "limit": DAILY_LIMIT,
  "template": TEMPLATE,
  "commit-status": COMMIT_STATUS,
  "automation": null,
  "automation-input": INPUT,
  "harness": HARNESS,
  "mode": MODE,
  "base-branch": BASE_BRANCH,
  "branch": BRANCH,
  "create-branch": CREATE_BRANCH,
  "root": ROOT,
  "after": AFTER,
  "fix": FIX,
  "result": RESULT,
  "schema": SCHEMA,
  "result-retries": RESULT_RETRIES,
  "follow": null,
  "timeout": TIMEOUT,
  "on-timeout": ON_TIMEOUT,
  "on-interrupt": ON_INTERRUPT,
  "key-scope": KEY_SCOPE,
  "key-part": KEY_PART,
  "idempotency-key": IDEMPOTENCY_KEY,
  "token-share": TOKEN_SHARE,
  "log": LOG,
  "report": REPORT,
  "out": OUT,
  "history": HISTORY,
  "show-task": SHOW_TASK,
  "comment": null,
  "pull-request": null,
  "github-token": null,
  "job-status": "MOGPLEX_JOB_STATUS",
  "matrix": null,
} as const satisfies Readonly<Record<string, VerbFlag | VariableName | null>>;

export type InputName = keyof typeof ACTION_INPUTS;

const GROUPS: readonly (readonly [input: InputName, hidden: readonly VariableName[]])[] = [
  ["prompt", [PROMPT_FILE.variable]],
  ["prompt-file", ["MOGPLEX_PROMPT"]],
  ["token", ["MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE"]],
  ["idempotency-key", [KEY_SCOPE.variable, KEY_PART.variable]],
];

export function inputText(env: ReadEnv, name: InputName): string | undefined {
  const text = env(`INPUT_${name.toUpperCase()}`) ?? "";
  return text.trim() === "" ? undefined : text;
}

export function isOn(env: ReadEnv, name: InputName, fallback: boolean): boolean {
  const text = inputText(env, name)?.trim();
  return text === undefined ? fallback : onOrOff(text, `input ${name}`);
}

/** If neither the input nor a variable has a token, `token` is empty, so that the error message names the input. */
export function givenToken(env: ReadEnv): { token: string; tokenPlace: string } | undefined {
  const token = inputText(env, "token");
  const variables = ["MOGPLEX_API_KEY", "MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE"];
  if (token === undefined && variables.some((name) => env(name)?.trim())) return undefined;
  return { token: token ?? "", tokenPlace: "input token" };
}

function variableOf(name: InputName): VariableName | undefined {
  const row: VerbFlag | VariableName | null = ACTION_INPUTS[name];
  return typeof row === "string" ? row : row?.variable;
}

const NAMES = Object.keys(ACTION_INPUTS) as InputName[];

export function inputsFirst(env: ReadEnv): ReadEnv {
  return (variable) => {
    if (!variable.startsWith("MOGPLEX_")) return env(variable);
    const name = NAMES.find((each) => variableOf(each) === variable);
    const text = name && inputText(env, name);
    if (text !== undefined) return text;
    const hidden = GROUPS.some(([input, names]) =>
      names.some((each) => each === variable) && inputText(env, input) !== undefined
    );
    if (hidden) return undefined;
    return variable === CREATE_BRANCH.variable ? env(variable) || "true" : env(variable);
  };
}

function inputOf(flag: VerbFlag): InputName | undefined {
  return NAMES.find((each) => ACTION_INPUTS[each] === flag);
}

export function inputReader(env: ReadEnv, otherwise: ReadOption): ReadOption {
  return (option) => {
    const name = inputOf(option);
    const text = name && inputText(env, name)?.trim();
    return text === undefined ? otherwise(option) : option.parse(text, `input ${name}`);
  };
}
