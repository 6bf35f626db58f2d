/**
 * What can be checked before a start slot is spent: the service charges for every request that it has to refuse.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { StartRequest } from "../model.ts";
import {
  branchProblem,
  HARNESSES,
  isUuid,
  MAX_KEY_LENGTH,
  MAX_PROMPT_LENGTH,
  MODES,
  normaliseRoot,
} from "./contract/rules.ts";

/** Value for a message: quoted, cut, on one line. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Scripts are not always typed, and the service silently takes a value of another type for none. */
function trimText(value: string, what: string): string {
  if (typeof value === "string") return value.trim();
  throw new UsageError(`Cannot use ${what} as it must be text: ${shown(value)}`);
}

/**
 * Checks an id and brings it into lower case.
 *
 * @param what Name of the field for messages.
 * @throws {UsageError} when it is not a UUID: the service answers such an id with a 500 or a 503.
 */
export function checkUuid(id: string, what: string): string {
  if (typeof id === "string" && isUuid(id.trim())) return id.trim().toLowerCase();
  const hint = what === "repository id" ? `; "mogplex repos list" shows the ids` : "";
  throw new UsageError(`Cannot use ${what} as it must be a UUID (8-4-4-4-12 hexadecimal digits): ${shown(id)}${hint}`);
}

/**
 * Checks an idempotency key and takes off the blanks around it.
 *
 * @throws {UsageError} when it is empty, longer than 200 characters, or cannot stand in a header.
 */
export function checkIdempotencyKey(key: string): string {
  const trimmed = trimText(key, "idempotency key");
  if (trimmed === "") throw new UsageError("Cannot use idempotency key as it is empty");
  if (trimmed.length > MAX_KEY_LENGTH) {
    throw new UsageError(
      `Cannot use idempotency key as it must have at most ${MAX_KEY_LENGTH} characters: it has ${trimmed.length}`,
    );
  }
  const odd = /[^\x20-\x7e]/u.exec(trimmed)?.[0];
  if (odd !== undefined) {
    throw new UsageError(`Cannot use idempotency key as it must be printable ASCII: it contains ${shown(odd)}`);
  }
  return trimmed;
}

/** What Git itself refuses, minutes after the service has accepted the name. */
function gitProblem(name: string): string | undefined {
  if (name.startsWith("-")) return `it starts with "-", which Git refuses`;
  if (/(^|\/)\./.test(name)) return `a part of it starts with ".", which Git refuses`;
  if (/\.lock\//.test(name)) return `a part of it ends with ".lock", which Git refuses`;
  return undefined;
}

function checkBranch(name: string, what: string): string {
  const trimmed = trimText(name, what);
  const problem = branchProblem(trimmed) ?? gitProblem(trimmed);
  if (problem === undefined) return trimmed;
  throw new UsageError(
    `Cannot use ${what} as ${problem} (the service takes letters, digits, "_", ".", "/" and "-"): ${shown(name)}`,
  );
}

function checkPrompt(prompt: string): string {
  const trimmed = trimText(prompt, "prompt");
  if (trimmed === "") throw new UsageError("Cannot start run: the prompt is empty");
  if (trimmed.length > MAX_PROMPT_LENGTH) {
    throw new UsageError(
      `Cannot start run: the prompt must have at most ${MAX_PROMPT_LENGTH} characters: it has ${trimmed.length}`,
    );
  }
  return trimmed;
}

function checkHarness(harness: string): string {
  const name = trimText(harness, "harness");
  if ((HARNESSES as readonly string[]).includes(name)) return name;
  throw new UsageError(`Cannot use harness as it must be one of ${HARNESSES.join(", ")}: ${shown(harness)}`);
}

function checkMode(mode: string): string {
  const word = trimText(mode, "mode").toUpperCase();
  if ((MODES as readonly string[]).includes(word)) return word;
  throw new UsageError(`Cannot use mode as it must be one of ${MODES.join(", ")}: ${shown(mode)}`);
}

function checkRoot(root: string): string | null {
  trimText(root, "root directory");
  // Not trimmed: the service looks for some characters before it trims.
  const result = normaliseRoot(root);
  if (result.ok) return result.root;
  throw new UsageError(`Cannot use root directory as ${result.problem}: ${shown(root)}`);
}

/**
 * Checks a start and brings it into the form that the service stores, so that every attempt sends the same bytes.
 *
 * @returns The request with trimmed values; fields that are absent or undefined stay absent.
 * @throws {UsageError} naming the first field that breaks a rule, and what is wrong with it.
 */
export function validateStartRequest(request: StartRequest): StartRequest {
  const { harness, baseBranch, workingBranch, createBranch, rootDirectory, mode } = request;
  const valid: StartRequest = {
    repoId: checkUuid(request.repoId, "repository id"),
    prompt: checkPrompt(request.prompt),
  };
  if (harness !== undefined) valid.harness = checkHarness(harness);
  if (baseBranch !== undefined) valid.baseBranch = checkBranch(baseBranch, "base branch");
  if (workingBranch !== undefined) valid.workingBranch = checkBranch(workingBranch, "working branch");
  if (createBranch !== undefined) {
    // Anything but the boolean is silently false for the service.
    if (typeof createBranch !== "boolean") {
      throw new UsageError(`Cannot use createBranch as it must be true or false: ${shown(createBranch)}`);
    }
    valid.createBranch = createBranch;
  }
  if (rootDirectory !== undefined) valid.rootDirectory = rootDirectory === null ? null : checkRoot(rootDirectory);
  if (mode !== undefined) valid.mode = checkMode(mode);
  if (valid.createBranch && valid.workingBranch !== undefined && valid.workingBranch === valid.baseBranch) {
    throw new UsageError(
      `Cannot create working branch as it must differ from the base branch: ${shown(workingBranch)}`,
    );
  }
  if (valid.harness === "mogplex" && (!valid.createBranch || valid.mode !== undefined)) {
    throw new UsageError(`Cannot use harness "mogplex" without createBranch, or with a mode`);
  }
  return valid;
}
