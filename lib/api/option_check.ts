/**
 * Checks what a script passes to the library: a misspelt option or field must not start another run than the one that was meant.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { ownFields } from "../lookup.ts";
import type { StartRequest } from "../model.ts";
import { nearest } from "../nearest.ts";
import { checkOptions, type Keys, type Kind, shown } from "./contract/options.ts";
import { HARNESSES, MODES } from "./contract/rules.ts";

export { checkOptions, type Keys, type Kind };

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
  const { harness, mode } = ownFields(request as Partial<StartRequest>);
  checkWord("harness", harness, HARNESSES);
  checkWord("mode", mode, MODES);
}
