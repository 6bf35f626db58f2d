/** The recipes for GitHub Actions and Forgejo that have one job with a follower and a clean-up, and what they are started with. */
import { readFileSync } from "node:fs";
import { built } from "../../../built.ts";
import { REPO } from "../../processes/world/service.ts";
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
  "github-actions/codemod-matrix.yml": { matrix: { repository: { name: "api", id: REPO } } },
  "forgejo/cleanup.yml": { marks: { GITEA_ACTIONS: "true", FORGEJO_ACTIONS: "true" } },
};

/** Files of a repository with a copy of the action. */
export const WITH_ACTION: Readonly<Record<string, string>> = Object.fromEntries(
  ["action.yml", "main.mjs", "post.mjs"].map((
    name,
  ) => [`action/${name}`, readFileSync(built(`action/${name}`), "utf8")]),
);

/** Recipes with the action, by file below `examples/`, and the file of the same recipe without it. */
export const ACTION_RECIPES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(RECIPES).filter((file) => file.startsWith("github-actions/"))
    .map((file) => [file.replace(/yml$/, "action.yml"), file]),
);

let runs = 0;

/** A workflow run of its own. */
export function newRun(): JobOptions {
  return { runId: String(++runs) };
}

/** What a recipe is started with for a scenario, in a workflow run of its own. */
export function optionsOf(file: string, scenario: string): JobOptions {
  const task = `Rename the option <${scenario}>`;
  return { ...newRun(), inputs: { task }, files: WITH_ACTION, ...RECIPES[ACTION_RECIPES[file] ?? file] };
}
