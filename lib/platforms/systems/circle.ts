/**
 * CircleCI.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import type { Platform } from "../platform.ts";

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
