/**
 * Detects the CI system from the environment.
 *
 * To add a system, add its file to `systems/` and its row to `SYSTEMS` below. Tests then require its documented environment in
 * `tests/platforms/environments`, and its line in `examples/shell/mogplex-run.sh`, which derives the same keys.
 *
 * @module
 */
import { JOB_VARIABLE, STATUS_VARIABLE } from "./define.ts";
import { namedPlatform, none } from "./plain.ts";
import type { Platform, ReadEnv } from "./platform.ts";
import { azure } from "./systems/azure.ts";
import { bitbucket } from "./systems/bitbucket.ts";
import { buildkite } from "./systems/buildkite.ts";
import { circle } from "./systems/circle.ts";
import { forgejo } from "./systems/forgejo.ts";
import { gitea } from "./systems/gitea.ts";
import { github } from "./systems/github.ts";
import { gitlab } from "./systems/gitlab.ts";
import { jenkins } from "./systems/jenkins.ts";
import { teamcity } from "./systems/teamcity.ts";
import { woodpecker } from "./systems/woodpecker.ts";

// In the order of detection: a system that also sets the variables of another one stands before it.
const SYSTEMS: readonly Platform[] = [
  forgejo,
  gitea,
  github,
  gitlab,
  azure,
  buildkite,
  circle,
  bitbucket,
  teamcity,
  woodpecker,
  jenkins,
];

// Systems that are known by name only: a variable that the system sets, and its name. The pairs are those of `std-env` without
// platforms that only run programs; a test compares them. The package itself is not used: it reads the environment when it is
// imported, which needs a permission on Deno.
const NAMED_SYSTEMS: readonly (readonly [string, string])[] = [
  ["APPVEYOR", "appveyor"],
  ["AC_APPCIRCLE", "appcircle"],
  ["APPCENTER_BUILD_ID", "appcenter"],
  ["AWS_APP_ID", "aws_amplify"],
  ["bamboo_planKey", "bamboo"],
  ["BITRISE_IO", "bitrise"],
  ["BUDDY_WORKSPACE_ID", "buddy"],
  ["CIRRUS_CI", "cirrus"],
  ["CLEAVR", "cleavr"],
  ["CF_PAGES", "cloudflare_pages"],
  ["WORKERS_CI", "cloudflare_workers"],
  ["CODEBUILD_BUILD_ARN", "codebuild"],
  ["CF_BUILD_ID", "codefresh"],
  ["CODESPHERE_APP_ID", "codesphere"],
  ["DRONE", "drone"],
  ["DRONE_BUILD_EVENT", "drone"],
  ["DSARI", "dsari"],
  ["EO_PAGES_CI", "edgeone_pages"],
  ["FIREBASE_APP_HOSTING", "firebase_app_hosting"],
  ["GO_PIPELINE_LABEL", "gocd"],
  ["HUDSON_URL", "hudson"],
  ["LAYERCI", "layerci"],
  ["MAGNUM", "magnum"],
  ["NETLIFY", "netlify"],
  ["NEVERCODE", "nevercode"],
  ["RENDER", "render"],
  ["SAILCI", "sail"],
  ["SEMAPHORE", "semaphore"],
  ["SCREWDRIVER", "screwdriver"],
  ["SHIPPABLE", "shippable"],
  ["TDDIUM", "solano"],
  ["STORMKIT", "stormkit"],
  ["STRIDER", "strider"],
  ["TRAVIS", "travis"],
  ["NOW_BUILDER", "vercel"],
  ["ZEABUR", "zeabur"],
];

/**
 * The CI system that this job runs on; a platform named `ci` for an unknown system, and `none` outside CI.
 *
 * An unknown system is one that sets `CI` to anything but `false` or `0`; setting `MOGPLEX_CI_JOB` has the same effect.
 */
export function detectPlatform(env: ReadEnv): Platform {
  const system = SYSTEMS.find((each) => each.matches(env));
  if (system !== undefined) return system;
  const named = NAMED_SYSTEMS.find(([variable]) => env(variable));
  if (named !== undefined) return namedPlatform(named[1]);
  const isCi = !["", "0", "false"].includes(env("CI")?.toLowerCase() ?? "");
  return isCi || env(JOB_VARIABLE) ? namedPlatform("ci") : none;
}

/** Every variable of any CI system that is ever read, sorted: for Deno's permissions. `lib/variables.ts` lists our own. */
export function platformVariables(): string[] {
  const names = new Set([
    "CI",
    ...SYSTEMS.flatMap((each) => each.variables),
    ...NAMED_SYSTEMS.map(([variable]) => variable),
  ]);
  for (const own of [JOB_VARIABLE, STATUS_VARIABLE]) names.delete(own);
  return [...names].sort();
}
