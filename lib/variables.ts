/**
 * The environment variables that the toolkit reads: one list, for the code, the README and Deno's permissions.
 *
 * @module
 */

export interface Variable {
  name: string;
  /** What wins over it, as the documents show it: a flag in backticks, `argument`, or an empty string. */
  flag: string;
  /** Name of that flag without dashes; null when there is none. */
  option: string | null;
  /** Word for its value in the help; null for a switch. */
  value: string | null;
  /** What holds when neither is set; a dash for nothing. */
  fallback: string;
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

function variable(name: string, columns: Column = {}): Variable {
  const { option = null, value = null, argument = false, fallback = "–", readWith = null } = columns;
  const { dropIn = false, service = false } = columns;
  const flag = option !== null ? `\`--${option}\`` : argument ? "argument" : "";
  return { name, flag, option, value, fallback, dropIn, service, readWith };
}

/** Our own variables. `VARIABLE_MEANINGS` in `cli/verb.ts` says what each is for. */
export const VARIABLES: readonly Variable[] = [
  variable("MOGPLEX_API_KEY", {
    service: true,
    dropIn: true,
  }),
  variable("MOGPLEX_API_KEY_FILE", { service: true }),
  variable("MOGPLEX_TOKEN_VARIABLE", {
    service: true,
    fallback: "`MOGPLEX_API_KEY`",
  }),
  variable("MOGPLEX_URL", { service: true, dropIn: true, fallback: "`https://mogplex.com`" }),
  variable("MOGPLEX_DEV", { service: true, dropIn: true }),
  variable("MOGPLEX_DEV_HOST", { service: true }),
  variable("MOGPLEX_REPO_ID", {
    option: "repo",
    value: "REPO",
  }),
  variable("MOGPLEX_PROMPT", { argument: true }),
  variable("MOGPLEX_PROMPT_FILE", { option: "prompt-file", value: "FILE" }),
  variable("MOGPLEX_HARNESS", {
    option: "harness",
    value: "NAME",
    fallback: "the server's",
  }),
  variable("MOGPLEX_MODE", { option: "mode", value: "MODE", fallback: "the server's" }),
  variable("MOGPLEX_BASE_BRANCH", {
    option: "base-branch",
    value: "NAME",
    fallback: "the repository's",
  }),
  variable("MOGPLEX_WORKING_BRANCH", { option: "branch", value: "NAME", fallback: "generated" }),
  variable("MOGPLEX_CREATE_BRANCH", {
    option: "create-branch",
    fallback: "`true` without `--branch`",
  }),
  variable("MOGPLEX_ROOT", {
    option: "root",
    value: "DIR",
    fallback: "the repository's",
  }),
  variable("MOGPLEX_RUN_ID", { argument: true }),
  variable("MOGPLEX_TIMEOUT", {
    option: "timeout",
    value: "TIME",
    fallback: "`30m`",
  }),
  variable("MOGPLEX_ON_TIMEOUT", {
    option: "on-timeout",
    value: "WHAT",
    fallback: "`detach`",
  }),
  variable("MOGPLEX_ON_INTERRUPT", {
    option: "on-interrupt",
    value: "WHAT",
    fallback: "`auto`",
  }),
  variable("MOGPLEX_KEY_SCOPE", {
    option: "key-scope",
    value: "SCOPE",
    fallback: "`pipeline` in CI",
  }),
  variable("MOGPLEX_KEY_PART", {
    option: "key-part",
    value: "TEXT",
  }),
  variable("MOGPLEX_TOKEN_SHARE", {
    option: "token-share",
    value: "N",
    fallback: "`1`",
  }),
  variable("MOGPLEX_LOG", {
    option: "log",
    value: "FORM",
    fallback: "`compact`",
  }),
  variable("MOGPLEX_REPORT", {
    option: "report",
    value: "FORMAT[=PATH]",
    fallback: "all; three on a terminal",
  }),
  variable("MOGPLEX_SHOW_TASK", {
    option: "show-task",
    value: "WHETHER",
    fallback: "`true`",
  }),
  variable("MOGPLEX_NOTE", {
    option: "note",
    value: "WHEN",
    fallback: "`auto`",
  }),
  variable("MOGPLEX_NOTE_TOKEN_VARIABLE", { readWith: "note", fallback: "`GITLAB_TOKEN`" }),
  variable("MOGPLEX_OUT", { option: "out", value: "DIR", fallback: "`mogplex-ci`" }),
  variable("MOGPLEX_RECENT", {
    fallback: "`on`",
  }),
  variable("MOGPLEX_RESPOND_NAME", { option: "name", value: "NAME", fallback: "`mogplex`" }),
  variable("MOGPLEX_RESPOND_LABEL", { option: "label", value: "LABEL", fallback: "`mogplex`" }),
  variable("MOGPLEX_RESPOND_TEMPLATE", { option: "template", value: "FILE" }),
  variable("MOGPLEX_ALLOW_USERS", { option: "allow-users", value: "NAMES", fallback: "who may push" }),
  variable("MOGPLEX_LIMIT", { option: "limit", value: "N/day", fallback: "`20/day`" }),
  variable("MOGPLEX_COMMIT_STATUS", { option: "commit-status", fallback: "`false` on GitLab, else `true`" }),
  variable("MOGPLEX_CI_JOB", { readWith: "key-scope" }),
  variable("MOGPLEX_JOB_STATUS", { fallback: "the CI system's" }),
  variable("MOGPLEX_GIT_TOKEN", {
    readWith: "home",
  }),
  variable("MOGPLEX_GIT_USERNAME", {
    readWith: "home",
    fallback: "`mogplex-ci`",
  }),
  variable("MOGPLEX_CAMPAIGN_HOME", { option: "home", value: "HOME", fallback: "the file's `home`, else `dir`" }),
  variable("MOGPLEX_DEV_START_LIMITS", { readWith: "home" }),
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
  "GITEA_TOKEN",
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
