/**
 * Woodpecker CI.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import type { Platform } from "../platform.ts";

/**
 * Woodpecker. A pipeline that is restarted is a new one with a number of its own (`CI_PIPELINE_PARENT` names the one before
 * it, but not the first of the series), and steps are never retried within one: the number is the attempt as well. Nodes of
 * a matrix are workflows with a number of their own.
 * Source: Woodpecker, "Environment variables"; woodpecker, pipeline/frontend/metadata/environment.go and server/pipeline/restart.go.
 *
 * Its log knows no commands, and steps share nothing but their workspace: `outputs.env` is there.
 */
export const woodpecker: Platform = definePlatform({
  name: "woodpecker",
  detect: ["CI=woodpecker"],
  server: ["CI_SYSTEM_URL"],
  project: ["CI_REPO"],
  pipeline: ["CI_PIPELINE_NUMBER"],
  job: ["CI_WORKFLOW_NAME+CI_STEP_NAME", "CI_STEP_NAME"],
  node: ["CI_WORKFLOW_NUMBER"],
  attempt: ["CI_PIPELINE_NUMBER"],
  created: ["CI_PIPELINE_CREATED"],
  links: { job: "{CI_STEP_URL}", pipeline: "{CI_PIPELINE_URL}", commit: "{CI_PIPELINE_FORGE_URL}" },
});
