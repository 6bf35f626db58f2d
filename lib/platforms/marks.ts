/**
 * The name of the CI system, by its marks in the environment. What the systems provide and accept is not here: a client needs the name
 * alone.
 *
 * @module
 */
import { JOB_VARIABLE } from "./define.ts";
import type { ReadEnv } from "./platform.ts";

/** A mark, `NAME` of a variable that is set or `NAME=value`, and the name of the system. */
type Mark = readonly [mark: string, system: string];

// In the order of detection: a system that also sets the variables of another one stands before it.
const MARKS: readonly Mark[] = [
  ["FORGEJO_ACTIONS", "forgejo"],
  ["GITEA_ACTIONS", "gitea"],
  ["GITHUB_ACTIONS", "github"],
  ["GITLAB_CI", "gitlab"],
  ["SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "azure_pipelines"],
  ["BUILDKITE", "buildkite"],
  ["CIRCLECI", "circle"],
  ["BITBUCKET_COMMIT", "bitbucket"],
  ["TEAMCITY_VERSION", "teamcity"],
  ["CI=woodpecker", "woodpecker"],
  ["JENKINS_URL", "jenkins"],
  // Systems that are known by name only. The pairs are those of `std-env` without platforms that only run programs; a test compares them.
  // The package itself is not used: it reads the environment when it is imported, which needs a permission on Deno.
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

function isSet(env: ReadEnv, mark: string): boolean {
  const [name = "", value] = mark.split("=");
  return value === undefined ? Boolean(env(name)) : env(name) === value;
}

/**
 * Name of the CI system that this job runs on; `ci` for an unknown system, and `none` outside CI.
 *
 * An unknown system is one that sets `CI` to anything but `false` or `0`; setting `MOGPLEX_CI_JOB` has the same effect.
 */
export function systemName(env: ReadEnv): string {
  const found = MARKS.find(([mark]) => isSet(env, mark));
  if (found !== undefined) return found[1];
  const isCi = !["", "0", "false"].includes(env("CI")?.toLowerCase() ?? "");
  return isCi || env(JOB_VARIABLE) ? "ci" : "none";
}

/** Every variable that {@linkcode systemName} reads, but for `MOGPLEX_CI_JOB`. */
export function markVariables(): string[] {
  return ["CI", ...MARKS.map(([mark]) => mark.split("=")[0] as string)];
}
