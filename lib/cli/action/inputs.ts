/**
 * How the inputs of the GitHub action reach the verbs. The runner passes each as a variable `INPUT_NAME`, with its default if it was not
 * given; an empty one counts as unset. Source: actions/runner, Handler.cs, `AddInputsToEnvironment`.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import { IDEMPOTENCY_KEY, onOrOff } from "../options.ts";
import type { ReadOption } from "../verb.ts";

/** The inputs, each with the variable of ours that it replaces; empty without one. `tools/build/action_yaml.ts` describes them. */
export const ACTION_INPUTS = {
  "token": "MOGPLEX_API_KEY",
  "repo": "MOGPLEX_REPO_ID",
  "prompt": "MOGPLEX_PROMPT",
  "prompt-file": "MOGPLEX_PROMPT_FILE",
  "run-id": "",
  "respond": "",
  "name": "MOGPLEX_RESPOND_NAME",
  "label": "MOGPLEX_RESPOND_LABEL",
  "allow-users": "MOGPLEX_ALLOW_USERS",
  "limit": "MOGPLEX_LIMIT",
  "template": "MOGPLEX_RESPOND_TEMPLATE",
  "commit-status": "MOGPLEX_COMMIT_STATUS",
  "automation": "",
  "automation-input": "",
  "harness": "MOGPLEX_HARNESS",
  "mode": "MOGPLEX_MODE",
  "base-branch": "MOGPLEX_BASE_BRANCH",
  "branch": "MOGPLEX_WORKING_BRANCH",
  "create-branch": "MOGPLEX_CREATE_BRANCH",
  "root": "MOGPLEX_ROOT",
  "after": "",
  "mend": "",
  "follow": "",
  "timeout": "MOGPLEX_TIMEOUT",
  "on-timeout": "MOGPLEX_ON_TIMEOUT",
  "on-interrupt": "MOGPLEX_ON_INTERRUPT",
  "key-scope": "MOGPLEX_KEY_SCOPE",
  "key-part": "MOGPLEX_KEY_PART",
  "idempotency-key": "",
  "token-share": "MOGPLEX_TOKEN_SHARE",
  "log": "MOGPLEX_LOG",
  "report": "MOGPLEX_REPORT",
  "out": "MOGPLEX_OUT",
  "show-task": "MOGPLEX_SHOW_TASK",
  "comment": "",
  "pull-request": "",
  "github-token": "",
  "job-status": "MOGPLEX_JOB_STATUS",
  "matrix": "",
} as const;

/** Name of an input. */
export type InputName = keyof typeof ACTION_INPUTS;

/** Inputs that are ways to give the same thing: one of them hides the variables of the others. */
const GROUPS: readonly (readonly [input: InputName, hidden: readonly string[]])[] = [
  ["prompt", ["MOGPLEX_PROMPT_FILE"]],
  ["prompt-file", ["MOGPLEX_PROMPT"]],
  ["token", ["MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE"]],
  ["idempotency-key", ["MOGPLEX_KEY_SCOPE", "MOGPLEX_KEY_PART"]],
];

/** Text of an input, as it was given; undefined when it is blank. */
export function inputText(env: ReadEnv, name: InputName): string | undefined {
  const text = env(`INPUT_${name.toUpperCase()}`) ?? "";
  return text.trim() === "" ? undefined : text;
}

/** An input that is a switch. @throws {UsageError} when it is neither `true` nor `false`. */
export function isOn(env: ReadEnv, name: InputName, fallback: boolean): boolean {
  const text = inputText(env, name)?.trim();
  return text === undefined ? fallback : onOrOff(text, `input ${name}`);
}

/** The token of the input, also when nothing else has one: then the input is what is missing. Undefined when a variable has it. */
export function givenToken(env: ReadEnv): { token: string; tokenPlace: string } | undefined {
  const token = inputText(env, "token");
  const variables = ["MOGPLEX_API_KEY", "MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE"];
  if (token === undefined && variables.some((name) => env(name)?.trim())) return undefined;
  return { token: token ?? "", tokenPlace: "input token" };
}

function inputOf(variable: string): InputName | undefined {
  const names = Object.keys(ACTION_INPUTS) as InputName[];
  return names.find((name) => ACTION_INPUTS[name] === variable);
}

/** Reads the environment so that an input wins over the variable of ours that it replaces. */
export function inputsFirst(env: ReadEnv): ReadEnv {
  return (variable) => {
    if (!variable.startsWith("MOGPLEX_")) return env(variable);
    const name = inputOf(variable);
    const text = name && inputText(env, name);
    if (text !== undefined) return text;
    const hidden = GROUPS.some(([input, names]) => names.includes(variable) && inputText(env, input) !== undefined);
    if (hidden) return undefined;
    // The agent's branch is a new one unless the step says otherwise.
    return variable === "MOGPLEX_CREATE_BRANCH" ? env(variable) || "true" : env(variable);
  };
}

/**
 * A reader of options that looks at the inputs first, and names them in its messages.
 *
 * @param env The process's own environment.
 * @param otherwise Reads any other option.
 */
export function inputReader(env: ReadEnv, otherwise: ReadOption): ReadOption {
  return (option) => {
    const { variable, parse } = option;
    const name = option.name === IDEMPOTENCY_KEY.name ? IDEMPOTENCY_INPUT : variable && inputOf(variable.name);
    const text = name && inputText(env, name)?.trim();
    return text === undefined ? otherwise(option) : parse(text, `input ${name}`);
  };
}

const IDEMPOTENCY_INPUT: InputName = "idempotency-key";
