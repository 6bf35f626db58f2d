/**
 * What a verb of the command line is: a row of facts for parser and help, and a function that gets the world as an argument.
 *
 * @module
 */
import type { Platform, ReadEnv, Systems } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import type { ExitName } from "../exit_codes.ts";
import type { DurableFiles } from "../files/disk.ts";
import type { Processes } from "../files/processes.ts";
import type { Flag } from "../flags.ts";
import type { Io, Stream } from "../io.ts";
import type { Notice } from "../notice.ts";
import type { Earlier } from "../report/history.ts";
import type { PlannedNote } from "../report/job_note.ts";
import type { Setting } from "../report/run_page.ts";
import type { Forge } from "../forge/forge.ts";
import type { OpenOptions } from "../forge/open.ts";
import type { ReportTarget } from "../report/write.ts";
import type { LaterRequest, RunRequest } from "../run/request.ts";
import type { StartedRun } from "../run/start.ts";
import type { AnyResult } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import type { Connection } from "../service/connection.ts";
import type { Fetch, RequestReport } from "../service/transport.ts";
import { REPOS_LIST } from "../service/validate.ts";
import type { VariableName } from "../variables.ts";
import type { Writer } from "./log/writer.ts";

// What a program calls the things that a user can give to it: the command has flags, the GitLab components have inputs.

/** Name of the command, as the help shows it. */
export const PROGRAM = "mogplex-ci";

/** Topics of the help that are no verb. */
export const TOPICS: readonly string[] = ["verbs", "environment", "exit-codes", "reports", "keys", "security"];

/** Phrases of one program. All but the functions follow "give". */
export interface Vocabulary {
  readonly program: string;
  /** Ways to give a task. */
  readonly prompt: string;
  /** The two variables that hold a task, for the case that both are set. */
  readonly promptVariables: string;
  /** Ways to give a repository. */
  readonly repo: string;
  /** Ways to give the id of a run. */
  readonly runId: string;
  /** How to go on with a run that has not ended; null when there is nothing to go on with. */
  resume(result: Pick<AnyResult, "resume" | "outcome" | "runId">): string | null;
  cancel(runId: string): string;
  /** A message of the library, with what the program has in the place of what a script has. */
  words(message: string): string;
}

/** {@linkcode Vocabulary.words} with a way to list repositories. */
export function listingBy(list: string): Vocabulary["words"] {
  return (message) => message.replaceAll(REPOS_LIST, () => list);
}

/**
 * Phrases of the command.
 *
 * @param program The command as it was called: `node mogplex.mjs`, where nothing else is on the PATH.
 */
export function commandVocabulary(program = PROGRAM): Vocabulary {
  return {
    program,
    prompt: "an argument, - for standard input, --prompt-file, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    promptVariables: "MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE",
    repo: `--repo or MOGPLEX_REPO_ID (\`${program} repos list\` shows the names)`,
    runId: "an argument or MOGPLEX_RUN_ID",
    resume: ({ resume }) => resume?.replace(/^mogplex-ci(?= )/, () => program) ?? null,
    cancel: (runId) => `${program} runs cancel ${runId}`,
    words: (message) => {
      const text = listingBy(`\`${program} repos list\``)(message);
      // The library writes commands with the name of the program.
      return text.replaceAll(/`mogplex-ci(?= )/g, () => `\`${program}`);
    },
  };
}

/** What tests put in the place of the machine. */
export interface MainOptions {
  /** Takes the place of the runtime's `fetch`. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. @default the real clock */
  clock?: Clock | undefined;
  /** The program as it was called, for hints. @default {PROGRAM} */
  program?: string | undefined;
  /** File of this program, which `init` copies. @default the one that the runtime was started with */
  programFile?: string | undefined;
  /** Keeps lock and journal of a campaign. @default the disk */
  files?: DurableFiles | undefined;
  /** The processes of this machine. @default those of the system */
  processes?: Processes | undefined;
}

declare const ofOptions: unique symbol;

/** A variable that an option wins over. Only `option()` in `lib/cli/options.ts` makes one, so that no other file gives a flag the variable of another option. */
export type OptionVariable<N extends VariableName = VariableName> = N & { readonly [ofOptions]: true };

/** Where the help of a verb with many flags shows one. */
export type Heading = "Task" | "Following" | "Reports" | "Asking" | "Keys";

export interface VerbFlag extends Flag {
  /** @default "Other" */
  heading?: Heading;
  /** Read when the flag is not given. */
  variable?: OptionVariable;
  /** What holds when neither flag nor variable is given. Without a variable `help` says it. */
  fallback?: string;
}

/** A flag with the rule that its value obeys. */
export interface Option<T> extends VerbFlag {
  /**
   * Reads a value.
   *
   * @param text The value as it was given.
   * @param source The flag or the variable that it came from, for the message.
   * @throws {UsageError} when the value breaks the rule.
   */
  parse(text: string, source: string): T;
}

/** Value of an option: its flag, else its variable; undefined when neither is given. @throws {UsageError} See {@linkcode Option}. */
export type ReadOption = <T>(option: Option<T>) => T | undefined;

/** The arguments of a call. Flags are asked for by their rows. */
export interface VerbFlags {
  /** Arguments that are not flags. */
  positionals: string[];
  /** Whether a switch was given. */
  has(flag: VerbFlag): boolean;
  /** Value of a flag, or undefined when it was not given. */
  get(flag: VerbFlag): string | undefined;
  all(flag: VerbFlag): string[];
}

/** How a program decides on the notes of its jobs. */
export interface NotePlanner {
  /** Whether the user wants a note. @throws {UsageError} when a setting of ours is not possible. */
  wanted(context: Context): boolean;
  /** Which note it is; undefined when there is nothing to write it on. @throws {UsageError} when there can be none, which is only printed. */
  plan(context: Context): PlannedNote | undefined;
}

/** What a job of the command line came to, for {@linkcode JobExtra.ended}. */
export interface ExtraEnd {
  result: AnyResult;
  /** What stopped the job without a verdict. */
  error: unknown;
  /** Reports that were written. */
  written: readonly ReportTarget[];
}

/** What a program does in one job beside its reports. Nothing here throws. */
export interface JobExtra {
  /** Called with the session of the job as soon as it is open. */
  onSession(session: Session): void;
  /** Called after each request. */
  onRequest(request: RequestReport): void;
  onNotice(notice: Notice): void;
  /** What the summary says about the run before: a sentence; null when there is none. */
  compare(result: AnyResult): Earlier | null;
  /** Called when everything else is done. */
  ended(end: ExtraEnd): Promise<void>;
}

/** What jobs may touch for what they do beside their reports. */
export interface ExtraPermissions {
  /** Hosts, with port where it is not the scheme's own. */
  net: readonly string[];
  /** Names of variables. */
  env: readonly string[];
  /** Files that they read and append to. */
  files: readonly string[];
}

/** How a program prepares what its jobs do beside their reports. */
export interface JobExtras {
  /** Values to mask: those of headers that hold secrets. */
  secrets(env: ReadEnv): string[];
  /** Prepares one job; undefined when there is nothing to do. @throws {UsageError} when a setting of ours is not possible. */
  open(context: Context): Promise<JobExtra | undefined>;
  /** What a job with these flags and variables may touch. */
  permissions(context: Context): ExtraPermissions;
}

/** What a program does outside CI alone, where a person calls it again in the same folder. */
export interface Laptop {
  /** See `chooseFolder` in `job/laptop.ts`. */
  chooseFolder(
    context: Context,
    asked: RunRequest | LaterRequest,
    wantsNew: boolean,
    session: Session,
  ): Promise<Folder>;
  /** See `ignoringFolder` there. */
  ignoringFolder(context: Context, places: { out: string; targets: readonly ReportTarget[] }): () => void;
  /** See `rememberStart` there. */
  rememberStart(context: Context, started: StartedRun, out: string, asked: RequestedTask): void;
  /** See `rememberEnd` there. */
  rememberEnd(context: Context, result: AnyResult): void;
  /** See `repositoryOfFolder` in `job/origin.ts`. */
  repositoryOfFolder(context: Context, attempted: string): string | undefined;
  /** See `hostNote` there. */
  hostNote(repo: string): string | undefined;
  /** See `openPage` in `job/laptop.ts`. */
  openPage(context: Context, path: string): Promise<void>;
}

/** Where the files of a start go, and what it attaches to. */
export interface Folder {
  /** The request, with the id of its repository if it had to be looked up. */
  request: RunRequest | LaterRequest;
  /** Directory of the reports. */
  out: string;
  /** State file of the run to attach to; undefined for a new run. */
  resumePath?: string | undefined;
  /** How long ago that run may have ended, in milliseconds; undefined: as long as it likes. */
  maxEndAgeMs?: number | undefined;
}

/** What a start is about, in the words of the caller. */
export interface RequestedTask {
  /** The repository, by name or id. */
  repository: string;
  task: string;
}

/** What a verb works with. */
export interface Context {
  /** Environment, files, streams and signals. */
  io: Io;
  flags: VerbFlags;
  /** Reads an option from flags and environment. An empty variable counts as unset. */
  option: ReadOption;
  /** What {@linkcode Context.option} has read so far, by name. Values are untrusted. */
  settings: ReadonlyMap<string, Setting>;
  /** Prints: every line goes through it. */
  writer: Writer;
  clock: Clock;
  /** Takes the place of the runtime's `fetch`. */
  fetch: Fetch | undefined;
  /** Take the place of the disk and of the machine's processes, for campaigns, and of the program's file. */
  machine: Pick<MainOptions, "files" | "processes" | "programFile">;
  /** The CI system. */
  platform: Platform;
  /** Names of the things that a user can give to this program. */
  vocabulary: Vocabulary;
  /** Notes of the program's jobs; undefined when it has none. */
  notes?: NotePlanner | undefined;
  /** The forges that the program knows. */
  forges: readonly Forge[];
  /** A token of a forge that the user has given otherwise than by a variable. */
  tokenInstead?: OpenOptions["tokenInstead"] | undefined;
  /** What the program's jobs do beside their reports; undefined when it has nothing of that kind. */
  extras?: JobExtras | undefined;
  /** What the program does outside CI; undefined when it runs in CI alone. */
  laptop?: Laptop | undefined;
  /** The CI systems that the program knows. */
  systems: Systems;
  /** All verbs of the program, for `completion`. A verb that imported them would import itself. */
  verbs: readonly Verb[];
  /** Refuses a checkout whose files change our settings, at the first call. @throws {UsageError} See `guardCheckout`. */
  guard(): void;
  /**
   * The service and the token: found at the first call, which also guards the checkout and masks the token from then on. The code that
   * opens a client prints the notices.
   *
   * @throws {UnauthorizedError | UsageError} See `resolveConnection` and `guardCheckout`.
   */
  connection(): Connection;
}

/** The work of a verb; returns the exit code. The program maps what it throws to one. */
export type VerbFunction = (context: Context) => Promise<number>;

/** How a verb treats errors and the environment. */
export type VerbGroup = "drop-in" | "toolkit";

/** What exit codes mean, where the common table says it too widely. */
export type Meanings = Readonly<Partial<Record<ExitName, string>>>;

/**
 * One verb: a constant beside its function. A bundler drops the rows that no table names, as long as they hold constants and nested arrays
 * only: a spread, a template or a property would count as an effect and keep the row alive.
 */
export interface Verb {
  /** One or two words; a flag follows them in a row that {@linkcode Verb.chosenBy} flags choose. */
  name: string;
  /** Flags of which one has to be given for this row, where another row has the same words. @default {[]} */
  chosenBy?: readonly VerbFlag[];
  /** Arguments, as the help shows them. */
  usage: string;
  /** Most arguments that are not flags. */
  maxPositionals: number;
  /** One line. */
  summary: string;
  /** A sentence in its own help that the lists of verbs have no place for. @default none */
  remark?: string;
  /** Drop-in verbs take the documented flags, print the documented formats and end with the documented codes. */
  group: VerbGroup;
  /** Its flags and groups of flags: see {@linkcode flagsOf}. */
  flags: readonly (VerbFlag | readonly VerbFlag[])[];
  /** Variables that it reads beside those of its flags and those that choose service and token. @default {[]} */
  variables?: readonly VariableName[];
  /** Exit codes, and lists of them, that it can end with, in the order of the table: see {@linkcode codesOf}. @default all of its group */
  codes?: readonly (ExitName | readonly ExitName[])[];
  /** What exit codes mean for it. @default what they mean for its group */
  meanings?: Meanings;
  /** A flag with which a drop-in verb ends with a verdict, as toolkit verbs do, and what the codes mean then. */
  verdict?: { flag: VerbFlag; meanings: Meanings };
  /** Command lines that work. */
  examples: readonly string[];
  /** Does its work. */
  run: VerbFunction;
}

/** All flags of a verb, without groups. */
export function flagsOf({ flags }: Verb): VerbFlag[] {
  return flags.flat();
}

/** All exit codes of a verb, without lists of them; undefined for all of its group. */
export function codesOf({ codes }: Verb): ExitName[] | undefined {
  return codes?.flat();
}

// One stream in place of two, for programs whose output only people read.

/**
 * The process with stdout and stderr as one stream. A runner reads two pipes and joins them as they come, so that an error would stand
 * before or after the verdict by chance.
 */
export function inOneStream(process: Io): Io {
  const closed = (_stream: Stream) => process.closed("stdout");
  return { ...process, closed, write: (_stream, text) => process.write("stdout", text) };
}
