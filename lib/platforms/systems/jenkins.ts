/**
 * Jenkins.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import type { Platform } from "../platform.ts";

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
