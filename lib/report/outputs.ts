/**
 * The few values that later steps and jobs read: GitHub outputs, variables of other systems, GitLab's dotenv file.
 *
 * @module
 */
import { bareValue, renderDotenvFile } from "../text/escape/dotenv.ts";
import { githubRecord } from "../platforms/github_files.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { viewOf } from "../result/result_view.ts";
import type { RunResult } from "../result/run_result.ts";

// Public names, as GitHub output and as dotenv variable: changing one is a new major version.
const NAMES: Readonly<Record<OutputName, string>> = {
  run_id: "MOGPLEX_RUN_ID",
  status: "MOGPLEX_RUN_STATUS",
  outcome: "MOGPLEX_OUTCOME",
  branch: "MOGPLEX_BRANCH",
  pull_request_url: "MOGPLEX_PULL_REQUEST_URL",
  replayed: "MOGPLEX_REPLAYED",
};

/** Names of the dotenv variables. */
export const OUTPUT_VARIABLES: readonly string[] = Object.values(NAMES);

/** Name of an output. */
export type OutputName = "run_id" | "status" | "outcome" | "branch" | "pull_request_url" | "replayed";

/** Values of outputs; a name that is absent is not written. */
export type Outputs = Partial<Record<OutputName, string>>;

/**
 * All outputs of a result. An empty value means none or unknown. `run_id` may be the id of an automation run; `branch` is the
 * one that was pushed.
 */
export function outputsOf(result: RunResult | AutomationResult): Outputs {
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

/** Renders records to append to `GITHUB_OUTPUT`. Values that are not bare are left empty: people paste them into scripts. */
export function renderGithubOutputs(outputs: Outputs): string {
  return Object.entries(outputs).map(([name, value]) => githubRecord(name, bareValue(value))).join("");
}

/** Outputs as variables, `MOGPLEX_…`. Values that are not bare are left empty. */
export function outputVariables(outputs: Outputs): Record<string, string> {
  const entries = Object.entries(outputs).map(([name, value]) => [NAMES[name as OutputName], bareValue(value)]);
  return Object.fromEntries(entries);
}

/** Renders `outputs.env`. */
export function renderOutputsEnv(outputs: Outputs): string {
  return renderDotenvFile(outputVariables(outputs));
}

/** Renders all outputs of a result as `outputs.env`. */
export function renderDotenv(result: RunResult | AutomationResult): string {
  return renderOutputsEnv(outputsOf(result));
}
