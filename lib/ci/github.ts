/**
 * GitHub Actions, and the systems whose runners support its actions: Forgejo and Gitea. The program of the action imports only these systems.
 * @module
 */
import { escapeWorkflowData, escapeWorkflowProperty } from "../text/escape.ts";
import {
  definePlatform,
  type Fence,
  type Platform,
  type PlatformTable,
  type ReadEnv,
  type Systems,
} from "./platform.ts";

/** Source: GitHub, "Workflow commands", stopping and starting; actions/runner, ActionCommandManager. */
function fence(): Fence {
  const token = crypto.randomUUID();
  return { open: `::stop-commands::${token}`, close: `::${token}::` };
}

/**
 * The variables that GitHub, Gitea and Forgejo have in common.
 *
 * The environment does not show three things:
 * - The node of a matrix, and the caller of a reusable workflow. Jobs that differ only in these look alike, and need `--key-part`.
 * - The time at which the workflow run was created. `date` is `null`.
 * - The state of the job. Steps pass `MOGPLEX_JOB_STATUS: ${{ job.status }}`.
 *
 * A rerun keeps the id of the workflow run and has a higher attempt number. Source: GitHub, "Variables reference", default environment variables;
 * "Workflow commands".
 */
const githubTable = {
  server: ["GITHUB_SERVER_URL"],
  project: ["GITHUB_REPOSITORY"],
  pipeline: ["GITHUB_RUN_ID"],
  pipelineNoun: "workflow run",
  job: ["GITHUB_JOB"],
  attempt: ["GITHUB_RUN_ATTEMPT"],
  hidesNode: true,
  countsAttempts: true,
  showsColors: true,
  maskCommand: "add-mask",
  log: ["workflow", "legacy"],
  outputs: "GITHUB_OUTPUT",
  summary: "GITHUB_STEP_SUMMARY",
  // Groups do not nest. A second group ends the first.
  section: (_name, header) => ({ open: `::group::${escapeWorkflowData(header)}`, close: () => "::endgroup::" }),
  annotate: (level, title, text) => `::${level} title=${escapeWorkflowProperty(title)}::${escapeWorkflowData(text)}`,
  fence,
} as const satisfies Partial<PlatformTable>;

/**
 * Whether act invented the id of the workflow run. The id is then 1 in every workflow run, so a new job would find the Mogplex run of an earlier job.
 * `act --env GITHUB_RUN_ID=…` sets another id. Source: nektos/act, pkg/runner/run_context.go, `ACT` and `getGithubContext`.
 */
function isInvented(env: ReadEnv): boolean {
  return env("ACT") === "true" && env("GITHUB_RUN_ID") === "1";
}

const table = definePlatform({
  ...githubTable,
  name: "github",
  reads: ["ACT", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH"],
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: {
    pipeline: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
    commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}",
  },
});

const withoutInvented = (env: ReadEnv): ReadEnv => (name) =>
  name === "GITHUB_RUN_ID" && isInvented(env) ? undefined : env(name);

/**
 * See {@linkcode githubTable} for what the environment does not show. If act invented the id of the workflow run, the pipeline has no id and no link,
 * so jobs do not find earlier runs.
 */
export const github: Platform = {
  ...table,
  identity: (env) => table.identity(withoutInvented(env)),
  links: (env) => table.links(withoutInvented(env)),
};

/**
 * Forgejo also sets Gitea's mark, so `detectPlatform` must look for Forgejo first. Runners before 7.0 set only Gitea's mark. The runner sets every
 * variable under GitHub's name as well. Source: Forgejo, "Forgejo Actions reference", variables; forgejo, models/actions/run.go, HTMLURL (the address
 * contains the run number).
 */
export const forgejo: Platform = definePlatform({
  ...githubTable,
  name: "forgejo",
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: {
    pipeline: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}",
    commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}",
  },
});

/**
 * The runner sets GitHub's variables and its own mark, reads GitHub's files, and obeys some of GitHub's commands. Annotations appear as lines of the
 * log. The address of a run contains `GITHUB_RUN_NUMBER` in some versions and `GITHUB_RUN_ID` in others, so there is no link to the run. Source:
 * gitea, services/actions/context.go; act_runner, internal/app/run/runner.go.
 */
export const gitea: Platform = definePlatform({
  ...githubTable,
  name: "gitea",
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: { commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}" },
});

export const ONLY_GITHUB: Systems = {
  detect(env) {
    if (env("FORGEJO_ACTIONS")) return forgejo;
    return env("GITEA_ACTIONS") ? gitea : github;
  },
  variables() {
    const marks = ["CI", "FORGEJO_ACTIONS", "GITEA_ACTIONS", "GITHUB_ACTIONS"];
    return [...new Set([...marks, ...[forgejo, gitea, github].flatMap((each) => each.variables)])].sort();
  },
};
