/**
 * GitHub Actions, and Gitea and Forgejo, which speak its language.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import { escapeWorkflowData } from "./github_files.ts";
import type { Fence, Platform } from "./platform.ts";

/** Source: GitHub, "Workflow commands", stopping and starting; actions/runner, ActionCommandManager. */
function fence(): Fence {
  const token = crypto.randomUUID();
  return { open: `::stop-commands::${token}`, close: `::${token}::` };
}

/**
 * GitHub Actions.
 *
 * Its environment hides three things. The node of a matrix, and the caller of a reusable workflow: two such jobs look the
 * same, and need `--key-part`. The time at which the workflow run was created: `date` is null. The state of the job: steps
 * pass `MOGPLEX_JOB_STATUS: ${{ job.status }}`.
 * Source: GitHub, "Variables reference", default environment variables.
 */
export const github: Platform = definePlatform({
  name: "github",
  server: ["GITHUB_SERVER_URL"],
  project: ["GITHUB_REPOSITORY"],
  pipeline: ["GITHUB_RUN_ID"],
  job: ["GITHUB_JOB"],
  attempt: ["GITHUB_RUN_ATTEMPT"],
  log: ["workflow", "legacy"],
  outputs: "GITHUB_OUTPUT",
  summary: "GITHUB_STEP_SUMMARY",
  maskCommand: (value) => value.trim() === "" ? undefined : `::add-mask::${escapeWorkflowData(value)}`,
  // Groups do not nest there: a second one ends the first.
  section: (_name, header) => ({ open: `::group::${escapeWorkflowData(header)}`, close: () => "::endgroup::" }),
  fence,
});
