/**
 * The person for whom a process works, as far as the environment says.
 *
 * @module
 */
import type { ReadEnv } from "./platform.ts";

/** Variables that name a person: those of CI systems first. Source: the lists of variables in the documentation of each system. */
export const PERSON_VARIABLES: readonly string[] = [
  "GITLAB_USER_LOGIN",
  "GITHUB_ACTOR",
  "BUILDKITE_BUILD_CREATOR",
  "BUILD_REQUESTEDFOR",
  "BITBUCKET_STEP_TRIGGERER_UUID",
  "CIRCLE_USERNAME",
  "BUILD_USER_ID",
  "USER",
  "LOGNAME",
  "USERNAME",
];

/** Name of the person; `unknown` when nothing says it. Not a proof of anything: anybody can set these variables. */
export function personOf(env: ReadEnv): string {
  for (const name of PERSON_VARIABLES) {
    const value = env(name)?.trim();
    if (value) return value;
  }
  return "unknown";
}
