/**
 * Checks what a script passes to the library: a misspelt option or field must not start another run than the one that was meant.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { lookup } from "../lookup.ts";
import type { StartRequest } from "../model.ts";
import { nearest } from "../nearest.ts";
import { HARNESSES, MODES } from "./contract/rules.ts";

/** What `typeof` says of a value; `any` for a value that other code checks. */
export type Kind = "string" | "number" | "boolean" | "function" | "object" | "any";

/** The keys of an object of type `T`, with the kind of each. */
export type Keys<T> = Readonly<Record<keyof T & string, Kind>>;

/** Keys whose value no message shows. */
const HIDDEN: readonly string[] = ["token", "secrets", "headers", "prompt", "input", "idempotencyKey"];

/** A value for a message: short, and never a secret. */
function shown(key: string, value: unknown): string {
  if (value === null || Array.isArray(value)) return value === null ? "null" : "a list";
  if (typeof value === "object" || typeof value === "function") {
    return typeof value === "object" ? "an object" : "a function";
  }
  return HIDDEN.includes(key) ? `a ${typeof value}` : String(JSON.stringify(value) ?? value).slice(0, 80);
}

/**
 * Checks the names and the types of options. A key whose value is undefined is not looked at.
 *
 * @param attempted What is attempted, after "Cannot".
 * @param options What the caller gave.
 * @param keys All options that there are.
 * @param what What the message calls it. @default {"options"}
 * @throws {UsageError} when it is no object, or has a key that there is not, or a value of another type.
 */
export function checkOptions(
  attempted: string,
  options: unknown,
  keys: Readonly<Record<string, Kind>>,
  what = "options",
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new UsageError({ attempted, why: `${what} must be an object`, value: shown(what, options) });
  }
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const kind = lookup(keys, key);
    if (kind === undefined) {
      const near = nearest(key, Object.keys(keys));
      const advice = near === undefined ? `there are ${Object.keys(keys).join(", ")}` : `did you mean '${near}'?`;
      throw new UsageError({ attempted, why: `${what} have no '${key.slice(0, 80)}'`, advice });
    }
    if (kind !== "any" && (typeof value !== kind || value === null)) {
      const article = kind === "object" ? "an" : "a";
      throw new UsageError({ attempted, why: `'${key}' must be ${article} ${kind}`, value: shown(key, value) });
    }
  }
}

/** Two options that say the same thing cannot both be obeyed. @throws {UsageError} for a `client` beside what it is made from. */
export function checkSources(
  attempted: string,
  { client, ...options }: { client?: unknown; token?: unknown; url?: unknown; fetch?: unknown },
): void {
  if (client === undefined) return;
  for (const name of ["token", "url", "fetch"] as const) {
    if (options[name] === undefined) continue;
    const advice = `leave out one of them: a client has its own ${name}`;
    throw new UsageError({ attempted, why: `'client' and '${name}' are both given`, advice });
  }
}

function checkWord(field: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || typeof value === "string" && words.includes(value)) return;
  const text = String(value);
  const near = words.find((word) => word.toLowerCase() === text.trim().toLowerCase()) ?? nearest(text, words);
  throw new UsageError({
    attempted: "start run",
    why: `'${field}' must be one of ${words.join(", ")}`,
    value: shown(field, value),
    advice: near === undefined ? undefined : `did you mean ${near}?`,
  });
}

/**
 * Checks names, types and words of a start's request, before its values are checked as for the command.
 *
 * @throws {UsageError} naming the field.
 */
export function checkRequestKeys(request: unknown): void {
  const keys: Keys<StartRequest> & { repo: Kind } = {
    repo: "string",
    repoId: "string",
    prompt: "string",
    harness: "string",
    baseBranch: "string",
    workingBranch: "string",
    createBranch: "boolean",
    rootDirectory: "any",
    mode: "string",
  };
  checkOptions("start run", request, keys, "requests");
  const { harness, mode } = request as Partial<StartRequest>;
  checkWord("harness", harness, HARNESSES);
  checkWord("mode", mode, MODES);
}
