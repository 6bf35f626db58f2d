/**
 * Detects the CI system from the environment.
 *
 * To add a system, add its file to `systems/`, its mark to `marks.ts`, and its row to `SYSTEMS` below. Tests then require its documented environment in
 * `tests/unit/platforms/environments`, and its line in `examples/shell/mogplex-run.sh`, which derives the same keys.
 *
 * @module
 */
import { JOB_VARIABLE, STATUS_VARIABLE } from "./define.ts";
import { markVariables, systemName } from "./marks.ts";
import { namedPlatform, none } from "./plain.ts";
import type { Platform, ReadEnv, Systems } from "./platform.ts";
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

/** The CI system that this job runs on: see {@linkcode systemName} for how it is found. */
export function detectPlatform(env: ReadEnv): Platform {
  const name = systemName(env);
  return SYSTEMS.find((each) => each.name === name) ?? (name === "none" ? none : namedPlatform(name));
}

/** Every variable of any CI system that is ever read, sorted: for Deno's permissions. `lib/variables.ts` lists our own. */
export function platformVariables(): string[] {
  const names = new Set([...markVariables(), ...SYSTEMS.flatMap((each) => each.variables)]);
  for (const own of [JOB_VARIABLE, STATUS_VARIABLE]) names.delete(own);
  return [...names].sort();
}

/** Every CI system. */
export const ALL_SYSTEMS: Systems = { detect: detectPlatform, variables: platformVariables };
