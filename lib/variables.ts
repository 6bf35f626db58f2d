/**
 * The names of the environment variables that the toolkit reads, for the code, the documents and Deno's permissions.
 *
 * @module
 */

/** Our own variables. Each is described in `lib/cli/options.ts` if an option overrides it, otherwise in `lib/cli/environment.ts`. */
export const VARIABLES = [
  "MOGPLEX_API_KEY",
  "MOGPLEX_API_KEY_FILE",
  "MOGPLEX_TOKEN_VARIABLE",
  "MOGPLEX_URL",
  "MOGPLEX_DEV",
  "MOGPLEX_DEV_HOST",
  "MOGPLEX_REPO_ID",
  "MOGPLEX_PROMPT",
  "MOGPLEX_PROMPT_FILE",
  "MOGPLEX_HARNESS",
  "MOGPLEX_MODE",
  "MOGPLEX_BASE_BRANCH",
  "MOGPLEX_WORKING_BRANCH",
  "MOGPLEX_CREATE_BRANCH",
  "MOGPLEX_ROOT",
  "MOGPLEX_RUN_ID",
  "MOGPLEX_TIMEOUT",
  "MOGPLEX_ON_TIMEOUT",
  "MOGPLEX_ON_INTERRUPT",
  "MOGPLEX_KEY_SCOPE",
  "MOGPLEX_KEY_PART",
  "MOGPLEX_TOKEN_SHARE",
  "MOGPLEX_LOG",
  "MOGPLEX_REPORT",
  "MOGPLEX_SHOW_TASK",
  "MOGPLEX_NOTE",
  "MOGPLEX_NOTE_TOKEN_VARIABLE",
  "MOGPLEX_OUT",
  "MOGPLEX_RECENT",
  "MOGPLEX_RESPOND_NAME",
  "MOGPLEX_RESPOND_LABEL",
  "MOGPLEX_RESPOND_TEMPLATE",
  "MOGPLEX_RESPOND_ALLOW_USERS",
  "MOGPLEX_RESPOND_LIMIT",
  "MOGPLEX_COMMIT_STATUS",
  "MOGPLEX_CI_JOB",
  "MOGPLEX_JOB_STATUS",
  "MOGPLEX_GIT_TOKEN",
  "MOGPLEX_GIT_USERNAME",
  "MOGPLEX_CAMPAIGN_HOME",
  "MOGPLEX_MERGE_TOKEN_VARIABLE",
  "MOGPLEX_DEV_START_LIMITS",
] as const;

export type VariableName = typeof VARIABLES[number];

/** Names of variables of CI systems and shells. Their values are masked if they look like secrets. */
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

/** OpenTelemetry variables that affect traces. docs/traces.md describes them. */
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

/** Variables that tell runtimes which proxies to use and which certificates to trust. `doctor` checks them. */
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
