/**
 * CI systems whose identity takes a few variables and whose log knows no commands, and those of which we know the name only.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import type { Platform } from "./platform.ts";

/**
 * CircleCI. A rerun makes a new workflow; its workspace stays. Source: CircleCI, "Project values and variables".
 */
export const circle: Platform = definePlatform({
  name: "circle",
  server: ["CIRCLE_BUILD_URL"],
  serverOrigin: true,
  project: ["CIRCLE_PROJECT_ID", "CIRCLE_PROJECT_USERNAME+CIRCLE_PROJECT_REPONAME"],
  pipeline: ["CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_PIPELINE_ID"],
  job: ["CIRCLE_JOB"],
  node: ["CIRCLE_NODE_INDEX+CIRCLE_NODE_TOTAL"],
  attempt: ["CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_NUM"],
});

/**
 * Bitbucket Pipelines. `BITBUCKET_EXIT_CODE` is known to `after-script` only; attempts are not visible. Source: Bitbucket, "Variables and secrets".
 */
export const bitbucket: Platform = definePlatform({
  name: "bitbucket",
  server: ["BITBUCKET_GIT_HTTP_ORIGIN"],
  serverOrigin: true,
  project: ["BITBUCKET_REPO_UUID", "BITBUCKET_REPO_FULL_NAME"],
  pipeline: ["BITBUCKET_PIPELINE_UUID"],
  job: ["BITBUCKET_STEP_UUID"],
  node: ["BITBUCKET_PARALLEL_STEP+BITBUCKET_PARALLEL_STEP_COUNT"],
  state: ["BITBUCKET_EXIT_CODE"],
});

/**
 * Jenkins. A restarted build has a new number; `retry` inside a pipeline is not visible, so there is no attempt. `post` steps
 * pass `MOGPLEX_JOB_STATUS` from `currentBuild.currentResult`. Source: Jenkins, "Using environment variables".
 */
export const jenkins: Platform = definePlatform({
  name: "jenkins",
  server: ["JENKINS_URL"],
  project: ["JOB_NAME"],
  pipeline: ["BUILD_ID", "BUILD_NUMBER"],
  job: ["STAGE_NAME", "JOB_NAME"],
});

/** A system of which we know no more than its name: the identity comes from `MOGPLEX_CI_JOB` alone. */
export function namedPlatform(name: string): Platform {
  return definePlatform({ name });
}
