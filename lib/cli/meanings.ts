/**
 * What our variables are for, for `--help` and the documents. A flag that a variable stands in for is described here and nowhere else.
 *
 * The programs of component and action print no help, and do not import this.
 *
 * @module
 */
import { lookup } from "../lookup.ts";
import type { VerbFlag } from "./verb.ts";

/** One row for each of `VARIABLES`. */
export const VARIABLE_MEANINGS: Readonly<Record<string, string>> = {
  MOGPLEX_API_KEY: "The access token (`mog_…`). Never a flag: arguments are visible to others.",
  MOGPLEX_API_KEY_FILE: "File that holds the token, in place of the variable.",
  MOGPLEX_TOKEN_VARIABLE: "Name of the variable that holds the token.",
  MOGPLEX_URL: "Origin of the service.",
  MOGPLEX_DEV: "`1` permits plain HTTP to this machine.",
  MOGPLEX_DEV_HOST: "With `MOGPLEX_DEV=1`: another host allowed over plain HTTP.",
  MOGPLEX_REPO_ID: "Repository: `owner/name`, or its id (see `repos list`).",
  MOGPLEX_PROMPT: "Task for the agent.",
  MOGPLEX_PROMPT_FILE: "File that holds the task.",
  MOGPLEX_HARNESS: "Agent: `codex`, `claude-code` or `mogplex`.",
  MOGPLEX_MODE: "`SAFE`, `AUTO` or `YOLO`.",
  MOGPLEX_BASE_BRANCH: "Branch to start from.",
  MOGPLEX_WORKING_BRANCH: "Branch to work on.",
  MOGPLEX_CREATE_BRANCH: "Whether to create the working branch.",
  MOGPLEX_ROOT: "Directory inside the repository; `.` is its root.",
  MOGPLEX_RUN_ID: "Run to `follow` or to `report` on.",
  MOGPLEX_TIMEOUT: "Maximum time to wait: `30m`, `1h30m`, or `90` (seconds).",
  MOGPLEX_ON_TIMEOUT: "When that time is over: `detach` lets the run go on, `cancel` stops it.",
  MOGPLEX_ON_INTERRUPT:
    "At SIGINT and SIGTERM: `cancel` the run, `detach` lets it go on, `auto` cancels it if the job started it and nobody watches at a terminal.",
  MOGPLEX_KEY_SCOPE: "What makes a new run: `pipeline`, `job`, `day` or `random`.",
  MOGPLEX_KEY_PART: "Tells apart several runs of one job, and the nodes of a matrix on GitHub.",
  MOGPLEX_TOKEN_SHARE: "How many jobs use the token at the same time.",
  MOGPLEX_LOG: "Events in the log: `compact`, `full` or `json`.",
  MOGPLEX_REPORT: "Reports to write, separated by commas; the flag may be given several times.",
  MOGPLEX_SHOW_TASK: "Whether log, reports and note show the task: `true` or `false`.",
  MOGPLEX_NOTE: "Note on the merge request of a GitLab pipeline: `auto` or `off`.",
  MOGPLEX_NOTE_TOKEN_VARIABLE:
    "Name of the variable that holds GitLab's token for the note: scope `api`, role Reporter.",
  MOGPLEX_OUT: "Directory of the reports.",
  MOGPLEX_RECENT: "What `runs recent` remembers outside CI: `on`, `ids` (no line of the task) or `off`.",
  MOGPLEX_CI_JOB: "Identity of the job on a CI system that is not recognised.",
  MOGPLEX_JOB_STATUS:
    "How the job ended, for `cleanup`: `${{ job.status }}` on GitHub, `currentBuild.currentResult` on Jenkins.",
  MOGPLEX_GIT_TOKEN: "Password or token for the repository of `campaign … --home git:REMOTE#BRANCH`.",
  MOGPLEX_GIT_USERNAME: "The user that it belongs to. GitHub and GitLab take any name.",
  MOGPLEX_CAMPAIGN_HOME:
    "Where lock and journal of a campaign are kept between two waves: `dir`, or `git:REMOTE#BRANCH`, as with the key `home` of its file.",
  MOGPLEX_DEV_START_LIMITS:
    "With `MOGPLEX_DEV=1`: `off` when the local Mogplex was started with `--start-limits off`, so that a campaign does not wait for quotas.",
};

/** What a flag is for. */
export function meaningOf({ help, variable }: VerbFlag): string {
  return help ?? lookup(VARIABLE_MEANINGS, variable?.name ?? "") ?? "";
}
