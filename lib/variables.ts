/**
 * The environment variables that the toolkit reads: one list, for the code, the README and Deno's permissions.
 *
 * @module
 */

/** One environment variable. */
export interface Variable {
  /** Its name. */
  name: string;
  /** The flag that wins over it, or an empty string. */
  flag: string;
  /** What holds when neither is set. */
  fallback: string;
  /** What it is for. */
  meaning: string;
  /** Whether the drop-in verbs read it, too. */
  dropIn: boolean;
}

function variable(name: string, flag: string, fallback: string, meaning: string, dropIn = false): Variable {
  return { name, flag, fallback, meaning, dropIn };
}

/** Our own variables. */
export const VARIABLES: readonly Variable[] = [
  variable(
    "MOGPLEX_API_KEY",
    "",
    "–",
    "The access token (`mog_…`). Never a flag: arguments are visible to others.",
    true,
  ),
  variable("MOGPLEX_API_KEY_FILE", "", "–", "File that holds the token, in place of the variable."),
  variable("MOGPLEX_TOKEN_VARIABLE", "", "`MOGPLEX_API_KEY`", "Name of the variable that holds the token."),
  variable("MOGPLEX_URL", "", "`https://mogplex.com`", "Origin of the service.", true),
  variable("MOGPLEX_DEV", "", "–", "`1` permits plain HTTP to this machine.", true),
  variable(
    "MOGPLEX_DEV_HOST",
    "",
    "–",
    "With `MOGPLEX_DEV=1`: the one other host that may be spoken to in plain HTTP.",
  ),
  variable("MOGPLEX_REPO_ID", "`--repo`", "–", "Repository (UUID)."),
  variable("MOGPLEX_PROMPT", "argument", "–", "Task for the agent."),
  variable("MOGPLEX_PROMPT_FILE", "`--prompt-file`", "–", "File that holds the task."),
  variable("MOGPLEX_HARNESS", "`--harness`", "the server's", "Agent: `codex`, `claude-code` or `mogplex`."),
  variable("MOGPLEX_MODE", "`--mode`", "the server's", "`SAFE`, `AUTO` or `YOLO`."),
  variable("MOGPLEX_BASE_BRANCH", "`--base-branch`", "the repository's", "Branch to start from."),
  variable("MOGPLEX_WORKING_BRANCH", "`--branch`", "generated", "Branch to work on."),
  variable("MOGPLEX_CREATE_BRANCH", "`--create-branch`", "`false`", "`true` creates the working branch."),
  variable("MOGPLEX_ROOT", "`--root`", "the repository's", "Directory inside the repository; `.` is its root."),
  variable("MOGPLEX_RUN_ID", "argument", "–", "Run to `follow` or to `report` on."),
  variable("MOGPLEX_TIMEOUT", "`--timeout`", "`1800`", "Seconds to wait in all."),
  variable("MOGPLEX_ON_TIMEOUT", "`--on-timeout`", "`detach`", "`detach` leaves the run alone, `cancel` stops it."),
  variable("MOGPLEX_ON_INTERRUPT", "`--on-interrupt`", "`auto`", "`auto`, `cancel` or `detach`."),
  variable("MOGPLEX_KEY_SCOPE", "`--key-scope`", "`pipeline` in CI", "`pipeline`, `job`, `day` or `random`."),
  variable(
    "MOGPLEX_KEY_PART",
    "`--key-part`",
    "–",
    "Tells apart several runs of one job, and nodes of a GitHub matrix.",
  ),
  variable("MOGPLEX_TOKEN_SHARE", "`--token-share`", "`1`", "How many jobs use the token at the same time."),
  variable("MOGPLEX_LOG", "`--log`", "`compact`", "`compact`, `full` or `json`."),
  variable("MOGPLEX_REPORT", "`--report`", "all formats", "Reports to write, separated by commas."),
  variable("MOGPLEX_NOTE", "`--note`", "`auto`", "Note on the merge request of a GitLab pipeline: `auto` or `off`."),
  variable(
    "MOGPLEX_NOTE_TOKEN_VARIABLE",
    "",
    "`GITLAB_TOKEN`",
    "Name of the variable that holds GitLab's token for it: scope `api`, role Reporter.",
  ),
  variable("MOGPLEX_OUT", "`--out`", "`mogplex-ci`", "Directory of the reports."),
  variable("MOGPLEX_CI_JOB", "", "–", "Identity of the job on a CI system that is not recognised."),
  variable(
    "MOGPLEX_JOB_STATUS",
    "",
    "the CI system's",
    "How the job ended, for `cleanup`: `${{ job.status }}` on GitHub, `currentBuild.currentResult` on Jenkins.",
  ),
];

/** Names of variables of CI systems and shells whose values are masked when they look like secrets. */
export const SECRET_VARIABLES: readonly string[] = [
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "ACTIONS_RUNTIME_TOKEN",
  "ANTHROPIC_API_KEY",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "CI_DEPENDENCY_PROXY_PASSWORD",
  "CI_DEPLOY_PASSWORD",
  "CI_JOB_JWT",
  "CI_JOB_TOKEN",
  "CI_REGISTRY_PASSWORD",
  "GITHUB_TOKEN",
  "GITLAB_TOKEN",
  "GH_TOKEN",
  "NODE_AUTH_TOKEN",
  "NPM_TOKEN",
  "OPENAI_API_KEY",
  "SYSTEM_ACCESSTOKEN",
];

/** Variables by which runtimes find proxies and trust certificates; `doctor` looks at them. */
export const NETWORK_VARIABLES: readonly string[] = [
  "ALL_PROXY",
  "DENO_CERT",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NODE_EXTRA_CA_CERTS",
  "NODE_OPTIONS",
  "NODE_TLS_REJECT_UNAUTHORIZED",
  "NODE_USE_ENV_PROXY",
  "NO_PROXY",
  "all_proxy",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];
