/**
 * GitLab CI.
 *
 * @module
 */
import { escapeLoggingData, escapeServiceMessage, escapeWorkflowData, escapeWorkflowProperty } from "../text/escape.ts";
import {
  type AnnotationLevel,
  definePlatform,
  type Fence,
  JOB_VARIABLE,
  type Platform,
  type PlatformTable,
  type ReadEnv,
} from "./platform.ts";

function marker(word: string, wallTimeMs: number, name: string): string {
  return `\x1b[0Ksection_${word}:${Math.floor(wallTimeMs / 1_000)}:${name}`;
}

/**
 * Whether the runner writes a time before each line: `FF_TIMESTAMPS` if it is set, else from 18.7 on. The same flag in the runner's own
 * file cannot be seen from a job.
 *
 * Source: GitLab Runner 18.7, release notes, and helpers/featureflags, `IsOn`: a value that Go's `strconv.ParseBool` does not take is off.
 */
function stampsLines(env: ReadEnv): boolean {
  const flag = env("FF_TIMESTAMPS");
  if (flag) return /^(?:1|t|T|TRUE|true|True)$/.test(flag);
  const [, major = 0, minor = 0] = /^v?(\d+)\.(\d+)/.exec(env("CI_RUNNER_VERSION") ?? "")?.map(Number) ?? [];
  return major > 18 || major === 18 && minor >= 7;
}

/**
 * `CI_JOB_ID` is new for every retry; `CI_PIPELINE_ID` and `CI_JOB_NAME` stay the same.
 *
 * Its log has sections and no other commands; variables reach later jobs as an artifact (`outputs.env`, `reports: dotenv`).
 *
 * In `after_script`, `CI_JOB_STATUS` is `success`, `failed` or `canceled`; with runners from 17.0 it can also be `running` or
 * `timedout`. Source: GitLab, "Predefined CI/CD variables"; gitlab-runner, its executors.
 */
export const gitlab: Platform = definePlatform({
  name: "gitlab",
  showsColours: true,
  server: ["CI_SERVER_URL"],
  project: ["CI_PROJECT_ID"],
  pipeline: ["CI_PIPELINE_ID"],
  job: ["CI_JOB_NAME"],
  node: ["CI_NODE_INDEX+CI_NODE_TOTAL"],
  attempt: ["CI_JOB_ID"],
  created: ["CI_PIPELINE_CREATED_AT"],
  schedule: ["CI_PIPELINE_SCHEDULE_DESCRIPTION"],
  state: ["CI_JOB_STATUS"],
  remote: "{CI_PROJECT_URL}.git",
  links: {
    job: "{CI_JOB_URL}",
    pipeline: "{CI_PIPELINE_URL}",
    commit: "{CI_PROJECT_URL}/-/commit/{CI_COMMIT_SHA}",
    // Source: GitLab, "Job artifacts", "Access the latest job artifacts": files that can be looked at are below `/artifacts/file/`.
    file: "{CI_JOB_URL}/artifacts/file/",
  },
  // Three for the note on the merge request: see `mergeRequestOf` in lib/report/gitlab_note.ts.
  reads: [
    "CI_API_V4_URL",
    "CI_MERGE_REQUEST_IID",
    "CI_MERGE_REQUEST_PROJECT_ID",
    "CI_PROJECT_VISIBILITY",
    "CI_RUNNER_VERSION",
    "FF_TIMESTAMPS",
  ],
  stampsLines,
  // A process has 6 s in the docker executor, more in all others. Source: GitLab Runner 18.11, shells/bash.go,
  // `ContainerSigTermScriptForLinux`.
  interruptMs: 6_000,
  log: ["section"],
  // Source: GitLab, "Job logs", custom collapsible sections.
  section: (name, header, wallTimeMs, folded) => ({
    open: `${marker("start", wallTimeMs, name + (folded ? "[collapsed=true]" : ""))}\r\x1b[0K${header}`,
    close: (endMs) => `${marker("end", endMs, name)}\r\x1b[0K`,
  }),
});

// GitHub Actions.

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
const githubTable = {
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

// Azure Pipelines.

/**
 * A retried stage or job keeps the build id and has a higher attempt number; a job of a matrix has a position.
 * Source: Azure Pipelines, "Use predefined variables"; for schedules "Configure schedules for pipelines".
 *
 * Source of its commands: Azure Pipelines, "Logging commands". It has no notices, so a notice is printed as a line of the log.
 * `setOutput` sets output variables: a later step reads `<step>.MOGPLEX_RUN_ID`, a later job reads it through `dependencies`, and
 * the job's own variables keep their values. `showSummary` needs an absolute path.
 */
export const azure: Platform = definePlatform({
  name: "azure_pipelines",
  showsColours: true,
  server: ["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"],
  project: ["SYSTEM_TEAMPROJECTID", "SYSTEM_TEAMPROJECT"],
  pipeline: ["BUILD_BUILDID"],
  job: ["SYSTEM_STAGENAME+SYSTEM_PHASENAME+SYSTEM_JOBNAME", "SYSTEM_JOBNAME", "AGENT_JOBNAME"],
  node: ["SYSTEM_JOBPOSITIONINPHASE+SYSTEM_TOTALJOBSINPHASE"],
  attempt: ["SYSTEM_STAGEATTEMPT+SYSTEM_PHASEATTEMPT+SYSTEM_JOBATTEMPT", "SYSTEM_JOBATTEMPT"],
  created: ["SYSTEM_PIPELINESTARTTIME"],
  schedule: ["BUILD_CRONSCHEDULE_DISPLAYNAME"],
  state: ["AGENT_JOBSTATUS"],
  links: {
    job:
      "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}/{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}&view=logs&j={SYSTEM_JOBID}",
    pipeline: "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}/{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
  },
  maskCommand: "task.setsecret",
  log: ["legacy"],
  section: (_name, header) => ({ open: `##[group]${header}`, close: () => "##[endgroup]" }),
  annotate(level, title, text) {
    if (level === "notice") return `${title}: ${text}`;
    return `##vso[task.logissue type=${level}]${escapeLoggingData(`${title}: ${text}`)}`;
  },
  setOutput: (name, value) => `##vso[task.setvariable variable=${name};isOutput=true]${escapeLoggingData(value)}`,
  showSummary: (path) => `##vso[task.uploadsummary]${escapeLoggingData(path)}`,
});

// Bitbucket Pipelines.

/**
 * A failed step that is rerun keeps the ids of pipeline and step, and `BITBUCKET_STEP_RUN_NUMBER` rises; a rerun pipeline has a
 * new id. A step has no name, only a UUID that is new in every pipeline: with the key scope `day` no run would ever be found
 * again, unless `MOGPLEX_CI_JOB` names the step. `BITBUCKET_EXIT_CODE` is set in `after-script` only.
 * Source: Bitbucket, "Variables and secrets".
 *
 * Variables reach later steps through a file, if the step lists them in `output-variables` (Source: Bitbucket, "Step options").
 * Its log has no commands.
 */
export const bitbucket: Platform = definePlatform({
  name: "bitbucket",
  server: ["BITBUCKET_GIT_HTTP_ORIGIN"],
  serverOrigin: true,
  project: ["BITBUCKET_REPO_UUID", "BITBUCKET_REPO_FULL_NAME"],
  pipeline: ["BITBUCKET_PIPELINE_UUID", "BITBUCKET_BUILD_NUMBER"],
  job: [JOB_VARIABLE, "BITBUCKET_STEP_UUID"],
  node: ["BITBUCKET_PARALLEL_STEP+BITBUCKET_PARALLEL_STEP_COUNT"],
  attempt: ["BITBUCKET_STEP_UUID+BITBUCKET_STEP_RUN_NUMBER"],
  state: ["BITBUCKET_EXIT_CODE"],
  variables: "BITBUCKET_PIPELINES_VARIABLES_PATH",
  links: {
    job: "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}/steps/{BITBUCKET_STEP_UUID}",
    pipeline: "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
    commit: "{BITBUCKET_GIT_HTTP_ORIGIN}/commits/{BITBUCKET_COMMIT}",
  },
});

// Buildkite.

/**
 * A retried job is a new job of the same build and step (`BUILDKITE_RETRY_COUNT` counts the retries); a rebuild is a new build.
 * The exit status is set only in hooks that run after the command. Source: Buildkite, "Environment variables".
 *
 * Its log has groups (Source: Buildkite, "Managing log output"). Annotations and meta-data need the program `buildkite-agent`.
 * The toolkit runs no other program, so the pipeline has to pass `summary.md` and `outputs.env` to it.
 */
export const buildkite: Platform = definePlatform({
  name: "buildkite",
  showsColours: true,
  server: ["BUILDKITE_BUILD_URL"],
  serverOrigin: true,
  project: ["BUILDKITE_ORGANIZATION_SLUG+BUILDKITE_PIPELINE_SLUG"],
  pipeline: ["BUILDKITE_BUILD_ID"],
  job: ["BUILDKITE_STEP_KEY", "BUILDKITE_STEP_ID"],
  // Nodes of a matrix differ only in their label.
  node: ["BUILDKITE_PARALLEL_JOB+BUILDKITE_PARALLEL_JOB_COUNT+BUILDKITE_LABEL", "BUILDKITE_LABEL"],
  attempt: ["BUILDKITE_JOB_ID"],
  state: ["BUILDKITE_COMMAND_EXIT_STATUS"],
  remote: "{BUILDKITE_REPO}",
  links: { job: "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", pipeline: "{BUILDKITE_BUILD_URL}" },
  // Source: Buildkite, "buildkite-agent redactor".
  maskCommand: "buildkite-agent redactor add",
  log: ["group"],
  // A group lasts until the next one.
  section: (_name, header, _ms, folded) => ({ open: `${folded ? "---" : "+++"} ${header}`, close: () => "" }),
});

// CircleCI.

/**
 * A workflow that is rerun from its failed jobs is a new workflow with the workspace of the old one; a new pipeline has a new
 * workspace. Source: CircleCI, "Project values and variables", "Rerun a workflow's failed jobs".
 *
 * Its log has no commands. Variables reach later steps only through `BASH_ENV`, which the shell runs as code, so the toolkit
 * writes nothing there; a later step can read `outputs.env` as data.
 */
export const circle: Platform = definePlatform({
  name: "circle",
  showsColours: true,
  server: ["CIRCLE_BUILD_URL"],
  serverOrigin: true,
  project: ["CIRCLE_PROJECT_ID", "CIRCLE_PROJECT_USERNAME+CIRCLE_PROJECT_REPONAME"],
  pipeline: ["CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_PIPELINE_ID"],
  job: ["CIRCLE_JOB"],
  node: ["CIRCLE_NODE_INDEX+CIRCLE_NODE_TOTAL"],
  attempt: ["CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_NUM"],
  links: { job: "{CIRCLE_BUILD_URL}" },
});

// Forgejo Actions.

/**
 * Like Gitea, whose mark it also sets, so `detectPlatform` must look for Forgejo first; runners before 7.0 set only Gitea's mark.
 * Its runner sets every variable under GitHub's name as well.
 * Source: Forgejo, "Forgejo Actions reference", variables; forgejo, models/actions/run.go, HTMLURL (pages have run numbers).
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

// Gitea Actions.

/**
 * Its runner sets GitHub's variables and its own mark, reads GitHub's files, and obeys a part of GitHub's commands; annotations
 * are shown as lines of the log. The address of a run contains `GITHUB_RUN_NUMBER` in some versions and `GITHUB_RUN_ID` in
 * others, so there is no link to it.
 * Source: gitea, services/actions/context.go; act_runner, internal/app/run/runner.go.
 */
export const gitea: Platform = definePlatform({
  ...githubTable,
  name: "gitea",
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: { commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}" },
});

// Jenkins.

/**
 * A build that is replayed or restarted from a stage has a new number. The environment does not show `retry` inside a pipeline,
 * so there is no attempt. It does not show the cells of a declarative `matrix` either, whose axes are variables of any name:
 * `--key-part` distinguishes them. Steps of `post` pass `MOGPLEX_JOB_STATUS` from `currentBuild.currentResult`.
 * Source: Jenkins, "Using environment variables" (`env-vars.html` of every server), "Pipeline syntax", matrix.
 *
 * Its log has no commands. A later stage can read `outputs.env` with `readProperties`.
 */
export const jenkins: Platform = definePlatform({
  name: "jenkins",
  server: ["JENKINS_URL"],
  project: ["JOB_NAME"],
  pipeline: ["BUILD_ID", "BUILD_NUMBER"],
  job: ["STAGE_NAME", "JOB_NAME"],
  hidesNode: true,
  links: { pipeline: "{BUILD_URL}" },
});

// TeamCity.

// `message` with status ERROR fails a build only if its failure conditions say so. `buildProblem` would always fail it, even
// when the caller accepts the exit code.
const STATUSES: Record<AnnotationLevel, string> = { notice: "NORMAL", warning: "WARNING", error: "ERROR" };

function serviceMessage(name: string, attributes: Record<string, string>): string {
  const values = Object.entries(attributes).map(([key, value]) => ` ${key}='${escapeServiceMessage(value)}'`);
  return `##teamcity[${name}${values.join("")}]`;
}

/**
 * A rerun is a new build, and nothing in the environment connects it with the old one. `BUILD_URL` exists since 2022.04.
 * Source: TeamCity, "List of predefined build parameters".
 *
 * Source of its commands: TeamCity, "Service messages". `setOutput` sets an environment variable of later steps, which is also a
 * parameter (`%dep.<build>.env.MOGPLEX_RUN_ID%`) of builds that depend on this one.
 */
export const teamcity: Platform = definePlatform({
  name: "teamcity",
  showsColours: true,
  server: ["BUILD_URL"],
  serverOrigin: true,
  project: ["TEAMCITY_PROJECT_NAME"],
  pipeline: ["BUILD_URL", "BUILD_NUMBER"],
  job: ["TEAMCITY_BUILDCONF_NAME"],
  attempt: ["BUILD_NUMBER"],
  links: { pipeline: "{BUILD_URL}" },
  log: ["legacy"],
  section: (name, header) => ({
    open: serviceMessage("blockOpened", { name, description: header }),
    close: () => serviceMessage("blockClosed", { name }),
  }),
  annotate: (level, title, text) => serviceMessage("message", { text: `${title}: ${text}`, status: STATUSES[level] }),
  setOutput: (name, value) => serviceMessage("setParameter", { name: `env.${name}`, value }),
});

// Woodpecker CI.

/**
 * A restarted pipeline is a new one with a new number (`CI_PIPELINE_PARENT` names its predecessor, but not the first of the
 * series), and steps are never retried within a pipeline: its number is also the attempt. Each node of a matrix is a workflow
 * with its own number.
 * Source: Woodpecker, "Environment variables"; woodpecker, pipeline/frontend/metadata/environment.go and server/pipeline/restart.go.
 *
 * Its log has no commands. Steps share only their workspace, where a later step can read `outputs.env`.
 */
export const woodpecker: Platform = definePlatform({
  name: "woodpecker",
  showsColours: true,
  server: ["CI_SYSTEM_URL"],
  project: ["CI_REPO"],
  pipeline: ["CI_PIPELINE_NUMBER"],
  job: ["CI_WORKFLOW_NAME+CI_STEP_NAME", "CI_STEP_NAME"],
  node: ["CI_WORKFLOW_NUMBER"],
  attempt: ["CI_PIPELINE_NUMBER"],
  created: ["CI_PIPELINE_CREATED"],
  links: { job: "{CI_STEP_URL}", pipeline: "{CI_PIPELINE_URL}", commit: "{CI_PIPELINE_FORGE_URL}" },
});
