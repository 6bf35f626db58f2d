/**
 * These checks send no requests.
 *
 * @module
 */
import { type Platform, type ReadEnv, STATUS_VARIABLE, type Systems } from "../../ci/platform.ts";
import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { type Io, isFull, parentOf, proveWritable } from "../../io.ts";
import { lookup, valueOr } from "../../lookup.ts";
import { nearest } from "../../nearest.ts";
import { OUTPUT_VARIABLES } from "../../report/write.ts";
import { deriveKey } from "../../run/key.ts";
import { checkRunRequest } from "../../run/request.ts";
import { unknownHarness } from "../../service/validate.ts";
import { DEFAULT_TIMEOUT_MS } from "../../run/session.ts";
import { formatDuration } from "../../text/duration.ts";
import { VARIABLES } from "../../variables.ts";
import { ENVIRONMENT } from "../environment.ts";
import { readVariables } from "./permissions.ts";
import { KEY_PART, KEY_SCOPE } from "../options.ts";
import { isLaptop, type Places, readPlaces, readRunSettings } from "../settings.ts";
import { guardCheckout, readRequestSettings, steeringFile } from "../start_request.ts";
import type { Context } from "../verb.ts";
import { adviceOf, type Check, failedWith, ok, skipped, tried, warning } from "../../check.ts";
import { isAtLeast, type Machine, runtimeParts } from "../../runtime.ts";
import { ABSENT_ID } from "../../service/check_access.ts";

/** Maximum size of a file of the checkout to read. A Git index has about 100 bytes per file. */
const MAX_BYTES = 32 * 1024 * 1024;
const HERMETIC_BUN = "Start it with bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null";

function textOf(io: Io, path: string): string | undefined {
  // The file may be a link, a directory, too large, or not readable. The checks work without it.
  return valueOr(() => io.readFile(path, MAX_BYTES, "refuse", "replace"), undefined);
}

/** Source: Bun, "bunfig.toml" and "Environment variables". */
function bunHazard({ io, platform }: Context, { args }: Machine): string | undefined {
  const config = args.some((arg) => arg.startsWith("--config") || arg.startsWith("-c"));
  if (!config && /^\s*preload\b/m.test(textOf(io, "bunfig.toml") ?? "")) {
    return "Bun ran the preload script in bunfig.toml of the working directory, with the token in its environment";
  }
  if (args.includes("--no-env-file") || !platform.isCi) return undefined;
  return "Bun loads .env files from the working directory, and in CI other people can write files there";
}

export async function checkCheckout(context: Context, machine: Machine): Promise<Check> {
  const { io } = context;
  const { name } = runtimeParts(machine);
  const guarded = await tried(() => guardCheckout(context, machine.runtime, machine.args));
  if (!guarded.ok) return failedWith("checkout", guarded.error, HERMETIC_BUN);
  const hazard = name === "bun" ? bunHazard(context, machine) : undefined;
  if (hazard !== undefined) return warning("checkout", hazard, HERMETIC_BUN);
  const config = ["deno.json", "deno.jsonc"].find((file) => /"(?:imports|importMap)"/.test(textOf(io, file) ?? ""));
  if (name === "deno" && config !== undefined) {
    // Deno does not reveal its own flags, so they cannot be checked.
    return warning(
      "checkout",
      `${config} maps imports, which affects this program if it is in the checkout`,
      "Start with --no-config",
    );
  }
  const steering = steeringFile(io, context.systems.variables());
  if (steering === undefined || name === "bun") {
    return ok("checkout", "no config file in the checkout affects this program");
  }
  return ok("checkout", `${steering.file} sets ${steering.name}, which ${name} ignores`);
}

/** Whether Git tracks files of a directory. Source: Git, "gitformat-index": versions 2 and 3 store each path uncompressed, after its length. */
function isTracked(io: Io, directory: string): boolean {
  const path = directory.replace(/^(?:\.\/+)+/, "").replace(/\/+$/, "");
  const index = textOf(io, ".git/index") ?? "";
  return index.split(`${path}/`).slice(0, -1).some((before) => /\0[^]?$/.test(before.slice(-2)));
}

function missingDirectories(io: Io, directory: string): string[] {
  if (io.realPath(directory) !== undefined || parentOf(directory) === directory) return [];
  return [directory, ...missingDirectories(io, parentOf(directory))];
}

function removeEmpty(io: Io, directories: readonly string[]): void {
  try {
    for (const each of directories) io.removeDirectory(each);
  } catch {
    // Another process has created a file in the directory in the meantime.
  }
}

/** Writes a file into each directory, as a job would, and removes the file. Existing reports are not changed. */
function provePlaces({ io }: Context, { targets, state }: Places): void {
  for (const directory of new Set([...targets.map(({ path }) => path), state].map(parentOf))) {
    const path = `${directory}/.doctor-${crypto.randomUUID().slice(0, 8)}`;
    try {
      const made = missingDirectories(io, directory);
      proveWritable(io, path);
      removeEmpty(io, made);
    } catch (error) {
      const advice = isFull(error)
        ? "free some space on the disk, or choose a directory on another disk with --out"
        : undefined;
      throw new UsageError({ attempted: `write to ${JSON.stringify(directory)}`, why: messageOf(error), advice });
    }
  }
}

export async function checkFiles(context: Context): Promise<Check> {
  const { io } = context;
  const places = await tried(() => readPlaces(context));
  if (!places.ok) return skipped("files", "the settings are invalid");
  const { out } = places.value;
  const writable = await tried(() => provePlaces(context, places.value));
  if (!writable.ok) {
    return failedWith(
      "files",
      writable.error,
      adviceOf(writable.error, "Choose another directory with --out; under Deno, permit it with --allow-write"),
    );
  }
  if (isTracked(io, out)) {
    return warning(
      "files",
      `Git tracks files in ${JSON.stringify(out)}: reports and the state file would replace them`,
      `Remove the directory from Git and add it to .gitignore, or choose another directory with --out`,
    );
  }
  return ok("files", `${JSON.stringify(out)} is writable`);
}

/** Oldest supported version of each runtime. Source: design, "Who it is for". `package.json` contains the same versions. */
const OLDEST: Readonly<Record<string, string>> = { node: "20.11", deno: "2.0", bun: "1.2.19" };

export function checkRuntime(env: ReadEnv, systems: Systems, machine: Machine): Check {
  const { name, version } = runtimeParts(machine);
  const oldest = lookup(OLDEST, name);
  if (oldest === undefined || !isAtLeast(version, oldest)) {
    const supported = Object.entries(OLDEST).map(([each, from]) => `${each} ${from}`).join(", ");
    return warning(
      "runtime",
      `${name} ${version} is not supported`,
      `Use one of these versions, or a later one: ${supported}`,
    );
  }
  const refused = readVariables(env, systems).filter((variable) => machine.refuses(variable));
  if (refused.length === 0) return ok("runtime", `${name} ${version}`);
  return warning(
    "runtime",
    `${name} ${version} hides ${refused.length} variables, which are treated as unset: ${
      refused.slice(0, 3).join(", ")
    }${refused.length > 3 ? ", …" : ""}`,
    "Start it with the flags that the permissions command prints, such as --allow-env",
  );
}

const STARTS: Readonly<Record<string, string>> = {
  pipeline: "a retried job finds its run",
  job: "each attempt of a job starts a new run",
  day: "one run a day",
  random: "each call starts a new run",
};

const LAPTOP =
  "run --follow with the same task attaches to a run of this folder that is still running, or that succeeded within the last hour without being followed";

function showsJobState(platform: Platform): boolean {
  return platform.jobState((name) => name === STATUS_VARIABLE ? undefined : "failed") !== "unknown";
}

function uses({ io, platform }: Context): string[] {
  const { outputs, variables, summary } = platform.files(io.env);
  const written = [
    (outputs ?? variables ?? platform.setOutput) && "outputs",
    (summary ?? platform.showSummary) && "summary",
  ].filter(Boolean).join(" and ");
  const knowsState = io.env(STATUS_VARIABLE) !== undefined || showsJobState(platform);
  return [
    ...written === "" ? [] : [`this step writes its ${written}`],
    knowsState
      ? "cleanup can detect how the job ended"
      : `cleanup needs ${STATUS_VARIABLE} to detect how the job ended`,
  ];
}

async function keyOf(context: Context): Promise<{ scope: string; missing: readonly string[]; own: boolean }> {
  const { option, platform } = context;
  const keyScope = await tried(() => option(KEY_SCOPE));
  const keyPart = option(KEY_PART);
  const scope = (keyScope.ok ? keyScope.value : undefined) ?? (platform.isCi ? "pipeline" : "random");
  const parts = { scope, identity: platform.identity(context.io.env), keyPart, repoId: ABSENT_ID };
  let missing: readonly string[] = [];
  const key = deriveKey({ ...parts, nowMs: context.clock.wallTime() }, (notice) => {
    if (notice.kind === "random_key") missing = notice.missing;
  });
  return { scope: key.scope, missing, own: keyPart !== undefined || keyScope.ok && keyScope.value !== undefined };
}

export function ciName({ platform }: Pick<Context, "platform">): string {
  if (!platform.isCi) return "no CI system";
  return platform.name === "ci" ? "an unknown CI system" : platform.name;
}

export async function checkCi(context: Context): Promise<Check> {
  const { platform } = context;
  const { scope, missing, own } = await keyOf(context);
  const parts = [
    ciName(context),
    isLaptop(context) && !own ? LAPTOP : lookup(STARTS, scope) ?? "",
    ...platform.isCi ? uses(context) : [],
  ];
  if (missing.length > 0) {
    return warning(
      "ci",
      `${parts.join("; ")}; the job has no identity (missing: ${missing.join(", ")})`,
      "Set MOGPLEX_CI_JOB to text that contains the build number, stays the same on a retry, and differs for the next build",
    );
  }
  const alike = platform.hidesNode && context.option(KEY_PART) === undefined;
  return ok(
    "ci",
    [...parts, ...alike ? ["in a matrix, give each node its own --key-part"] : []].join(
      "; ",
    ),
  );
}

/** Some variables have another name than their flag: `--repo` is MOGPLEX_REPO_ID, which nobody guesses. */
function variableOfFlag(name: string): string | undefined {
  const flag = name.slice("MOGPLEX_".length).toLowerCase().replaceAll("_", "-");
  const variable = ENVIRONMENT.find(({ option }) => option?.name === flag);
  return variable && `${variable.name} (or the flag --${flag})`;
}

/** Variables that a document or a recipe mentions, but that the program does not read. */
const OTHER_VARIABLES = ["MOGPLEX_CI", "MOGPLEX_FILE", "MOGPLEX_SCHEDULE"];

export function checkVariables({ io }: Context, { names }: Machine): Check {
  if (names === undefined) {
    return skipped(
      "variables",
      "Deno lists variables only if --allow-env allows all of them, so mistyped names cannot be found",
    );
  }
  const ownNames: readonly string[] = VARIABLES;
  const others = [...OUTPUT_VARIABLES, io.env("MOGPLEX_TOKEN_VARIABLE")?.trim(), ...OTHER_VARIABLES];
  const odd = names.filter((name) => /^mogplex_/i.test(name) && !ownNames.includes(name) && !others.includes(name))
    .filter((name) => io.env(name));
  const set = ownNames.filter((name) => io.env(name));
  if (odd.length === 0) return ok("variables", set.length === 0 ? "no MOGPLEX_ variable is set" : set.join(", "));
  const advice = odd.map((name) => {
    const hint = variableOfFlag(name) ?? nearest(name.toUpperCase(), ownNames);
    return hint === undefined ? `Unset ${name}` : `Did you mean ${hint} instead of ${name}?`;
  });
  return warning("variables", `unknown names: ${odd.join(", ")}`, advice.join("; "));
}

export async function checkSettings(context: Context): Promise<Check> {
  const settings = await tried(() => {
    const { rest: { harness } } = checkRunRequest({ repoId: ABSENT_ID, prompt: "-", ...readRequestSettings(context) });
    return { ...readPlaces(context), ...readRunSettings(context), harness };
  });
  if (!settings.ok) {
    return failedWith("settings", settings.error, adviceOf(settings.error, "Correct the value, or unset the variable"));
  }
  const { timeoutMs = DEFAULT_TIMEOUT_MS, out, harness } = settings.value;
  const unknown = unknownHarness(harness);
  if (unknown !== undefined) {
    return warning("settings", unknown, "Correct the name, unless the service supports this agent");
  }
  return ok("settings", `a command waits at most ${formatDuration(timeoutMs)}; reports go to ${JSON.stringify(out)}`);
}
