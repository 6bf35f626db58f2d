/**
 * Flags that several campaign verbs have.
 *
 * @module
 */
import type { Readiness } from "../../campaign/forge_commands.ts";
import { INTERRUPTED_SINCE } from "../../ci/gitlab_retry.ts";
import { UsageError } from "../../errors.ts";
import { EXIT, type ExitName } from "../../exit_codes.ts";
import { DURATION_FORMS, parseDuration } from "../../text/duration.ts";
import { anyText, oneOf, option } from "../options.ts";
import type { Meanings, Option, VerbFlag } from "../verb.ts";

/** Directory of the campaign. */
export const DIR: Option<string> = {
  name: "dir",
  value: "DIR",
  help: "Directory with lock, journal and reports (mogplex-campaign)",
  parse: anyText,
};

/** Where lock and journal are kept between two waves. */
export const HOME: Option<string> = option("home", anyText);

/** Permits files outside of the campaign file's folder. */
export const ALLOW_OUTSIDE: VerbFlag = {
  name: "allow-outside",
  help: "Permit files outside of the folder of the campaign file",
};

/** A variable with the address of a webhook. */
export const WEBHOOK_VARIABLE: Option<string> = {
  name: "webhook-variable",
  value: "NAME",
  help: "Variable that the file may name for its webhook, although its name is not a usual one",
  parse: anyText,
};

/** Sends and writes nothing. */
export const DRY_RUN: VerbFlag = { name: "dry-run", help: "Print what would be done; send, start and write nothing" };

/** The answer is one object. */
export const JSON_OBJECT: VerbFlag = { name: "json", help: "Print one JSON object" };

/** Ends with 75 while the campaign goes on. */
export const EXIT_STATUS: VerbFlag = {
  name: "exit-status",
  help: `End with ${EXIT.rateLimited} while the campaign goes on`,
};

/** Who decides. */
export const BY: Option<string> = {
  name: "by",
  value: "NAME",
  help: "Who decides, for the journal (the user of the CI job, or of this machine)",
  parse: anyText,
};

/** Keeps what cannot be used as invalid items. */
export const SKIP_INVALID: VerbFlag = {
  name: "skip-invalid",
  help: "Keep repositories that cannot be used as invalid items, in place of an error",
};

/** A length of time: `20m`, `1h30m`, or seconds. In milliseconds, more than 0. */
function duration(text: string, source: string): number {
  const ms = parseDuration(text.trim());
  if (ms !== undefined && ms > 0) return ms;
  const why = `it must be a time like ${DURATION_FORMS}`;
  throw new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text) });
}

/** Mean time of a run. */
export const MEAN_RUN: Option<number> = {
  name: "mean-run",
  value: "TIME",
  help: "Mean time of a run, until runs have ended (20m)",
  parse: duration,
};

/** Which items a decision is about. */
export const FAILED: VerbFlag = { name: "failed", help: "Items that failed or were overdue" };
/** See {@linkcode FAILED}. */
export const CAUSE: Option<string> = {
  name: "cause",
  value: "WORD",
  help: "Items with this cause, by its word in `campaign status`",
  parse: anyText,
};
/** See {@linkcode FAILED}. */
export const ONLY: Option<string> = {
  name: "only",
  value: "GLOB",
  multiple: true,
  help: "Items of repositories whose name fits, as in acme/legacy-*",
  parse: anyText,
};

/** Further hosts that get a token of a forge. */
export const FORGE_HOST: Option<string> = {
  name: "forge-host",
  value: "HOST[=VARIABLE]",
  multiple: true,
  help:
    "Host of a forge, beside github.com and gitlab.com, that gets the token in GITHUB_TOKEN, GITLAB_TOKEN or VARIABLE",
  parse: anyText,
};

/** Days, hours, minutes and seconds: `3d`, `12h`. In milliseconds, more than 0. */
function days(text: string, source: string): number {
  const [, count] = /^\s*(\d{1,4})d\s*$/.exec(text) ?? [];
  return duration(count === undefined ? text : `${Number(count) * 24}h`, source);
}

/** When a pull request counts as stuck. */
export const STUCK_AFTER: Option<number> = {
  name: "stuck-after",
  value: "TIME",
  help: "How long nothing happens to a pull request until it is stuck, as in 3d or 12h (3d)",
  parse: days,
};

/** Flags of verbs that read pull requests. */
export const FORGE: readonly VerbFlag[] = [FORGE_HOST, STUCK_AFTER];

/** Flags that say which campaign a verb is about. */
export const PLACE: readonly VerbFlag[] = [DIR, HOME, ALLOW_OUTSIDE, WEBHOOK_VARIABLE];

/** Flags of every decision. */
export const DECISION: readonly VerbFlag[] = [BY, DRY_RUN, JSON_OBJECT];

/** The flags that choose items. */
export const SELECTION: readonly VerbFlag[] = [FAILED, CAUSE, ONLY];

// Flags that one campaign verb has. They stand apart from its function, which is not loaded for the help.

/** `campaign advance`: approves before the wave. */
export const APPROVE: VerbFlag = { name: "approve", help: "Open a closed gate first" };

/** `campaign advance`: plans on a branch, too. */
export const PLAN_FIRST: VerbFlag = {
  name: "plan",
  help: "Plan first where a branch as home has no plan; by hand, never in a job that repeats: the branch may be lost",
};

/** `campaign approve`: the reason. */
export const NOTE_TEXT: Option<string> = {
  name: "note",
  value: "TEXT",
  help: "Why, for the journal",
  parse: anyText,
};

/** `campaign commands`: what they do. */
export const MERGE: VerbFlag = { name: "merge", help: "Commands that merge what is approved and green" };
/** See {@linkcode MERGE}. */
export const CLOSE: VerbFlag = { name: "close", help: "Commands that close what is open" };
/** `campaign commands`: more is taken. */
export const ALL_OPEN: VerbFlag = {
  name: "all",
  help: "--merge: also without a review or ended checks, never red; --close: also what was not read, or is elsewhere",
};
/** `campaign commands`: from when on a pull request is merged. */
export const READY: Option<Readiness> = {
  name: "ready",
  value: "WHEN",
  help: "approved: once a person has approved it; green: once its checks are green, for repositories without reviews",
  parse: oneOf(["approved", "green"]),
};
/** `campaign commands`: how they merge. */
export const METHOD: Option<"merge" | "squash" | "rebase"> = {
  name: "method",
  value: "METHOD",
  help: "merge, squash or rebase (merge)",
  parse: oneOf(["merge", "squash", "rebase"]),
};

/** `campaign plan`: no list is shortened. */
export const ALL_PLANNED: VerbFlag = { name: "all", help: "Print every item" };

/** `campaign retry`: the attempt gets the task of today. */
export const ADOPT: VerbFlag = { name: "adopt-changes", help: "With the task that the file has now" };

/** `campaign run`: longest time of the command, in milliseconds. */
export const RUN_TIMEOUT: Option<number> = {
  name: "timeout",
  value: "TIME",
  help: "Longest time of the command; the campaign then goes on without it (30 days)",
  parse: duration,
};

/** `campaign skip`: the reason. */
export const REASON: Option<string> = {
  name: "reason",
  value: "TEXT",
  help: "Why, for the journal (required)",
  parse: anyText,
};

/** `campaign status`: the table is not shortened. */
export const ALL_ROWS: VerbFlag = { name: "all", help: "Print a row for every item" };

/** `campaign status`: goes on printing. */
export const WATCH: VerbFlag = {
  name: "watch",
  help: "Print again whenever something has changed, until the campaign is done or needs a person",
};

/** `campaign status`: ends with the code of the campaign. */
export const STATUS_EXIT: VerbFlag = {
  name: "exit-status",
  help: `End with the code of the campaign: 0, 1, 4, or ${EXIT.rateLimited} while it goes on`,
};

/** `campaign report`: the page shows the task. */
export const WITH_PROMPT: VerbFlag = { name: "with-prompt", help: "Show the task on campaign.html" };

/** `campaign stop` and `campaign skip`: runs are cancelled too. */
export const CANCEL: VerbFlag = {
  name: "cancel",
  help: "The next wave cancels what runs; starts without an answer are found and cancelled at once",
};

// Flags of `campaign pipeline`. They stand apart from its function, which is not loaded for the help.

/** A text in which neither YAML nor a shell nor a CI system finds anything. */
function fitting(form: RegExp, what: string): (text: string, source: string) => string {
  return (text, source) => {
    if (form.test(text)) return text;
    throw new UsageError({ attempted: `use ${source}`, why: `it must be ${what}`, value: JSON.stringify(text) });
  };
}

/** The CI system. */
export const FORMAT: Option<string> = {
  name: "format",
  value: "NAME",
  help: "CI system: gitlab or github (required)",
  parse: anyText,
};

/** Where the files go. */
export const OUTPUT: Option<string> = {
  name: "output",
  value: "PATH",
  help: "File to write, or directory when it ends with / or several files are made (standard output)",
  parse: fitting(/\S/, "a path"),
};

/** Container image. */
export const IMAGE: Option<string> = {
  name: "image",
  value: "IMAGE",
  help: "Container image of the jobs, best with a digest; it has sh, sha256sum and Node",
  parse: fitting(/^[A-Za-z0-9][\w./:@-]{0,300}$/, "the name of an image"),
};

/** Machines. */
export const TAG: Option<string> = {
  name: "tag",
  value: "TAG",
  multiple: true,
  help: "Tag of the runner, label or queue of the machine",
  parse: fitting(/^[A-Za-z0-9][\w ./:@=-]{0,100}$/, "letters, digits, blanks and ./:@=_-"),
};

/** Distance of waves, in milliseconds. */
export const EVERY: Option<number> = {
  name: "every",
  value: "TIME",
  help: "Shortest time between two waves, from 1m to 24h (15m)",
  parse(text, source) {
    const ms = duration(text, source);
    if (ms >= 60_000 && ms <= 86_400_000) return ms;
    throw new UsageError({
      attempted: `use ${source}`,
      why: "it must be from 1m to 24h",
      value: JSON.stringify(text),
    });
  },
};

/** Rehearsals, in milliseconds. */
export const REHEARSAL: Option<number> = {
  name: "rehearsal",
  value: "TIME",
  help: "Use this time in place of every delay, to rehearse a pipeline against the emulator",
  parse: duration,
};

/** Jobs of stopped runners. */
export const RETRY_INTERRUPTED: VerbFlag = {
  name: "retry-interrupted",
  help:
    `GitLab ${INTERRUPTED_SINCE} and later: also retry a wave whose runner was stopped; an older one refuses the file`,
};

/** The program. */
export const PROGRAM_FLAG: Option<string> = {
  name: "program",
  value: "PATH",
  help: "Path of mogplex.mjs in the repository, or command:NAME for one that the image has (ci/mogplex.mjs)",
  parse: anyText,
};

/** The job whose artifacts hold plan, program and files. */
export const FROM_JOB: Option<string> = {
  name: "from-job",
  value: "NAME",
  help: "GitLab: job of this pipeline whose artifacts hold plan, program and files (the checkout has the files)",
  parse: fitting(/^[A-Za-z0-9][A-Za-z0-9 _.:-]{0,100}$/, "the name of a job"),
};

// Exit codes of the campaign verbs.

/** Codes of the verbs that make waves. */
export const WAVE_CODES: readonly ExitName[] = [
  "success",
  "failed",
  "usage",
  "awaitingInput",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
  "sigint",
  "sigterm",
];

/** What codes of the verbs that make waves mean. */
export const OF_WAVES: Meanings = {
  success: "the campaign is done and good; or it goes on",
  failed: "it is done with failures or unknowns; or it stopped after too many failures",
  usage: "a mistake in file or arguments; a lock or journal that was changed; a token of another user",
  awaitingInput: "only items are left that wait for a person",
  unavailable: "service or directory out of reach; nothing is lost, the next wave goes on",
  rateLimited: "it goes on (with --exit-status); another process is at work in its directory",
};

/** The same for `campaign run`, which stays. */
export const OF_RUN: Meanings = {
  ...OF_WAVES,
  success: "the campaign is done and good",
  rateLimited: "it goes on: --timeout passed, a gate is closed, somebody stopped it; another process is at work",
};

/** Codes of the verbs that only read or write the directory. */
export const LOCAL_CODES: readonly ExitName[] = ["success", "usage", "unavailable", "internal", "rateLimited"];

/** What codes of the verbs that record a decision mean. */
export const OF_DECISIONS: Meanings = {
  success: "it is recorded, and the next wave obeys",
  usage: "no item fits, or the decision makes no sense now; a mistake in file or arguments; a journal that was changed",
  unavailable: "the directory cannot be written",
  rateLimited: "another process is at work in the directory",
};

/** Codes of the verbs that also settle starts without an answer. */
export const SETTLE_CODES: readonly ExitName[] = WAVE_CODES.filter((code) =>
  code !== "failed" && code !== "awaitingInput"
);

/** What codes of these verbs mean. */
export const OF_SETTLING: Meanings = {
  ...OF_DECISIONS,
  success: "it is recorded, and the next wave obeys; every start without an answer that it is about is settled",
  unavailable: "the directory cannot be written; or the service gave no answer, and the next wave settles the rest",
  rateLimited: "another process is at work in the directory; or no start is free to settle one, and the next wave does",
};
