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
import { builtInScenarios, SCENARIO_NAMES, SCENARIO_TEXTS } from "./agents/builtin_scenarios.ts";
import { FLAGS, NAME, readOptions } from "./options.ts";
import { startEmulator } from "./server.ts";
import { SWITCHES } from "./state/revision.ts";
import { lookup } from "../lookup.ts";

/** Text of `--help`. */
export function helpText(): string {
  const names = FLAGS.map((flag) => `--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`);
  const width = Math.max(...names.map((text) => text.length)) + 2;
  const rows = FLAGS.map((flag, index) => `  ${names[index]?.padEnd(width)}${flag.help}`);
  return [
    `Usage: ${NAME} [flags]`,
    "",
    "Serves a local Mogplex. Prints one line of JSON when it is ready: url, token, readOnlyToken, repos, projects.",
    "",
    ...rows,
    "",
    `Scenarios: ${SCENARIO_NAMES.join(", ")}`,
    `Switches: ${SWITCHES.join(", ")}`,
    "",
    `Example: ${NAME} --repo acme/web=./web --harness "codex=npx prettier --write ."`,
    "",
  ].join("\n");
}

/**
 * Runs the command until a signal ends it.
 *
 * @param args Arguments after the name of the program.
 * @returns The exit code.
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    const flags = await parseFlags(NAME, args, FLAGS);
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
      builtInScenarios(shown);
      io.write("stdout", lookup(SCENARIO_TEXTS, shown)?.trimStart() + "\n");
      return EXIT.success;
    }
    const { url, token, readOnlyToken, repos, projects, close } = await startEmulator(readOptions(io, flags));
    const signalled = new Promise<() => void>((resolve) => {
      const forget = io.onSignal(() => resolve(forget));
    });
    io.write("stdout", `${JSON.stringify({ url, token, readOnlyToken, repos, projects })}\n`);
    const forget = await signalled;
    await close();
    forget();
    return EXIT.success;
  } catch (error) {
    io.write("stderr", `error: ${messageOf(error)}\n`);
    return error instanceof MogplexError ? error.exitCode : EXIT.internal;
  }
}

void isMain(import.meta).then(async (started) => {
  if (!started) return;
  setExitCode(EXIT.internal);
  setExitCode(await main(programArgs(), await processIo()));
});
