import { ALL_SYSTEMS } from "../ci/detect.ts";
import { messageOf } from "../error_sentence.ts";
import { dropInExitCode, exitCodeFor, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { ALL_FORGES } from "../forge/all.ts";
import { parseFlags } from "../flags.ts";
import { type Io, processIo, unwrittenLine } from "../io.ts";
import { didYouMean, nearest } from "../nearest.ts";
import { isMain, isNotPermitted, printText, programArgs, programCall, setExitCode } from "../runtime.ts";
import { withNetworkFix } from "../service/check_way.ts";
import { VERSION } from "../version.ts";
import { createWriter, explain } from "./explain.ts";
import { EXTRAS } from "./extras.ts";
import { campaignRetry } from "./job/campaign_runs.ts";
import { programHelp, topicHelp, verbHelp } from "./help.ts";
import { hostNote, repositoryOfFolder } from "./job/origin.ts";
import { lastRunId, wholeRunId } from "./job/short_run_id.ts";
import {
  chooseFolder,
  folderOfRun,
  ignoringFolder,
  openPage,
  rememberCampaign,
  rememberEnd,
  rememberStart,
  repositoryOfRun,
  taskOfRun,
} from "./job/laptop.ts";
import { JOB_NOTES } from "./job/note.ts";
import { openContext } from "./context.ts";
import { commandVocabulary, flagsOf, type MainOptions, PROGRAM, TOPICS, type Verb, type VerbFlags } from "./verb.ts";
import { VERBS } from "./verbs.ts";
import { flagsByRow, isLaptop } from "./settings.ts";
import { valueOr } from "../lookup.ts";

/** The help and the version are printed before a stream is opened or a module of the runtime is loaded. */
export async function runProgram(): Promise<void> {
  // If a promise never settles, the process ends with this code on every runtime.
  setExitCode(EXIT.internal);
  const args = programArgs();
  const text = safeInformation(args);
  if (text !== undefined) {
    return setExitCode(printInformation(text));
  }
  const io = processIo();
  io.setExitCode(await main(args, io, { program: programCall(PROGRAM) }));
}

function printInformation(text: string): number {
  try {
    printText(text);
    return EXIT.success;
  } catch (error) {
    processIo().write("stderr", unwrittenLine(error));
    return EXIT.unavailable;
  }
}

function safeInformation(args: readonly string[]): string | undefined {
  return valueOr(() => information(args), undefined);
}

/** Never throws. */
export async function main(args: string[], io: Io, options: MainOptions = {}): Promise<number> {
  const platform = ALL_SYSTEMS.detect(io.env);
  let call: Call | undefined;
  let writer = createWriter(io, platform, undefined);
  const vocabulary = commandVocabulary(options.program, !isLaptop({ platform, io }));
  try {
    const text = information(args);
    if (text !== undefined) {
      io.write("stdout", text);
      return EXIT.success;
    }
    if (args.length === 0) {
      // A job with an empty list of arguments must not succeed.
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
          vocabulary,
          verbs: VERBS,
          notes: JOB_NOTES,
          forges: ALL_FORGES,
          extras: EXTRAS,
          laptop: {
            chooseFolder,
            folderOfRun,
            ignoringFolder,
            rememberStart,
            taskOfRun,
            repositoryOfRun,
            rememberEnd,
            rememberCampaign,
            openPage,
            repositoryOfFolder,
            hostNote,
            wholeRunId,
            lastRunId,
            campaignRetry,
          },
          dropIn: group === "drop-in",
        },
        options,
      ),
    );
  } catch (thrown) {
    const error = isNotPermitted(thrown)
      ? new UsageError({ attempted: "continue", why: messageOf(thrown) }, { cause: thrown })
      : thrown;
    explain(call?.verb.group === "drop-in" ? withNetworkFix(error, io.env) : error, writer, vocabulary);
    return call !== undefined && !usesToolkitCodes(call) ? dropInExitCode(error) : exitCodeFor(error);
  }
}

function information(args: readonly string[]): string | undefined {
  const [first = ""] = args;
  if (["--version", "-V", "-v", "version"].includes(first)) return `${PROGRAM} ${VERSION}\n`;
  const topic = first === "help" ? args.slice(1) : args;
  if (first !== "help" && !asksForHelp(args)) return undefined;
  const about = first === "help" && topic.length === 1 ? topicHelp(topic[0] ?? "") : undefined;
  if (about !== undefined) return about;
  if (topic[0] === undefined || topic[0].startsWith("-")) return programHelp();
  if (isGroup(topic[0]) && (topic[1] ?? "-").startsWith("-")) return programHelp(topic[0]);
  return verbHelp(findRows(topic, first === "help" ? TOPICS : []).map(({ verb }) => verb));
}

function asksForHelp(args: readonly string[]): boolean {
  return possibleFlags(args).some((arg) => arg === "--help" || arg === "-h");
}

function possibleFlags(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

function isGroup(word: string): boolean {
  return VERBS.some((verb) => wordsOf(verb).startsWith(`${word} `));
}

function wordsOf({ name }: Verb): string {
  return name.replace(/ --.*$/, "");
}

interface FoundVerb {
  verb: Verb;
  args: readonly string[];
}

function findVerb(args: readonly string[]): FoundVerb {
  return findRows(args)[0];
}

/**
 * If a flag selects a row, only this row is returned. Otherwise, all rows with these words are returned, beginning with the row without a selecting
 * flag.
 * @param others Other words that the error can suggest.
 */
function findRows(args: readonly string[], others: readonly string[] = []): [FoundVerb, ...FoundVerb[]] {
  for (const count of [2, 1]) {
    const rest = args.slice(count);
    const rows = VERBS.filter((verb) => wordsOf(verb) === args.slice(0, count).join(" "));
    const chosen = rows.filter((verb) => isChosen(verb, rest));
    const plain = rows.filter(({ chosenBy }) => chosenBy === undefined);
    const plainFirst = [...plain, ...rows.filter((verb) => !plain.includes(verb))];
    const [first, ...more] = (chosen.length > 0 ? chosen : plainFirst).map((verb) => ({ verb, args: rest }));
    if (first !== undefined) return [first, ...more];
  }
  throw unknownVerb(args, others);
}

function isChosen({ chosenBy = [] }: Verb, args: readonly string[]): boolean {
  return possibleFlags(args).some((arg) => chosenBy.some(({ name }) => name === flagName(arg)));
}

function flagName(arg: string): string | undefined {
  return /^--([^=]+)/.exec(arg)?.[1];
}

function callsByFlag(): ReadonlyMap<string, string> {
  return new Map(
    VERBS.toReversed().flatMap((verb) =>
      (verb.chosenBy ?? []).map(({ name }) => [`--${name}`, `${wordsOf(verb)} --${name}`] as const)
    ),
  );
}

function unknownVerb(args: readonly string[], others: readonly string[]): UsageError {
  const [first = "", second = ""] = args;
  const names = [...new Set(VERBS.map(wordsOf))];
  const ofGroup = names.filter((name) => name.startsWith(`${first} `)).map((name) => name.slice(first.length + 1));
  if (ofGroup.length > 0) return unknownGroupVerb(first, second, ofGroup);
  const words = [...new Set(names.flatMap((name) => name.split(" ")[0] ?? [])), "--help", "--version", ...others];
  const other = VERBS.find((verb) => !wordsOf(verb).includes(" ") && verb.otherNames?.includes(first));
  const calls = callsByFlag();
  const flag = first.startsWith("-") ? nearest(first, [...calls.keys(), "--help"]) : undefined;
  const call = calls.get(flag ?? "");
  return new UsageError({
    attempted: `run ${JSON.stringify(first)}`,
    why: "unknown command",
    advice: call === undefined
      ? didYouMean(other === undefined ? first : wordsOf(other), words) ?? "see --help"
      : `did you mean ${JSON.stringify(call)}?`,
  });
}

function unknownGroupVerb(first: string, second: string, names: readonly string[]): UsageError {
  const advice = `give one of ${names.join(", ")}`;
  if (second === "" || second.startsWith("-")) {
    return new UsageError({ attempted: `run ${JSON.stringify(first)}`, why: "a command is missing", advice });
  }
  const others = new Map(
    VERBS.filter((verb) => wordsOf(verb).startsWith(`${first} `)).flatMap((verb) =>
      verb.otherNames?.map((name) => [name, wordsOf(verb).slice(first.length + 1)] as const) ?? []
    ),
  );
  const near = nearest(second, [...others.keys(), ...names]);
  const hint = near && (others.get(near) ?? near);
  return new UsageError({
    attempted: `run ${JSON.stringify(`${first} ${second}`)}`,
    why: "unknown command",
    advice: hint === undefined ? advice : `did you mean ${JSON.stringify(`${first} ${hint}`)}?`,
  });
}

interface Call extends FoundVerb {
  flags?: VerbFlags;
}

function parseCall(call: Call): VerbFlags {
  const { verb, args } = call;
  checkRow(call);
  const flags = parseFlags(verb.name, args, flagsOf(verb));
  const extra = flags.positionals[verb.maxPositionals ?? 0];
  if (extra === undefined) return flagsByRow(flags);
  const before = args[args.indexOf(extra) - 1];
  const flag = flagsOf(verb).find(({ name, value }) => value === undefined && before === `--${name}`);
  const { flagForText } = flag ??
    flagsOf(verb).find((each) => each.flagForText !== undefined && flags.has(each.name)) ??
    {};
  const isTextMissing = flagForText !== undefined && flags.get(flagForText) === undefined;
  throw new UsageError({
    attempted: `parse arguments of ${verb.name}`,
    why: "there is an unexpected argument",
    value: JSON.stringify(extra),
    advice: isTextMissing
      ? `give the text with --${flagForText}`
      : flag === undefined
      ? flagsOf(verb).some(({ value }) => value === "GLOB")
        ? "put a pattern in quotes"
        : "put text with spaces in quotes"
      : `--${flag.name} takes no value`,
  });
}

function checkRow({ verb, args }: FoundVerb): void {
  const flagNames = flagsOf(verb).map(({ name }) => name);
  const others = VERBS.filter((each) => each !== verb && wordsOf(each) === wordsOf(verb));
  for (const arg of possibleFlags(args)) {
    const name = flagName(arg);
    if (name === undefined || flagNames.includes(name)) continue;
    const other = others.find((each) => flagsOf(each).some((flag) => flag.name === name));
    if (other === undefined) {
      const hint = nearest(name, [...flagNames, ...others.flatMap((each) => flagsOf(each).map((flag) => flag.name))]);
      // The parser reports mistakes in the flags of this row.
      if (hint === undefined || flagNames.includes(hint)) continue;
      throw new UsageError({
        attempted: `parse arguments of ${wordsOf(verb)}`,
        why: `unknown flag "--${name}"`,
        advice: `did you mean "--${hint}"?`,
      });
    }
    const choice = (other.chosenBy ?? []).map((each) => `--${each.name}`).join(" or ");
    throw new UsageError({ attempted: wordsOf(verb), why: `--${name} works only with ${choice}` });
  }
}

/** Whether this call uses the exit codes of the toolkit. If the arguments cannot be parsed, the code is 2 in both groups. */
function usesToolkitCodes({ verb, flags }: Call): boolean {
  return verb.group === "toolkit" || (verb.verdict !== undefined && flags?.has(verb.verdict.flag) === true);
}

if (isMain(import.meta)) void runProgram();
