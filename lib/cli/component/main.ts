/**
 * The program that the GitLab components carry: the verbs that their jobs need, which take everything from the environment.
 *
 * It imports functions of verbs, never their rows, so that the bundler drops the help.
 *
 * @module
 */
import { exitCodeFor, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { ParsedFlags } from "../../flags.ts";
import { type Io, processIo } from "../../io.ts";
import { detectPlatform } from "../../platforms/detect.ts";
import { isMain, programArgs, setExitCode } from "../../runtime.ts";
import { createWriter, explain } from "../explain.ts";
import { cleanUpAndReport } from "../cleanup_report.ts";
import { GITLAB_NOTES } from "../job/gitlab_note.ts";
import { openContext } from "../job/open.ts";
import { inOneStream } from "../one_stream.ts";
import type { MainOptions, VerbContext, VerbFunction } from "../verb.ts";
import { followRun } from "../verbs/follow.ts";
import { denoFlags, permissionsOf } from "../verbs/permissions.ts";
import { startAndFollow } from "../verbs/run_follow.ts";
import {
  checkInputs,
  checkPromptFile,
  flagInput,
  INPUT_VARIABLES,
  inputsFirst,
  isFollowed,
  JOB_VARIABLES,
} from "./inputs.ts";
import { componentVocabulary } from "./vocabulary.ts";
import { lookup } from "../../lookup.ts";

/** Directory of the component, below the project: the unpacked program, and the state. Never an artifact. */
const DIRECTORY = ".mogplex-ci";

// deno-lint-ignore require-await
async function printPermissions(context: VerbContext): Promise<number> {
  const allowed = permissionsOf(context);
  context.writer.out(denoFlags({ ...allowed, env: [...allowed.env, ...INPUT_VARIABLES, ...JOB_VARIABLES] }).join(" "));
  return EXIT.success;
}

/** Every verb, by name. `permissions` prints the flags with which Deno may run the others. */
const VERBS: Readonly<Record<string, VerbFunction>> = {
  run: startAndFollow,
  follow: followRun,
  cleanup: (context) => cleanUpAndReport(context, "after_script"),
  permissions: printPermissions,
};

/** The flags of a job, which has no command line of its own. */
function flagsOf(io: Io): ParsedFlags {
  const get = (name: string) => name === "state" ? `${DIRECTORY}/run.json` : flagInput(io.env, name);
  return {
    positionals: [],
    has: (name) => name === "detach" && !isFollowed(io.env),
    get,
    all: (name) => [get(name)].filter((value) => value !== undefined),
  };
}

/**
 * Does the work of a job.
 *
 * @param args The verb: `run`, `follow`, `cleanup` or `permissions`.
 * @param process Environment, files, streams and signals.
 * @returns The exit code; it never throws.
 */
export async function main(args: readonly string[], process: Io, options: MainOptions = {}): Promise<number> {
  const [name = ""] = args;
  // Only `permissions` has a reader for stdout alone.
  const streams = name === "permissions" ? process : inOneStream(process);
  const io: Io = { ...streams, env: inputsFirst(process.env) };
  const platform = detectPlatform(io.env);
  const writer = createWriter(io, platform, "toolkit");
  try {
    const verb = lookup(VERBS, name);
    if (verb === undefined || args.length > 1) {
      const advice = `give one of ${Object.keys(VERBS).join(", ")}`;
      throw new UsageError({ attempted: `run ${JSON.stringify(args.join(" "))}`, why: "unknown verb", advice });
    }
    checkInputs(process.env);
    checkPromptFile(io.env);
    const vocabulary = componentVocabulary(name, io.env);
    return await verb(
      openContext(
        { io, platform, writer, flags: flagsOf(process), vocabulary, verbs: [], dropIn: false, notes: GITLAB_NOTES },
        options,
      ),
    );
  } catch (error) {
    explain(error, writer);
    return exitCodeFor(error);
  }
}

/** Runs it as the program, on the process itself. */
async function runProgram(): Promise<void> {
  // A promise that never settles ends the process with this code, on every runtime.
  setExitCode(EXIT.internal);
  setExitCode(await main(programArgs(), await processIo()));
}

void isMain(import.meta).then((isProgram) => isProgram ? runProgram() : undefined);
