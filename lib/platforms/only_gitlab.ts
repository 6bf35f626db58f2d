/**
 * For the programs inside the GitLab components: their jobs run on GitLab only.
 *
 * @module
 */
import type { Systems } from "./platform.ts";
import { gitlab } from "./systems/gitlab.ts";

/** GitLab, whatever the environment contains. */
export const ONLY_GITLAB: Systems = {
  detect: () => gitlab,
  variables: () => ["CI", "GITLAB_CI", ...gitlab.variables].sort(),
};
