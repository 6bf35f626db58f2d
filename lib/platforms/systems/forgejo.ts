/**
 * Forgejo Actions.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { githubTable } from "./github.ts";
import type { Platform } from "../platform.ts";

/**
 * Like Gitea, whose mark it also sets, so `detectPlatform` must look for Forgejo first; runners before 7.0 set only Gitea's mark.
 * Its runner sets every variable under GitHub's name as well.
 * Source: Forgejo, "Forgejo Actions reference", variables; forgejo, models/actions/run.go, HTMLURL (pages have run numbers).
 */
export const forgejo: Platform = definePlatform({
  ...githubTable,
  name: "forgejo",
  remote: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}.git",
  links: {
    pipeline: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}",
    commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}",
  },
});
