import { PERSON_VARIABLES, type Platform, type ReadEnv, type Systems } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { parentOf } from "../../io.ts";
import type { FilesNeeds } from "../../forge/files.ts";
import { resolveOrigin } from "../../service/connection.ts";
import { NETWORK_VARIABLES, SECRET_VARIABLES, VARIABLES } from "../../variables.ts";
import { asksForNote, type NotePlan, planNote } from "../job/note.ts";
import { forgeNeeds } from "../job/open_forge.ts";
import { resultNeeds } from "../job/result_file.ts";
import {
  AFTER,
  JSON_LINES,
  oneOf,
  PROMPT_FILE,
  REPORTING,
  REQUEST,
  RESULT,
  RESULTS,
  SCHEMA,
  STATE,
} from "../options.ts";
import { readPlaces } from "../settings.ts";
import type { Context, ExtraPermissions, Option, Verb } from "../verb.ts";

/**
 * Variables that are not in any other list: `NODE_ENV`, which decides whether an unencrypted address is accepted, and the variables of the terminal
 * and the network.
 */
const OTHER_VARIABLES: readonly string[] = [
  "NODE_ENV",
  "FORCE_COLOR",
  "NO_COLOR",
  "TERM",
  "TERM_PROGRAM",
  "VTE_VERSION",
  "WT_SESSION",
  ...NETWORK_VARIABLES,
];

interface Permissions {
  run?: string[];
  /** Hosts. The port is included unless it is the default port of the scheme. */
  net: string[];
  env: string[];
  read: string[];
  write: string[];
}

interface PermissionPaths {
  out: string;
  written: readonly string[];
  read: readonly string[];
  extra?: ExtraPermissions | undefined;
  forge?: ReturnType<typeof forgeNeeds> | undefined;
  result?: FilesNeeds | undefined;
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory.replace(/\/+$/, "")}/`);
}

function isElsewhere(path: string): boolean {
  return path.startsWith("/") || path.split("/").includes("..");
}

function distinct(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined && value !== ""))] as string[];
}

export function readVariables(env: ReadEnv, systems: Systems): string[] {
  const names = [
    ...VARIABLES,
    ...OTHER_VARIABLES,
    ...systems.variables(),
    ...PERSON_VARIABLES,
    ...SECRET_VARIABLES,
  ];
  return distinct([...names, env("MOGPLEX_TOKEN_VARIABLE")?.trim()]);
}

export function permissionsFor(
  { env, platform, systems }: { env: ReadEnv; platform: Platform; systems: Systems },
  paths: PermissionPaths,
  note: NotePlan = { kind: "none" },
): Permissions {
  const origin = resolveOrigin({ env });
  const files = platform.files(env);
  // A file is written with a temporary name in the same directory and then renamed, so the directory must be writable.
  const outside = paths.written.filter((path) => !isBelow(path, paths.out)).map(parentOf);
  const inputs = [env("MOGPLEX_API_KEY_FILE"), env("MOGPLEX_PROMPT_FILE"), ...paths.read, ...paths.forge?.read ?? []];
  // Outputs are appended on a new line, so the end of an existing file is read first.
  const appended = [files.outputs, files.variables, ...paths.extra?.files ?? []];
  const { result } = paths;
  const temporary = result === undefined ? [] : [env("TMPDIR")?.replace(/\/+$/, "") || "/tmp"];
  return {
    ...(result !== undefined && { run: [...result.run] }),
    net: distinct([
      origin.host,
      note.kind === "write" ? new URL(note.place.client.api).host : undefined,
      ...paths.extra?.net ?? [],
      ...paths.forge?.net ?? [],
      ...result?.net ?? [],
    ]),
    env: distinct([
      ...readVariables(env, systems),
      ...paths.extra?.env ?? [],
      ...paths.forge?.env ?? [],
      ...result?.env ?? [],
      note.kind === "write" ? note.tokenVariable : undefined,
    ]),
    read: distinct([
      ".",
      ...[paths.out, ...outside, ...inputs, ...appended, ...temporary].filter((path) =>
        path !== undefined && isElsewhere(path)
      ),
    ]),
    write: distinct([paths.out, ...outside, ...appended, ...temporary, files.summary]),
  };
}

export function denoFlags(permissions: Permissions): string[] {
  return Object.entries(permissions).map(([name, values]: [string, string[]]) => {
    const odd = values.find((value) => /[\s,*?[\]'"\\$]/.test(value));
    if (odd !== undefined) {
      throw new UsageError({
        attempted: "print permissions",
        why: "a path contains a space, a comma or a special shell character",
        value: JSON.stringify(odd),
        advice: "use --json",
      });
    }
    return `--allow-${name}=${values.join(",")}`;
  });
}

export function permissionsOf(context: Context, forge?: PermissionPaths["forge"]): Permissions {
  const { io: { env }, platform, systems, flags, option } = context;
  const { out, targets, state } = readPlaces(context);
  const written = [state, ...targets.map((target) => target.path)];
  const schema = option(SCHEMA);
  const read = [...flags.all(PROMPT_FILE), ...schema === undefined ? [] : [schema]];
  const result = option(RESULT) === undefined ? undefined : resultNeeds(context);
  const paths = { out, written, read, extra: context.extras?.permissions(context), forge, result };
  return permissionsFor({ env, platform, systems }, paths, planNote(context));
}

const FOR: Option<"run" | "respond"> = {
  name: "for",
  value: "run|respond",
  help: "Command to print the flags for: run or respond [run]",
  parse: oneOf(["run", "respond"]),
};

export const permissionsVerb: Verb = {
  name: "permissions",
  summary: "Print the Deno permission flags that a run with the same flags and variables needs",
  group: "toolkit",
  flags: [FOR, REQUEST, RESULTS, REPORTING, STATE, JSON_LINES],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the flags are printed" },
  examples: ["mogplex-ci permissions --out reports", "mogplex-ci permissions --for respond"],
  // deno-lint-ignore require-await
  async run(context) {
    const { flags, option, writer } = context;
    const after = option(AFTER);
    // The pull request to continue may be at a different forge than the pull request with the note.
    const needs = [
      ...after === undefined ? [] : [forgeNeeds(context, after)],
      ...option(FOR) === "respond" || asksForNote(context) ? [forgeNeeds(context)] : [],
    ];
    const permissions = permissionsOf(context, {
      net: needs.flatMap(({ net }) => net),
      env: needs.flatMap(({ env }) => env),
      read: needs.flatMap(({ read }) => read),
    });
    if (flags.has(JSON_LINES)) writer.json(permissions);
    else writer.output(denoFlags(permissions).join(" "));
    return EXIT.success;
  },
};
