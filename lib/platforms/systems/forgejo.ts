/**
 * Forgejo Actions.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { githubTable } from "./github.ts";
import type { Platform } from "../platform.ts";

/**
 * Forgejo. As Gitea, whose mark it sets as well, so that it has to be looked for first; runners before 7.0 set no mark of
 * their own. Its runner sets every variable under GitHub's name, too.
 * Source: Forgejo, "Forgejo Actions reference", variables; forgejo, models/actions/run.go, HTMLURL (pages have run numbers).
 */
export const forgejo: Platform = definePlatform({
  ...githubTable,
  name: "forgejo",
  detect: ["FORGEJO_ACTIONS"],
  links: {
    pipeline: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_NUMBER}",
    commit: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/commit/{GITHUB_SHA}",
  },
});
