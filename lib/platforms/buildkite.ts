/**
 * Buildkite.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import type { Platform } from "./platform.ts";

/**
 * Buildkite. A retried job is a new job of the same build. The exit status is known to hooks after the command only.
 * Source: Buildkite, "Environment variables", "Managing log output".
 */
export const buildkite: Platform = definePlatform({
  name: "buildkite",
  server: ["BUILDKITE_BUILD_URL"],
  serverOrigin: true,
  project: ["BUILDKITE_ORGANIZATION_SLUG+BUILDKITE_PIPELINE_SLUG"],
  pipeline: ["BUILDKITE_BUILD_ID"],
  job: ["BUILDKITE_STEP_KEY", "BUILDKITE_STEP_ID"],
  // Nodes of a matrix differ by their label only.
  node: ["BUILDKITE_PARALLEL_JOB+BUILDKITE_PARALLEL_JOB_COUNT+BUILDKITE_LABEL", "BUILDKITE_LABEL"],
  attempt: ["BUILDKITE_JOB_ID"],
  state: ["BUILDKITE_COMMAND_EXIT_STATUS"],
  log: ["group"],
  // A group lasts until the next one.
  section: (_name, header, _ms, folded) => ({ open: `${folded ? "---" : "+++"} ${header}`, close: () => "" }),
});
