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

export const PROGRAM = "mogplex-ci";

export const TOPICS: readonly string[] = ["commands", "environment", "exit-codes", "reports", "keys", "security"];

export type Continuation = { readonly command: string } | { readonly instruction: string };

/**
 * The terms of one program, because the GitLab components have inputs instead of flags. `prompt`, `repo` and `runId` complete a sentence that begins
 * with "give".
 */
export interface Vocabulary {
  readonly program: string;
  readonly prompt: string;
  readonly promptVariables: string;
  readonly repo: string;
  readonly runId: string;
  resume(
    result: Pick<AnyResult, "resume" | "resumeIsCommand" | "outcome" | "runId" | "kind" | "idempotencyKey">,
  ): Continuation | null;
  readonly restart?: string | undefined;
  /** What the user raises to wait longer. */
  readonly timeLimit: string;
  cancel(runId: string): string;
  /** The comment that repeats a run, such as `@mogplex again`. */
  readonly repeat?: string | undefined;
  words(message: string): string;
}

function wordsWith(list: string, setRepo: string, addKeyPart: string, retryLater: string): Vocabulary["words"] {
  return (message) =>
    message.replaceAll(REPOS_LIST, () => list).replaceAll(SET_REPO, () => setRepo)
      .replaceAll(ADD_KEY_PART, () => addKeyPart).replaceAll(RETRY_LATER, () => retryLater);
}

export const inputWords = (
  setRepo: string,
  timeLimit: string,
): Pick<Vocabulary, "prompt" | "promptVariables" | "timeLimit" | "cancel" | "words"> => ({
  prompt: "input prompt or prompt-file, or variable MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
  promptVariables: "prompt and prompt-file (inputs, or variables MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE)",
  timeLimit,
  cancel: () => "in the app",
  words: wordsWith(
    "`node ../mogplex-ci/dist/mogplex.mjs repos list`, with a built clone of this project,",
    setRepo,
    "set the input key-part",
    `retry the job later, or raise ${timeLimit}`,
  ),
});

export function commandVocabulary(program = PROGRAM, isInJob = true): Vocabulary {
  const retryLater = isInJob
    ? "retry the job later, or raise --timeout"
    : "run the command again later, or wait longer with --timeout";
  return {
    program,
    prompt: "an argument, - for standard input, --prompt-file, MOGPLEX_PROMPT or MOGPLEX_PROMPT_FILE",
    promptVariables: "MOGPLEX_PROMPT and MOGPLEX_PROMPT_FILE",
    repo: `--repo or MOGPLEX_REPO_ID (\`${program} repos list\` shows the names)`,
    runId: "an argument or MOGPLEX_RUN_ID",
    resume({ resume, kind, runId, idempotencyKey }) {
      if (resume === null) return null;
      if (kind === "run") return { command: `${program} follow ${runId}` };
      return { instruction: `the same command with --idempotency-key ${idempotencyKey}` };
    },
    timeLimit: "--timeout",
    cancel: (runId) => `${program} runs cancel ${runId}`,
    words: (message) => {
      const list = `\`${program} repos list\``;
      const text = wordsWith(list, "set --repo or MOGPLEX_REPO_ID", "add --key-part NAME", retryLater)(message);
      // Messages of the library call the program `mogplex-ci`, but the user may have called it by a different name.
      return text.replaceAll(/`mogplex-ci(?= )/g, () => `\`${program}`);
    },
  };
}

export interface MainOptions {
  fetch?: Fetch | undefined;
  clock?: Clock | undefined;
  program?: string | undefined;
  /** The program's own file, which `init` copies. @default the running script */
  programFile?: string | undefined;
  files?: DurableFiles | undefined;
  processes?: Processes | undefined;
}

declare const ofOptions: unique symbol;

/** Only `option()` in `lib/cli/options.ts` creates values of this type, so that no two options share a variable. */
export type OptionVariable<N extends VariableName = VariableName> = N & { readonly [ofOptions]: true };

export type Heading = "Task" | "Following" | "Reports" | "Asking" | "Dry run" | "Keys";

export interface VerbFlag extends Flag {
  /** @default "Other" */
  heading?: Heading;
  variable?: OptionVariable;
  /** Only shown in help and in reports. If neither the flag nor the variable is set, reading the option returns `undefined`. */
  fallback?: string;
  /** The flag to suggest if the user passes its value as an argument. */
  flagForText?: string;
}

export interface Option<T> extends VerbFlag {
  parse(text: string, source: string): T;
}

export type ReadOption = <T>(option: Option<T>) => T | undefined;

export interface VerbFlags {
  positionals: string[];
  has(flag: VerbFlag): boolean;
  get(flag: VerbFlag): string | undefined;
  all(flag: VerbFlag): string[];
}

export interface NotePlanner {
  wanted(context: Context): boolean;
  /** @throws {UsageError} if the job cannot write a note. The caller prints the error and continues. */
  plan(context: Context): PlannedNote | undefined;
}

export interface ExtraEnd {
  result: AnyResult;
  error: unknown;
  written: readonly ReportTarget[];
}

/** Hooks that a program adds to one job. They never throw. */
export interface JobExtra {
  onSession(session: Session): void;
  onRequest(request: RequestReport): void;
  onNotice(notice: Notice): void;
  compare(result: AnyResult): Earlier | null;
  ended(end: ExtraEnd): Promise<void>;
}

export interface ExtraPermissions {
  /** Hosts. The port is included unless it is the default port of the scheme. */
  net: readonly string[];
  env: readonly string[];
  files: readonly string[];
}

export interface JobExtras {
  secrets(env: ReadEnv): string[];
  open(context: Context): Promise<JobExtra | undefined>;
  permissions(context: Context): ExtraPermissions;
}

/**
 * Functions for people's own machines, where the command is called repeatedly in the same folder. The GitHub action and the GitLab components do not
 * have them.
 */
export interface Laptop {
  chooseFolder(
    context: Context,
    asked: RunRequest | LaterRequest,
    wantsNew: boolean,
    session: Session,
  ): Promise<Folder>;
  folderOfRun(context: Context, runId: string, session: Session, job: RunFolderUse): Promise<RunFolder>;
  ignoringFolder(
    context: Context,
    places: { out: string; targets: readonly Pick<ReportTarget, "path">[]; isNew?: boolean },
  ): () => void;
  rememberStart(
    context: Context,
    run: Pick<StartResult, "runId" | "branch">,
    out: string | null,
    asked: RequestedTask,
  ): void;
  taskOfRun(context: Context, runId: string): string | undefined;
  repositoryOfRun(context: Context, runId: string): string | undefined;
  rememberEnd(context: Context, result: AnyResult): void;
  rememberCampaign(
    context: Context,
    origin: string,
    place: { directory: string; file: string; home: string | undefined },
  ): void;
  repositoryOfFolder(context: Context, attempted: string, isRequired: boolean): string | undefined;
  wholeRunId(context: Context, text: string): string;
  lastRunId(context: Context): string | undefined;
  hostNote(repo: string): string | undefined;
  campaignRetry(context: Context, result: AnyResult): CampaignRetry | undefined;
  openPage(context: Context, path: string): Promise<void>;
}

export interface Folder {
  request: RunRequest | LaterRequest;
  out: string;
  /** Keeps other processes from using the folder. */
  claim?: Claim | undefined;
  isNew?: boolean | undefined;
  resumePath?: string | undefined;
  resumeRun?: Run | undefined;
  maxEndAgeMs?: number | undefined;
}

export type RunFolder = Pick<Folder, "out" | "claim" | "isNew">;

export interface RunFolderUse {
  /** The words after "Cannot" in error messages. */
  attempted: string;
  claims: boolean;
}

export interface RequestedTask {
  repository: string;
  task: string;
  /** Whether this is a follow-up. The full task of a follow-up is created later, from the forge's data. */
  isLater?: boolean | undefined;
}

export interface Context {
  io: Io;
  flags: VerbFlags;
  option: ReadOption;
  /** The variables of the process. Inputs of an action or a component do not override these variables. */
  variables: ReadEnv;
  /** The options that {@linkcode Context.option} has read so far, by name. The values are untrusted. */
  settings: ReadonlyMap<string, Setting>;
  /** All output must go through this writer. */
  writer: Writer;
  clock: Clock;
  fetch: Fetch | undefined;
  machine: Pick<MainOptions, "files" | "processes" | "programFile">;
  platform: Platform;
  vocabulary: Vocabulary;
  notes?: NotePlanner | undefined;
  isMention?: boolean | undefined;
  forges: readonly Forge[];
  /** Returns a token that takes precedence over the token in a variable, such as the input of an action. */
  tokenInstead?: OpenOptions["tokenInstead"] | undefined;
  extras?: JobExtras | undefined;
  laptop?: Laptop | undefined;
  systems: Systems;
  /** For `completion`, which cannot import the list without a circular import. */
  verbs: readonly Verb[];
  /** @throws {UsageError} See `guardCheckout`. */
  guard(): void;
  /**
   * The first call also calls {@linkcode Context.guard}, and masks the token in all later output. The code that opens a client prints the notices.
   */
  connection(): Connection;
}

export type VerbFunction = (context: Context) => Promise<number>;

export type VerbGroup = "drop-in" | "toolkit";

export type Meanings = Readonly<Partial<Record<ExitName, string>>>;

/**
 * Write a row with constants and nested arrays only. Bundlers treat a spread, a template or a property access as a side effect, and would keep an
 * unused row.
 */
export interface Verb {
  name: string;
  /** Words that users might type instead of the last word of the name. Error messages suggest the right verb for these words. */
  otherNames?: readonly string[];
  chosenBy?: readonly VerbFlag[];
  usage?: string;
  maxPositionals?: number;
  summary: string;
  remark?: string;
  /** Drop-in verbs accept the flags, print the formats and use the exit codes that are documented for the `mogplex` command. */
  group: VerbGroup;
  flags: readonly (VerbFlag | readonly VerbFlag[])[];
  /** Variables that the verb reads, other than the variables of its flags, of the service and of the token. */
  variables?: readonly VariableName[];
  otherVariables?: readonly string[];
  /** @default all codes of the group */
  codes?: readonly (ExitName | readonly ExitName[])[];
  /** @default the meanings of its group */
  meanings?: Meanings;
  /** A flag that makes a drop-in verb exit with a verdict, as toolkit verbs do. */
  verdict?: { flag: VerbFlag; meanings: Meanings };
  examples: readonly string[];
  run: VerbFunction;
}

export function flagsOf({ flags }: Verb): VerbFlag[] {
  return flags.flat();
}

export function codesOf({ codes }: Verb): ExitName[] | undefined {
  return codes?.flat();
}

/**
 * Writes everything to stdout, for programs whose output only people read. A CI runner merges stdout and stderr in the order of arrival, so an error
 * could appear before or after the verdict.
 */
export function inOneStream(process: Io): Io {
  const closed = (_stream: Stream) => process.closed("stdout");
  return { ...process, isOneStream: true, closed, write: (_stream, text) => process.write("stdout", text) };
}
