/**
 * The options that several verbs have, or that a variable stands in for: one row an option, with the rule that its value obeys.
 *
 * What a variable stands in for is described in `lib/cli/verb.ts`, for the help as well as for the documents. An option of a single verb
 * is in the file of that verb.
 *
 * @module
 */
import { type ReadEnv, readTextVariable } from "../ci/platform.ts";
import { UsageError } from "../errors.ts";
import type { ParsedFlags } from "../flags.ts";
import { nearest } from "../nearest.ts";
import type { Setting } from "../report/run_page.ts";
import { defaultTargets, parseReportTarget, plainPath, type ReportTarget, TERMINAL_FORMATS } from "../report/write.ts";
import { KEY_SCOPES, type KeyScope } from "../run/key.ts";
import { MAX_TOKEN_SHARE } from "../run/options.ts";
import { type CancelCause, MAX_TIMEOUT_MS, ON_INTERRUPT, ON_TIMEOUT, type OnInterrupt } from "../run/session.ts";
import { isUuid } from "../service/contract.ts";
import { DURATION_FORMS, parseDuration } from "../text/duration.ts";
import { VARIABLES } from "../variables.ts";
import type { LogForm } from "./log/live_log.ts";
import type { Context, Option, ReadOption, VerbFlag } from "./verb.ts";

// The rules that values of options obey.

/** Reads a value: see `Option.parse`. */
type Parse<T> = (text: string, source: string) => T;

function refusal(source: string, why: string, text: string, hint?: string): UsageError {
  const advice = hint === undefined ? undefined : `did you mean ${JSON.stringify(hint)}?`;
  return new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text), advice });
}

/** Any text; the code that uses it checks it. */
export function anyText(text: string): string {
  return text;
}

/** A word of a list. */
export function oneOf<T extends string>(choices: readonly T[]): Parse<T> {
  return (text, source) => {
    const choice = choices.find((each) => each === text);
    if (choice !== undefined) return choice;
    throw refusal(source, `it must be one of ${choices.join(", ")}`, text, nearest(text, choices));
  };
}

/** A whole number within a range, both ends included. */
export function wholeNumber(min: number, max: number): Parse<number> {
  return (text, source) => {
    const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw refusal(source, `it must be a whole number from ${min} to ${max}`, text);
  };
}

/**
 * A duration in milliseconds: a number of seconds, or parts such as `30m` and `1h30m`.
 *
 * @param maxMs Most milliseconds. The least is one second.
 */
export function duration(maxMs: number): Parse<number> {
  return (text, source) => {
    const ms = parseDuration(text.trim()) ?? 0;
    if (ms >= 1_000 && ms <= maxMs) return ms;
    throw refusal(source, `it must be a time like ${DURATION_FORMS}, at most ${maxMs / 3_600_000}h`, text);
  };
}

/** A switch: the flag alone, or a variable that says `true` or `false`. */
export function onOrOff(text: string, source: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw refusal(source, "it must be true or false", text);
}

/**
 * The option that wins over a variable.
 *
 * @throws {Error} when no variable has a flag of that name.
 */
export function option<T>(name: string, parse: Parse<T>): Option<T> {
  const variable = VARIABLES.find((each) => each.option === name);
  if (variable === undefined) throw new Error(`Cannot list option ${name}: no variable has it`);
  const { value } = variable;
  return { name, ...value === null ? {} : { value }, variable, parse };
}

/** Repository of the run. */
export const REPO = option("repo", anyText);
/** Agent. The words are checked with the request. */
export const HARNESS = option("harness", anyText);
/** How much the agent may do. The words are checked with the request. */
export const MODE = option("mode", anyText);
/** Branch to start from. */
export const BASE_BRANCH = option("base-branch", anyText);
/** Branch to work on. */
export const BRANCH = option("branch", anyText);
/** Whether the working branch is created. */
export const CREATE_BRANCH = option("create-branch", onOrOff);
/** Whether it is not created, although no name is given for it. */
export const NO_CREATE_BRANCH: VerbFlag = {
  name: "no-create-branch",
  help: "Work on the base branch, without a branch of its own",
};
/** Directory inside the repository. */
export const ROOT = option("root", anyText);
/** File that holds the task. */
export const PROMPT_FILE = option("prompt-file", anyText);

/** Longest time that a verb takes, in milliseconds. */
export const TIMEOUT = option("timeout", duration(MAX_TIMEOUT_MS));
/** What happens to the run at the deadline. */
const ON_TIMEOUT_OPTION = option("on-timeout", oneOf(ON_TIMEOUT));
/** What becomes of the run at a signal. */
export const ON_INTERRUPT_OPTION = option("on-interrupt", oneOf(ON_INTERRUPT));
/** How many jobs use the token at the same time. */
const TOKEN_SHARE = option("token-share", wholeNumber(1, MAX_TOKEN_SHARE));

function users(text: string, source: string): string[] {
  const names = text.split(/[\s,]+/).filter((name) => name !== "").map((name) => name.replace(/^@/, "").toLowerCase());
  if (names.length > 0 && names.every((name) => /^[\w.-]{1,255}$/.test(name))) return names;
  throw new UsageError({
    attempted: `use ${source}`,
    why: "it must be names of users, separated by commas",
    value: JSON.stringify(text),
  });
}

/** Names of the users who may ask, in lower case. */
export const ALLOW_USERS = option("allow-users", users);

/** The key of a start itself. */
export const IDEMPOTENCY_KEY: Option<string> = {
  name: "idempotency-key",
  value: "KEY",
  help: "Key that finds the run again [made from the job]",
  parse: anyText,
};
/** What makes a new run. */
export const KEY_SCOPE = option("key-scope", oneOf(KEY_SCOPES));
/** Tells runs of one job apart. */
export const KEY_PART = option("key-part", anyText);

/** Events in the log. */
export const LOG = option("log", oneOf<LogForm>(["compact", "full", "json"]));
/** Which reports are written. Read by `readPlaces`, since formats and paths belong together. */
export const REPORT: Option<string> = { ...option("report", anyText), multiple: true };
/** Whether the task is shown. */
export const SHOW_TASK = option("show-task", onOrOff);
/** Whether a note is written on the merge request. */
export const NOTE = option("note", oneOf<"auto" | "off">(["auto", "off"]));
export const OUT = option("out", anyText);
/** Where the state file is. */
export const STATE: Option<string> = {
  name: "state",
  value: "FILE",
  help: "State file [run.json beside the reports]",
  parse: anyText,
};

/** Where each run is remembered, for comparisons. */
export const HISTORY: Option<string> = {
  name: "history",
  value: "FILE",
  help: "Remember each run in it, and compare",
  parse: anyText,
};
/** File of the trace. */
export const OTEL_FILE: Option<string> = {
  name: "otel-file",
  value: "FILE",
  help: "Append the trace to it (OTLP in JSON)",
  parse: anyText,
};

export const JSON_LINES: VerbFlag = { name: "json", help: "Print JSON, one object a line" };

/** Flags of the documented command for the request of a run, but for its key. Source: CLI, "Headless runs", "Common flags". */
export const REQUEST: readonly VerbFlag[] = [REPO, HARNESS, BASE_BRANCH, BRANCH, CREATE_BRANCH, ROOT];

/** Which run a start finds again. */
export const KEYS: readonly VerbFlag[] = [IDEMPOTENCY_KEY, KEY_SCOPE, KEY_PART];

/** Where a verdict is reported. */
export const REPORTING: readonly VerbFlag[] = [REPORT, NOTE, OUT, HISTORY, OTEL_FILE];

/** Whether the page is opened. */
export const OPEN: VerbFlag = {
  name: "open",
  help: "On a terminal: open run.html in the browser at the end",
};

/** What happens to a run when the job stops waiting, and how often the job asks. */
export const WATCHING: readonly VerbFlag[] = [ON_TIMEOUT_OPTION, ON_INTERRUPT_OPTION, TOKEN_SHARE];

// Reads options from flags and environment.

/**
 * A reader for the flags of one call. A flag wins over its variable; an empty variable counts as unset.
 *
 * @param read Gets each option that was read, with where its value came from. @default {new Map()}
 */
export function optionReader(flags: ParsedFlags, env: ReadEnv, read: Map<string, Setting> = new Map()): ReadOption {
  return ({ name, variable, parse }) => {
    const given = flags.has(name) ? "true" : flags.get(name);
    const text = given ?? ((variable && readTextVariable(env, variable.name)?.trim()) || undefined);
    const [from, shown] = given !== undefined
      ? ["flag", `--${name}`]
      : text === undefined || variable === undefined
      ? ["default", ""]
      : [variable.name, variable.name];
    read.set(name, { name, value: text ?? variable?.fallback?.replaceAll("`", "") ?? "", from });
    return text === undefined ? undefined : parse(text, shown);
  };
}

// What a verb cannot do without: its argument, a run, a repository.

/** The argument of a verb. @throws {UsageError} when it is missing or empty. */
export function requiredArgument({ flags }: Context, verb: string, name: string): string {
  const value = flags.positionals[0]?.trim() ?? "";
  if (value !== "") return value;
  throw new UsageError({
    attempted: `parse arguments of ${verb}`,
    why: `<${name}> is missing`,
    advice: "give it as an argument",
  });
}

function runIdText({ io, flags }: Context): string {
  return flags.positionals[0]?.trim() || readTextVariable(io.env, "MOGPLEX_RUN_ID")?.trim() || "";
}

/** Whether argument or variable name a run. */
export function namesRun(context: Context): boolean {
  return runIdText(context) !== "";
}

/** The run that a verb is about; null when it has none, or not by a UUID. */
export function givenRunId(context: Context): string | null {
  const runId = runIdText(context);
  return isUuid(runId) ? runId.toLowerCase() : null;
}

/** The run that a verb is about: its argument, else `MOGPLEX_RUN_ID`. @throws {UsageError} when there is none. */
export function requiredRunId(context: Context, attempted: string): string {
  const { vocabulary } = context;
  const runId = runIdText(context);
  if (runId !== "") return runId;
  throw new UsageError({ attempted, why: "the id of a run is missing", advice: `give ${vocabulary.runId}` });
}

/** The repository of a verb, by name or id. @throws {UsageError} when there is none. */
export function requiredRepo({ option, vocabulary }: Context, attempted: string): string {
  const repo = option(REPO);
  if (repo !== undefined) return repo;
  throw new UsageError({ attempted, why: "a repository is missing", advice: `give ${vocabulary.repo}` });
}

// Where the files of a job go.

export interface Places {
  /** Directory of the reports. */
  out: string;
  targets: ReportTarget[];
  state: string;
}

/** Name of the directory of the reports where none is given. */
export const DEFAULT_OUT = "mogplex-ci";

/** Whether only a person calls the command again. */
export function isLaptop({ platform, io }: Context): boolean {
  return !platform.isCi && platform.identity(io.env) === null;
}

/** Directory of the reports. */
export function outDirectory({ option }: Context): string {
  return option(OUT) ?? DEFAULT_OUT;
}

/** Path of the state file. @param out Directory of the reports. */
export function statePath(context: Context, out: string = outDirectory(context)): string {
  return context.option(STATE) ?? `${out.replace(/\/+$/, "")}/run.json`;
}

/**
 * Directory, reports and state file.
 *
 * @param out Directory of the reports.
 * @throws {UsageError} for a format that is not known, or a report in the place of the state file.
 */
export function readPlaces(context: Context, out: string = outDirectory(context)): Places {
  const { flags, option } = context;
  const flag = flags.all(REPORT.name);
  const given = flag.length > 0 ? flag : [option(REPORT) ?? ""];
  const wanted = given.flatMap((each) => each.split(",")).map((each) => each.trim()).filter(Boolean);
  const isPerson = isLaptop(context) && context.io.isTerminal("stdout");
  const targets = wanted.length > 0
    ? wanted.map((each) => parseReportTarget(each, out))
    : defaultTargets(out, isPerson ? TERMINAL_FORMATS : undefined);
  const state = statePath(context, out);
  const same = targets.find(({ path }) => plainPath(path) === plainPath(state));
  if (same === undefined) return { out, targets, state };
  throw new UsageError({
    attempted: `write report "${same.format}"`,
    why: "the state file of the job goes to the same file",
    value: JSON.stringify(same.path),
  });
}

// Settings of the toolkit verbs: all that a verb needs of waiting, logging and keys, read in one step.

/** How long a verb waits, and what then becomes of the run. */
export interface WaitSettings {
  /** Whole wait in milliseconds; undefined for the usual one. */
  timeoutMs: number | undefined;
  /** Jobs that use the token at the same time. */
  tokenShare: number;
  /** What cancels the run. */
  cancelOn: readonly CancelCause[];
  /** What becomes of it at a signal. */
  onInterrupt: OnInterrupt;
}

/** Settings of a verb that follows. */
export interface FollowSettings extends WaitSettings {
  /** Events in the log. */
  log: LogForm;
}

/** Which key a start gets. */
export interface KeySettings {
  /** An explicit key; overrides scope and part. */
  idempotencyKey: string | undefined;
  /** What makes a new run. */
  keyScope: KeyScope | undefined;
  /** Tells runs of one job apart. */
  keyPart: string | undefined;
}

/** Settings of a verb that starts and follows. */
export interface RunSettings extends FollowSettings {
  /** Which key the start gets. */
  key: KeySettings;
}

/** How long a verb waits. @throws {UsageError} for the first value that is not possible. */
function readWaitSettings({ option }: Context): WaitSettings {
  return {
    timeoutMs: option(TIMEOUT),
    tokenShare: option(TOKEN_SHARE) ?? 1,
    cancelOn: option(ON_TIMEOUT_OPTION) === "cancel" ? ["timeout"] : [],
    onInterrupt: option(ON_INTERRUPT_OPTION) ?? "auto",
  };
}

/** Settings of a verb that follows. @throws {UsageError} for the first value that is not possible. */
export function readFollowSettings(context: Context): FollowSettings {
  return { ...readWaitSettings(context), log: context.option(LOG) ?? "compact" };
}

/** Which key a start gets. @throws {UsageError} for a scope that is not known. */
function readKeySettings({ option }: Context): KeySettings {
  return { idempotencyKey: option(IDEMPOTENCY_KEY), keyScope: option(KEY_SCOPE), keyPart: option(KEY_PART) };
}

/** Settings of a verb that starts and follows. @throws {UsageError} for the first value that is not possible. */
export function readRunSettings(context: Context): RunSettings {
  return { ...readFollowSettings(context), key: readKeySettings(context) };
}

/** Settings of a verb that triggers and waits, without a log. @throws {UsageError} for the first value that is not possible. */
export function readTriggerSettings(context: Context): WaitSettings & Pick<RunSettings, "key"> {
  return { ...readWaitSettings(context), key: readKeySettings(context) };
}
