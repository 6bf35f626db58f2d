/**
 * The environment variables that the toolkit reads: one list, for the code, the README and Deno's permissions.
 *
 * @module
 */

/** One environment variable. */
export interface Variable {
  /** Its name. */
  name: string;
  /** What wins over it, as the documents show it: a flag in backticks, `argument`, or an empty string. */
  flag: string;
  /** Name of that flag without dashes; null when there is none. */
  option: string | null;
  /** Word for its value in the help; null for a switch. */
  value: string | null;
  /** What holds when neither is set; a dash for nothing. */
  fallback: string;
  /** What it is for. It describes the flag as well. */
  meaning: string;
  /** Whether the drop-in verbs read it, too. */
  dropIn: boolean;
  /** Whether it chooses the service or the token, so that every verb reads it. */
  service: boolean;
  /** Name of the flag along with which it is read; null for all others. */
  readWith: string | null;
}

/** What a row of the list may leave out. */
interface Column extends Partial<Pick<Variable, "option" | "value" | "fallback" | "dropIn" | "service" | "readWith">> {
  /** Whether an argument wins over it. @default {false} */
  argument?: boolean;
}

function variable(name: string, meaning: string, columns: Column = {}): Variable {
  const { option = null, value = null, argument = false, fallback = "–", readWith = null } = columns;
  const { dropIn = false, service = false } = columns;
  const flag = option !== null ? `\`--${option}\`` : argument ? "argument" : "";
  return { name, flag, option, value, fallback, meaning, dropIn, service, readWith };
}

/** Our own variables. A flag that a variable stands in for is described here and nowhere else. */
export const VARIABLES: readonly Variable[] = [
  variable("MOGPLEX_API_KEY", "The access token (`mog_…`). Never a flag: arguments are visible to others.", {
    service: true,
    dropIn: true,
  }),
  variable("MOGPLEX_API_KEY_FILE", "File that holds the token, in place of the variable.", { service: true }),
  variable("MOGPLEX_TOKEN_VARIABLE", "Name of the variable that holds the token.", {
    service: true,
    fallback: "`MOGPLEX_API_KEY`",
  }),
  variable("MOGPLEX_URL", "Origin of the service.", { service: true, dropIn: true, fallback: "`https://mogplex.com`" }),
  variable("MOGPLEX_DEV", "`1` permits plain HTTP to this machine.", { service: true, dropIn: true }),
  variable("MOGPLEX_DEV_HOST", "With `MOGPLEX_DEV=1`: another host allowed over plain HTTP.", { service: true }),
  variable("MOGPLEX_REPO_ID", "Repository: `owner/name`, or its id (see `repos list`).", {
    option: "repo",
    value: "REPO",
  }),
  variable("MOGPLEX_PROMPT", "Task for the agent.", { argument: true }),
  variable("MOGPLEX_PROMPT_FILE", "File that holds the task.", { option: "prompt-file", value: "FILE" }),
  variable("MOGPLEX_HARNESS", "Agent: `codex`, `claude-code` or `mogplex`.", {
    option: "harness",
    value: "NAME",
    fallback: "the server's",
  }),
  variable("MOGPLEX_MODE", "`SAFE`, `AUTO` or `YOLO`.", { option: "mode", value: "MODE", fallback: "the server's" }),
  variable("MOGPLEX_BASE_BRANCH", "Branch to start from.", {
    option: "base-branch",
    value: "NAME",
    fallback: "the repository's",
  }),
  variable("MOGPLEX_WORKING_BRANCH", "Branch to work on.", { option: "branch", value: "NAME", fallback: "generated" }),
  variable("MOGPLEX_CREATE_BRANCH", "Whether to create the working branch.", {
    option: "create-branch",
    fallback: "`true` without `--branch`",
  }),
  variable("MOGPLEX_ROOT", "Directory inside the repository; `.` is its root.", {
    option: "root",
    value: "DIR",
    fallback: "the repository's",
  }),
  variable("MOGPLEX_RUN_ID", "Run to `follow` or to `report` on.", { argument: true }),
  variable("MOGPLEX_TIMEOUT", "Maximum time to wait: `30m`, `1h30m`, or `90` (seconds).", {
    option: "timeout",
    value: "TIME",
    fallback: "`30m`",
  }),
  variable("MOGPLEX_ON_TIMEOUT", "When that time is over: `detach` lets the run go on, `cancel` stops it.", {
    option: "on-timeout",
    value: "WHAT",
    fallback: "`detach`",
  }),
  variable(
    "MOGPLEX_ON_INTERRUPT",
    "At SIGINT and SIGTERM: `cancel` the run, `detach` lets it go on, `auto` cancels it if the job started it and nobody watches at a terminal.",
    {
      option: "on-interrupt",
      value: "WHAT",
      fallback: "`auto`",
    },
  ),
  variable("MOGPLEX_KEY_SCOPE", "What makes a new run: `pipeline`, `job`, `day` or `random`.", {
    option: "key-scope",
    value: "SCOPE",
    fallback: "`pipeline` in CI",
  }),
  variable("MOGPLEX_KEY_PART", "Tells apart several runs of one job, and the nodes of a matrix on GitHub.", {
    option: "key-part",
    value: "TEXT",
  }),
  variable("MOGPLEX_TOKEN_SHARE", "How many jobs use the token at the same time.", {
    option: "token-share",
    value: "N",
    fallback: "`1`",
  }),
  variable("MOGPLEX_LOG", "Events in the log: `compact`, `full` or `json`.", {
    option: "log",
    value: "FORM",
    fallback: "`compact`",
  }),
  variable("MOGPLEX_REPORT", "Reports to write, separated by commas; the flag may be given several times.", {
    option: "report",
    value: "FORMAT[=PATH]",
    fallback: "all formats",
  }),
  variable("MOGPLEX_SHOW_TASK", "Whether log, reports and note show the task: `true` or `false`.", {
    option: "show-task",
    value: "WHETHER",
    fallback: "`true`",
  }),
  variable("MOGPLEX_NOTE", "Note on the merge request of a GitLab pipeline: `auto` or `off`.", {
    option: "note",
    value: "WHEN",
    fallback: "`auto`",
  }),
  variable(
    "MOGPLEX_NOTE_TOKEN_VARIABLE",
    "Name of the variable that holds GitLab's token for the note: scope `api`, role Reporter.",
    { readWith: "note", fallback: "`GITLAB_TOKEN`" },
  ),
  variable("MOGPLEX_OUT", "Directory of the reports.", { option: "out", value: "DIR", fallback: "`mogplex-ci`" }),
  variable(
    "MOGPLEX_RECENT",
    "What `runs recent` remembers outside CI: `on`, `task` (its first line as well) or `off`.",
    {
      fallback: "`on`",
    },
  ),
  variable("MOGPLEX_CI_JOB", "Identity of the job on a CI system that is not recognised.", { readWith: "key-scope" }),
  variable(
    "MOGPLEX_JOB_STATUS",
    "How the job ended, for `cleanup`: `${{ job.status }}` on GitHub, `currentBuild.currentResult` on Jenkins.",
    { fallback: "the CI system's" },
  ),
  variable("MOGPLEX_GIT_TOKEN", "Password or token for the repository of `campaign … --home git:REMOTE#BRANCH`.", {
    readWith: "home",
  }),
  variable("MOGPLEX_GIT_USERNAME", "The user that it belongs to. GitHub and GitLab take any name.", {
    readWith: "home",
    fallback: "`mogplex-ci`",
  }),
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
  "MOGPLEX_GIT_TOKEN",
  "GH_TOKEN",
  "NODE_AUTH_TOKEN",
  "NPM_TOKEN",
  "OPENAI_API_KEY",
  "SYSTEM_ACCESSTOKEN",
];

/** Variables of OpenTelemetry that traces obey. They are described in docs/traces.md. */
export const TRACE_VARIABLES: readonly string[] = [
  "OTEL_EXPORTER_OTLP_COMPRESSION",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
  "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_SDK_DISABLED",
  "OTEL_SERVICE_NAME",
  "OTEL_TRACES_EXPORTER",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
  "TRACEPARENT",
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
