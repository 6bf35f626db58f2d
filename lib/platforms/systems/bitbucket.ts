/**
 * Bitbucket Pipelines.
 *
 * @module
 */
import { definePlatform, JOB_VARIABLE } from "../define.ts";
import type { Platform } from "../platform.ts";

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
