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

export async function readStartRequest(context: Context, result?: ResultRequest): Promise<RunRequest> {
  const repo = requiredRepo(context, "start run", true);
  const prompt = await readPrompt(context);
  const request = { repo, prompt, ...readRequestSettings(context), result };
  checkRunRequest(request);
  return request;
}

/** The values are not checked. */
export function readRequestSettings({ flags, option }: Context): Omit<StartRequest, "repoId" | "prompt"> {
  if (flags.has(CREATE_BRANCH) && flags.has(NO_CREATE_BRANCH)) {
    const why = `--${CREATE_BRANCH.name} and --${NO_CREATE_BRANCH.name} cannot be used together`;
    throw new UsageError({ attempted: "start run", why, advice: "use only one of them" });
  }
  // The flag is read with `option`, so that the settings on the run page include it.
  const refusesBranch = flags.has(NO_CREATE_BRANCH) && option(NO_CREATE_BRANCH) === true;
  return {
    harness: option(HARNESS),
    mode: option(MODE) as StartRequest["mode"],
    baseBranch: option(BASE_BRANCH),
    workingBranch: option(BRANCH),
    createBranch: refusesBranch ? false : option(CREATE_BRANCH),
    rootDirectory: option(ROOT),
  };
}

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
      attempted: "choose prompt",
      why: `both ${names} are set`,
      advice: "use only one of them",
    });
  }
  return await source();
}

type ReadPrompt = () => string | Promise<string>;

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
      const advice = "start Deno with --allow-read for that file; permissions --prompt-file FILE prints all flags";
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

/**
 * A checkout can replace a file with a link, so that another file of this machine would be sent to the agent. A path that begins outside the working
 * directory, or contains `..`, is allowed, because the caller wrote it on purpose.
 */
function refuseEscape({ io }: Context, path: string, attempted: string): void {
  if (path.split("/").includes("..")) return;
  const below = `${io.realPath(".")?.replace(/\/+$/, "") ?? ""}/`;
  if (path.startsWith("/") && !path.startsWith(below)) return;
  const there = io.realPath(path);
  if (there === undefined || there.startsWith(below)) return;
  throw new UsageError({ attempted, why: `file ${JSON.stringify(path)} is outside the working directory` });
}

export async function readTriggerRequest(context: Context): Promise<TriggerRequest> {
  const repo = requiredRepo(context, "trigger automation", false);
  const path = context.option(INPUT_FILE);
  const pairs = inputPairs(context);
  if (path === undefined && pairs.length === 0) return { repo };
  const file = path === undefined ? {} : await readInputFile(context, path);
  return { repo, input: Object.fromEntries([...Object.entries(file), ...pairs]) };
}

function inputPairs({ flags }: Context): [name: string, value: unknown][] {
  const pairs = flags.all(INPUT).map(inputPair);
  const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index);
  if (twice === undefined) return pairs;
  throw new UsageError({ attempted: "use --input", why: "a name is used twice", value: JSON.stringify(twice[0]) });
}

/** Messages do not contain the value, because it may be a secret. */
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

async function readInputFile(context: Context, path: string): Promise<Record<string, unknown>> {
  const attempted = "read input";
  const content = path === "-" ? await context.io.readStdin() : readCheckoutFile(context, path, attempted);
  // Editors and shells on Windows may write a byte order mark.
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

// A string or a number. Strings come first, so that digits in a string are not matched as a number.
const TEXT_OR_NUMBER = /"[^"]*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Whether JSON contains an integer that would be sent with different digits, because `JSON.parse` keeps only about sixteen digits. */
function losesDigits(json: string): boolean {
  // Backslashes only appear in strings. Without escapes, a string ends at the next quotation mark.
  const tokens = json.replace(/\\./gs, "").match(TEXT_OR_NUMBER) ?? [];
  return tokens.some((token) => {
    const value = Number(token);
    // The check of the request rejects numbers that are too large for JSON.
    return /^-?\d+$/.test(token) && Number.isFinite(value) && !Number.isSafeInteger(value) &&
      BigInt(token) !== BigInt(value);
  });
}

/**
 * Throws if Bun has loaded a `.env` file of the checkout in CI. Anyone may have written the file, and a single line could send the token to another
 * host.
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

// Bun reads `.env`, `.env.<NODE_ENV>` and `.env.local`. Source: Bun, "Environment variables".
const KINDS: readonly string[] = ["", ".development", ".production", ".test"];

const FILES = KINDS.flatMap((kind) => [`.env${kind}`, `.env${kind}.local`]);

/** @param ofPlatforms Variables that identify CI systems, and variables that the program reads on these systems. */
export function steeringFile(io: Io, ofPlatforms: readonly string[]): { file: string; name: string } | undefined {
  for (const file of FILES) {
    const name = steeringName(readOrNothing(io, file), ofPlatforms);
    if (name !== undefined) return { file, name };
  }
  return undefined;
}

// Variables that decide where the token or a trace is sent, which certificates are trusted, which program is started, or which files are written: the
// `MOGPLEX_…` variables, the variables of Bun, and the variables of proxies, certificates and trace collectors. `steeringName` adds the variables that
// identify a CI system.
const STEERING =
  /^(?:mogplex_.*|bun_.*|(?:https?|all|no)_proxy|node_tls_.*|node_extra_ca_certs|ssl_cert_.*|otel_exporter_otlp_.*)$/i;

// A name at the start of a line, before `=` or `:`. Bun treats `\v`, `\f` and a byte order mark as spaces, treats `\r` as the end of a line, and also
// accepts the `=` or `:` on a later line. The expression may match more than Bun does.
const ASSIGNMENT = /^[^\w#\r\n]*(?:export\s+)*(\w+)\s*[=:]/gm;

function steeringName(text: string, ofPlatforms: readonly string[]): string | undefined {
  for (const [, name = ""] of text.replace(/[\v\f]/g, "\n").matchAll(ASSIGNMENT)) {
    if (STEERING.test(name) || ofPlatforms.includes(name)) return name;
  }
  return undefined;
}

function readOrNothing(io: Io, file: string): string {
  // The path may be a directory, such as a virtual environment, or a file that Bun could not read either.
  return valueOr(() => io.readFile(file, undefined, "follow", "replace") ?? "", "");
}
