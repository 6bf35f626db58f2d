/**
 * The options that several verbs have, or that a variable stands in for: one row an option, with the rule that its value obeys.
 *
 * What a variable stands in for is described in `lib/cli/meanings.ts`, for the help as well as for the documents. An option of a single verb
 * is in the file of that verb.
 *
 * @module
 */
import { ON_INTERRUPT, ON_TIMEOUT } from "../../job/interrupt.ts";
import { KEY_SCOPES } from "../../job/key.ts";
import { MAX_TIMEOUT_MS } from "../../job/session.ts";
import { MAX_TOKEN_SHARE } from "../../job/options.ts";
import { VARIABLES } from "../../variables.ts";
import type { LogForm } from "../log/live_log.ts";
import type { Option, VerbFlag } from "../verb.ts";
import { anyText, duration, oneOf, onOrOff, type Parse, wholeNumber } from "./values.ts";

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
  help: "Work on the base branch: do not create a working branch",
};
/** Directory inside the repository. */
export const ROOT = option("root", anyText);
/** File that holds the task. */
export const PROMPT_FILE = option("prompt-file", anyText);

/** Longest time that a verb takes, in milliseconds. */
export const TIMEOUT = option("timeout", duration(MAX_TIMEOUT_MS));
/** What becomes of the run at the deadline. */
export const ON_TIMEOUT_OPTION = option("on-timeout", oneOf(ON_TIMEOUT));
/** What becomes of the run at a signal. */
export const ON_INTERRUPT_OPTION = option("on-interrupt", oneOf(ON_INTERRUPT));
/** How many jobs use the token at the same time. */
export const TOKEN_SHARE = option("token-share", wholeNumber(1, MAX_TOKEN_SHARE));

/** The key of a start itself. */
export const IDEMPOTENCY_KEY: Option<string> = {
  name: "idempotency-key",
  value: "KEY",
  help: "Key that finds the run again (default: made from the job)",
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
/** Where files go. */
export const OUT = option("out", anyText);
/** Where the state file is. */
export const STATE: Option<string> = {
  name: "state",
  value: "FILE",
  help: "State file (default: run.json in the directory of the reports)",
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

/** Machine-readable output. */
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
  help: "On a terminal: open the page (run.html) in the browser at the end",
};

/** What happens to a run when the job stops waiting, and how often the job asks. */
export const WATCHING: readonly VerbFlag[] = [ON_TIMEOUT_OPTION, ON_INTERRUPT_OPTION, TOKEN_SHARE];
