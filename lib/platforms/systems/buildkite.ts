/**
 * Buildkite.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import type { Platform } from "../platform.ts";

/**
 * A retried job is a new job of the same build and step (`BUILDKITE_RETRY_COUNT` counts the retries); a rebuild is a new build.
 * The exit status is set only in hooks that run after the command. Source: Buildkite, "Environment variables".
 *
 * Its log has groups (Source: Buildkite, "Managing log output"). Annotations and meta-data need the program `buildkite-agent`.
 * The toolkit runs no other program, so the pipeline has to pass `summary.md` and `outputs.env` to it.
 */
export const buildkite: Platform = definePlatform({
  name: "buildkite",
  showsColours: true,
  server: ["BUILDKITE_BUILD_URL"],
  serverOrigin: true,
  project: ["BUILDKITE_ORGANIZATION_SLUG+BUILDKITE_PIPELINE_SLUG"],
  pipeline: ["BUILDKITE_BUILD_ID"],
  job: ["BUILDKITE_STEP_KEY", "BUILDKITE_STEP_ID"],
  // Nodes of a matrix differ only in their label.
  node: ["BUILDKITE_PARALLEL_JOB+BUILDKITE_PARALLEL_JOB_COUNT+BUILDKITE_LABEL", "BUILDKITE_LABEL"],
  attempt: ["BUILDKITE_JOB_ID"],
  state: ["BUILDKITE_COMMAND_EXIT_STATUS"],
  remote: "{BUILDKITE_REPO}",
  links: { job: "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", pipeline: "{BUILDKITE_BUILD_URL}" },
  // Source: Buildkite, "buildkite-agent redactor".
  maskCommand: "buildkite-agent redactor add",
  log: ["group"],
  // A group lasts until the next one.
  section: (_name, header, _ms, folded) => ({ open: `${folded ? "---" : "+++"} ${header}`, close: () => "" }),
});
