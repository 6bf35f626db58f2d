/**
 * Gitea Actions.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { githubTable } from "./github.ts";
import type { Platform } from "../platform.ts";

/**
 * Its runner sets GitHub's variables and its own mark, reads GitHub's files, and obeys a part of GitHub's commands; annotations
 * are shown as lines of the log. The address of a run contains `GITHUB_RUN_NUMBER` in some versions and `GITHUB_RUN_ID` in
 * others, so there is no link to it.
 * Source: gitea, services/actions/context.go; act_runner, internal/app/run/runner.go.
 */
export const gitea: Platform = definePlatform({
  ...githubTable,
  name: "gitea",
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: { commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}" },
});
