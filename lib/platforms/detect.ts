/**
 * Finds the CI system that we stand in.
 *
 * @module
 */
import { azure } from "./azure.ts";
import { buildkite } from "./buildkite.ts";
import { JOB_VARIABLE, STATUS_VARIABLE } from "./define.ts";
import { github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { bitbucket, circle, jenkins, namedPlatform } from "./others.ts";
import type { Platform, ReadEnv } from "./platform.ts";
import { teamcity } from "./teamcity.ts";

// The variable that gives a system away, and the system: ours, or its name. The pairs are those of `std-env`, and a test
// compares them; the package itself reads the environment when it is imported, which Deno refuses without a permission.
const SYSTEMS: readonly (readonly [string, Platform | string])[] = [
  ["GITHUB_ACTIONS", github],
  ["GITLAB_CI", gitlab],
  ["SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", azure],
  ["BUILDKITE", buildkite],
  ["CIRCLECI", circle],
  ["BITBUCKET_COMMIT", bitbucket],
  ["TEAMCITY_VERSION", teamcity],
  ["JENKINS_URL", jenkins],
  ["APPVEYOR", "appveyor"],
  ["AC_APPCIRCLE", "appcircle"],
  ["bamboo_planKey", "bamboo"],
  ["BITRISE_IO", "bitrise"],
  ["BUDDY_WORKSPACE_ID", "buddy"],
  ["CIRRUS_CI", "cirrus"],
  ["CODEBUILD_BUILD_ARN", "codebuild"],
  ["CF_BUILD_ID", "codefresh"],
  ["DRONE", "drone"],
  ["GO_PIPELINE_LABEL", "gocd"],
  ["SEMAPHORE", "semaphore"],
  ["SCREWDRIVER", "screwdriver"],
  ["TRAVIS", "travis"],
];

const none: Platform = { ...namedPlatform("none"), isCi: false, identity: () => null };

/**
 * The CI system that the environment speaks of; `ci` when it is one that we do not know, `none` outside.
 *
 * An unknown one sets `CI` to anything but `false` or `0`, or the caller sets `MOGPLEX_CI_JOB`.
 *
 * @param env Reads the environment.
 */
export function detectPlatform(env: ReadEnv): Platform {
  for (const [variable, system] of SYSTEMS) {
    if (env(variable)) return typeof system === "string" ? namedPlatform(system) : system;
  }
  const isCi = !["", "0", "false"].includes(env("CI")?.toLowerCase() ?? "");
  return isCi || env(JOB_VARIABLE) ? namedPlatform("ci") : none;
}

/** Every variable of a CI system that is ever read, sorted: for Deno's permissions. Ours are in `lib/variables.ts`. */
export function platformVariables(): string[] {
  const names = new Set(["CI"]);
  for (const [variable, system] of SYSTEMS) {
    names.add(variable);
    if (typeof system !== "string") { for (const name of system.variables) names.add(name); }
  }
  for (const own of [JOB_VARIABLE, STATUS_VARIABLE]) names.delete(own);
  return [...names].sort();
}
