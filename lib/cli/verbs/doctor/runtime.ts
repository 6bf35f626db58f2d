/**
 * Checks of the runtime: its version, and the variables that it does not let us read.
 *
 * @module
 */
import type { ReadEnv, Systems } from "../../../platforms/platform.ts";
import { readVariables } from "../permissions.ts";
import { type Check, type Machine, ok, runtimeParts, warning } from "./check.ts";
import { lookup } from "../../../lookup.ts";

/** Oldest supported version of each runtime. Source: design, "Who it is for"; `package.json` has the same. */
export const OLDEST: Readonly<Record<string, string>> = { node: "20.11", deno: "2.0", bun: "1.2.19" };

/** Whether a version is at least another one; both begin with two numbers. */
export function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldMajor = 0, oldMinor = 0] = oldest.split(".").map(Number);
  return major > oldMajor || (major === oldMajor && minor >= oldMinor);
}

/** Checks version and permissions. */
export function checkRuntime(env: ReadEnv, systems: Systems, machine: Machine): Check {
  const { name, version } = runtimeParts(machine);
  const oldest = lookup(OLDEST, name);
  if (oldest === undefined || !isAtLeast(version, oldest)) {
    const supported = Object.entries(OLDEST).map(([each, from]) => `${each} ${from}`).join(", ");
    return warning("runtime", `${name} ${version} is not supported`, `Take one of these, or a later one: ${supported}`);
  }
  const refused = readVariables(env, systems).filter((variable) => machine.refuses(variable));
  if (refused.length === 0) return ok("runtime", `${name} ${version}`);
  return warning(
    "runtime",
    `${name} ${version} keeps ${refused.length} variables from us, which count as unset: ${
      refused.slice(0, 3).join(", ")
    }${refused.length > 3 ? ", …" : ""}`,
    "Start it with the flags that the verb permissions prints (--allow-env and the others)",
  );
}
