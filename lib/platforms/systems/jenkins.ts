/**
 * Jenkins.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import type { Platform } from "../platform.ts";

/**
 * Jenkins. A build that is replayed or restarted from a stage has a new number. `retry` inside a pipeline is not visible, so
 * there is no attempt; nor are the cells of a declarative `matrix`, whose axes are variables of any name: `--key-part` tells
 * them apart. Steps of `post` pass `MOGPLEX_JOB_STATUS` from `currentBuild.currentResult`.
 * Source: Jenkins, "Using environment variables" (`env-vars.html` of every server), "Pipeline syntax", matrix.
 *
 * Its log knows no commands. A later stage reads `outputs.env` with `readProperties`.
 */
export const jenkins: Platform = definePlatform({
  name: "jenkins",
  detect: ["JENKINS_URL"],
  server: ["JENKINS_URL"],
  project: ["JOB_NAME"],
  pipeline: ["BUILD_ID", "BUILD_NUMBER"],
  job: ["STAGE_NAME", "JOB_NAME"],
  hidesNode: true,
  links: { pipeline: "{BUILD_URL}" },
});
