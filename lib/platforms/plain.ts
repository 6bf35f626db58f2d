/**
 * Systems of which we know no more than a name, and none at all.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import type { Platform } from "./platform.ts";

/** A system with plain output: the identity comes from `MOGPLEX_CI_JOB` alone. */
export function namedPlatform(name: string): Platform {
  return definePlatform({ name, detect: [] });
}

/** No CI system: nobody is asked who the job is. */
export const none: Platform = { ...namedPlatform("none"), isCi: false, identity: () => null };
