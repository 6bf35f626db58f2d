/**
 * The program that the GitLab components carry: the verbs that their jobs need, which take everything from the environment.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { ParsedFlags } from "../../flags.ts";
import { type Io, processIo } from "../../io.ts";
import { isMain, programArgs, setExitCode } from "../../runtime.ts";
import { run as cleanup } from "../verbs/cleanup.ts";
import { checkPromptFile, flagInput, INPUT_VARIABLES, inputsFirst, isFollowed, JOB_VARIABLES } from "./inputs.ts";
import { componentWords } from "./words.ts";
import { createWriter, explain } from "../explain.ts";
import { run as follow } from "../verbs/follow.ts";
import { denoFlags, permissionsOf } from "../verbs/permissions.ts";
import { run as runFollow } from "../verbs/run_follow.ts";
import type { MainOptions, VerbContext, VerbFunction } from "../verb.ts";

/** Directory of the component, below the project: the unpacked program, and the state. Never an artifact. */
const DIRECTORY = ".mogplex-ci";

// deno-lint-ignore require-await
async function permissions(context: VerbContext): Promise<number> {
  const allowed = permissionsOf(context);
  context.writer.out(denoFlags({ ...allowed, env: [...allowed.env, ...INPUT_VARIABLES, ...JOB_VARIABLES] }).join(" "));
  return EXIT.success;
}

/** Every verb, by name. `permissions` prints what Deno has to be told to run the others. */
const VERBS: Readonly<Record<string, VerbFunction>> = { run: runFollow, follow, cleanup, permissions };

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
 * @param process The world.
 * @returns The exit code; it never throws.
 */
export async function main(args: readonly string[], process: Io, options: MainOptions = {}): Promise<number> {
  const io: Io = { ...process, env: inputsFirst(process.env) };
  const { clock = systemClock, fetch } = options;
  const writer = createWriter(io, "toolkit");
  const [name = ""] = args;
  try {
    const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
    if (verb === undefined || args.length > 1) {
      throw new UsageError(
        `Cannot run ${JSON.stringify(args.join(" "))}: give one of ${Object.keys(VERBS).join(", ")}`,
      );
    }
    checkPromptFile(io.env);
    return await verb({ io, flags: flagsOf(process), writer, clock, fetch, words: componentWords(name, io.env) });
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
