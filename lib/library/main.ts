import { shown } from "../check_options.ts";
import { systemClock } from "../clock.ts";
import { systemName } from "../ci/platform.ts";
import { messageOf } from "../error_sentence.ts";
import { exitCodeFor, MogplexError, otherVersion, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { processIo } from "../io.ts";
import { interruptible } from "../run/interrupts.ts";
import { SEE_REASON } from "../run/result.ts";
import { environmentVariable, programArgs, setExitCode } from "../runtime.ts";
import { checkOptions } from "../service/validate.ts";
import { createLogText, type LogText, maskKeys, type MaskOptions } from "./report.ts";

/** What the work of a script gets from {@linkcode main}. */
export interface MainContext {
  /**
   * Aborts on SIGHUP, SIGINT and SIGTERM, with an {@linkcode InterruptedError}. Pass it to your calls. Add `cancelOn: ["abort"]` to cancel the run as
   * well.
   */
  signal: AbortSignal;
  /** Command-line arguments after the name of the script. */
  args: string[];
  /** Returns text that is safe to print, on one line, with secrets masked: see {@linkcode createLogText}. */
  line: LogText["line"];
}

const MAX_MESSAGE = 4_000;

function linesOf(error: unknown): string[] {
  if (error instanceof MogplexError) {
    const reason = error.result?.reason ?? null;
    const isNew = reason !== null && !error.message.toLowerCase().includes(reason.toLowerCase());
    const errorLines = error.lines.map((text) => `error: ${text}`);
    return isNew ? [...errorLines.map((text) => text.replace(SEE_REASON, "")), `reason: ${reason}`] : errorLines;
  }
  const other = otherVersion(error);
  if (other !== undefined) return [`error: ${messageOf(error)}`, `error: ${other}`];
  const isBug = error instanceof Error && exitCodeFor(error) === EXIT.internal;
  return (isBug ? error.stack ?? error.message : messageOf(error)).split("\n").map((text, index) =>
    index === 0 ? `error: ${text}` : text
  );
}

function codeOf(value: unknown): number {
  const code = typeof value === "object" && value !== null ? (value as { exitCode?: unknown }).exitCode : value;
  if (code === undefined || code === null) return EXIT.success;
  if (typeof code === "number" && Number.isInteger(code) && code >= 0 && code <= 255) return code;
  throw new UsageError({
    attempted: "end the script",
    why: "its exit code must be a whole number from 0 to 255",
    value: String(code),
  });
}

/**
 * Runs the work of a script, and ends the process with the exit code of its result.
 *
 * SIGHUP, SIGINT and SIGTERM abort the `signal` that the work receives. A second signal, at least 1.5 s later, ends the process at once. An
 * error is printed on stderr, with secrets masked and without anything that a CI system would treat as a command. If the program that reads
 * the output closes the pipe, the script continues. Until the work is done, the exit code is 70, so a script that ends by accident never
 * passes.
 *
 * @param work The function to run. If it returns a number, that is the exit code. If it returns an object with an `exitCode`, such as a
 * result, that number is the exit code. If it returns nothing, the exit code is 0. If it throws, {@linkcode exitCodeFor} gives the exit
 * code.
 * @param options Which secrets to mask.
 * @returns The exit code. The promise never rejects.
 * @example A job that is cancelled together with its run
 * ```ts ignore
 * await main(({ signal }) => createMogplex().run({ repoId, prompt }, { signal, cancelOn: ["abort"] }));
 * ```
 */
export async function main(
  work: (context: MainContext) => unknown,
  options: MaskOptions = {},
): Promise<number> {
  setExitCode(EXIT.internal);
  const io = processIo();
  // Nothing is written. This only sets the listeners for a closed pipe.
  for (const stream of ["stdout", "stderr"] as const) io.write(stream, "");
  let line = createLogText({ env: () => undefined }).line;
  let code: number;
  try {
    if (typeof work !== "function") {
      throw new UsageError({
        attempted: "start script",
        why: "the work must be a function",
        value: shown("work", work),
      });
    }
    checkOptions("start script", options, maskKeys());
    line = createLogText(options).line;
    code = codeOf(
      await interruptible(
        { io, clock: systemClock, inJob: systemName(environmentVariable) !== "none" },
        async ({ signal }) => await work({ signal, args: programArgs(), line }),
      ),
    );
  } catch (error) {
    code = exitCodeFor(error);
    for (const text of linesOf(error)) io.write("stderr", `${line(text, MAX_MESSAGE)}\n`);
  }
  io.setExitCode(code);
  return code;
}
