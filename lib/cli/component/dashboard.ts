import { EXIT } from "../../exit_codes.ts";
import type { Io } from "../../io.ts";
import type { ReadEnv } from "../../ci/platform.ts";
import { isMain } from "../../runtime.ts";
import { ALLOW_WRITE, DASHBOARD_OUT, HISTORIES, PARTIAL, RESULTS, showDashboard } from "../dashboard.ts";
import type { Context, MainOptions, VerbFlag, VerbFlags, VerbFunction } from "../verb.ts";
import { denoFlags, permissionsFor } from "../verbs/permissions.ts";
import { componentMain, runComponent } from "./component_main.ts";
import { DASHBOARD_PATTERNS, flagVariable, INPUT_VARIABLES, JOB_VARIABLES } from "./inputs.ts";

/** Directory that GitLab Pages publishes. Source: GitLab, "GitLab Pages", `pages.publish`. */
const OUT = "public";

const FLAGS: readonly VerbFlag[] = [RESULTS, HISTORIES, ALLOW_WRITE, PARTIAL];

const DASHBOARD_INPUTS: readonly string[] = FLAGS.map(flagVariable);

function flagsOf(env: ReadEnv): VerbFlags {
  const text = (flag: VerbFlag) => FLAGS.includes(flag) ? env(flagVariable(flag)) ?? "" : "";
  return {
    positionals: [],
    has: (flag) => text(flag) === "true",
    get: (flag) => flag === DASHBOARD_OUT ? OUT : undefined,
    // One pattern per line.
    all: (flag) =>
      flag !== RESULTS && flag !== HISTORIES ? [] : text(flag).split("\n").map((line) => line.trim()).filter(Boolean),
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

/** Never throws. */
export async function main(args: readonly string[], process: Io, options: MainOptions = {}): Promise<number> {
  const program = { verbs: VERBS, flags: flagsOf(process.env), patterns: DASHBOARD_PATTERNS };
  return await componentMain(program, args, process, options);
}

if (isMain(import.meta)) void runComponent(main);
