/**
 * Reads options from flags and environment.
 *
 * @module
 */
import type { ParsedFlags } from "../../flags.ts";
import { readTextVariable } from "../../platforms/file_variable.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import type { ReadOption } from "../verb.ts";

/** A reader for the flags of one call. A flag wins over its variable; an empty variable counts as unset. */
export function optionReader(flags: ParsedFlags, env: ReadEnv): ReadOption {
  return ({ name, variable, parse }) => {
    const given = flags.has(name) ? "true" : flags.get(name);
    if (given !== undefined) return parse(given, `--${name}`);
    const text = variable && readTextVariable(env, variable.name)?.trim();
    return text ? parse(text, variable.name) : undefined;
  };
}
