/**
 * Settings of the toolkit verbs: flag, then environment, then default. An empty variable counts as unset.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { defaultTargets, parseReportTarget, plainPath, type ReportTarget } from "../../report/targets.ts";
import { MAX_TOKEN_SHARE } from "../../job/options.ts";
import { ON_INTERRUPT, ON_TIMEOUT, type OnInterrupt, type OnTimeout } from "../../job/interrupt.ts";
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../../job/session.ts";
import { wholeNumber } from "../job/open.ts";
import type { VerbContext } from "../verb.ts";

/** How events are logged. */
export type LogForm = "compact" | "full" | "json";

/** Where files go. */
export interface Places {
  /** Directory of the reports. */
  out: string;
  /** Reports to write. */
  targets: ReportTarget[];
}

/** How long a verb waits, and what becomes of the run when it ceases to. */
export interface WaitSettings {
  /** Whole wait in milliseconds. */
  timeoutMs: number;
  /** Jobs that use the token at the same time. */
  tokenShare: number;
  /** What becomes of the run at the deadline. */
  onTimeout: OnTimeout;
  /** What becomes of it at a signal. */
  onInterrupt: OnInterrupt;
}

/** Settings of a verb that follows. */
export interface FollowSettings extends Places, WaitSettings {
  /** Events in the log. */
  log: LogForm;
}

const DEFAULT_OUT = "mogplex-ci";

/** Value of a flag, else of a variable; undefined when neither says anything. */
export function setting({ io, flags }: VerbContext, flag: string, variable: string): string | undefined {
  return flags.get(flag) ?? (io.env(variable)?.trim() || undefined);
}

/** Where a value came from, for messages. */
function sourceOf({ flags }: VerbContext, flag: string, variable: string): string {
  return flags.get(flag) === undefined ? variable : `--${flag}`;
}

/** A whole number. @throws {UsageError} when it is none, or out of range. */
function numberSetting(context: VerbContext, flag: string, variable: string, min: number, max: number) {
  return wholeNumber(setting(context, flag, variable), sourceOf(context, flag, variable), min, max);
}

/** One of some words. @throws {UsageError} when it is another one. */
export function wordSetting<T extends string>(
  context: VerbContext,
  flag: string,
  variable: string,
  words: readonly T[],
): T | undefined {
  const text = setting(context, flag, variable);
  const word = words.find((each) => each === text);
  if (text === undefined || word !== undefined) return word;
  const source = sourceOf(context, flag, variable);
  throw new UsageError(`Cannot use ${source} as it must be one of ${words.join(", ")}: ${JSON.stringify(text)}`);
}

/** A switch: its flag, else a variable that is `true` or `false`. @throws {UsageError} when the variable is anything else. */
export function switchSetting({ io, flags }: VerbContext, flag: string, variable: string): boolean {
  const text = io.env(variable)?.trim() ?? "";
  if (flags.has(flag) || text === "true" || text === "1") return true;
  if (["", "false", "0"].includes(text)) return false;
  throw new UsageError(`Cannot use ${variable} as it must be true or false: ${JSON.stringify(text)}`);
}

/** Directory of the reports. */
function outDirectory(context: VerbContext): string {
  return setting(context, "out", "MOGPLEX_OUT") ?? DEFAULT_OUT;
}

/** State file. */
export function statePath(context: VerbContext): string {
  return context.flags.get("state") ?? `${outDirectory(context).replace(/\/+$/, "")}/run.json`;
}

/** Directory and reports. @throws {UsageError} for a format that is not known, or a report in the place of the state file. */
export function readPlaces(context: VerbContext): Places {
  const { io, flags } = context;
  const out = outDirectory(context);
  const given = flags.all("report").length > 0 ? flags.all("report") : [io.env("MOGPLEX_REPORT") ?? ""];
  const wanted = given.flatMap((each) => each.split(",")).map((each) => each.trim()).filter(Boolean);
  const targets = wanted.length > 0 ? wanted.map((each) => parseReportTarget(each, out)) : defaultTargets(out);
  const state = plainPath(statePath(context));
  const same = targets.find(({ path }) => plainPath(path) === state);
  if (same === undefined) return { out, targets };
  throw new UsageError(
    `Cannot write report "${same.format}" as the state file of the job goes to the same file: ${
      JSON.stringify(same.path)
    }`,
  );
}

/** How long a verb waits. @throws {UsageError} for the first value that is not possible. */
export function readWaitSettings(context: VerbContext): WaitSettings {
  const seconds = numberSetting(context, "timeout", "MOGPLEX_TIMEOUT", 1, MAX_TIMEOUT_MS / 1000);
  return {
    timeoutMs: seconds === undefined ? DEFAULT_TIMEOUT_MS : seconds * 1000,
    tokenShare: numberSetting(context, "token-share", "MOGPLEX_TOKEN_SHARE", 1, MAX_TOKEN_SHARE) ?? 1,
    onTimeout: wordSetting(context, "on-timeout", "MOGPLEX_ON_TIMEOUT", ON_TIMEOUT) ?? "detach",
    onInterrupt: wordSetting(context, "on-interrupt", "MOGPLEX_ON_INTERRUPT", ON_INTERRUPT) ?? "auto",
  };
}

/** Settings of a verb that follows. @throws {UsageError} for the first value that is not possible. */
export function readFollowSettings(context: VerbContext): FollowSettings {
  return {
    ...readPlaces(context),
    ...readWaitSettings(context),
    log: wordSetting(context, "log", "MOGPLEX_LOG", ["compact", "full", "json"]) ?? "compact",
  };
}

/** The run that a verb is about: its argument, else `MOGPLEX_RUN_ID`. @throws {UsageError} when there is none. */
export function requiredRunId({ io, flags, words }: VerbContext, verb: string): string {
  const runId = flags.positionals[0]?.trim() || io.env("MOGPLEX_RUN_ID")?.trim() || "";
  if (runId === "") throw new UsageError(`Cannot ${verb} without the id of a run: give ${words.runId}`);
  return runId;
}
