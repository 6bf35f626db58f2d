/**
 * A verb reads an option only through the row of the option. An option of a single verb is in the file of that verb, unless it has a variable or an
 * input.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { CHECK_SCHEDULES, type CheckSchedule } from "../respond/checks.ts";
import { MAX_POLL_MS } from "../respond/decide.ts";
import { KEY_SCOPES } from "../run/key.ts";
import { FIXES } from "../run/fix.ts";
import { MAX_TOKEN_SHARE } from "../run/options.ts";
import { MAX_TIMEOUT_MS } from "../run/session.ts";
import { ON_INTERRUPT as INTERRUPT_WORDS, ON_TIMEOUT as TIMEOUT_WORDS } from "../run/interrupts.ts";
import { DURATION_FORMS, parseDuration } from "../text/duration.ts";
import type { VariableName } from "../variables.ts";
import type { LogForm } from "./log/live_log.ts";
import type { Option, OptionVariable, VerbFlag } from "./verb.ts";

type VariableOption<T, N extends VariableName> = Omit<Option<T>, "variable"> & { variable: OptionVariable<N> };

/**
 * The row of an option that overrides a variable. This function is not exported, because `lib/cli/environment.ts` only checks the rows of this file
 * for duplicate variables. The function has no side effects, so that a bundler drops the rows that a program does not read.
 * @__NO_SIDE_EFFECTS__
 */
function option<T, const N extends VariableName>(
  variable: N,
  row: Omit<Option<T>, "variable">,
): VariableOption<T, N> {
  return { ...row, variable: variable as OptionVariable<N> };
}

export const REPO = option("MOGPLEX_REPO_ID", {
  name: "repo",
  value: "REPO",
  help: "Repository: `owner/name`, or its id (see `repos list`).",
  heading: "Task",
  parse: anyText,
});

/** See `job/origin.ts`. The option has no variable, because jobs specify the repository. */
export const ORIGIN_HOST: VerbFlag = {
  name: "forge-host",
  value: "HOST",
  multiple: true,
  help: "Also accept this host in `origin`, not only github.com.",
  heading: "Task",
};

export const PROMPT_FILE = option("MOGPLEX_PROMPT_FILE", {
  name: "prompt-file",
  value: "FILE",
  help: "File with the task.",
  heading: "Task",
  parse: anyText,
});

export const HARNESS = option("MOGPLEX_HARNESS", {
  name: "harness",
  value: "NAME",
  help: "Agent: `codex`, `claude-code` or `mogplex`.",
  heading: "Task",
  fallback: "the service's",
  parse: anyText,
});

export const MODE = option("MOGPLEX_MODE", {
  name: "mode",
  value: "MODE",
  help: "`SAFE`, `AUTO` or `YOLO`.",
  heading: "Task",
  fallback: "the service's",
  parse: anyText,
});

export const BASE_BRANCH = option("MOGPLEX_BASE_BRANCH", {
  name: "base-branch",
  value: "NAME",
  help: "Branch to start from.",
  heading: "Task",
  fallback: "the repository's",
  parse: anyText,
});

export const BRANCH = option("MOGPLEX_WORKING_BRANCH", {
  name: "branch",
  value: "NAME",
  help: "Branch to work on.",
  heading: "Task",
  fallback: "generated",
  parse: anyText,
});

export const CREATE_BRANCH = option("MOGPLEX_CREATE_BRANCH", {
  name: "create-branch",
  help: "Create the working branch: `true` or `false`.",
  heading: "Task",
  fallback: "`true` without `--branch`",
  parse: onOrOff,
});

export const NO_CREATE_BRANCH: Option<boolean> = {
  name: "no-create-branch",
  help: "Create no branch; work on --branch or the base branch",
  heading: "Task",
  parse: onOrOff,
};

export const ROOT = option("MOGPLEX_ROOT", {
  name: "root",
  value: "DIR",
  help: "Directory to work in; `.` is the root.",
  heading: "Task",
  fallback: "the repository's",
  parse: anyText,
});

export const AFTER: Option<string> = {
  name: "after",
  value: "WHAT",
  help: "Continue a pull request: number, address, result.json",
  heading: "Task",
  parse: anyText,
};

export const FIX: Option<typeof FIXES[number]> = {
  name: "fix",
  value: "WHAT",
  help: "Instead of a task: fix checks, review or conflict",
  heading: "Task",
  parse: oneOf(FIXES),
};

export const RESULT: Option<string> = {
  name: "result",
  value: "PATH",
  help: "JSON file in the repository with the run's result",
  heading: "Task",
  parse: anyText,
};

export const SCHEMA: Option<string> = {
  name: "schema",
  value: "FILE",
  help: "JSON Schema of that file, as JSON or YAML",
  heading: "Task",
  parse: anyText,
};

export const RESULT_RETRIES: Option<number> = {
  name: "result-retries",
  value: "N",
  help: "Extra runs to get a valid file, 0 to 2 [0]",
  heading: "Task",
  parse: wholeNumber(0, 2),
};

export const INPUT: Option<string> = {
  name: "input",
  value: "NAME=VALUE",
  multiple: true,
  help: "Input as text, or as JSON with := (count:=3); repeatable",
  heading: "Task",
  parse: anyText,
};

export const INPUT_FILE: Option<string> = {
  name: "input-file",
  value: "FILE",
  help: "Input as a JSON object, or - for standard input; --input overrides it",
  heading: "Task",
  parse: anyText,
};

export const DETACH: VerbFlag = {
  name: "detach",
  help: "Start the run and exit with 0; follow it later",
  heading: "Following",
};

/** In milliseconds. */
export const TIMEOUT = option("MOGPLEX_TIMEOUT", {
  name: "timeout",
  value: "TIME",
  help: "Maximum wait: `30m`, `1h30m`, or `90` (seconds).",
  heading: "Following",
  fallback: "`30m`",
  parse: duration(MAX_TIMEOUT_MS),
});

export const ON_TIMEOUT = option("MOGPLEX_ON_TIMEOUT", {
  name: "on-timeout",
  value: "WHAT",
  help: "After `--timeout`: `detach` or `cancel` the run.",
  heading: "Following",
  fallback: "`detach`",
  parse: oneOf(TIMEOUT_WORDS),
});

export const ON_INTERRUPT = option("MOGPLEX_ON_INTERRUPT", {
  name: "on-interrupt",
  value: "WHAT",
  help:
    "On SIGHUP, SIGINT and SIGTERM: `detach`, `cancel` or `auto`. `auto` cancels if this job or command started the run, except on a terminal or in a campaign.",
  heading: "Following",
  fallback: "`auto`",
  parse: oneOf(INTERRUPT_WORDS),
});

export const LOG = option("MOGPLEX_LOG", {
  name: "log",
  value: "FORM",
  help: "Events in the log: `compact`, `full` or `json`.",
  heading: "Following",
  fallback: "`compact`",
  parse: oneOf<LogForm>(["compact", "full", "json"]),
});

export const TOKEN_SHARE = option("MOGPLEX_TOKEN_SHARE", {
  name: "token-share",
  value: "N",
  help: "Number of jobs that use the token at the same time.",
  heading: "Following",
  fallback: "`1`",
  parse: wholeNumber(1, MAX_TOKEN_SHARE),
});

export const JSON_LINES: VerbFlag = { name: "json", help: "Print JSON, one object per line", heading: "Following" };

/** Formats and paths belong together, so `readPlaces` reads the value. */
export const REPORT = option("MOGPLEX_REPORT", {
  name: "report",
  value: "FORMAT[=PATH]",
  multiple: true,
  help: "Reports, separated by commas.",
  heading: "Reports",
  fallback: "all; three on a terminal",
  parse: anyText,
});

export const NOTE = option("MOGPLEX_NOTE", {
  name: "note",
  value: "WHEN",
  help: "Pull request note: `auto` or `off`.",
  heading: "Reports",
  fallback: "`off`; on GitLab, `auto`",
  parse: oneOf<"auto" | "off">(["auto", "off"]),
});

export const OUT = option("MOGPLEX_OUT", {
  name: "out",
  value: "DIR",
  help: "Directory of the reports.",
  heading: "Reports",
  fallback: "`mogplex-ci`",
  parse: anyText,
});

export const STATE: Option<string> = {
  name: "state",
  value: "FILE",
  help: "State file [run.json next to the reports]",
  heading: "Reports",
  parse: anyText,
};

export const SHOW_TASK = option("MOGPLEX_SHOW_TASK", {
  name: "show-task",
  value: "WHETHER",
  help: "Show the task in log, reports and note: `true` or `false`.",
  fallback: "`true`",
  parse: onOrOff,
});

export const HISTORY: Option<string> = {
  name: "history",
  value: "FILE",
  help: "Add the run to this file; compare with earlier runs",
  parse: anyText,
};

export const OTEL_FILE: Option<string> = {
  name: "otel-file",
  value: "FILE",
  help: "Append the trace to this file (OTLP in JSON)",
  parse: anyText,
};

export const OPEN: VerbFlag = {
  name: "open",
  help: "On a terminal: open run.html in the browser at the end",
};

export const POLL: VerbFlag = {
  name: "poll",
  help: "Answer mentions whose event never arrived; for scheduled jobs",
  heading: "Asking",
};

export const SINCE: Option<number> = {
  name: "since",
  value: "TIME",
  help: "With --poll: how far to look back [24h; 48h with --schedule daily]",
  heading: "Asking",
  parse: duration(MAX_POLL_MS),
};

export const CHECKS: Option<CheckSchedule> = {
  name: "schedule",
  value: "WHEN",
  help: "How often a schedule runs this job: hourly, daily or none; shown in notes [unknown]",
  heading: "Asking",
  parse: oneOf(CHECK_SCHEDULES),
};

export const MENTION_NAME = option("MOGPLEX_RESPOND_NAME", {
  name: "name",
  value: "NAME",
  help: "Name of the agent in mentions, without `@`.",
  heading: "Asking",
  fallback: "`mogplex`",
  parse: mentionName,
});

export const MENTION_LABEL = option("MOGPLEX_RESPOND_LABEL", {
  name: "label",
  value: "LABEL",
  help: "Label that turns title and description into a task.",
  heading: "Asking",
  fallback: "`mogplex`",
  parse: oneLabel,
});

/** The names are in lower case. */
export const ALLOW_USERS = option("MOGPLEX_RESPOND_ALLOW_USERS", {
  name: "allow-users",
  value: "NAMES",
  help:
    "Users who can start an agent, as `NAME` or `NAME=ID` with the number of the account; if both the flag and the variable are set, only users in both lists can.",
  heading: "Asking",
  fallback: "everyone who can push",
  parse: users,
});

export const DAILY_LIMIT = option("MOGPLEX_RESPOND_LIMIT", {
  name: "limit",
  value: "N/day",
  help:
    "Maximum number of runs that mentions can start in 24 hours; `20` means `20/day`; if both the flag and the variable are set, the lower limit applies.",
  heading: "Asking",
  fallback: "`20/day`",
  parse: perDay,
});

export const TEMPLATE = option("MOGPLEX_RESPOND_TEMPLATE", {
  name: "template",
  value: "FILE",
  help: "File with the prompt; it must contain `{{task}}`.",
  heading: "Asking",
  parse: anyText,
});

export const COMMIT_STATUS = option("MOGPLEX_COMMIT_STATUS", {
  name: "commit-status",
  value: "WHETHER",
  alone: "true",
  help: "Set the commit status `mogplex` after a successful run: `true` or `false`; the flag alone means `true`.",
  heading: "Asking",
  fallback: "`true` on GitHub, otherwise `false`",
  parse: onOrOff,
});

export const ALLOW_URL: VerbFlag = {
  name: "allow-url",
  help: "Accept a MOGPLEX_URL other than the service's own in a pipeline that a webhook started",
  heading: "Asking",
};

export const KEY_SCOPE = option("MOGPLEX_KEY_SCOPE", {
  name: "key-scope",
  value: "SCOPE",
  help: "When to start a new run: once per `pipeline`, `job` or `day`, or every time (`random`).",
  heading: "Keys",
  fallback: "`pipeline` in CI",
  parse: oneOf(KEY_SCOPES),
});

export const KEY_PART = option("MOGPLEX_KEY_PART", {
  name: "key-part",
  value: "TEXT",
  help: "Distinguishes runs of one job, or nodes of a matrix.",
  heading: "Keys",
  parse: anyText,
});

export const IDEMPOTENCY_KEY: Option<string> = {
  name: "idempotency-key",
  value: "KEY",
  help: "Key that finds the run again [derived from the job]",
  heading: "Keys",
  parse: anyText,
};

export const RESUME: Option<string> = {
  name: "resume",
  value: "FILE",
  help: "State file of an earlier attempt, to use its key again",
  heading: "Keys",
  parse: anyText,
};

export const HOME = option("MOGPLEX_CAMPAIGN_HOME", {
  name: "home",
  value: "HOME",
  help:
    "Where to keep a campaign's lock and journal between waves: `dir`, or `git:REMOTE#BRANCH`. Overrides `home` in the campaign file.",
  fallback: "the file's `home`, or `dir`",
  parse: anyText,
});

export const REQUEST: readonly VerbFlag[] = [
  REPO,
  ORIGIN_HOST,
  PROMPT_FILE,
  BRANCH,
  CREATE_BRANCH,
  NO_CREATE_BRANCH,
  BASE_BRANCH,
  AFTER,
  FIX,
  ROOT,
  HARNESS,
  MODE,
];

export const RESULTS: readonly VerbFlag[] = [RESULT, SCHEMA];

export const KEYS: readonly VerbFlag[] = [KEY_SCOPE, KEY_PART, IDEMPOTENCY_KEY];

export const INPUTS: readonly VerbFlag[] = [INPUT, INPUT_FILE];

export const WATCHING: readonly VerbFlag[] = [TIMEOUT, ON_TIMEOUT, ON_INTERRUPT];

export const REPORTING: readonly VerbFlag[] = [REPORT, NOTE, OUT, HISTORY, OTEL_FILE];

type Parse<T> = (text: string, source: string) => T;

function refusal(source: string, why: string, text: string, hint?: string): UsageError {
  const advice = hint === undefined ? undefined : `did you mean ${JSON.stringify(hint)}?`;
  return new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text), advice });
}

export function anyText(text: string): string {
  return text;
}

/** @__NO_SIDE_EFFECTS__ */
export function oneOf<T extends string>(choices: readonly T[]): Parse<T> {
  return (text, source) => {
    const choice = choices.find((each) => each === text);
    if (choice !== undefined) return choice;
    throw refusal(source, `it must be one of ${choices.join(", ")}`, text, nearest(text, choices));
  };
}

/** Includes both limits. @__NO_SIDE_EFFECTS__ */
export function wholeNumber(min: number, max: number): Parse<number> {
  return (text, source) => {
    const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw refusal(source, `it must be a whole number from ${min} to ${max}`, text);
  };
}

/** A duration in milliseconds: a number of seconds, or parts such as `30m` and `1h30m`. The minimum is one second. @__NO_SIDE_EFFECTS__ */
export function duration(maxMs: number): Parse<number> {
  return (text, source) => {
    const ms = parseDuration(text.trim()) ?? 0;
    if (ms >= 1_000 && ms <= maxMs) return ms;
    throw refusal(source, `it must be a duration such as ${DURATION_FORMS}, at most ${maxMs / 3_600_000}h`, text);
  };
}

export function onOrOff(text: string, source: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw refusal(source, "it must be true or false", text);
}

function users(text: string, source: string): string[] {
  const names = text.split(/[\s,]+/).filter((name) => name !== "").map((name) => name.replace(/^@/, "").toLowerCase());
  if (names.length > 0 && names.every((name) => /^[\w.-]{1,255}(?:=[1-9]\d{0,14})?$/.test(name))) return names;
  throw refusal(source, "it must be a comma-separated list of user names, each alone or as NAME=ID", text);
}

function mentionName(text: string, source: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/.test(text)) return text;
  throw refusal(source, 'it must consist of letters, digits, "-" and "_", without "@"', text);
}

function oneLabel(text: string, source: string): string {
  if (text.length <= 255 && !/[,\n]/.test(text)) return text;
  throw refusal(source, "it must be the name of one label", text);
}

function perDay(text: string, source: string): number {
  const [, count = ""] = /^(\d{1,4})(?:\/day)?$/.exec(text) ?? [];
  if (count !== "") return Number(count);
  throw refusal(source, "it must be a number of runs, as in 20/day", text);
}
