/**
 * Command line arguments by table: one list of flags is parsed, checked and printed by `--help`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { UsageError } from "./errors.ts";

/** One flag of a verb. */
export interface Flag {
  /** Name without dashes. */
  name: string;
  /** Word for its value in the help; absent for a switch. */
  value?: string;
  /** May be given several times. */
  multiple?: boolean;
  /** What it does, with its default. */
  help: string;
}

/** What was given. */
export interface ParsedFlags {
  /** Arguments that are no flags. */
  positionals: string[];
  /** Whether a switch was given. */
  has(name: string): boolean;
  /** Value of a flag, or undefined when it was not given. */
  get(name: string): string | undefined;
  /** All values of a flag. */
  all(name: string): string[];
}

/** Number of single-letter edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The word of `known` that `word` was probably meant to be, or undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3));
  const ranked = known.map((name) => ({ name, edits: distance(word, name) })).sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= limit ? best.name : undefined;
}

/**
 * Parses the arguments of a verb.
 *
 * @param verb Name for messages.
 * @param args Arguments after the verb.
 * @param flags The verb's table.
 * @throws {UsageError} for an unknown flag (naming the nearest one), a missing value, or a switch with a value.
 */
export function parseFlags(verb: string, args: readonly string[], flags: readonly Flag[]): ParsedFlags {
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
    const hint = nearest(name, names);
    throw new UsageError(
      `Cannot parse arguments of ${verb}: unknown flag "--${name}"${
        hint === undefined ? "" : `, did you mean "--${hint}"?`
      }`,
    );
  }
  const { values, positionals } = parseStrictly(verb, args, options);
  const all = (name: string): string[] => {
    const value = values[name];
    return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
  };
  return { positionals, has: (name) => values[name] === true, get: (name) => all(name).at(-1), all };
}

function parseStrictly(
  verb: string,
  args: readonly string[],
  options: Record<string, { type: "boolean" | "string"; multiple: boolean }>,
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new UsageError(`Cannot parse arguments of ${verb}: ${reason}`, { cause: error });
  }
}
