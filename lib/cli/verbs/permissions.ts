/**
 * `permissions`: prints the flags with which Deno may run us, and nothing beyond: made from the lists that the code itself
 * reads.
 *
 * @module
 */
import { resolveOrigin } from "../../api/connection/connection.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { detectPlatform, platformVariables } from "../../platforms/detect.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { NETWORK_VARIABLES, SECRET_VARIABLES, VARIABLES } from "../../variables.ts";
import { type NotePlan, planNote } from "../job/note.ts";
import { readPlaces, statePath } from "../options/settings.ts";
import type { VerbContext } from "../verb.ts";

/** Variables that are read beside those of the lists: a guard of the origin, what people set against colours, the network's. */
const OTHER_VARIABLES: readonly string[] = ["NODE_ENV", "NO_COLOR", ...NETWORK_VARIABLES];

/** What a run may touch. */
export interface Permissions {
  /** Hosts, with port where it is not the scheme's own. */
  net: string[];
  /** Names of variables. */
  env: string[];
  /** Files and directories. */
  read: string[];
  /** Files and directories. */
  write: string[];
}

/** Files that a run is going to use, beside those that variables name. */
export interface PermissionPaths {
  /** Directory of the reports. */
  out: string;
  /** Files that are written: state file, reports. */
  written: readonly string[];
  /** Files that are read: the task. */
  read: readonly string[];
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? "." : path.slice(0, Math.max(cut, 1));
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory.replace(/\/+$/, "")}/`);
}

function distinct(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined && value !== ""))] as string[];
}

/** Names of all variables that are read. */
export function readVariables(env: ReadEnv): string[] {
  const names = [
    ...VARIABLES.map((each) => each.name),
    ...OTHER_VARIABLES,
    ...platformVariables(),
    ...SECRET_VARIABLES,
  ];
  return distinct([...names, env("MOGPLEX_TOKEN_VARIABLE")?.trim()]);
}

/**
 * What a run may touch, by environment and flags.
 *
 * @param note Whether a note is going to be written, and where.
 * @throws {UsageError} when `MOGPLEX_URL` is not permitted.
 */
export function permissionsFor(
  env: ReadEnv,
  paths: PermissionPaths,
  note: NotePlan = { kind: "none" },
): Permissions {
  const origin = resolveOrigin({ env });
  const files = detectPlatform(env).files(env);
  // A file is written under a new name beside it and renamed, so its directory has to be open.
  const outside = paths.written.filter((path) => !isBelow(path, paths.out)).map(parentOf);
  const inputs = [env("MOGPLEX_API_KEY_FILE"), env("MOGPLEX_PROMPT_FILE"), ...paths.read];
  return {
    net: distinct([origin.host, note.kind === "write" ? note.place.host : undefined]),
    env: distinct([...readVariables(env), note.kind === "write" ? note.tokenVariable : undefined]),
    read: distinct([".", ...[paths.out, ...outside, ...inputs].filter((path) => path?.startsWith("/"))]),
    write: distinct([paths.out, ...outside, files.outputs, files.variables, files.summary]),
  };
}

/** As arguments of `deno run`. @throws {UsageError} when a path cannot stand in such a list. */
export function denoFlags(permissions: Permissions): string[] {
  return Object.entries(permissions).map(([name, values]: [string, string[]]) => {
    const odd = values.find((value) => /[\s,*?[\]'"\\$]/.test(value));
    if (odd !== undefined) {
      throw new UsageError(
        `Cannot print permissions as a path has a blank, a comma or a character of the shell: ${
          JSON.stringify(odd)
        }; use --json`,
      );
    }
    return `--allow-${name}=${values.join(",")}`;
  });
}

/** What a run with these flags and variables may touch. @throws {UsageError} when one of them is not possible. */
export function permissionsOf(context: VerbContext): Permissions {
  const { out, targets } = readPlaces(context);
  const written = [statePath(context), ...targets.map((target) => target.path)];
  const paths = { out, written, read: context.flags.all("prompt-file") };
  return permissionsFor(context.io.env, paths, planNote(context));
}

/** See the module. */
// deno-lint-ignore require-await
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const permissions = permissionsOf(context);
  if (flags.has("json")) writer.json(permissions);
  else writer.out(denoFlags(permissions).join(" "));
  return EXIT.success;
}
