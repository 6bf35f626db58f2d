/**
 * Flags that one campaign verb has. They stand apart from its function, which is not loaded for the help.
 *
 * @module
 */
import type { Readiness } from "../../campaign/pulls/forge_commands.ts";
import { EXIT } from "../../exit_codes.ts";
import { anyText, oneOf } from "../options/values.ts";
import type { Option, VerbFlag } from "../verb.ts";
import { duration } from "./flags.ts";

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
