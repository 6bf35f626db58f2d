import { parseArgs } from "node:util";
import { UsageError } from "./errors.ts";
import { nearest } from "./nearest.ts";

export interface FlagRow {
  name: string;
  value?: string;
  /** Value to use if the flag is given without a value. For such a flag, the next argument is read as the value only if it is `true` or `false`. */
  alone?: string;
  multiple?: boolean;
  /** Other names that users try. The error about such a name suggests this flag. */
  otherNames?: readonly string[];
}

export interface Flag extends FlagRow {
  help: string;
}

export interface ParsedFlags {
  positionals: string[];
  has(name: string): boolean;
  get(name: string): string | undefined;
  all(name: string): string[];
}

export function parseFlags(
  verb: string,
  args: readonly string[],
  flags: readonly FlagRow[],
): ParsedFlags {
  const options = Object.fromEntries(
    flags.map((flag) => [flag.name, {
      type: flag.value === undefined ? "boolean" as const : "string" as const,
      multiple: flag.multiple ?? false,
    }]),
  );
  const names = flags.map((flag) => flag.name);
  for (const arg of args) {
    if (arg === "--") break;
    const name = /^--([^=]+)/.exec(arg)?.[1];
    if (name === undefined || names.includes(name)) continue;
    const hint = flags.find(({ otherNames }) => otherNames?.includes(name))?.name ?? nearest(name, names);
    throw new UsageError({
      attempted: `parse arguments of ${verb}`,
      why: `unknown flag "--${name}"`,
      advice: hint === undefined ? undefined : `did you mean "--${hint}"?`,
    });
  }
  const { values, positionals } = parseStrictly(verb, withValues(args, flags), flags, options);
  const all = (name: string): string[] => {
    const value = values[name];
    return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
  };
  return { positionals, has: (name) => values[name] === true, get: (name) => all(name).at(-1), all };
}

/**
 * Joins a flag with its value (`--flag=value`) if the flag can also be given without a value, or if the value begins with a dash and a space, such as
 * a list item.
 */
function withValues(args: readonly string[], flags: readonly FlagRow[]): string[] {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const whole: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    const flag = at < end ? flags.find(({ name }) => arg === `--${name}`) : undefined;
    const alone = flag?.alone;
    const next = args[at + 1];
    if (flag?.value !== undefined && /^-\s/.test(next ?? "")) whole.push(`${arg}=${args[++at]}`);
    else if (alone === undefined) whole.push(arg);
    else if (next === "true" || next === "false") whole.push(`${arg}=${args[++at]}`);
    else whole.push(`${arg}=${alone}`);
  }
  return whole;
}

function parseStrictly(
  verb: string,
  args: readonly string[],
  flags: readonly FlagRow[],
  options: Record<string, { type: "boolean" | "string"; multiple: boolean }>,
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const text = error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error);
    const flag = /'(?:-\w, )?--([\w-]+)/.exec(text)?.[1];
    const value = flags.find((each) => each.name === flag)?.value;
    const next = args[args.findLastIndex((arg) => arg === `--${flag}`) + 1] ?? "";
    const isText = next.startsWith("-") && !flags.some(({ name }) => next.split("=")[0] === `--${name}`);
    const [why, advice] = value === undefined
      ? [text]
      : isText
      ? [`the value of --${flag} begins with a dash`, `write --${flag}=-…`]
      : [`--${flag} needs a value, as in --${flag}=${value}`];
    throw new UsageError({ attempted: `parse arguments of ${verb}`, why, advice }, { cause: error });
  }
}
