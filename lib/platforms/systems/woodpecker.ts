/**
 * Woodpecker CI.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import type { Platform } from "../platform.ts";

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
