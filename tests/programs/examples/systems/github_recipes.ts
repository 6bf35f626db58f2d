/** The recipes for GitHub Actions and Forgejo that have one job with a follower and a clean-up, and what they are started with. */
import { readFileSync } from "node:fs";
import { built } from "../../../built.ts";
import type { Machine } from "./machine.ts";
import type { JobOptions } from "./models/github_steps.ts";

/** `github.event.workflow_run` of a workflow that failed. */
export const workflowRun = {
  conclusion: "failure",
  head_repository: { full_name: "acme/web" },
  head_branch: "feature/login",
  head_sha: "0123456789abcdef0123456789abcdef01234567",
  html_url: "https://github.example/acme/web/actions/runs/7",
};

/** Recipes by file below `examples/`. */
export const RECIPES: Readonly<Record<string, Partial<JobOptions>>> = {
  "github-actions/weekly-cleanup.yml": {},
  "github-actions/fix-failing-ci.yml": { event: { workflow_run: workflowRun } },
  "github-actions/task-with-comment.yml": {},
  "github-actions/agent-with-retries.yml": {},
  "github-actions/codemod-matrix.yml": { matrix: { repository: { name: "api", path: "acme/web" } } },
  "forgejo/cleanup.yml": { marks: { GITEA_ACTIONS: "true", FORGEJO_ACTIONS: "true" } },
};

/** Files of a repository with a copy of the action. */
export const WITH_ACTION: Readonly<Record<string, string>> = Object.fromEntries(
  ["action.yml", "main.mjs", "post.mjs"].map((
    name,
  ) => [`action/${name}`, readFileSync(built(`action/${name}`), "utf8")]),
);

/** The recipe with the action, below `examples/`. */
export const ACTION_RECIPE = "github-actions/weekly-cleanup.action.yml";

/** The codes of a job's scripts. */
export const codesOf = ({ done }: Machine): (number | null)[] => done.map(({ code }) => code);

let runs = 0;

/** A separate workflow run. */
export function newRun(): JobOptions {
  return { runId: String(++runs) };
}

/** What a recipe is started with for a scenario, in a workflow run of its own. */
export function optionsOf(file: string, scenario: string): JobOptions {
  const task = `Rename the option <${scenario}>`;
  return { ...newRun(), inputs: { task }, files: WITH_ACTION, ...RECIPES[file] };
}
