/**
 * Gitea Actions.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { githubTable } from "./github.ts";
import type { Platform } from "../platform.ts";

/**
 * Gitea. Its runner sets GitHub's variables beside its own mark, reads GitHub's files, and obeys GitHub's commands as far as
 * it knows them; annotations are lines of its log. Pages of runs are numbered by `GITHUB_RUN_NUMBER` in some versions and by
 * `GITHUB_RUN_ID` in others, so that there is no link to them.
 * Source: gitea, services/actions/context.go; act_runner, internal/app/run/runner.go.
 */
export const gitea: Platform = definePlatform({
  ...githubTable,
  name: "gitea",
  detect: ["GITEA_ACTIONS"],
  links: { commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}" },
});
