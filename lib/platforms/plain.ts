/**
 * CI systems that the toolkit knows by name only, and the platform outside CI.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import type { Platform } from "./platform.ts";

/** A system with plain output; the job's identity comes from `MOGPLEX_CI_JOB` alone. */
export function namedPlatform(name: string): Platform {
  return definePlatform({ name });
}

/** No CI system; there is no job to identify. */
export const none: Platform = { ...namedPlatform("none"), isCi: false, identity: () => null };
