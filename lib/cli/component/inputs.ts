/**
 * Passes the inputs of a GitLab component to the verbs. For an input that corresponds to a variable `MOGPLEX_…`, the template sets a variable
 * `MOGPLEX_INPUT_…`. If the template set `MOGPLEX_…` itself, a project variable of the same name would override the input, and an empty input would
 * hide a variable that the user set for the whole pipeline. Source: GitLab, "CI/CD variable precedence".
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import { findsAgain } from "../../run/key.ts";
import { RETRY_JOB } from "../../ci/gitlab_retry.ts";
import { type VariableName, VARIABLES } from "../../variables.ts";
import {
  AFTER,
  CHECKS,
  FIX,
  HISTORY,
  IDEMPOTENCY_KEY,
  KEY_PART,
  KEY_SCOPE,
  MENTION_NAME,
  PROMPT_FILE,
  REPO,
  RESULT,
  RESULT_RETRIES,
  RESUME,
  SCHEMA,
  SINCE,
  TIMEOUT,
  wholeNumber,
} from "../options.ts";
import { inputWords, type VerbFlag, type Vocabulary } from "../verb.ts";

const PREFIX = "MOGPLEX_INPUT_";

function inputVariable(name: string): string {
  return name.replace(/^MOGPLEX_/, PREFIX);
}

/** Time limit of the job's script. The template also passes this value to the runner, as RUNNER_SCRIPT_TIMEOUT. */
const MINUTES = `${PREFIX}TIMEOUT_MINUTES`;
const FOLLOW = `${PREFIX}FOLLOW`;
const FLAGS: readonly VerbFlag[] = [
  RESUME,
  IDEMPOTENCY_KEY,
  CHECKS,
  SINCE,
  AFTER,
  FIX,
  RESULT,
  SCHEMA,
  RESULT_RETRIES,
  HISTORY,
];

export function flagVariable({ name }: Pick<VerbFlag, "name">): string {
  return PREFIX + name.toUpperCase().replaceAll("-", "_");
}

export const INPUT_VARIABLES: readonly string[] = [
  ...VARIABLES.map(inputVariable),
  MINUTES,
  FOLLOW,
  ...FLAGS.map(flagVariable),
];

/** `variable` is `null` if the input has no `MOGPLEX_…` variable. */
export type InputPattern = readonly [variable: VariableName | null, input: string, pattern: RegExp];

export const TOKEN_PATTERN: InputPattern = ["MOGPLEX_TOKEN_VARIABLE", "token-variable", /^[A-Z_][A-Z0-9_]{0,63}$/];

/** The component `dashboard` writes no history, so its input `history` accepts glob patterns. */
export const DASHBOARD_PATTERNS: readonly InputPattern[] = [TOKEN_PATTERN];

/**
 * GitLab checks inputs itself, but a project or pipeline variable with the name of an input's variable overrides the input without a check. The
 * message does not contain the value, which may be a token.
 * @param patterns The patterns of the component. An input of the same name can have a different pattern in another component.
 */
export function checkInputs(env: ReadEnv, patterns: readonly InputPattern[]): void {
  for (const [variable, input, pattern] of patterns) {
    const inputName = flagVariable({ name: input });
    // If the input is empty, the `MOGPLEX_…` variable is used. Other users may also have set the variable, so its value is also checked.
    const name = variable === null || env(inputName) ? inputName : variable;
    const value = env(name) ?? "";
    if (value === "" || pattern.test(value)) continue;
    throw new UsageError({
      attempted: `use input ${input}`,
      why: `it must match ${pattern.source}`,
      advice: `unset ${name} if the project or the pipeline sets it`,
    });
  }
}

const PROJECT_PATH = "CI_PROJECT_PATH";

const JOB_LIMIT = "CI_JOB_TIMEOUT";

export const JOB_VARIABLES: readonly string[] = ["CI_PROJECT_DIR", JOB_LIMIT, PROJECT_PATH];

// A job waits at most one day. Runners hosted by GitLab.com allow 3 hours.
const MAX_MINUTES = 24 * 60;
// Time for unpacking before the wait, and for cancelling the run and writing the reports and the note after the wait.
const RESERVE_SECONDS = 120;
// Time for starting the job, running `after_script` (two minutes) and uploading the artifacts.
const JOB_RESERVE_SECONDS = 240;
// How much longer the input `job-timeout` should be than `timeout-minutes`, as the description of the input recommends.
const JOB_EXTRA_MINUTES = 10;

/** GitLab's time limit of the job, which includes the runner's own maximum. Source: GitLab, "Predefined CI/CD variables". */
function jobSeconds(env: ReadEnv): number {
  const seconds = Number(env(JOB_LIMIT));
  return seconds > 0 ? seconds : Infinity;
}

function secondsInJob(env: ReadEnv): number {
  const seconds = jobSeconds(env);
  return Math.max(seconds - JOB_RESERVE_SECONDS, seconds / 2);
}

function scriptSeconds(env: ReadEnv): number | undefined {
  const text = env(MINUTES);
  const minutes = text === undefined ? Infinity : wholeNumber(1, MAX_MINUTES)(text, "input timeout-minutes");
  const least = Math.min(minutes * 60, secondsInJob(env));
  return Number.isFinite(least) ? Math.floor(least) : undefined;
}

/**
 * A warning if GitLab can terminate the job before its script reaches the time limit. A terminated job runs no cleanup and writes no reports. This is
 * not an error, because the tool stops waiting before GitLab terminates the job.
 */
export function limitNotice(env: ReadEnv): string | undefined {
  const minutes = Number(env(MINUTES));
  const script = secondsInJob(env);
  if (!(minutes * 60 > script)) return undefined;
  const whole = (seconds: number) => Math.floor(seconds / 60);
  return `input timeout-minutes is ${minutes}, but GitLab stops this job after ${whole(jobSeconds(env))} minutes. ` +
    `Cleanup and reports leave ${whole(script)} min for the script. ` +
    `Set input job-timeout to ${minutes + JOB_EXTRA_MINUTES} minutes, or choose a runner that allows longer jobs`;
}

/**
 * The seconds to wait: the input, or the longest wait that the limits of the script and the job allow. Waiting ends before the script reaches its
 * limit.
 */
function timeout(env: ReadEnv): string | undefined {
  const input = env(inputVariable(TIMEOUT.variable))?.trim() ?? "";
  const seconds = ["", "0"].includes(input) ? undefined : input;
  const script = scriptSeconds(env);
  if (script === undefined) return seconds ?? env(TIMEOUT.variable);
  const most = script - Math.min(RESERVE_SECONDS, Math.floor(script / 2));
  if (Number(seconds) > most) {
    throw new UsageError({
      attempted: `wait ${seconds} seconds (input timeout)`,
      why: `the script is limited to ${script} seconds`,
      advice:
        `wait at most ${most} seconds, or allow more time (inputs timeout-minutes and job-timeout, maximum of the runner)`,
    });
  }
  return seconds ?? String(most);
}

const GROUPS: readonly (readonly string[])[] = [["MOGPLEX_PROMPT", PROMPT_FILE.variable]];

/** These variables are ignored if the input `idempotency-key` is set. The input for the scope has a default, so its variable is always set. */
const DERIVED: readonly string[] = [KEY_SCOPE.variable, KEY_PART.variable];

/**
 * Reads the environment so that an input overrides the variable with the same purpose. An empty input is treated as unset. The default repository is
 * the path of the project, as in the jobs that `init` writes. The component `respond` requests the path from GitLab instead.
 */
export function inputsFirst(env: ReadEnv): ReadEnv {
  return (name) => {
    if (name === TIMEOUT.variable) return timeout(env);
    if (name === REPO.variable && !isRespond(env)) {
      return [inputVariable(name), name, PROJECT_PATH].map(env).find((value) => (value ?? "").trim() !== "");
    }
    if (DERIVED.includes(name) && flagInput(env, IDEMPOTENCY_KEY) !== undefined) return undefined;
    const input = env(inputVariable(name)) || undefined;
    if (!name.startsWith("MOGPLEX_") || input !== undefined) return input ?? env(name);
    const group = GROUPS.find((names) => names.includes(name)) ?? [];
    return group.some((other) => env(inputVariable(other))) ? undefined : env(name);
  };
}

export function isFollowed(env: ReadEnv): boolean {
  return env(FOLLOW) !== "false";
}

export function isRespond(env: ReadEnv): boolean {
  return env(inputVariable(MENTION_NAME.variable)) !== undefined;
}

export function flagInput(env: ReadEnv, flag: VerbFlag): string | undefined {
  return (FLAGS.includes(flag) && env(flagVariable(flag))?.trim()) || undefined;
}

/** Other users may enter the path of the task in a form, so the file must be inside the project. */
export function checkPromptFile(env: ReadEnv): void {
  const path = env(PROMPT_FILE.variable)?.trim() ?? "";
  const project = env("CI_PROJECT_DIR") ?? "";
  // The runner writes the value of a variable of type File to this path.
  if (project !== "" && path === `${project}.tmp/MOGPLEX_PROMPT_FILE`) return;
  const inside = !path.startsWith("/") || (project !== "" && path.startsWith(`${project.replace(/\/+$/, "")}/`));
  if (inside && !path.split("/").includes("..")) return;
  throw new UsageError({
    attempted: "read prompt",
    why: 'input prompt-file must be a path inside the project, without ".."',
    value: JSON.stringify(path),
  });
}

export function componentVocabulary(verb: string, env: ReadEnv): Vocabulary {
  return {
    program: "the job",
    ...inputWords(
      "set the variable MOGPLEX_REPO_ID or the input repo-id, such as acme-gh/$CI_PROJECT_NAME (default: the path of the project)",
      "the inputs timeout-minutes and job-timeout",
    ),
    repo: "input repo-id or variable MOGPLEX_REPO_ID",
    runId: "input run-id, or variable MOGPLEX_RUN_ID",
    resume({ resume, outcome, runId }) {
      if (resume === null) return null;
      const retry = outcome !== "started" && (verb === "follow" || findsAgain(env(KEY_SCOPE.variable)?.trim() ?? ""));
      return { instruction: retry ? RETRY_JOB : `set the input run-id of the component follow to ${runId}` };
    },
    // With a fixed key or run id, a retried job would find the cancelled run again.
    restart: isRespond(env) || env(flagVariable(IDEMPOTENCY_KEY))?.trim() || env("MOGPLEX_RUN_ID")?.trim()
      ? undefined
      : RETRY_JOB,
  };
}
