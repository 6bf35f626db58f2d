/**
 * GitHub Actions.
 *
 * @module
 */
import { definePlatform, type PlatformTable } from "../define.ts";
import { escapeWorkflowData, escapeWorkflowProperty } from "../../text/escape/workflow_command.ts";
import type { Fence, Platform, ReadEnv } from "../platform.ts";

/** Source: GitHub, "Workflow commands", stopping and starting; actions/runner, ActionCommandManager. */
function fence(): Fence {
  const token = crypto.randomUUID();
  return { open: `::stop-commands::${token}`, close: `::${token}::` };
}

/**
 * The part of the table that GitHub shares with Gitea and Forgejo.
 *
 * The environment does not show three things. The node of a matrix, and the caller of a reusable workflow: two such jobs look
 * alike, and need `--key-part`. The time at which the workflow run was created: `date` is null. The state of the job: steps
 * pass `MOGPLEX_JOB_STATUS: ${{ job.status }}`. A rerun keeps the id of the workflow run and has a higher attempt number.
 * Source: GitHub, "Variables reference", default environment variables; "Workflow commands" for all else.
 */
export const githubTable = {
  server: ["GITHUB_SERVER_URL"],
  project: ["GITHUB_REPOSITORY"],
  pipeline: ["GITHUB_RUN_ID"],
  job: ["GITHUB_JOB"],
  attempt: ["GITHUB_RUN_ATTEMPT"],
  hidesNode: true,
  showsColours: true,
  maskCommand: "add-mask",
  log: ["workflow", "legacy"],
  outputs: "GITHUB_OUTPUT",
  summary: "GITHUB_STEP_SUMMARY",
  // Groups do not nest: a second one ends the first.
  section: (_name, header) => ({ open: `::group::${escapeWorkflowData(header)}`, close: () => "::endgroup::" }),
  annotate: (level, title, text) => `::${level} title=${escapeWorkflowProperty(title)}::${escapeWorkflowData(text)}`,
  fence,
} as const satisfies Partial<PlatformTable>;

/**
 * Whether act invented the id of the workflow run: it is 1 in every run, so yesterday's run would be found again.
 * `act --env GITHUB_RUN_ID=…` sets another one. Source: nektos/act, pkg/runner/run_context.go, `ACT` and `getGithubContext`.
 */
function isInvented(env: ReadEnv): boolean {
  return env("ACT") === "true" && env("GITHUB_RUN_ID") === "1";
}

const table = definePlatform({
  ...githubTable,
  name: "github",
  reads: ["ACT", "GITHUB_EVENT_PATH"],
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: {
    pipeline: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
    commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}",
  },
});

/** See {@linkcode githubTable} for what its environment does not show. With act there is no pipeline to attach to. */
export const github: Platform = {
  ...table,
  identity: (env) => table.identity((name) => name === "GITHUB_RUN_ID" && isInvented(env) ? undefined : env(name)),
};
