/**
 * Stands in the place of `detect.ts` in the program that the GitLab components carry: its jobs run nowhere else, and every other
 * system would only make the template larger.
 *
 * @module
 */
import { gitlab } from "./systems/gitlab.ts";
import type { Platform } from "./platform.ts";

/** GitLab, whatever the environment says: there is no other. */
export function detectPlatform(): Platform {
  return gitlab;
}

/** See `detect.ts`. */
export function platformVariables(): string[] {
  return ["CI", ...gitlab.variables].sort();
}
