/**
 * The command `mogplex-emulator`.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { MogplexError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { parseFlags } from "../flags.ts";
import { type Io, processIo } from "../io.ts";
import { isMain, programArgs, setExitCode } from "../runtime.ts";
import { builtInScenarios, SCENARIO_NAMES, SCENARIO_TEXTS } from "./agents/scenario.ts";
import { renderScenario } from "./agents/recording.ts";
import { FLAGS, isPath, NAME, readOptions, readReplay } from "./options.ts";
import { runCommand } from "./exec.ts";
import { type ServedEmulator, startEmulator } from "./server.ts";
import { SWITCHES } from "./state/store.ts";
import { lookup } from "../lookup.ts";

/** Text of `--help`. */
export function helpText(): string {
  const names = FLAGS.map((flag) => `--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`);
  const width = Math.max(...names.map((text) => text.length)) + 2;
  const rows = FLAGS.map((flag, index) => `  ${names[index]?.padEnd(width)}${flag.help}`);
  return [
    `Usage: ${NAME} [flags]`,
    `       ${NAME} exec [flags] -- COMMAND [arguments]`,
    "",
    "Serves a local Mogplex. Prints one line of JSON when it is ready: url, token, readOnlyToken, repos, projects.",
    "Its page at the url shows runs, events and pull requests. Requests are logged on standard error.",
    "",
    "exec: serves it while COMMAND runs, and ends with its code. COMMAND gets MOGPLEX_URL, MOGPLEX_API_KEY,",
    "MOGPLEX_REPO_ID (the first repository), MOGPLEX_DEV=1, and MOGPLEX_DEV_START_LIMITS=off with --start-limits off.",
    "",
    ...rows,
    "",
    `Scenarios: ${SCENARIO_NAMES.join(", ")}`,
    `Switches: ${SWITCHES.join(", ")}`,
    "",
    `Example: ${NAME} --repo acme/web=./web --harness "codex=npx prettier --write ."`,
    `         ${NAME} exec --speed 20 -- node mogplex.mjs run --follow --create-branch "Fix the flaky tests"`,
    "",
  ].join("\n");
}

const EXEC = "exec";

/** The command behind `exec … --`, and the arguments before it. @throws {UsageError} when there is no command. */
function splitExec(args: readonly string[]): { before: readonly string[]; command: readonly string[] | undefined } {
  if (args[0] !== EXEC) return { before: args, command: undefined };
  const at = args.includes("--") ? args.indexOf("--") : args.length;
  const [before, command] = [args.slice(1, at), args.slice(at + 1)];
  if (before.includes("--help")) return { before, command: undefined };
  if (command.length > 0) return { before, command };
  throw new UsageError({
    attempted: `parse arguments of ${NAME} ${EXEC}`,
    why: "there is no command",
    advice: `write it behind two dashes: ${NAME} ${EXEC} [flags] -- COMMAND`,
  });
}

/** Serves until a signal comes. */
async function serve(served: ServedEmulator, io: Io): Promise<void> {
  const { url, token, readOnlyToken, repos, projects, close } = served;
  const signalled = new Promise<() => void>((resolve) => {
    const forget = io.onSignal(() => resolve(forget));
  });
  io.write("stdout", `${JSON.stringify({ url, token, readOnlyToken, repos, projects })}\n`);
  const forget = await signalled;
  await close();
  forget();
}

/**
 * Runs the command until a signal ends it, or with `exec` until the other command ends.
 *
 * @param args Arguments after the name of the program.
 * @returns The exit code.
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    const { before, command } = splitExec(args);
    const flags = parseFlags(NAME, before, FLAGS);
    if (flags.positionals[0] !== undefined) {
      throw new UsageError({
        attempted: `parse arguments of ${NAME}`,
        why: `unexpected argument "${flags.positionals[0]}"`,
        advice: "the command takes flags only",
      });
    }
    if (flags.has("help")) {
      io.write("stdout", helpText());
      return EXIT.success;
    }
    const shown = flags.get("print-scenario");
    if (shown !== undefined) {
      if (isPath(shown)) io.write("stdout", renderScenario(readReplay(io, shown)));
      else {
        builtInScenarios(shown);
        io.write("stdout", lookup(SCENARIO_TEXTS, shown)?.trimStart() + "\n");
      }
      return EXIT.success;
    }
    const options = readOptions(io, flags);
    if (command === undefined) {
      const served = await startEmulator(options);
      if (!flags.has("quiet")) io.write("stderr", `The page at ${served.url}/ shows runs, events and pull requests\n`);
      await serve(served, io);
      return EXIT.success;
    }
    // The streams are the command's.
    const served = await startEmulator({ ...options, onRequest: undefined });
    try {
      return await runCommand(command, { ...served, startLimits: options.startLimits }, io);
    } finally {
      await served.close();
    }
  } catch (error) {
    io.write("stderr", `error: ${messageOf(error)}\n`);
    return error instanceof MogplexError ? error.exitCode : EXIT.internal;
  }
}

if (isMain(import.meta)) {
  setExitCode(EXIT.internal);
  void main(programArgs(), processIo()).then(setExitCode);
}
