/**
 * The outputs for later steps and jobs: GitHub outputs, variables of other systems, GitLab's dotenv file.
 *
 * @module
 */
import { bareValue, renderDotenvFile } from "../text/escape/dotenv.ts";
import { githubRecord } from "../platforms/github_files.ts";
import type { AnyResult } from "../result/any_result.ts";
import { viewOf } from "../result/result_view.ts";

// Public names of the GitHub output and the dotenv variable: a change is a new major version.
const NAMES: Readonly<Record<OutputName, string>> = {
  run_id: "MOGPLEX_RUN_ID",
  status: "MOGPLEX_RUN_STATUS",
  outcome: "MOGPLEX_OUTCOME",
  branch: "MOGPLEX_BRANCH",
  pull_request_url: "MOGPLEX_PULL_REQUEST_URL",
  replayed: "MOGPLEX_REPLAYED",
};

/** The names of all dotenv variables. */
export const OUTPUT_VARIABLES: readonly string[] = Object.values(NAMES);

/** Name of a GitHub output. */
export type OutputName = "run_id" | "status" | "outcome" | "branch" | "pull_request_url" | "replayed";

/** Values by output; an absent output is not written. */
export type Outputs = Partial<Record<OutputName, string>>;

/**
 * All outputs of a result. An empty value means none or unknown. `run_id` may be the id of an automation run; `branch` is the
 * one that was pushed.
 */
export function outputsOf(result: AnyResult): Outputs {
  const { runId, status, outcome, git, replayed } = viewOf(result);
  return {
    run_id: runId ?? "",
    status: status ?? "",
    outcome,
    branch: git?.branch.pushed ?? "",
    pull_request_url: git?.pullRequest.url ?? "",
    replayed: replayed === null ? "" : String(replayed),
  };
}

/** Renders records to append to `GITHUB_OUTPUT`, at the start of a line. A value that is not bare becomes empty, since people paste outputs into scripts. */
export function renderGithubOutputs(outputs: Readonly<Partial<Record<string, string>>>): string {
  return Object.entries(outputs).map(([name, value = ""]) => githubRecord(name, bareValue(value))).join("");
}

/** Outputs by the name of their variable, `MOGPLEX_…`. A value that is not bare becomes empty. */
export function outputVariables(outputs: Outputs): Record<string, string> {
  const entries = Object.entries(outputs).map(([name, value]) => [NAMES[name as OutputName], bareValue(value)]);
  return Object.fromEntries(entries);
}

/** Renders `outputs.env`, one `NAME=value` a line. */
export function renderOutputsEnv(outputs: Outputs): string {
  return renderDotenvFile(outputVariables(outputs));
}

/** Renders `outputs.env` with all outputs of a result. */
export function renderDotenv(result: AnyResult): string {
  return renderOutputsEnv(outputsOf(result));
}
