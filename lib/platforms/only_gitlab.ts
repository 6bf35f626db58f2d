/**
 * Replaces `detect.ts` in the program inside the GitLab components: their jobs run on GitLab only, and every other system would
 * make the template larger.
 *
 * @module
 */
import { gitlab } from "./systems/gitlab.ts";
import type { Platform } from "./platform.ts";

/** GitLab, whatever the environment contains. */
export function detectPlatform(): Platform {
  return gitlab;
}

/** Every variable of GitLab that is ever read, sorted. */
export function platformVariables(): string[] {
  return ["CI", "GITLAB_CI", ...gitlab.variables].sort();
}
