/**
 * Bitbucket Pipelines.
 *
 * @module
 */
import { definePlatform, JOB_VARIABLE } from "../define.ts";
import type { Platform } from "../platform.ts";

/**
 * Bitbucket Pipelines. A failed step that is run again keeps pipeline and step and counts `BITBUCKET_STEP_RUN_NUMBER`; a
 * pipeline that is run again is a new one. A step has no name, only a UUID that is new in every pipeline: with the key scope
 * `day` nothing would ever be found, unless `MOGPLEX_CI_JOB` names the step. `BITBUCKET_EXIT_CODE` is known to `after-script` only.
 * Source: Bitbucket, "Variables and secrets".
 *
 * Variables reach later steps through a file, if `output-variables` of the step lists them: Bitbucket, "Step options". There
 * are no commands in the log.
 */
export const bitbucket: Platform = definePlatform({
  name: "bitbucket",
  detect: ["BITBUCKET_COMMIT"],
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
