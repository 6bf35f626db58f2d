/**
 * This file imports the functions of verbs but not their rows, so that the bundler drops the help.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Io } from "../../io.ts";
import { GITLAB_FOR_JOBS } from "../../forge/gitlab/for_jobs.ts";
import { isMain } from "../../runtime.ts";
import { cleanUpAndReport } from "../cleanup_report.ts";
import { HISTORY_EXTRAS } from "../history.ts";
import { JOB_NOTES } from "../job/note.ts";
import type { Context, MainOptions, VerbFlag, VerbFlags, VerbFunction } from "../verb.ts";
import { denoFlags, permissionsOf } from "../verbs/permissions.ts";
import { forgeNeeds } from "../job/open_forge.ts";
import { followRun } from "../verbs/follow.ts";
import { endMentionNote, respond } from "../verbs/respond.ts";
import { startAndFollow } from "../verbs/run_follow.ts";
import { componentMain, runComponent } from "./component_main.ts";
import { checkRespond } from "./respond_check.ts";
import { checkPromptFile, flagInput, INPUT_VARIABLES, isFollowed, isRespond, JOB_VARIABLES } from "./inputs.ts";
import { JOB_PATTERNS } from "./job_patterns.ts";
import { AFTER, ALLOW_URL, DETACH, STATE } from "../options.ts";

/** A GitLab pipeline uses no other forge. */
const FORGES = [GITLAB_FOR_JOBS];

/** Directory of the component inside the project, for the unpacked program and the state. It must never be an artifact. */
const DIRECTORY = ".mogplex-ci";

// deno-lint-ignore require-await
async function printPermissions(context: Context): Promise<number> {
  const { env } = context.io;
  const after = context.option(AFTER);
  const asks = isRespond(env) || after !== undefined;
  const allowed = permissionsOf(context, asks ? forgeNeeds(context, after) : undefined);
  context.writer.output(
    denoFlags({ ...allowed, env: [...new Set([...allowed.env, ...INPUT_VARIABLES, ...JOB_VARIABLES])] }).join(" "),
  );
  return EXIT.success;
}

async function checkAndRespond(context: Context): Promise<number> {
  const code = context.io.env("CI_PIPELINE_SOURCE") === "web" ? await checkRespond(context) : EXIT.success;
  return code === EXIT.success ? await respond(context) : code;
}

const ANY_URL = "respond-true";

const VERBS: Readonly<Record<string, VerbFunction>> = {
  run: startAndFollow,
  follow: followRun,
  // The script decides whether another address of the service is allowed, because the holder of a trigger token could set a variable.
  "respond-false": checkAndRespond,
  [ANY_URL]: checkAndRespond,
  cleanup: (context) =>
    isRespond(context.io.env)
      ? cleanUpAndReport({ ...context, isMention: true }, "after_script", endMentionNote)
      : cleanUpAndReport(context, "after_script"),
  permissions: printPermissions,
};

function flagsOf(io: Io, [verb]: readonly string[]): VerbFlags {
  const get = (flag: VerbFlag) => flag === STATE ? `${DIRECTORY}/run.json` : flagInput(io.env, flag);
  return {
    positionals: [],
    has: (flag) => flag === DETACH && !isFollowed(io.env) || flag === ALLOW_URL && verb === ANY_URL,
    get,
    all: (flag) => [get(flag)].filter((value) => value !== undefined),
  };
}

/** Never throws. */
export async function main(args: readonly string[], process: Io, options: MainOptions = {}): Promise<number> {
  const check = (env: ReadEnv) => checkPromptFile(env);
  return await componentMain(
    {
      ...{ verbs: VERBS, flags: flagsOf(process, args), patterns: JOB_PATTERNS, check },
      ...{ notes: JOB_NOTES, forges: FORGES, extras: HISTORY_EXTRAS },
    },
    args,
    process,
    options,
  );
}

if (isMain(import.meta)) void runComponent(main);
