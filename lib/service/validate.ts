/**
 * Checks requests before they are sent, because refused requests also use up the token's limits.
 * @module
 */
import { checkOptions, type Keys, type Kind, shown } from "../check_options.ts";
import { UsageError } from "../errors.ts";
import { ownFields } from "../lookup.ts";
import type { Harness, Mode, OpenWord, StartRequest } from "../model.ts";
import { didYouMean, nearest } from "../nearest.ts";
import {
  branchProblem,
  HARNESSES,
  isShortRunId,
  isUuid,
  MAX_KEY_LENGTH,
  MAX_PROMPT_LENGTH,
  MODES,
  normalizeRoot,
  type Uuid,
} from "./contract.ts";

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The service's database cannot store NUL or an unpaired surrogate, and always answers 500 to such a text. Source: contract, section 12. */
export function textProblem(text: string): string | undefined {
  if (text.includes("\0")) return "it contains a NUL character (U+0000)";
  const half = /\p{Surrogate}/u.exec(text)?.[0];
  return half === undefined ? undefined : `it contains an unpaired surrogate, ${JSON.stringify(half)}`;
}

function wasUtf16(text: string): boolean {
  const nuls = text.split("\0").length - 1;
  return nuls > 1 && nuls * 3 > text.length;
}

export function checkText(text: string, what: string): string {
  const attempted = `use ${what}`;
  // Scripts may be untyped, and the service silently ignores a value of the wrong type.
  if (typeof text !== "string") throw new UsageError({ attempted, why: "it must be text", value: quoted(text) });
  const why = textProblem(text);
  if (why === undefined) return text;
  const advice = wasUtf16(text) ? "it seems to come from a UTF-16 file: save the file as UTF-8" : undefined;
  throw new UsageError({ attempted, why, advice });
}

export function checkOptional(text: string | undefined, what: string): string | undefined {
  return text === undefined ? undefined : checkText(text, what);
}

function trimText(value: string, what: string): string {
  return checkText(value, what).trim();
}

/** Maximum nesting of an input. Deeper inputs could overflow the stack of recursive code. */
const MAX_INPUT_DEPTH = 200;

function checkValue(value: unknown, depth: number): void {
  const attempted = "trigger automation";
  if (depth > MAX_INPUT_DEPTH) {
    throw new UsageError({ attempted, why: `'input' is nested more than ${MAX_INPUT_DEPTH} levels deep` });
  }
  const texts = typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.keys(value)
    : [];
  for (const text of texts) {
    const problem = textProblem(text);
    // The value is not shown, because it may be a secret.
    if (problem !== undefined) throw new UsageError({ attempted, why: `'input' cannot be stored: ${problem}` });
  }
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) checkValue(inner, depth + 1);
  }
}

/** `JSON.stringify` would write NaN and numbers such as 1e400 as null. */
function finite(_name: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new UsageError({
    attempted: "trigger automation",
    why: "'input' contains a number that is too large, or NaN",
  });
}

export function checkTriggerInput(input: Record<string, unknown>): Record<string, unknown> {
  const attempted = "trigger automation";
  let text: string | undefined;
  try {
    text = JSON.stringify(input, finite);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError({ attempted, why: "'input' cannot be written as JSON" }, { cause });
  }
  if (text === undefined || !text.startsWith("{")) {
    const why = "'input' must be an object of names and values";
    throw new UsageError({ attempted, why, value: `it is ${Array.isArray(input) ? "a list" : typeof input}` });
  }
  const value: Record<string, unknown> = JSON.parse(text);
  checkValue(value, 0);
  return value;
}

/** Programs replace this text with their own. */
export const REPOS_LIST = '"repos list", or api.listRepos() in a script,';
export const SET_REPO = "set 'repo'";

/** For a text that is not a UUID, the service would answer 500 or 503. */
export function checkUuid(id: string, what: string): Uuid {
  const text = typeof id === "string" ? id.trim().toLowerCase() : "";
  if (isUuid(text)) return text;
  const isMissing = id === undefined || id === null || id === "";
  throw new UsageError({
    attempted: `use ${what}`,
    why: isMissing ? "none was given" : "it must be a UUID (8-4-4-4-12 hexadecimal digits)",
    value: isMissing ? undefined : quoted(id),
    advice: what === "repository id"
      ? `${REPOS_LIST} shows the ids`
      : what === "run id" && isShortRunId(text)
      ? "give the full id: a shortened id works only in commands outside CI"
      : undefined,
  });
}

/** Matches an access token anywhere in a text. A token has 24 or more characters after the prefix. Source: contract 1.3. */
const TOKEN_FORM = /mog_[A-Za-z0-9]{20}/;

export function checkIdempotencyKey(key: string, maskToken: (text: string) => string): string {
  const attempted = "use idempotency key";
  const trimmed = trimText(key, "idempotency key");
  if (trimmed === "") throw new UsageError({ attempted, why: "it is empty" });
  if (TOKEN_FORM.test(trimmed) || maskToken(trimmed) !== trimmed) {
    throw new UsageError({ attempted, why: "it contains an access token", advice: "use a key that is not secret" });
  }
  if (trimmed.length > MAX_KEY_LENGTH) {
    throw new UsageError({
      attempted,
      why: `it must have at most ${MAX_KEY_LENGTH} characters, but has ${trimmed.length}`,
    });
  }
  const odd = /[^\x20-\x7e]/u.exec(trimmed)?.[0];
  if (odd !== undefined) {
    throw new UsageError({
      attempted,
      why: `it contains ${quoted(odd)}`,
      advice: "use printable ASCII characters only",
    });
  }
  return trimmed;
}

/** Git refuses some names that the service accepts. With such a name, the run would fail minutes later. */
export function branchNameProblem(name: string): string | undefined {
  return branchProblem(name) ?? gitProblem(name);
}

export function normalBranch(name: string): string {
  return name.trim().replace(/^(?:refs\/heads\/)+/, "");
}

/** Case is ignored, because some forges ignore it. `refs/heads/main` is the same branch as `main`. */
export function branchKey(name: string): string {
  return normalBranch(name.toLowerCase()).replace(/^(?:heads\/)+/, "");
}

function gitProblem(name: string): string | undefined {
  if (name.startsWith("-")) return `it starts with "-", which Git refuses`;
  if (/(^|\/)\./.test(name)) return `a part of it starts with ".", which Git refuses`;
  if (/\.lock\//.test(name)) return `a part of it ends with ".lock", which Git refuses`;
  return undefined;
}

function checkBranch(name: string, what: string): string {
  const trimmed = trimText(name, what);
  const problem = branchNameProblem(trimmed);
  if (problem === undefined) return trimmed;
  throw new UsageError({
    attempted: `use ${what}`,
    why: problem,
    value: quoted(name),
    advice: 'the service accepts letters, digits, "_", ".", "/" and "-"',
  });
}

function checkPrompt(prompt: string): string {
  const trimmed = trimText(prompt, "prompt");
  if (trimmed === "") throw new UsageError({ attempted: "start run", why: "the prompt is empty" });
  if (trimmed.length > MAX_PROMPT_LENGTH) {
    throw new UsageError({
      attempted: "start run",
      why: `the prompt must have at most ${MAX_PROMPT_LENGTH} characters, but has ${trimmed.length}`,
    });
  }
  return trimmed;
}

function checkWord<T extends string>(text: string, word: string, choices: readonly T[], what: string): T {
  if ((choices as readonly string[]).includes(word)) return word as T;
  throw new UsageError({
    attempted: `use ${what}`,
    why: `it must be one of ${choices.join(", ")}`,
    value: quoted(text),
    advice: didYouMean(text, choices),
  });
}

export function harnessProblem(harness: string): string | undefined {
  return /^(?!\s)\P{C}{1,100}(?<!\s)$/u.test(harness) ? undefined : "it must be a name of at most 100 characters";
}

function checkHarness(harness: string): OpenWord<Harness> {
  const trimmed = trimText(harness, "harness");
  const why = harnessProblem(trimmed);
  if (why === undefined) return trimmed;
  throw new UsageError({ attempted: "use harness", why, value: quoted(harness) });
}

export function unknownHarness(harness: string | undefined): string | undefined {
  if (harness === undefined || (HARNESSES as readonly string[]).includes(harness)) return undefined;
  const near = nearest(harness, HARNESSES);
  const advice = near === undefined ? `known names are ${HARNESSES.join(", ")}` : `did you mean ${near}?`;
  return `the harness ${quoted(harness)} is unknown to this version; ${advice}`;
}

function checkMode(mode: string): Mode {
  return checkWord(mode, trimText(mode, "mode").toUpperCase(), MODES, "mode");
}

function checkRoot(root: string): string | null {
  trimText(root, "root directory");
  // The text must not be trimmed, because the service looks for some characters before it trims.
  const result = normalizeRoot(root);
  if (result.ok) return result.root;
  throw new UsageError({ attempted: "use root directory", why: result.problem, value: quoted(root) });
}

export function validateStartRequest(request: StartRequest): StartRequest {
  const { repoId, prompt, harness, baseBranch, workingBranch, createBranch, rootDirectory, mode } = ownFields(request);
  const valid: StartRequest = ownFields({
    repoId: checkUuid(repoId, "repository id"),
    prompt: checkPrompt(prompt),
  });
  if (harness !== undefined) valid.harness = checkHarness(harness);
  if (baseBranch !== undefined) valid.baseBranch = checkBranch(baseBranch, "base branch");
  if (workingBranch !== undefined) valid.workingBranch = checkBranch(workingBranch, "working branch");
  if (createBranch !== undefined) {
    // The service silently treats any other value as false.
    if (typeof createBranch !== "boolean") {
      throw new UsageError({
        attempted: "use createBranch",
        why: "it must be true or false",
        value: quoted(createBranch),
      });
    }
    valid.createBranch = createBranch;
  }
  if (rootDirectory !== undefined) valid.rootDirectory = rootDirectory === null ? null : checkRoot(rootDirectory);
  if (mode !== undefined) valid.mode = checkMode(mode);
  if (valid.createBranch && valid.workingBranch !== undefined && valid.workingBranch === valid.baseBranch) {
    throw new UsageError({
      attempted: "create working branch",
      why: "it must differ from the base branch",
      value: quoted(workingBranch),
    });
  }
  if (valid.harness === "mogplex" && (!valid.createBranch || valid.mode !== undefined)) {
    throw new UsageError({
      attempted: 'use harness "mogplex"',
      why: "it requires createBranch and does not accept a mode",
    });
  }
  // Callers get an object with the usual prototype.
  return { ...valid };
}

// A misspelled option or field from a script must not start a different run.

export { checkOptions, type Keys, type Kind };

function checkKnownWord(field: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || typeof value === "string" && words.includes(value)) return;
  const text = String(value);
  throw new UsageError({
    attempted: "start run",
    why: `'${field}' must be one of ${words.join(", ")}`,
    value: shown(field, value),
    advice: didYouMean(text, words),
  });
}

export function checkRequestKeys(request: unknown): void {
  const keys: Keys<StartRequest> & { repo: Kind; result: Kind } = {
    repo: "string",
    repoId: "string",
    prompt: "string",
    harness: "string",
    baseBranch: "string",
    workingBranch: "string",
    createBranch: "boolean",
    rootDirectory: "any",
    mode: "string",
    result: "object",
  };
  checkOptions("start run", request, keys, "requests");
  checkKnownWord("mode", ownFields(request as Partial<StartRequest>).mode, MODES);
}
