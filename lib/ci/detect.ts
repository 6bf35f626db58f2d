/**
 * To add a system, see `CONTRIBUTING.md`, "Adding something".
 * @module
 */
import { environmentVariable } from "../runtime.ts";
import {
  JOB_VARIABLE,
  markVariables,
  namedPlatform,
  none,
  type Platform,
  type ReadEnv,
  STATUS_VARIABLE,
  systemName,
  type Systems,
} from "./platform.ts";
import { forgejo, gitea, github } from "./github.ts";
import { gitlab } from "./gitlab.ts";
import { azure, bitbucket, buildkite, circle, jenkins, teamcity, woodpecker } from "./systems.ts";

// The order of this list does not matter. The marks in `platform.ts` decide the order of detection.
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

export function detectPlatform(env: ReadEnv): Platform {
  const name = systemName(env);
  return SYSTEMS.find((each) => each.name === name) ?? (name === "none" ? none : namedPlatform(name));
}

/** For Deno's permissions. `lib/variables.ts` lists the toolkit's own variables. */
export function platformVariables(): string[] {
  const names = new Set([...markVariables(), ...SYSTEMS.flatMap((each) => each.variables)]);
  for (const ourVariable of [JOB_VARIABLE, STATUS_VARIABLE]) names.delete(ourVariable);
  return [...names].sort();
}

export const ALL_SYSTEMS: Systems = { detect: detectPlatform, variables: platformVariables };

export function detected({ env = environmentVariable }: { env?: ReadEnv | undefined }): { platform: Platform } {
  return { platform: detectPlatform(env) };
}
