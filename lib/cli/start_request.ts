/**
 * The request of `run --follow`: the task from one of its sources, and the rest from flags and variables.
 * @module
 */
import { readTextVariable } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { StartRequest } from "../model.ts";
import type { TriggerRequest } from "../run/automation_request.ts";
import type { ResultRequest } from "../result/wanted_result.ts";
import { checkRunRequest, type RunRequest } from "../run/request.ts";
import { isNotPermitted, runtimeArgs, runtimeName } from "../runtime.ts";
import {
  BASE_BRANCH,
  BRANCH,
  CREATE_BRANCH,
  HARNESS,
  INPUT,
  INPUT_FILE,
  MODE,
  NO_CREATE_BRANCH,
  PROMPT_FILE,
  ROOT,
} from "./options.ts";
import { requiredRepo } from "./settings.ts";
import type { Context } from "./verb.ts";
import { valueOr } from "../lookup.ts";

/** @throws {UsageError} naming what is missing or breaks a rule; nothing was sent. */
export async function readStartRequest(context: Context, result?: ResultRequest): Promise<RunRequest> {
  const repo = requiredRepo(context, "start run", true);
  const prompt = await readPrompt(context);
  const request = { repo, prompt, ...readRequestSettings(context), result };
  checkRunRequest(request);
  return request;
}

/**
 * The request without its task and its repository, from flags and variables; not checked.
 * @throws {UsageError} if a switch is neither on nor off, or both.
 */
export function readRequestSettings({ flags, option }: Context): Omit<StartRequest, "repoId" | "prompt"> {
  if (flags.has(CREATE_BRANCH) && flags.has(NO_CREATE_BRANCH)) {
    const why = `--${CREATE_BRANCH.name} and --${NO_CREATE_BRANCH.name} cannot be used together`;
    throw new UsageError({ attempted: "start run", why, advice: "use only one of them" });
  }
  // Read as an option, so that it is among the settings of the run page.
  const refusesBranch = flags.has(NO_CREATE_BRANCH) && option(NO_CREATE_BRANCH) === true;
  return {
    harness: option(HARNESS),
    // The request checks the word.
    mode: option(MODE) as StartRequest["mode"],
    baseBranch: option(BASE_BRANCH),
    workingBranch: option(BRANCH),
    createBranch: refusesBranch ? false : option(CREATE_BRANCH),
    rootDirectory: option(ROOT),
  };
}

/** @throws {UsageError} without a task, if two sources of the same rank have one, or if it cannot be read. */
export async function readPrompt(context: Context): Promise<string> {
  const { vocabulary } = context;
  const prompts = givenPrompts(context);
  const [source, other] = prompts.length > 0 ? prompts : variablePrompts(context);
  if (source === undefined) {
    throw new UsageError({ attempted: "start run", why: "a prompt is missing", advice: `give ${vocabulary.prompt}` });
  }
  if (other !== undefined) {
    const names = prompts.length > 0 ? `the argument and --${PROMPT_FILE.name}` : vocabulary.promptVariables;
    throw new UsageError({
      attempted: "choose a prompt",
      why: `it comes from ${names}`,
      advice: "use only one of them",
    });
  }
  return await source();
}

type ReadPrompt = () => string | Promise<string>;

/** The sources of the command line, which override the environment. */
function givenPrompts(context: Context): ReadPrompt[] {
  const { io, flags } = context;
  const [argument] = flags.positionals;
  const file = flags.get(PROMPT_FILE);
  return [
    ...argument === undefined ? [] : [argument === "-" ? () => io.readStdin() : () => argument],
    ...file === undefined ? [] : [ofFile(context, file)],
  ];
}

function variablePrompts(context: Context): ReadPrompt[] {
  const text = readTextVariable(context.io.env, "MOGPLEX_PROMPT", "MOGPLEX_PROMPT_FILE");
  const file = context.option(PROMPT_FILE);
  return [...text ? [() => text] : [], ...file ? [ofFile(context, file)] : []];
}

function ofFile(context: Context, path: string): ReadPrompt {
  return () => readCheckoutFile(context, path, "read prompt");
}

/**
 * The text of a file that will be sent.
 * @param attempted The attempt, after "Cannot".
 * @throws {UsageError} if it cannot be read, or leads out of the working directory.
 */
export function readCheckoutFile(context: Context, path: string, attempted: string): string {
  const { io } = context;
  const file = `file ${JSON.stringify(path)}`;
  let text: string | undefined;
  try {
    refuseEscape(context, path, attempted);
    text = io.readFile(path);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (isNotPermitted(cause)) {
      const advice =
        "start it with --allow-read for that file; the permissions command prints all flags (permissions --prompt-file FILE)";
      throw new UsageError({ attempted, why: `Deno is not allowed to read ${file}`, advice }, { cause });
    }
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    throw new UsageError({ attempted, why: `${file} cannot be read${reason}` }, { cause });
  }
  if (text === undefined) {
    const advice = "create it (in CI, also commit it), or correct its path";
    throw new UsageError({ attempted, why: `${file} does not exist`, advice });
  }
  return text;
}

// Files of the checkout whose text is sent: a task, an input.

/**
 * A checkout can replace a file that we send with a link, so that another file of this machine is sent to the agent. A path that begins
 * outside the working directory, or contains `..`, was written by the caller on purpose.
 * @throws {UsageError} if a path below the working directory leads out of it.
 */
function refuseEscape({ io }: Context, path: string, attempted: string): void {
  if (path.split("/").includes("..")) return;
  const below = `${io.realPath(".")?.replace(/\/+$/, "") ?? ""}/`;
  if (path.startsWith("/") && !path.startsWith(below)) return;
  const there = io.realPath(path);
  if (there === undefined || there.startsWith(below)) return;
  throw new UsageError({ attempted, why: `file ${JSON.stringify(path)} is outside the working directory` });
}

// The request of a trigger: the repository, and the input from a file and from single values.

/**
 * A single value overrides one of the file.
 * @throws {UsageError} naming what is missing or breaks a rule; nothing was sent.
 */
export async function readTriggerRequest(context: Context): Promise<TriggerRequest> {
  const repo = requiredRepo(context, "trigger automation", false);
  const path = context.option(INPUT_FILE);
  const pairs = inputPairs(context);
  if (path === undefined && pairs.length === 0) return { repo };
  const file = path === undefined ? {} : await readInputFile(context, path);
  return { repo, input: Object.fromEntries([...Object.entries(file), ...pairs]) };
}

/** The values of `--input`. @throws {UsageError} for a value without a name, and for a repeated name. */
function inputPairs({ flags }: Context): [name: string, value: unknown][] {
  const pairs = flags.all(INPUT).map(inputPair);
  const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index);
  if (twice === undefined) return pairs;
  throw new UsageError({ attempted: "use --input", why: "a name is used twice", value: JSON.stringify(twice[0]) });
}

/** One value: `name=text`, or `name:=JSON`. Messages do not show the value: it may be a secret. */
function inputPair(text: string): [name: string, value: unknown] {
  const attempted = "use --input";
  const [, name, sign, value = ""] = /^(?!:=)([^=]+?)(:?=)(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError({ attempted, why: "it must have the form name=value, or name:=JSON" });
  }
  if (sign === "=") return [name, value];
  const refused = (why: string) =>
    new UsageError({ attempted, why, value: JSON.stringify(name), advice: "write name=value to send text" });
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw refused(`the text after ":=" is not JSON`);
  }
  if (losesDigits(value)) throw refused(TOO_MANY_DIGITS);
  return [name, parsed];
}

/** The object in a file; `-` is standard input. @throws {UsageError} if it contains no object. */
async function readInputFile(context: Context, path: string): Promise<Record<string, unknown>> {
  const attempted = "read input";
  const content = path === "-" ? await context.io.readStdin() : readCheckoutFile(context, path, attempted);
  // Editors and shells on Windows write a byte order mark first.
  const text = content.replace(/^\ufeff/, "");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError({ attempted, why: `${JSON.stringify(path)} does not contain JSON` });
  }
  if (losesDigits(text)) {
    const advice = "write that number as text";
    throw new UsageError({ attempted, why: TOO_MANY_DIGITS, value: JSON.stringify(path), advice });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError({ attempted, why: `${JSON.stringify(path)} must contain a JSON object, {"name": value, …}` });
}

const TOO_MANY_DIGITS = "it has a whole number with more digits than a JSON number can hold";

// A text, or a number. Texts come first, so that digits in them are not numbers.
const TEXT_OR_NUMBER = /"[^"]*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Whether JSON has a whole number that would be sent with other digits: `JSON.parse` keeps about sixteen of them. */
function losesDigits(json: string): boolean {
  // Backslashes only appear in texts. With escapes removed, a text ends at its next quotation mark.
  const tokens = json.replace(/\\./gs, "").match(TEXT_OR_NUMBER) ?? [];
  return tokens.some((token) => {
    const value = Number(token);
    // The request refuses numbers that are too large for JSON.
    return /^-?\d+$/.test(token) && Number.isFinite(value) && !Number.isSafeInteger(value) &&
      BigInt(token) !== BigInt(value);
  });
}

/**
 * Refuses to continue if Bun has loaded a `.env` file of the checkout in CI: anyone may have written it, and one line in it could send the token
 * elsewhere.
 * @param runtime Name and version of the runtime. @default the current one
 * @param args Its own arguments. @default the process's
 * @throws {UsageError} naming the file, the variable and the flags that help.
 */
export function guardCheckout(
  { io, platform, systems }: Pick<Context, "io" | "platform" | "systems">,
  runtime: string = runtimeName(),
  args: readonly string[] = runtimeArgs(),
): void {
  if (!runtime.startsWith("bun/") || args.includes("--no-env-file") || !platform.isCi) return;
  const match = steeringFile(io, systems.variables());
  if (match === undefined) return;
  throw new UsageError({
    attempted: `trust ${match.name}`,
    why: `it is set in "${match.file}", a file in the checkout that Bun loaded`,
    advice: "start with bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null",
  });
}

// Source: Bun, "Environment variables": `.env`, `.env.<NODE_ENV>` and `.env.local` are read.
const KINDS: readonly string[] = ["", ".development", ".production", ".test"];

const FILES = KINDS.flatMap((kind) => [`.env${kind}`, `.env${kind}.local`]);

/**
 * The first `.env` file of the working directory that sets a variable which would change our behavior, and the name of the variable.
 * @param ofPlatforms Variables that identify CI systems, and those that are read on them.
 */
export function steeringFile(io: Io, ofPlatforms: readonly string[]): { file: string; name: string } | undefined {
  for (const file of FILES) {
    const name = steeringName(readOrNothing(io, file), ofPlatforms);
    if (name !== undefined) return { file, name };
  }
  return undefined;
}

// Variables that decide where the token goes, which certificates are trusted, what is started, or which files are written: ours, and the variables of proxies and
// certificates, and Bun's own. `steeringName` adds those that identify a CI system.
const STEERING = /^(?:mogplex_.*|bun_.*|(?:https?|all|no)_proxy|node_tls_.*|node_extra_ca_certs|ssl_cert_.*)$/i;

// A name at the start of a line, before `=` or `:`. Bun treats `\v`, `\f` and a byte order mark as blanks, `\r` as the end of a line, and looks for
// the sign on later lines, too. Matching more than Bun does is harmless here.
const ASSIGNMENT = /^[^\w#\r\n]*(?:export\s+)*(\w+)\s*[=:]/gm;

/** The first name in the text of a `.env` file that would change our behavior. */
function steeringName(text: string, ofPlatforms: readonly string[]): string | undefined {
  for (const [, name = ""] of text.replace(/[\v\f]/g, "\n").matchAll(ASSIGNMENT)) {
    if (STEERING.test(name) || ofPlatforms.includes(name)) return name;
  }
  return undefined;
}

function readOrNothing(io: Io, file: string): string {
  // A directory of that name (a virtual environment, for example), or a file that Bun could not read either.
  return valueOr(() => io.readFile(file, undefined, "follow", "replace") ?? "", "");
}
