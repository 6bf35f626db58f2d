/**
 * A verb of the command line: a row of facts for parser and help, and a function that gets its surroundings as a {@linkcode Context}.
 * @module
 */
import type { Platform, ReadEnv, Systems } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import type { ExitName } from "../exit_codes.ts";
import type { DurableFiles } from "../files/disk.ts";
import type { Processes } from "../files/processes.ts";
import type { Flag } from "../flags.ts";
import type { Io, Stream } from "../io.ts";
import type { Run, StartResult } from "../model.ts";
import type { Notice } from "../notice.ts";
import type { Earlier } from "../report/history.ts";
import type { PlannedNote } from "../report/job_note.ts";
import type { Setting } from "../report/run_page.ts";
import type { Forge } from "../forge/forge.ts";
import type { OpenOptions } from "../forge/open.ts";
import type { ReportTarget } from "../report/write.ts";
import { ADD_KEY_PART } from "../run/key.ts";
import { RETRY_LATER } from "../run/no_sandbox.ts";
import type { Claim } from "../run/claim.ts";
import type { LaterRequest, RunRequest } from "../run/request.ts";
import type { CampaignRetry } from "../report/campaign_item.ts";
import type { AnyResult } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import type { Connection } from "../service/connection.ts";
import type { Fetch, RequestReport } from "../service/transport.ts";
import { REPOS_LIST, SET_REPO } from "../service/validate.ts";
import type { VariableName } from "../variables.ts";
import type { Writer } from "./log/writer.ts";

// The words of a program for its inputs: the command has flags, the GitLab components have inputs.

export const PROGRAM = "mogplex-ci";

/** Topics of the help that are not verbs. */
export const TOPICS: readonly string[] = ["commands", "environment", "exit-codes", "reports", "keys", "security"];

/** What continues a run: a command to copy, or what somebody must do. */
export type Continuation = { readonly command: string } | { readonly instruction: string };

/** Phrases of one program. All except the functions follow "give". */
export interface Vocabulary {
  readonly program: string;
  readonly prompt: string;
  /** The two variables that can hold a task, for the error if both are set. */
  readonly promptVariables: string;
  readonly repo: string;
  readonly runId: string;
  /** How to continue with a run that has not finished; null if there is nothing to continue. */
  resume(
    result: Pick<AnyResult, "resume" | "resumeIsCommand" | "outcome" | "runId" | "kind" | "idempotencyKey">,
  ): Continuation | null;
  /** What starts the task of a cancelled run again without a command. @default a command does, or nothing */
  readonly restart?: string | undefined;
  cancel(runId: string): string;
  /** The comment that repeats a run which somebody asked for in a comment. @default a command repeats it */
  readonly repeat?: string | undefined;
  /** A message of the library, with the program's words instead of those for scripts. */
  words(message: string): string;
}

/** {@linkcode Vocabulary.words} with a way to list repositories, to set one, and to add a key part. */
function wordsWith(list: string, setRepo: string, addKeyPart: string): Vocabulary["words"] {
  return (message) =>
    message.replaceAll(REPOS_LIST, () => list).replaceAll(SET_REPO, () => setRepo)
      .replaceAll(ADD_KEY_PART, () => addKeyPart);
}

/** Phrases of a program with inputs instead of flags. @param setRepo How to set the repository. */
export const inputWords = (
  setRepo: string,
): Pick<Vocabulary, "prompt" | "promptVariables" | "cancel" | "words"> => ({
  prompt: "input prompt or prompt-file, or variable MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
  promptVariables: "prompt and prompt-file (inputs, or variables MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE)",
  cancel: () => "in the app",
  words: wordsWith(
    "`node ../mogplex-ci/dist/mogplex.mjs repos list`, with a built clone of this project,",
    setRepo,
    "give the input key-part a name",
  ),
});

/**
 * @param program The command as the user called it: `node mogplex.mjs`, if it is not on the PATH.
 * @param isInJob Whether a job runs the command. On a laptop nothing retries it.
 */
export function commandVocabulary(program = PROGRAM, isInJob = true): Vocabulary {
  const retryLater = isInJob ? RETRY_LATER : "run the command again later, or wait longer with --timeout";
  return {
    program,
    prompt: "an argument, - for standard input, --prompt-file, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    promptVariables: "MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE",
    repo: `--repo or MOGPLEX_REPO_ID (\`${program} repos list\` shows the names)`,
    runId: "an argument or MOGPLEX_RUN_ID",
    resume({ resume, resumeIsCommand }) {
      if (resume === null) return null;
      return resumeIsCommand ? { command: resume.replace(/^mogplex-ci(?= )/, () => program) } : { instruction: resume };
    },
    cancel: (runId) => `${program} runs cancel ${runId}`,
    words: (message) => {
      const text = wordsWith(`\`${program} repos list\``, "set --repo or MOGPLEX_REPO_ID", "add --key-part NAME")(
        message,
      );
      // The library writes commands with the name of the program.
      return text.replaceAll(/`mogplex-ci(?= )/g, () => `\`${program}`).replaceAll(RETRY_LATER, () => retryLater);
    },
  };
}

/** Replacements for tests. */
export interface MainOptions {
  /** Replaces the runtime's `fetch`. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** @default the real clock */
  clock?: Clock | undefined;
  /** The program as the user called it, for hints. @default {PROGRAM} */
  program?: string | undefined;
  /** File of this program, which `init` copies. @default the script of the runtime */
  programFile?: string | undefined;
  /** Stores lock and journal of a campaign. @default the disk */
  files?: DurableFiles | undefined;
  /** @default the processes of the system */
  processes?: Processes | undefined;
}

declare const ofOptions: unique symbol;

/**
 * A variable that an option overrides. Only `option()` in `lib/cli/options.ts` makes one, so that no other file gives a flag the variable of another
 * option.
 */
export type OptionVariable<N extends VariableName = VariableName> = N & { readonly [ofOptions]: true };

/** Heading for a flag in the help of a verb with many flags. */
export type Heading = "Task" | "Following" | "Reports" | "Asking" | "Dry run" | "Keys";

export interface VerbFlag extends Flag {
  /** @default "Other" */
  heading?: Heading;
  /** Read if the flag is not given. */
  variable?: OptionVariable;
  /** The default without flag and variable. Without a variable, `help` contains it. */
  fallback?: string;
  /** Name of the flag for a text that users give as an argument beside this flag, although the verb takes none. */
  flagForText?: string;
}

export interface Option<T> extends VerbFlag {
  /**
   * @param source The flag or the variable of the value, for the message.
   * @throws {UsageError} if the value breaks the rule.
   */
  parse(text: string, source: string): T;
}

/** The flag's value, otherwise the variable's; undefined without either. @throws {UsageError} See {@linkcode Option}. */
export type ReadOption = <T>(option: Option<T>) => T | undefined;

/** Flags are read by their rows. */
export interface VerbFlags {
  positionals: string[];
  has(flag: VerbFlag): boolean;
  get(flag: VerbFlag): string | undefined;
  all(flag: VerbFlag): string[];
}

export interface NotePlanner {
  /** @throws {UsageError} if a setting of ours is wrong. */
  wanted(context: Context): boolean;
  /**
   * The plan of a note; undefined if there is nothing to write the note on.
   * @throws {UsageError} if there can be no note; this is only printed.
   */
  plan(context: Context): PlannedNote | undefined;
}

/** The end of a job of the command line, for {@linkcode JobExtra.ended}. */
export interface ExtraEnd {
  result: AnyResult;
  /** The error that stopped the job without a verdict. */
  error: unknown;
  written: readonly ReportTarget[];
}

/** Work of a program in one job besides its reports. Nothing here throws. */
export interface JobExtra {
  /** Called as soon as the session of the job is open. */
  onSession(session: Session): void;
  onRequest(request: RequestReport): void;
  onNotice(notice: Notice): void;
  /** A sentence for the summary about the run before; null without one. */
  compare(result: AnyResult): Earlier | null;
  /** Called after everything else. */
  ended(end: ExtraEnd): Promise<void>;
}

/** Permissions that jobs need for their work besides the reports. */
export interface ExtraPermissions {
  /** With the port if it is not the scheme's own. */
  net: readonly string[];
  env: readonly string[];
  /** Files that are read and appended to. */
  files: readonly string[];
}

export interface JobExtras {
  /** Values to mask: headers with secrets. */
  secrets(env: ReadEnv): string[];
  /** Prepares one job; undefined if there is nothing to do. @throws {UsageError} if a setting of ours is wrong. */
  open(context: Context): Promise<JobExtra | undefined>;
  /** Permissions of a job with these flags and variables. */
  permissions(context: Context): ExtraPermissions;
}

/** Work of a program only outside CI, where a person calls it again in the same folder. */
export interface Laptop {
  /** See `chooseFolder` in `job/laptop.ts`. */
  chooseFolder(
    context: Context,
    asked: RunRequest | LaterRequest,
    wantsNew: boolean,
    session: Session,
  ): Promise<Folder>;
  /** See `folderOfRun` there. */
  folderOfRun(context: Context, runId: string, session: Session, job: RunFolderUse): Promise<RunFolder>;
  /** See `ignoringFolder` there. */
  ignoringFolder(
    context: Context,
    places: { out: string; targets: readonly Pick<ReportTarget, "path">[]; isNew?: boolean },
  ): () => void;
  /** See `rememberStart` there. */
  rememberStart(
    context: Context,
    run: Pick<StartResult, "runId" | "branch">,
    out: string | null,
    asked: RequestedTask,
  ): void;
  /** See `taskOfRun` there. */
  taskOfRun(context: Context, runId: string): string | undefined;
  /** See `repositoryOfRun` there. */
  repositoryOfRun(context: Context, runId: string): string | undefined;
  /** See `rememberEnd` there. */
  rememberEnd(context: Context, result: AnyResult): void;
  /** See `rememberCampaign` there. */
  rememberCampaign(
    context: Context,
    origin: string,
    place: { directory: string; file: string; home: string | undefined },
  ): void;
  /** See `repositoryOfFolder` in `job/origin.ts`. */
  repositoryOfFolder(context: Context, attempted: string, isRequired: boolean): string | undefined;
  /** See `wholeRunId` in `job/short_run_id.ts`. */
  wholeRunId(context: Context, text: string): string;
  /** See `lastRunId` there. */
  lastRunId(context: Context): string | undefined;
  /** See `hostNote` in `job/origin.ts`. */
  hostNote(repo: string): string | undefined;
  /** See `campaignRetry` in `job/campaign_runs.ts`. */
  campaignRetry(context: Context, result: AnyResult): CampaignRetry | undefined;
  /** See `openPage` in `job/laptop.ts`. */
  openPage(context: Context, path: string): Promise<void>;
}

/** Where the files of a start go, and the run to attach to. */
export interface Folder {
  /** The request, with the id of its repository if it was looked up. */
  request: RunRequest | LaterRequest;
  out: string;
  /** The claim that keeps other processes from using the folder; undefined if none was needed, or none could be made. */
  claim?: Claim | undefined;
  /** Whether the claim has created `out`. @default {false} */
  isNew?: boolean | undefined;
  /** State file of the run to attach to; undefined for a new run. */
  resumePath?: string | undefined;
  /** The run of that file as it was just read; undefined if only its key is known. */
  resumeRun?: Run | undefined;
  /** Maximum time since the end of that run, in milliseconds; undefined for no limit. */
  maxEndAgeMs?: number | undefined;
}

/** Where the files of an existing run go. */
export type RunFolder = Pick<Folder, "out" | "claim" | "isNew">;

/** What a job does with the folder of an existing run. */
export interface RunFolderUse {
  /** After "Cannot". */
  attempted: string;
  /** Whether the folder stays the run's while the run is active. */
  claims: boolean;
}

/** The repository and task of a start, in the caller's words. */
export interface RequestedTask {
  /** By name or id. */
  repository: string;
  task: string;
  /** Whether the run has another task than this one: the task of a follow-up is made from the forge. */
  isLater?: boolean | undefined;
}

/** The surroundings of a verb. */
export interface Context {
  io: Io;
  flags: VerbFlags;
  /** Reads an option from flags and environment. An empty variable is treated as unset. */
  option: ReadOption;
  /** Reads the process's own variables. No input overrides them. */
  variables: ReadEnv;
  /** The options that {@linkcode Context.option} has read so far, by name. Values are untrusted. */
  settings: ReadonlyMap<string, Setting>;
  /** Every printed line goes through it. */
  writer: Writer;
  clock: Clock;
  /** Replaces the runtime's `fetch`. */
  fetch: Fetch | undefined;
  /** Replace the disk and the machine's processes, for campaigns, and the program's file. */
  machine: Pick<MainOptions, "files" | "processes" | "programFile">;
  platform: Platform;
  vocabulary: Vocabulary;
  /** Undefined if the program's jobs have no notes. */
  notes?: NotePlanner | undefined;
  /** Whether somebody asked for the run of this job with a mention. @default false */
  isMention?: boolean | undefined;
  forges: readonly Forge[];
  /** A token of a forge that does not come from a variable. */
  tokenInstead?: OpenOptions["tokenInstead"] | undefined;
  /** Undefined if the program's jobs do nothing besides their reports. */
  extras?: JobExtras | undefined;
  /** Undefined if the program only runs in CI. */
  laptop?: Laptop | undefined;
  systems: Systems;
  /** All verbs of the program, for `completion`. A verb that imported them would import itself. */
  verbs: readonly Verb[];
  /** At the first call, refuses a checkout that changes our settings with its files. @throws {UsageError} See `guardCheckout`. */
  guard(): void;
  /**
   * The service and the token, resolved at the first call, which also guards the checkout and masks the token from that point. The code that opens a
   * client prints the notices.
   * @throws {UnauthorizedError | UsageError} See `resolveConnection` and `guardCheckout`.
   */
  connection(): Connection;
}

/** Returns the exit code. The program maps errors to one. */
export type VerbFunction = (context: Context) => Promise<number>;

/** How a verb treats errors and the environment. */
export type VerbGroup = "drop-in" | "toolkit";

/** Meanings of exit codes that are more specific than the common table. */
export type Meanings = Readonly<Partial<Record<ExitName, string>>>;

/**
 * One verb: a constant next to its function. A bundler drops unused rows as long as they only contain constants and nested arrays: a spread, a
 * template or a property would be a side effect and keep the row.
 */
export interface Verb {
  /** One or two words; a flag follows them in a row that {@linkcode Verb.chosenBy} flags select. */
  name: string;
  /** Words that users might type instead of the last word of the name; used only in a message. @default {[]} */
  otherNames?: readonly string[];
  /** Flags that select this row, if another row has the same words. @default {[]} */
  chosenBy?: readonly VerbFlag[];
  /** Arguments, for the help. @default {""} */
  usage?: string;
  /** @default {0} */
  maxPositionals?: number;
  /** One line. */
  summary: string;
  /** A sentence for its own help only, not for lists of verbs. @default none */
  remark?: string;
  /** Drop-in verbs accept the documented flags, print the documented formats and end with the documented codes. */
  group: VerbGroup;
  /** See {@linkcode flagsOf}. */
  flags: readonly (VerbFlag | readonly VerbFlag[])[];
  /** Variables that it reads besides its flags' variables and those that select service and token. @default {[]} */
  variables?: readonly VariableName[];
  /** Variables of CI systems and forges that a reader sets for this verb. */
  otherVariables?: readonly string[];
  /** Its exit codes, and lists of them, in the order of the table: see {@linkcode codesOf}. @default all of its group */
  codes?: readonly (ExitName | readonly ExitName[])[];
  /** @default the meanings of its group */
  meanings?: Meanings;
  /** A flag with which a drop-in verb ends with a verdict, like toolkit verbs, and the meanings of the codes then. */
  verdict?: { flag: VerbFlag; meanings: Meanings };
  examples: readonly string[];
  run: VerbFunction;
}

/** The flags of a verb, without groups. */
export function flagsOf({ flags }: Verb): VerbFlag[] {
  return flags.flat();
}

/** The exit codes of a verb, without nested lists; undefined if the verb has all codes of its group. */
export function codesOf({ codes }: Verb): ExitName[] | undefined {
  return codes?.flat();
}

// One stream instead of two, for programs whose output only people read.

/**
 * The process with stdout and stderr as one stream. A runner joins two pipes in the order of arrival, so an error could appear before or after the
 * verdict.
 */
export function inOneStream(process: Io): Io {
  const closed = (_stream: Stream) => process.closed("stdout");
  return { ...process, isOneStream: true, closed, write: (_stream, text) => process.write("stdout", text) };
}
