/**
 * Flags that several verbs have, and those of `run`.
 *
 * @module
 */
import { HARNESSES, MODES } from "../../api/contract/rules.ts";
import type { Flag } from "../../flags.ts";
import { REPORT_FORMATS } from "../../report/formats.ts";

/** `a, b or c`. */
function choice(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** Machine-readable output. */
export const JSON_LINE: Flag = { name: "json", help: "Print JSON, one object a line" };

/** Flags of `run` as the `mogplex` command documents them. Source: CLI, "Headless runs", "Common flags". */
export const RUN_FLAGS: readonly Flag[] = [
  { name: "repo", value: "ID", help: "Repository (UUID); required. The variable counts with --follow only" },
  { name: "harness", value: "NAME", help: `Agent: ${choice(HARNESSES)}` },
  { name: "base-branch", value: "NAME", help: "Branch to start from" },
  { name: "branch", value: "NAME", help: "Branch to work on" },
  { name: "create-branch", help: "Create the working branch" },
  { name: "root", value: "DIR", help: "Directory inside the repository" },
  {
    name: "idempotency-key",
    value: "KEY",
    help: "Key that finds the run again (default: random; with --follow made from the job)",
  },
  JSON_LINE,
];

/** Where files go. */
export const OUT: Flag = { name: "out", value: "DIR", help: "Directory of the reports" };

/** Where the state file is. */
export const STATE: Flag = {
  name: "state",
  value: "FILE",
  help: "State file (default: run.json in the directory of the reports)",
};

/** Which reports are written. */
export const REPORTS: Flag = {
  name: "report",
  value: "FORMAT[=PATH]",
  multiple: true,
  help: `Report to write: ${Object.keys(REPORT_FORMATS).join(", ")}; several by commas, or by giving it again`,
};

/** Whether a note is written on the merge request. */
export const NOTE: Flag = {
  name: "note",
  value: "WHEN",
  help: "Note on the merge request of a GitLab pipeline: auto or off",
};

/** Longest time that a verb takes. */
export const TIMEOUT: Flag = { name: "timeout", value: "SECONDS", help: "Whole wait" };

/** What becomes of a run when nobody waits for it any longer, and how often is asked for it. */
export const WATCHING: readonly Flag[] = [
  { name: "on-timeout", value: "WHAT", help: "detach or cancel the run when the wait is over" },
  { name: "on-interrupt", value: "WHAT", help: "auto, cancel or detach on SIGINT and SIGTERM" },
  { name: "token-share", value: "N", help: "How many jobs use the token at the same time" },
];

/** Flags of every verb that follows. */
export const FOLLOWING: readonly Flag[] = [
  TIMEOUT,
  ...WATCHING,
  { name: "log", value: "FORM", help: "Events in the log: compact, full or json" },
  REPORTS,
  NOTE,
  OUT,
];

/** What makes a new run. */
export const KEY_SCOPE: Flag = {
  name: "key-scope",
  value: "SCOPE",
  help: "What makes a new run: pipeline, job, day or random",
};

/** Tells runs of one job apart. */
export const KEY_PART: Flag = {
  name: "key-part",
  value: "TEXT",
  help: "Tells apart several runs of one job, and the nodes of a matrix on GitHub",
};

/** Flags that `run` takes with `--follow` only. */
export const RUN_FOLLOW_FLAGS: readonly Flag[] = [
  { name: "prompt-file", value: "FILE", help: "File that holds the task, in place of the argument" },
  { name: "mode", value: "MODE", help: choice(MODES) },
  KEY_SCOPE,
  KEY_PART,
  { name: "resume", value: "FILE", help: "State file of an earlier attempt whose key is sent again" },
  ...FOLLOWING,
  STATE,
];
