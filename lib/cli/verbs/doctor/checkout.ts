/**
 * Checks of the checkout: files in it that runtimes obey, and the place where reports go.
 *
 * @module
 */
import { UsageError } from "../../../errors.ts";
import { type Io, parentOf } from "../../../io.ts";
import { messageOf } from "../../../error_sentence.ts";
import { guardCheckout, steeringFile } from "../../options/checkout_guard.ts";
import { type Places, readPlaces } from "../../options/places.ts";
import type { VerbContext } from "../../verb.ts";
import { type Check, failedWith, type Machine, ok, runtimeParts, skipped, tried, warning } from "./check.ts";

/** Larger files of the checkout are not read, in bytes; an index of Git has some 100 bytes a file. */
const MAX_BYTES = 32 * 1024 * 1024;
const HERMETIC_BUN = "Start it with bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null";

function textOf(io: Io, path: string): string | undefined {
  try {
    return io.readFile(path, MAX_BYTES, "refuse", "replace");
  } catch {
    // A link, a directory, too large, or not permitted: the checks do without it.
    return undefined;
  }
}

/** What Bun does with the working directory by default. Source: Bun, "bunfig.toml" and "Environment variables". */
function bunHazard({ io, platform }: VerbContext, { args }: Machine): string | undefined {
  const config = args.some((arg) => arg.startsWith("--config") || arg.startsWith("-c"));
  if (!config && /^\s*preload\b/m.test(textOf(io, "bunfig.toml") ?? "")) {
    return "Bun has run what bunfig.toml of the working directory preloads, with the token in its environment";
  }
  if (args.includes("--no-env-file") || !platform.isCi) return undefined;
  return "Bun loads the .env files of the working directory, and in CI that is a checkout which others write";
}

/** Checks the files by which a checkout can steer a runtime. */
export async function checkCheckout(context: VerbContext, machine: Machine): Promise<Check> {
  const { io } = context;
  const { name } = runtimeParts(machine);
  const guarded = await tried(() => guardCheckout(context, machine.runtime, machine.args));
  if (!guarded.ok) return failedWith("checkout", guarded.error, HERMETIC_BUN);
  const hazard = name === "bun" ? bunHazard(context, machine) : undefined;
  if (hazard !== undefined) return warning("checkout", hazard, HERMETIC_BUN);
  const config = ["deno.json", "deno.jsonc"].find((file) => /"(?:imports|importMap)"/.test(textOf(io, file) ?? ""));
  if (name === "deno" && config !== undefined) {
    // Deno does not reveal its own flags, so they cannot be checked.
    return warning("checkout", `${config} maps imports, ours too if we lie in the checkout`, "Start with --no-config");
  }
  const steering = steeringFile(io, context.systems.variables());
  if (steering === undefined || name === "bun") return ok("checkout", "no file in it changes our settings");
  return ok("checkout", `${steering.file} sets ${steering.name}, which ${name} does not read`);
}

/** Whether Git tracks files of a directory. Source: Git, "gitformat-index": versions 2 and 3 hold each path as it is, after its length. */
function isTracked(io: Io, directory: string): boolean {
  const path = directory.replace(/^(?:\.\/+)+/, "").replace(/\/+$/, "");
  const index = textOf(io, ".git/index") ?? "";
  return index.split(`${path}/`).slice(0, -1).some((before) => /\0[^]?$/.test(before.slice(-2)));
}

/** The missing directories of a path, the innermost first. */
function missingDirectories(io: Io, directory: string): string[] {
  if (io.realPath(directory) !== undefined || parentOf(directory) === directory) return [];
  return [directory, ...missingDirectories(io, parentOf(directory))];
}

function removeEmpty(io: Io, directories: readonly string[]): void {
  try {
    for (const each of directories) io.removeDirectory(each);
  } catch {
    // Another process has put something there meanwhile.
  }
}

/** Writes a file into each directory, as a job would, and removes it again. Existing reports stay as they are. */
function proveWritable({ io }: VerbContext, { targets, state }: Places): void {
  for (const directory of new Set([...targets.map(({ path }) => path), state].map(parentOf))) {
    const path = `${directory}/.doctor-${crypto.randomUUID().slice(0, 8)}`;
    try {
      const made = missingDirectories(io, directory);
      io.writeFile(path, "");
      io.removeFile(path);
      removeEmpty(io, made);
    } catch (error) {
      throw new UsageError({ attempted: `write to ${JSON.stringify(directory)}`, why: messageOf(error) });
    }
  }
}

/** Checks that reports, state and the files of the CI system can be written. */
export async function checkFiles(context: VerbContext): Promise<Check> {
  const { io } = context;
  const places = await tried(() => readPlaces(context));
  if (!places.ok) return skipped("files", "the settings do not say where they go");
  const { out } = places.value;
  const writable = await tried(() => proveWritable(context, places.value));
  if (!writable.ok) {
    return failedWith(
      "files",
      writable.error,
      "Take another directory by --out; under Deno, permit it by --allow-write",
    );
  }
  if (isTracked(io, out)) {
    return warning(
      "files",
      `Git tracks files in ${JSON.stringify(out)}: reports and the state of the job would replace them`,
      `Take the directory out of Git and put it into .gitignore, or take another one by --out`,
    );
  }
  return ok("files", `${JSON.stringify(out)} can be written`);
}
