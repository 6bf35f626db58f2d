/**
 * The program that the GitLab component `dashboard` carries: it takes everything from the environment, as that of the other components.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import type { ParsedFlags } from "../../flags.ts";
import type { Io } from "../../io.ts";
import { lookup } from "../../lookup.ts";
import type { ReadEnv } from "../../ci/platform.ts";
import { isMain } from "../../runtime.ts";
import { showDashboard } from "../dashboard.ts";
import type { Context, MainOptions, VerbFunction } from "../verb.ts";
import { denoFlags, permissionsFor } from "../verbs/doctor_checks.ts";
import { componentMain, runComponent } from "./component_main.ts";
import { INPUT_VARIABLES, JOB_VARIABLES } from "./inputs.ts";

/** Directory that GitLab Pages publishes. Source: GitLab, "GitLab Pages", `pages.publish`. */
const OUT = "public";

/** Inputs that stand for flags, by the name of the flag. */
const FLAGS: Readonly<Record<string, string>> = {
  "results": "MOGPLEX_INPUT_RESULTS",
  "allow-write-token": "MOGPLEX_INPUT_ALLOW_WRITE_TOKEN",
  "partial": "MOGPLEX_INPUT_PARTIAL",
};

/** Every variable that carries an input of this component and of no other. */
const DASHBOARD_INPUTS: readonly string[] = Object.values(FLAGS);

/** The flags of a job, which has no command line of its own. */
function flagsOf(env: ReadEnv): ParsedFlags {
  const text = (name: string) => env(lookup(FLAGS, name) ?? "") ?? "";
  return {
    positionals: [],
    has: (name) => text(name) === "true",
    get: (name) => name === "out" ? OUT : undefined,
    // One pattern a line.
    all: (name) => name !== "results" ? [] : text(name).split("\n").map((line) => line.trim()).filter(Boolean),
  };
}

// deno-lint-ignore require-await
async function printPermissions({ io: { env }, platform, systems, writer }: Context): Promise<number> {
  const allowed = permissionsFor({ env, platform, systems }, { out: OUT, written: [], read: [] });
  const names = [...allowed.env, ...INPUT_VARIABLES, ...DASHBOARD_INPUTS, ...JOB_VARIABLES];
  writer.output(denoFlags({ ...allowed, env: names }).join(" "));
  return EXIT.success;
}

const VERBS: Readonly<Record<string, VerbFunction>> = { dashboard: showDashboard, permissions: printPermissions };

/**
 * Runs a verb of the component.
 *
 * @param args The verb: `dashboard` or `permissions`.
 * @param process Environment, files, streams and signals.
 * @returns The exit code; it never throws.
 */
export async function main(args: readonly string[], process: Io, options: MainOptions = {}): Promise<number> {
  return await componentMain({ verbs: VERBS, flags: flagsOf(process.env) }, args, process, options);
}

if (isMain(import.meta)) void runComponent(main);
