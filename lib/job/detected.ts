/**
 * The CI system of a script: it may run anywhere, so every system is looked for. Programs that know theirs do not import this.
 *
 * @module
 */
import { detectPlatform } from "../platforms/detect.ts";
import type { Platform, ReadEnv } from "../platforms/platform.ts";
import { environmentVariable } from "../runtime.ts";

/** The CI system that options point to. */
export function detected({ env = environmentVariable }: { env?: ReadEnv | undefined }): { platform: Platform } {
  return { platform: detectPlatform(env) };
}
