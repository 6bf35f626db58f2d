/**
 * The command line: finds the verb, loads its code, and turns whatever it throws into an exit code.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { dropInExitCode, exitCodeFor, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { ParsedFlags } from "../flags.ts";
import { type Io, processIo } from "../io.ts";
import { parseFlags } from "../flags.ts";
import { createWriter, explain } from "./explain.ts";
import { programHelp, verbHelp } from "./help.ts";
import { nearest } from "../nearest.ts";
import { isMain, printText, programArgs, setExitCode } from "../runtime.ts";
import { VERSION } from "../version.ts";
import { PROGRAM, VERBS } from "./verbs.ts";
import { isWholeJob } from "./verbs/drop_in/run.ts";
import type { MainOptions, Verb } from "./verb.ts";
import { COMMAND_WORDS } from "./vocabulary.ts";
import type { Writer } from "./log/writer.ts";

interface Call {
  verb: Verb;
  args: string[];
  /** Absent until the arguments were understood. */
  flags?: ParsedFlags;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** The verb that the arguments begin with. */
function findVerb(args: readonly string[]): Call {
  const [first = "", second = ""] = args;
  for (const words of [2, 1]) {
    const verb = VERBS.find((each) => each.name === args.slice(0, words).join(" "));
    if (verb !== undefined) return { verb, args: args.slice(words) };
  }
  const names = VERBS.map((verb) => verb.name);
  const group = names.filter((name) => name.startsWith(`${first} `));
  if (group.length > 0) {
    const words = group.map((name) => name.slice(first.length + 1));
    const hint = nearest(second, words);
    throw new UsageError(
      second === "" || second.startsWith("-")
        ? `Cannot run ${quoted(first)} without a verb: give one of ${words.join(", ")}`
        : `Cannot run ${quoted(`${first} ${second}`)}: unknown verb, ${
          hint === undefined ? `give one of ${words.join(", ")}` : `did you mean ${quoted(`${first} ${hint}`)}?`
        }`,
    );
  }
  const firstWords = [...new Set(names.flatMap((name) => name.split(" ")[0] ?? [])), "--help", "--version"];
  const hint = nearest(first, firstWords);
  throw new UsageError(
    args.length === 0
      ? `Cannot run without a verb: see ${PROGRAM} --help`
      : `Cannot run ${quoted(first)}: unknown verb, ${
        hint === undefined ? `see ${PROGRAM} --help` : `did you mean ${quoted(hint)}?`
      }`,
  );
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

/** The help or the version, when the arguments ask for them. */
function information(args: readonly string[]): string | undefined {
  const [first = ""] = args;
  if (["--version", "-V", "-v", "version"].includes(first)) return `${PROGRAM} ${VERSION}\n`;
  const words = first === "help" ? args.slice(1) : args;
  if (first !== "help" && !asksForHelp(args)) return undefined;
  if (words[0] === undefined || words[0].startsWith("-")) return programHelp();
  if (VERBS.some((verb) => verb.name.startsWith(`${words[0]} `)) && (words[1] ?? "-").startsWith("-")) {
    return programHelp(words[0]);
  }
  return verbHelp(findVerb(words).verb);
}

/** Whether this call follows the toolkit's table of exit codes. Arguments that cannot be parsed are 2 in both. */
function usesToolkitCodes({ verb, flags }: Call): boolean {
  return verb.group === "toolkit" || (verb.name === "run" && flags !== undefined && isWholeJob(flags)) ||
    (verb.name === "runs events" && flags?.has("exit-status") === true);
}

async function runVerb(call: Call, io: Io, writer: Writer, options: MainOptions): Promise<number> {
  const { verb, args } = call;
  const flags = await parseFlags(verb.name, args, verb.flags);
  call.flags = flags;
  const odd = flags.positionals[verb.maxPositionals];
  if (odd !== undefined) {
    throw new UsageError(`Cannot parse arguments of ${verb.name}: one too many, ${quoted(odd)}`);
  }
  const { clock = systemClock, fetch } = options;
  return await verb.run({ io, flags, writer, clock, fetch, words: COMMAND_WORDS });
}

/**
 * Runs the command line.
 *
 * @param args Arguments after the program's name.
 * @param io The world.
 * @returns The exit code; it never throws.
 */
export async function main(args: string[], io: Io, options: MainOptions = {}): Promise<number> {
  let call: Call | undefined;
  let writer: Writer | undefined;
  try {
    const text = information(args);
    if (text !== undefined) {
      io.write("stdout", text);
      return EXIT.success;
    }
    call = findVerb(args);
    writer = createWriter(io, call.verb.group);
    return await runVerb(call, io, writer, options);
  } catch (error) {
    explain(error, writer ?? createWriter(io, call?.verb.group));
    return call !== undefined && !usesToolkitCodes(call) ? dropInExitCode(error) : exitCodeFor(error);
  }
}

/** {@linkcode information}, where a mistake in asking for help is left to be explained like any other. */
function safeInformation(args: readonly string[]): string | undefined {
  try {
    return information(args);
  } catch {
    return undefined;
  }
}

/**
 * Runs the command line as the program: on the process itself, which ends with the code.
 *
 * The help and the version are printed before a stream is opened or a module of the runtime loaded.
 */
export async function runProgram(): Promise<void> {
  // A promise that never settles ends the process with this code, on every runtime.
  setExitCode(EXIT.internal);
  const args = programArgs();
  const text = safeInformation(args);
  if (text !== undefined) {
    printText(text);
    return setExitCode(EXIT.success);
  }
  setExitCode(await main(args, await processIo()));
}

void isMain(import.meta).then((main) => main ? runProgram() : undefined);
