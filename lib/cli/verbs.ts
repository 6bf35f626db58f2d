/**
 * The one table of verbs, with their flags: parsed, checked and printed by `--help` from here.
 *
 * Defaults and variables of flags are not repeated here: the help takes them from `variables.ts`.
 *
 * @module
 */
import { run as automationsGet } from "./verbs/automations_get.ts";
import { run as automationsList } from "./verbs/automations_list.ts";
import { run as automationsTrigger } from "./verbs/automations_trigger.ts";
import { run as cleanup } from "./verbs/cleanup.ts";
import { run as doctor } from "./verbs/doctor.ts";
import { run as follow } from "./verbs/follow.ts";
import { run as permissions } from "./verbs/permissions.ts";
import { run as prReviewsRerun } from "./verbs/pr_reviews_rerun.ts";
import { run as report } from "./verbs/report.ts";
import { run as reposList } from "./verbs/drop_in/repos_list.ts";
import { run as run } from "./verbs/drop_in/run.ts";
import { run as runsCancel } from "./verbs/drop_in/runs_cancel.ts";
import { run as runsEvents } from "./verbs/drop_in/runs_events.ts";
import { run as runsGet } from "./verbs/drop_in/runs_get.ts";
import { run as sandboxesList } from "./verbs/drop_in/sandboxes_list.ts";
import { run as sandboxesStop } from "./verbs/drop_in/sandboxes_stop.ts";
import {
  FOLLOWING,
  JSON_LINE,
  KEY_PART,
  KEY_SCOPE,
  NOTE,
  OUT,
  REPORTS,
  RUN_FLAGS,
  RUN_FOLLOW_FLAGS,
  STATE,
  TIMEOUT,
  WATCHING,
} from "./options/table.ts";
import type { Verb } from "./verb.ts";

/** Name that the help uses. */
export const PROGRAM = "mogplex-ci";

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
      { name: "detach", help: "As --follow, but end with 0 once the run is started: a later job follows it" },
      ...RUN_FOLLOW_FLAGS,
    ],
    examples: [
      `${PROGRAM} run --repo "$MOGPLEX_REPO_ID" --create-branch --json "Fix the flaky tests" | jq -r .runId`,
      `${PROGRAM} run --follow --create-branch --prompt-file task.md --timeout 1500`,
    ],
    run: run,
  },
  {
    name: "follow",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Attach to a run and end with its verdict",
    group: "toolkit",
    flags: [...FOLLOWING, STATE, JSON_LINE],
    examples: [`${PROGRAM} follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --timeout 900`],
    run: follow,
  },
  {
    name: "report",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Write the reports of a run; ends with its verdict, 124 when it has not ended",
    group: "toolkit",
    flags: [REPORTS, NOTE, OUT, JSON_LINE],
    examples: [`${PROGRAM} report 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 --report markdown=summary.md`],
    run: report,
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
    codes: ["0", "2", "64", "70"],
    success: "the job is cleaned up, or stderr says why it is not: it has its verdict",
    examples: [`${PROGRAM} cleanup`],
    run: cleanup,
  },
  {
    name: "doctor",
    usage: "",
    maxPositionals: 0,
    summary: "Look at all that a job needs, and say what to fix; ends with the code that a job would end with",
    group: "toolkit",
    flags: [
      { name: "repo", value: "ID", help: "Repository (UUID; of owner/name the id is looked up)" },
      KEY_SCOPE,
      KEY_PART,
      REPORTS,
      OUT,
      STATE,
      { name: "json", help: "Print one JSON object: checks and exitCode" },
    ],
    codes: ["0", "2", "64", "65", "69", "70", "75"],
    success: "a job can start",
    examples: [`${PROGRAM} doctor --json | jq '.checks[] | select(.state != "ok")'`],
    run: doctor,
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
      NOTE,
      OUT,
      STATE,
      { name: "json", help: "Print the list as a JSON object" },
    ],
    codes: ["0", "2", "70"],
    success: "the flags are printed",
    examples: [`${PROGRAM} permissions --out reports`],
    run: permissions,
  },
  {
    name: "automations list",
    usage: "",
    maxPositionals: 0,
    summary: "List the automations, newest first",
    group: "toolkit",
    flags: [
      { name: "limit", value: "N", help: "At most N, 1 to 10000 (default 50)" },
      { name: "all", help: "All of them, however many requests that takes" },
      JSON_LINE,
    ],
    codes: ["0", "2", "64", "65", "69", "70", "75"],
    success: "the request worked",
    examples: [`${PROGRAM} automations list --all --json | jq -r 'select(.name == "Nightly clean-up") | .id'`],
    run: automationsList,
  },
  {
    name: "automations get",
    usage: "<automation-id>",
    maxPositionals: 1,
    summary: "Print an automation: its version and a summary of its runs, without its graph",
    group: "toolkit",
    flags: [JSON_LINE],
    codes: ["0", "2", "64", "65", "69", "70", "75"],
    success: "the request worked",
    examples: [`${PROGRAM} automations get "$AUTOMATION_ID"`],
    run: automationsGet,
  },
  {
    name: "automations trigger",
    usage: "<automation-id>",
    maxPositionals: 1,
    summary: "Trigger an automation; with --follow wait for its run and end with the verdict",
    group: "toolkit",
    flags: [
      { name: "repo", value: "ID", help: "Repository (UUID); required" },
      { name: "input", value: "NAME=VALUE", multiple: true, help: "Input as text; may be given several times" },
      { name: "input-file", value: "FILE", help: "Input as a JSON object, - for standard input; --input wins over it" },
      {
        name: "idempotency-key",
        value: "KEY",
        help: "Key that finds the run again, sent as <automation-id>/KEY (default: made from job and input)",
      },
      KEY_SCOPE,
      KEY_PART,
      TIMEOUT,
      { name: "follow", help: "Wait for a slot and for the end; the three flags below need it" },
      ...WATCHING,
      JSON_LINE,
    ],
    codes: ["0", "1", "2", "3", "64", "65", "69", "70", "75", "124", "130/143"],
    success: "the run works or has succeeded; with --follow: it has succeeded",
    examples: [
      `${PROGRAM} automations trigger "$AUTOMATION_ID" --repo "$MOGPLEX_REPO_ID" --input depth=full --follow`,
      `${PROGRAM} automations trigger "$AUTOMATION_ID" --input-file input.json --json | jq -r .runId`,
    ],
    run: automationsTrigger,
  },
  {
    name: "pr-reviews rerun",
    usage: "",
    maxPositionals: 0,
    summary: "Run the review of a pull request again; each call queues another one",
    group: "toolkit",
    flags: [
      { name: "repo", value: "ID", help: "Repository (UUID); required" },
      { name: "pr", value: "N", help: "Number of the pull request; required" },
      JSON_LINE,
    ],
    codes: ["0", "2", "64", "65", "69", "70", "75", "124"],
    success: "the review runs",
    examples: [`${PROGRAM} pr-reviews rerun --repo "$MOGPLEX_REPO_ID" --pr 7`],
    run: prReviewsRerun,
  },
  {
    name: "runs get",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Print a run",
    group: "drop-in",
    flags: [JSON_LINE],
    examples: [`${PROGRAM} runs get "$RUN_ID" --json | jq -r .status`],
    run: runsGet,
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
    run: runsEvents,
  },
  {
    name: "runs cancel",
    usage: "<run-id>",
    maxPositionals: 1,
    summary: "Cancel a run; one that has ended is no error",
    group: "drop-in",
    flags: [JSON_LINE],
    examples: [`${PROGRAM} runs cancel "$RUN_ID"`],
    run: runsCancel,
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
    run: reposList,
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
    run: sandboxesList,
  },
  {
    name: "sandboxes stop",
    usage: "<sandbox-id>",
    maxPositionals: 1,
    summary: "Say where a sandbox can be stopped: the service has no route for it",
    group: "drop-in",
    flags: [JSON_LINE],
    examples: [`${PROGRAM} sandboxes stop "$SANDBOX_ID"`],
    run: sandboxesStop,
  },
];
