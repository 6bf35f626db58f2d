import { escapeLoggingData, escapeServiceMessage } from "../text/escape.ts";
import { type AnnotationLevel, definePlatform, JOB_VARIABLE, type Platform } from "./platform.ts";

/**
 * A retried stage or job keeps the build id and has a higher attempt number. The jobs of a matrix differ in their position in the phase. Source:
 * Azure Pipelines, "Use predefined variables" and, for schedules, "Configure schedules for pipelines".
 *
 * There is no command for notices, so a notice is printed as a line of the log. `setOutput` sets output variables: a later step reads
 * `<step>.MOGPLEX_RUN_ID`, and a later job reads it through `dependencies`. The job's own variables keep their values. `showSummary` needs an
 * absolute path. Source: Azure Pipelines, "Logging commands".
 */
export const azure: Platform = definePlatform({
  name: "azure_pipelines",
  showsColors: true,
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

/**
 * A failed step that is run again keeps the ids of its pipeline and step, and has a higher `BITBUCKET_STEP_RUN_NUMBER`. A pipeline that is run again
 * has a new id. A step has no name, only a UUID that is new in every pipeline. With the key scope `day`, no run would ever be found again, unless
 * `MOGPLEX_CI_JOB` is set. `BITBUCKET_EXIT_CODE` is set only in `after-script`. Source: Bitbucket, "Variables and secrets".
 *
 * Variables reach later steps through a file, if the step lists them in `output-variables`. The log does not support commands. Source: Bitbucket,
 * "Step options".
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

/**
 * A retried job is a new job of the same build and step (`BUILDKITE_RETRY_COUNT` counts the retries). A rebuild is a new build. The exit status is
 * set only in hooks that run after the command. Source: Buildkite, "Environment variables".
 *
 * The log supports groups. Annotations and meta-data need the program `buildkite-agent`. The toolkit does not run this program, so the pipeline must
 * pass `summary.md` and `outputs.env` to it. Source: Buildkite, "Managing log output".
 */
export const buildkite: Platform = definePlatform({
  name: "buildkite",
  showsColors: true,
  server: ["BUILDKITE_BUILD_URL"],
  serverOrigin: true,
  project: ["BUILDKITE_ORGANIZATION_SLUG+BUILDKITE_PIPELINE_SLUG"],
  pipeline: ["BUILDKITE_BUILD_ID"],
  job: ["BUILDKITE_STEP_KEY", "BUILDKITE_STEP_ID"],
  // The nodes of a matrix differ only in their label.
  node: ["BUILDKITE_PARALLEL_JOB+BUILDKITE_PARALLEL_JOB_COUNT+BUILDKITE_LABEL", "BUILDKITE_LABEL"],
  attempt: ["BUILDKITE_JOB_ID"],
  state: ["BUILDKITE_COMMAND_EXIT_STATUS"],
  remote: "{BUILDKITE_REPO}",
  links: { job: "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", pipeline: "{BUILDKITE_BUILD_URL}" },
  // Source: Buildkite, "buildkite-agent redactor".
  maskCommand: "buildkite-agent redactor add",
  log: ["group"],
  // A group lasts until the next group.
  section: (_name, header, _ms, folded) => ({ open: `${folded ? "---" : "+++"} ${header}`, close: () => "" }),
});

/**
 * A workflow that is run again from its failed jobs is a new workflow with the workspace of the earlier workflow. A new pipeline has a new workspace.
 * Source: CircleCI, "Project values and variables", "Rerun a workflow's failed jobs".
 *
 * The log does not support commands. Variables reach later steps only through `BASH_ENV`, which the shell runs as code, so the toolkit writes nothing
 * there. A later step can read `outputs.env` as data.
 */
export const circle: Platform = definePlatform({
  name: "circle",
  showsColors: true,
  server: ["CIRCLE_BUILD_URL"],
  serverOrigin: true,
  project: ["CIRCLE_PROJECT_ID", "CIRCLE_PROJECT_USERNAME+CIRCLE_PROJECT_REPONAME"],
  pipeline: ["CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_PIPELINE_ID"],
  job: ["CIRCLE_JOB"],
  node: ["CIRCLE_NODE_INDEX+CIRCLE_NODE_TOTAL"],
  attempt: ["CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_NUM"],
  links: { job: "{CIRCLE_BUILD_URL}" },
});

/**
 * A build that is replayed or restarted from a stage has a new number. The environment does not show `retry` inside a pipeline, so there is no
 * attempt number. It does not show the cells of a declarative `matrix` either, because the axes are variables of any name. `--key-part` distinguishes
 * the cells. Steps of `post` pass `MOGPLEX_JOB_STATUS` from `currentBuild.currentResult`. Source: Jenkins, "Using environment variables"
 * (`env-vars.html` of every server), "Pipeline syntax", matrix.
 *
 * The log does not support commands. A later stage can read `outputs.env` with `readProperties`.
 */
export const jenkins: Platform = definePlatform({
  name: "jenkins",
  server: ["JENKINS_URL"],
  project: ["JOB_NAME"],
  pipeline: ["BUILD_ID", "BUILD_NUMBER"],
  job: ["STAGE_NAME", "JOB_NAME"],
  hidesNode: true,
  rebuilds: true,
  links: { pipeline: "{BUILD_URL}" },
});

// `message` with status ERROR fails a build only if the failure conditions of the build require that. `buildProblem` would always fail the build,
// even if the caller accepts the exit code.
const STATUSES: Record<AnnotationLevel, string> = { notice: "NORMAL", warning: "WARNING", error: "ERROR" };

function serviceMessage(name: string, attributes: Record<string, string>): string {
  const values = Object.entries(attributes).map(([key, value]) => ` ${key}='${escapeServiceMessage(value)}'`);
  return `##teamcity[${name}${values.join("")}]`;
}

/**
 * A rerun is a new build, and nothing in the environment connects it with the earlier build. `BUILD_URL` exists since 2022.04. Source: TeamCity,
 * "List of predefined build parameters".
 *
 * `setOutput` sets an environment variable of later steps, which is also a parameter (`%dep.<build>.env.MOGPLEX_RUN_ID%`) of builds that depend on
 * this build. Source: TeamCity, "Service messages".
 */
export const teamcity: Platform = definePlatform({
  name: "teamcity",
  showsColors: true,
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

/**
 * A restarted pipeline is a new pipeline with a new number. `CI_PIPELINE_PARENT` identifies its predecessor, but not the first pipeline of the
 * series. Steps are never retried within a pipeline, so the number of the pipeline is also the attempt. Each node of a matrix is a workflow with its
 * own number. Source: Woodpecker, "Environment variables"; woodpecker, pipeline/frontend/metadata/environment.go and server/pipeline/restart.go.
 *
 * The log does not support commands. Steps share only their workspace, where a later step can read `outputs.env`.
 */
export const woodpecker: Platform = definePlatform({
  name: "woodpecker",
  showsColors: true,
  server: ["CI_SYSTEM_URL"],
  project: ["CI_REPO"],
  pipeline: ["CI_PIPELINE_NUMBER"],
  job: ["CI_WORKFLOW_NAME+CI_STEP_NAME", "CI_STEP_NAME"],
  node: ["CI_WORKFLOW_NUMBER"],
  attempt: ["CI_PIPELINE_NUMBER"],
  created: ["CI_PIPELINE_CREATED"],
  links: { job: "{CI_STEP_URL}", pipeline: "{CI_PIPELINE_URL}", commit: "{CI_PIPELINE_FORGE_URL}" },
});
