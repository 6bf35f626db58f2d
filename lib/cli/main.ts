/**
 * The command line: finds the verb, runs it, and turns whatever it throws into an exit code.
 *
 * @module
 */
import { dropInExitCode, exitCodeFor, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { type ParsedFlags, parseFlags } from "../flags.ts";
import { type Io, processIo } from "../io.ts";
import { ALL_SYSTEMS } from "../platforms/detect.ts";
import { isMain, printText, programArgs, programCall, setExitCode } from "../runtime.ts";
import { VERSION } from "../version.ts";
import { createWriter, explain } from "./explain.ts";
import { EXTRAS } from "./extras/extras.ts";
import { checkRow, findRows, findVerb, type FoundVerb, isGroup, possibleFlags } from "./find_verb.ts";
import { programHelp, topicHelp, verbHelp } from "./help.ts";
import { GITLAB_NOTES } from "./job/gitlab_note.ts";
import { chooseFolder, ignoringFolder } from "./job/laptop.ts";
import { openContext } from "./job/open.ts";
import { openPage } from "./job/open_page.ts";
import { rememberEnd, rememberStart } from "./job/recent.ts";
import { flagsOf, type MainOptions } from "./verb.ts";
import { VERBS } from "./verbs.ts";
import { commandVocabulary, PROGRAM } from "./vocabulary.ts";

interface Call extends FoundVerb {
  /** Absent until the arguments were understood. */
  flags?: ParsedFlags;
}

function asksForHelp(args: readonly string[]): boolean {
  return possibleFlags(args).some((arg) => arg === "--help" || arg === "-h");
}

/** The help or the version, when the arguments ask for them. */
function information(args: readonly string[]): string | undefined {
  const [first = ""] = args;
  if (["--version", "-V", "-v", "version"].includes(first)) return `${PROGRAM} ${VERSION}\n`;
  const topic = first === "help" ? args.slice(1) : args;
  if (first !== "help" && !asksForHelp(args)) return undefined;
  const about = first === "help" && topic.length === 1 ? topicHelp(topic[0] ?? "") : undefined;
  if (about !== undefined) return about;
  if (topic[0] === undefined || topic[0].startsWith("-")) return programHelp();
  if (isGroup(topic[0]) && (topic[1] ?? "-").startsWith("-")) return programHelp(topic[0]);
  return verbHelp(findRows(topic).map(({ verb }) => verb));
}

/** Whether this call follows the toolkit's table of exit codes. Arguments that cannot be parsed are 2 in both. */
function usesToolkitCodes({ verb, flags }: Call): boolean {
  return verb.group === "toolkit" || (verb.verdict !== undefined && flags?.has(verb.verdict.flag) === true);
}

function parseCall(call: Call): ParsedFlags {
  const { verb, args } = call;
  checkRow(call);
  const flags = parseFlags(verb.name, args, flagsOf(verb));
  const extra = flags.positionals[verb.maxPositionals];
  if (extra === undefined) return flags;
  throw new UsageError({
    attempted: `parse arguments of ${verb.name}`,
    why: "there is one argument too many",
    value: JSON.stringify(extra),
    advice: "put text with blanks in quotes",
  });
}

/**
 * Runs the command line.
 *
 * @param args Arguments after the program's name.
 * @param io Environment, files, streams and signals.
 * @returns The exit code; it never throws.
 */
export async function main(args: string[], io: Io, options: MainOptions = {}): Promise<number> {
  const platform = ALL_SYSTEMS.detect(io.env);
  let call: Call | undefined;
  let writer = createWriter(io, platform, undefined);
  try {
    const text = information(args);
    if (text !== undefined) {
      io.write("stdout", text);
      return EXIT.success;
    }
    if (args.length === 0) {
      // An empty list of arguments must not make a job green.
      io.write("stderr", programHelp());
      return EXIT.usage;
    }
    call = findVerb(args);
    const { group, run } = call.verb;
    writer = createWriter(io, platform, group);
    const flags = call.flags = parseCall(call);
    return await run(
      openContext(
        {
          io,
          platform,
          systems: ALL_SYSTEMS,
          writer,
          flags,
          vocabulary: commandVocabulary(options.program),
          verbs: VERBS,
          notes: GITLAB_NOTES,
          extras: EXTRAS,
          laptop: { chooseFolder, ignoringFolder, rememberStart, rememberEnd, openPage },
          dropIn: group === "drop-in",
        },
        options,
      ),
    );
  } catch (error) {
    explain(error, writer);
    return call !== undefined && !usesToolkitCodes(call) ? dropInExitCode(error) : exitCodeFor(error);
  }
}

/** {@linkcode information}; nothing for a mistake in asking for help, which is then explained like any other. */
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
  setExitCode(await main(args, processIo(), { program: programCall(PROGRAM) }));
}

if (isMain(import.meta)) void runProgram();
