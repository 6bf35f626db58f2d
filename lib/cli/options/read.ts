/**
 * Reads options from flags and environment.
 *
 * @module
 */
import type { ParsedFlags } from "../../flags.ts";
import type { Setting } from "../../pages/run_page.ts";
import { readTextVariable } from "../../platforms/file_variable.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import type { ReadOption } from "../verb.ts";

/**
 * A reader for the flags of one call. A flag wins over its variable; an empty variable counts as unset.
 *
 * @param read Gets each option that was read, with where its value came from. @default {new Map()}
 */
export function optionReader(flags: ParsedFlags, env: ReadEnv, read: Map<string, Setting> = new Map()): ReadOption {
  return ({ name, variable, parse }) => {
    const given = flags.has(name) ? "true" : flags.get(name);
    const text = given ?? ((variable && readTextVariable(env, variable.name)?.trim()) || undefined);
    const [from, shown] = given !== undefined
      ? ["flag", `--${name}`]
      : text === undefined || variable === undefined
      ? ["default", ""]
      : [variable.name, variable.name];
    read.set(name, { name, value: text ?? variable?.fallback?.replaceAll("`", "") ?? "", from });
    return text === undefined ? undefined : parse(text, shown);
  };
}
