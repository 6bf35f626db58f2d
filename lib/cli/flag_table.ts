/**
 * The one table of verbs and flags: parsed, checked and printed by `--help` from here.
 *
 * Defaults and variables of flags are not repeated here: the help takes them from `variables.ts`.
 *
 * @module
 */
import type { Flag } from "../flags.ts";
import type { Verb } from "./verb.ts";

/** Name that the help uses. */
export const PROGRAM = "mogplex-ci";

const JSON_LINE: Flag = { name: "json", help: "Print JSON, one object a line" };

/** Flags of `run` as the `mogplex` command documents them. Source: CLI, "Headless runs", "Common flags". */
export const RUN_FLAGS: readonly Flag[] = [
  { name: "repo", value: "ID", help: "Repository (UUID); required" },
  { name: "harness", value: "NAME", help: "Agent: codex or claude-code" },
  { name: "base-branch", value: "NAME", help: "Branch to start from" },
  { name: "branch", value: "NAME", help: "Branch to work on" },
  { name: "create-branch", help: "Create the working branch" },
  { name: "root", value: "DIR", help: "Directory inside the repository" },
  { name: "idempotency-key", value: "KEY", help: "Key that finds the run again (default: a random UUID)" },
  JSON_LINE,
];

const OUT: Flag = { name: "out", value: "DIR", help: "Directory of the reports" };

const STATE: Flag = {
  name: "state",
  value: "FILE",
  help: "State file (default: run.json in the directory of the reports)",
};

const REPORTS: Flag = {
  name: "report",
  value: "FORMAT[=PATH]",
  multiple: true,
  help: "Report to write: json, markdown, dotenv, ndjson; may be given several times",
};

const FOLLOWING: readonly Flag[] = [
  { name: "timeout", value: "SECONDS", help: "Whole wait" },
  { name: "on-timeout", value: "WHAT", help: "detach or cancel the run when the wait is over" },
  { name: "on-interrupt", value: "WHAT", help: "auto, cancel or detach on SIGINT and SIGTERM" },
  { name: "token-share", value: "N", help: "How many jobs use the token at the same time" },
  { name: "log", value: "FORM", help: "Events in the log: compact, full or json" },
  REPORTS,
  OUT,
];

/** Flags that `run` takes with `--follow` only. */
export const RUN_FOLLOW_FLAGS: readonly Flag[] = [
  { name: "prompt-file", value: "FILE", help: "File that holds the task, in place of the argument" },
  { name: "mode", value: "MODE", help: "SAFE, AUTO or YOLO" },
  { name: "key-scope", value: "SCOPE", help: "What makes a new run: pipeline, job, day or random" },
  { name: "key-part", value: "TEXT", help: "Tells apart several runs of one job" },
  { name: "resume", value: "FILE", help: "State file of an earlier attempt whose key is sent again" },
  ...FOLLOWING,
  STATE,
];

/** Every verb, in the order of the help. */
export const VERBS: readonly Verb[] = [
  {
    name: "run",
    usage: `"<prompt>" | -`,
    maxPositionals: 1,
    summary: "Start a run; with --follow also follow it, report, and end with its verdict",
    group: "drop-in",
    flags: [
      ...RUN_FLAGS,
      { name: "follow", help: "Follow the run to its end: a whole CI job in one line; the flags below need it" },
      ...RUN_FOLLOW_FLAGS,
    ],
    examples: [
      `${PROGRAM} run --repo "$MOGPLEX_REPO_ID" --create-branch --json "Fix the flaky tests" | jq -r .runId`,
      `${PROGRAM} run --follow --create-branch --prompt-file task.md --timeout 1500`,
    ],
    load: () => import("./run.ts"),
  },
  {
    name: "follow",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Attach to a run and end with its verdict",
    group: "toolkit",
    flags: [...FOLLOWING, JSON_LINE],
    examples: [`${PROGRAM} follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --timeout 900`],
    load: () => import("./follow.ts"),
  },
  {
    name: "report",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Write the reports of a run; ends with its verdict, 124 when it has not ended",
    group: "toolkit",
    flags: [REPORTS, OUT, JSON_LINE],
    examples: [`${PROGRAM} report 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --report markdown=summary.md`],
    load: () => import("./report.ts"),
  },
  {
    name: "cleanup",
    usage: "",
    maxPositionals: 0,
    summary: "Stop what the job left behind; for after_script and always()",
    group: "toolkit",
    flags: [
      { name: "always", help: "Cancel the run even when the job is not known to be cancelled" },
      OUT,
      STATE,
      JSON_LINE,
    ],
    examples: [`${PROGRAM} cleanup`],
    load: () => import("./cleanup.ts"),
  },
  {
    name: "permissions",
    usage: "",
    maxPositionals: 0,
    summary: "Print Deno's --allow flags for a run with these flags and variables",
    group: "toolkit",
    flags: [
      { name: "prompt-file", value: "FILE", help: "As for run" },
      REPORTS,
      OUT,
      STATE,
      { name: "json", help: "Print the list as a JSON object" },
    ],
    examples: [`${PROGRAM} permissions --out reports`],
    load: () => import("./permissions.ts"),
  },
  {
    name: "runs get",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Print a run",
    group: "drop-in",
    flags: [JSON_LINE],
    examples: [`${PROGRAM} runs get "$RUN_ID" --json | jq -r .status`],
    load: () => import("./runs_get.ts"),
  },
  {
    name: "runs events",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Print the events of a run; with --follow until it ends",
    group: "drop-in",
    flags: [
      { name: "follow", help: "Go on until the run has ended; ends with 0 whatever its status" },
      { name: "timeout", value: "SECONDS", help: "Whole wait of --follow (default 1800)" },
      { name: "exit-status", help: "With --follow: end with the verdict, as the verb follow does" },
      JSON_LINE,
    ],
    examples: [`${PROGRAM} runs events "$RUN_ID" --follow --timeout 600`],
    load: () => import("./runs_events.ts"),
  },
  {
    name: "runs cancel",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Cancel a run; one that has ended is no error",
    group: "drop-in",
    flags: [JSON_LINE],
    examples: [`${PROGRAM} runs cancel "$RUN_ID"`],
    load: () => import("./runs_cancel.ts"),
  },
  {
    name: "repos list",
    usage: "",
    maxPositionals: 0,
    summary: "List the repositories that the token reaches",
    group: "drop-in",
    flags: [
      { name: "query", value: "TEXT", help: "Only names that contain it" },
      { name: "limit", value: "N", help: "At most N, 1 to 200 (default 100)" },
      JSON_LINE,
    ],
    examples: [`${PROGRAM} repos list --json | jq '. | {id, full_name}'`],
    load: () => import("./repos_list.ts"),
  },
  {
    name: "sandboxes list",
    usage: "",
    maxPositionals: 0,
    summary: "List the sandboxes, most recently active first",
    group: "drop-in",
    flags: [
      { name: "repo", value: "ID", help: "Only those of one repository (UUID)" },
      { name: "status", value: "WORD", help: "Only those with this status" },
      JSON_LINE,
    ],
    examples: [`${PROGRAM} sandboxes list --json | jq 'select(.status == "running")'`],
    load: () => import("./sandboxes_list.ts"),
  },
  {
    name: "sandboxes stop",
    usage: "<sandbox-id>",
    maxPositionals: 1,
    summary: "Say where a sandbox can be stopped: the service has no route for it",
    group: "drop-in",
    flags: [JSON_LINE],
    examples: [`${PROGRAM} sandboxes stop "$SANDBOX_ID"`],
    load: () => import("./sandboxes_stop.ts"),
  },
];
