/**
 * `systemName` is in this file because a client of the service needs the name of the CI system, but not the tables of all systems.
 * @module
 */
import { UsageError } from "../errors.ts";
import { lookup } from "../lookup.ts";
import { escapeLogLine, type LogSyntax, webUrl } from "../text/escape.ts";
import type { SafeLine } from "../text/safe_line.ts";

/** Reads an environment variable; `undefined` if it is unset. */
export type ReadEnv = (name: string) => string | undefined;

/** What distinguishes one CI job from another, for idempotency keys. A field is `null` if the system does not provide it. */
export interface JobIdentity {
  /** Base URL of the CI server. It is part of the identity because different servers use the same ids. */
  server: string | null;
  /** Id or name of the project or repository on that server. */
  project: string | null;
  /** Id of the pipeline or workflow run. It stays the same when a job is retried. */
  pipeline: string | null;
  /** Name of the job. */
  job: string | null;
  /** Node of a matrix, or number of a parallel copy; an empty string for other jobs, or if the system does not show it. */
  node: string;
  /** Id or number of this execution. It is different for every retry. */
  attempt: string | null;
  /**
   * UTC date on which the pipeline was created, `YYYY-MM-DD`; `null` if the system does not show it, as on GitHub and most other systems. Keys then
   * use the current day, so a retry after midnight starts a second run.
   */
  date: string | null;
  /** Description or expression of the schedule; an empty string if there is no schedule. */
  schedule: string;
}

export type JobState = "success" | "failed" | "cancelled" | "timed_out" | "unknown";

export interface PlatformFiles {
  /** Step outputs in GitHub's format, in the file of `GITHUB_OUTPUT`. */
  outputs?: string | undefined;
  /** Variables for later steps, one `NAME=value` on each line, in the file of `BITBUCKET_PIPELINES_VARIABLES_PATH`. */
  variables?: string | undefined;
  summary?: string | undefined;
}

export interface PlatformLinks {
  job?: string | undefined;
  pipeline?: string | undefined;
  pipelineNoun?: "workflow run" | undefined;
  commit?: string | undefined;
  file?: string | undefined;
}

export type AnnotationLevel = "notice" | "warning" | "error";

export interface Section {
  readonly open: string;
  readonly close: (wallTimeMs: number) => string;
}

/** Lines that begin and end a part of the log in which the CI system ignores commands. The text between the lines cannot contain the closing line. */
export interface Fence {
  readonly open: string;
  readonly close: string;
}

export interface Systems {
  detect(env: ReadEnv): Platform;
  variables(): string[];
}

export interface Platform {
  /** A name in {@linkcode MARKS}, `ci` for an unknown system, or `none` outside CI. */
  readonly name: string;
  readonly isCi: boolean;
  readonly variables: readonly string[];
  /** Whether all nodes of a matrix have the same environment. If so, only `--key-part` can distinguish the nodes. */
  readonly hidesNode: boolean;
  /** Whether a job can only be run again in a new pipeline. If so, the pipeline identifies the execution when the system shows no attempt. */
  readonly rebuilds: boolean;
  /**
   * Whether {@linkcode JobIdentity.attempt} counts the executions of a job from 1. Otherwise, the attempt is an id, or the number of the pipeline.
   */
  readonly countsAttempts: boolean;
  /** What a user does on a job's page to run the job again with the same identity. Absent if only the whole pipeline can be run again. */
  readonly retryJob?: string;
  /**
   * Name of the command with which a step registers a secret for masking. Use the command in the step that fetches the secret. The toolkit does not
   * use it, because the command would print the token, possibly to a file.
   */
  readonly maskCommand?: string;
  identity(env: ReadEnv): JobIdentity | null;
  jobState(env: ReadEnv): JobState;
  files(env: ReadEnv): PlatformFiles;
  links(env: ReadEnv): PlatformLinks;
  remote(env: ReadEnv): string | undefined;
  readonly interruptMs: number;
  readonly showsColors: boolean;
  stampsLines(env: ReadEnv): boolean;
  /**
   * Makes one line of untrusted text inert in this system's log. The text has already passed `plainText`.
   *
   * @param line The complete line without its line break. Parts that are harmless alone can form a command together.
   */
  escapeLine(line: string): SafeLine;
  /** Returns a line for stdout. The title and the text are made inert. */
  annotate?(level: AnnotationLevel, title: string, text: string): string;
  /**
   * Returns a line for stdout. Absent if the system uses a file for this, or does not support it.
   * @param name `[A-Za-z0-9_]+`.
   * @param value Result of `bareValue`.
   */
  setOutput?(name: string, value: string): string;
  /**
   * Returns a line for stdout that shows a Markdown file on the page of the build. Absent if the system uses a file for this, or does not support it.
   */
  showSummary?(absolutePath: string): string;
  /**
   * @param name `[A-Za-z0-9_.-]+`, unique within the job.
   * @param header Title of the section; made inert.
   * @param folded Whether the section is initially collapsed, on systems where the log controls this.
   */
  section?(name: string, header: string, wallTimeMs: number, folded: boolean): Section;
  fence?(): Fence;
}

const PLACEHOLDER = /\{([A-Za-z0-9_]+)\}/g;

function linkVariables(template: string): string[] {
  return [...template.matchAll(PLACEHOLDER)].map((match) => match[1] as string);
}

/**
 * A variable at the start of a template is an address and loses trailing slashes if more text follows. All other values are percent-encoded. Example:
 * `{CI_PROJECT_URL}/-/commit/{CI_COMMIT_SHA}`.
 */
function fillLink(template: string, env: ReadEnv): string | undefined {
  return webUrl(fillText(template, env) ?? "");
}

function fillText(template: string, env: ReadEnv): string | undefined {
  let complete = true;
  const text = template.replace(PLACEHOLDER, (placeholder, name: string, at: number) => {
    const value = env(name) ?? "";
    complete &&= value !== "";
    if (placeholder === template) return value;
    return at === 0 ? value.replace(/\/+$/, "") : encodeURI(value.replace(/\p{Cs}/gu, "\ufffd"));
  });
  return complete ? text : undefined;
}

export const JOB_VARIABLE = "MOGPLEX_CI_JOB";
export const STATUS_VARIABLE = "MOGPLEX_JOB_STATUS";

/**
 * Variables that provide a field of the identity, as a list of alternatives. The first alternative whose variables are all set wins. An alternative
 * is one name, or several names joined by `+`, whose values are combined.
 */
type Source = readonly string[];

export interface PlatformTable extends
  Partial<
    Pick<
      Platform,
      | (
        | "hidesNode"
        | "rebuilds"
        | "countsAttempts"
        | "retryJob"
        | "showsColors"
        | "maskCommand"
        | "interruptMs"
        | "stampsLines"
      )
      | ("annotate" | "setOutput" | "showSummary" | "section" | "fence")
    >
  > {
  name: string;
  server?: Source;
  serverOrigin?: boolean;
  project?: Source;
  pipeline?: Source;
  job?: Source;
  node?: Source;
  attempt?: Source;
  created?: Source;
  schedule?: Source;
  state?: Source;
  log?: readonly LogSyntax[];
  outputs?: string;
  variables?: string;
  summary?: string;
  links?: { job?: string; pipeline?: string; commit?: string; file?: string };
  pipelineNoun?: PlatformLinks["pipelineNoun"];
  remote?: string;
  reads?: readonly string[];
}

/** Source: design, "Signals": some runners kill a job 5 s after the signal. */
const INTERRUPT_MS = 4_000;

const STATES: Record<string, JobState> = {
  "0": "success",
  success: "success",
  succeeded: "success",
  succeededwithissues: "success",
  passed: "success",
  failed: "failed",
  failure: "failed",
  unstable: "failed",
  cancelled: "cancelled",
  canceled: "cancelled",
  aborted: "cancelled",
  timedout: "timed_out",
};

function parseState(text: string): JobState {
  const word = text.toLowerCase().replace(/[^a-z0-9]/g, "");
  return lookup(STATES, word) ?? (/^[1-9]\d*$/.test(word) ? "failed" : "unknown");
}

function read(env: ReadEnv, source: Source = []): string | null {
  for (const names of source) {
    const values = names.split("+").map((name) => env(name) ?? "");
    // JSON keeps the values distinct. Joined with a slash, `a/b` + `c` would equal `a` + `b/c`.
    if (!values.includes("")) return values.length === 1 ? values[0] as string : JSON.stringify(values);
  }
  return null;
}

function serverUrl(text: string | null, originOnly: boolean): string | null {
  if (text === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) return null;
  // Leave out the user and the password: the key must not contain a password, and must not change with it.
  return url.origin + (originOnly ? "" : url.pathname.replace(/\/+$/, ""));
}

function utcDate(text: string | null): string | null {
  const ms = /^\d{1,11}$/.test(text ?? "") ? Number(text) * 1_000 : Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10);
}

function variablesOf(table: PlatformTable): string[] {
  const { links = {}, reads = [] } = table;
  const sources = [
    ...[table.server, table.project, table.pipeline, table.job, table.node, table.attempt, table.created],
    ...[table.schedule, table.state],
  ].flatMap((source) => source ?? []).flatMap((names) => names.split("+"));
  const files = [table.outputs, table.variables, table.summary].filter((name) => name !== undefined);
  return [...sources, ...files, ...reads, ...[...Object.values(links), table.remote ?? ""].flatMap(linkVariables)];
}

export function definePlatform(table: PlatformTable): Platform {
  const { annotate, section, setOutput, showSummary, fence, maskCommand, retryJob } = table;
  const { hidesNode = false, rebuilds = false, countsAttempts = false, showsColors = false } = table;

  function identity(env: ReadEnv): JobIdentity {
    const setting = env(JOB_VARIABLE) || null;
    return {
      server: serverUrl(read(env, table.server), table.serverOrigin ?? false) ?? setting,
      project: read(env, table.project) ?? setting,
      pipeline: read(env, table.pipeline) ?? setting,
      job: read(env, table.job) ?? setting,
      node: read(env, table.node) ?? "",
      attempt: read(env, table.attempt),
      date: utcDate(read(env, table.created)),
      schedule: read(env, table.schedule) ?? "",
    };
  }

  function files(env: ReadEnv): PlatformFiles {
    const value = (name: string | undefined) => (name && env(name)) || undefined;
    return { outputs: value(table.outputs), variables: value(table.variables), summary: value(table.summary) };
  }

  function links(env: ReadEnv): PlatformLinks {
    const { job, pipeline, commit, file } = table.links ?? {};
    const link = (template: string | undefined) => template && fillLink(template, env);
    const { pipelineNoun } = table;
    return { job: link(job), pipeline: link(pipeline), pipelineNoun, commit: link(commit), file: link(file) };
  }

  return {
    name: table.name,
    isCi: true,
    variables: variablesOf(table),
    hidesNode,
    rebuilds,
    countsAttempts,
    showsColors,
    identity,
    jobState: (env) => parseState(env(STATUS_VARIABLE) || read(env, table.state) || ""),
    files,
    links,
    remote: (env) => table.remote === undefined ? undefined : fillText(table.remote, env),
    interruptMs: table.interruptMs ?? INTERRUPT_MS,
    stampsLines: table.stampsLines ?? (() => false),
    escapeLine: (line) => escapeLogLine(line, table.log),
    ...(retryJob && { retryJob }),
    ...(maskCommand && { maskCommand }),
    ...(setOutput && { setOutput }),
    ...(showSummary && { showSummary }),
    ...(fence && { fence }),
    ...(annotate && {
      annotate: (level, title, text) => annotate(level, escapeLogLine(title), escapeLogLine(text)),
    }),
    ...(section && {
      section: (name, header, ms, folded) =>
        section(name.replace(/[^A-Za-z0-9_.-]/g, "_"), escapeLogLine(header), ms, folded),
    }),
  };
}

export function namedPlatform(name: string): Platform {
  return definePlatform({ name });
}

export const none: Platform = { ...namedPlatform("none"), isCi: false, identity: () => null };

export const PERSON_VARIABLES: readonly string[] = [
  "GITLAB_USER_LOGIN",
  "GITHUB_ACTOR",
  "BUILDKITE_BUILD_CREATOR",
  "BUILD_REQUESTEDFOR",
  "BITBUCKET_STEP_TRIGGERER_UUID",
  "CIRCLE_USERNAME",
  "BUILD_USER_ID",
  "USER",
  "LOGNAME",
  "USERNAME",
];

export const UNKNOWN_PERSON = "unknown";

/** The name is not proof of identity, because any program can set these variables. */
export function personOf(env: ReadEnv): string {
  for (const name of PERSON_VARIABLES) {
    const value = env(name)?.trim();
    if (value) return value;
  }
  return UNKNOWN_PERSON;
}

/**
 * A mark is a variable: either `NAME` (with any value) or `NAME=value`. The first match wins, so a system that also sets another system's variables
 * comes before that system.
 */
const MARKS: readonly (readonly [mark: string, system: string])[] = [
  ["FORGEJO_ACTIONS", "forgejo"],
  ["GITEA_ACTIONS", "gitea"],
  ["GITHUB_ACTIONS", "github"],
  ["GITLAB_CI", "gitlab"],
  ["SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "azure_pipelines"],
  ["BUILDKITE", "buildkite"],
  ["CIRCLECI", "circle"],
  ["BITBUCKET_COMMIT", "bitbucket"],
  ["TEAMCITY_VERSION", "teamcity"],
  ["CI=woodpecker", "woodpecker"],
  ["JENKINS_URL", "jenkins"],
  // These systems are known by name only. The entries come from `std-env`, without the platforms that only host programs. A test compares the two
  // lists. The package is not imported, because it reads the environment on import, which needs a permission on Deno.
  ["APPVEYOR", "appveyor"],
  ["AC_APPCIRCLE", "appcircle"],
  ["APPCENTER_BUILD_ID", "appcenter"],
  ["AWS_APP_ID", "aws_amplify"],
  ["bamboo_planKey", "bamboo"],
  ["BITRISE_IO", "bitrise"],
  ["BUDDY_WORKSPACE_ID", "buddy"],
  ["CIRRUS_CI", "cirrus"],
  ["CLEAVR", "cleavr"],
  ["CF_PAGES", "cloudflare_pages"],
  ["WORKERS_CI", "cloudflare_workers"],
  ["CODEBUILD_BUILD_ARN", "codebuild"],
  ["CF_BUILD_ID", "codefresh"],
  ["CODESPHERE_APP_ID", "codesphere"],
  ["DRONE", "drone"],
  ["DRONE_BUILD_EVENT", "drone"],
  ["DSARI", "dsari"],
  ["EO_PAGES_CI", "edgeone_pages"],
  ["FIREBASE_APP_HOSTING", "firebase_app_hosting"],
  ["GO_PIPELINE_LABEL", "gocd"],
  ["HUDSON_URL", "hudson"],
  ["LAYERCI", "layerci"],
  ["MAGNUM", "magnum"],
  ["NETLIFY", "netlify"],
  ["NEVERCODE", "nevercode"],
  ["RENDER", "render"],
  ["SAILCI", "sail"],
  ["SEMAPHORE", "semaphore"],
  ["SCREWDRIVER", "screwdriver"],
  ["SHIPPABLE", "shippable"],
  ["TDDIUM", "solano"],
  ["STORMKIT", "stormkit"],
  ["STRIDER", "strider"],
  ["TRAVIS", "travis"],
  ["NOW_BUILDER", "vercel"],
  ["ZEABUR", "zeabur"],
];

function isSet(env: ReadEnv, mark: string): boolean {
  const [name = "", value] = mark.split("=");
  return value === undefined ? Boolean(env(name)) : env(name) === value;
}

/** An unknown system is detected if `CI` is set to anything but `false` or `0`. Setting `MOGPLEX_CI_JOB` has the same effect. */
export function systemName(env: ReadEnv): string {
  const match = MARKS.find(([mark]) => isSet(env, mark));
  if (match !== undefined) return match[1];
  const isCi = !["", "0", "false"].includes(env("CI")?.toLowerCase() ?? "");
  return isCi || env(JOB_VARIABLE) ? "ci" : "none";
}

export function markVariables(): string[] {
  return ["CI", ...MARKS.map(([mark]) => mark.split("=")[0] as string)];
}

/**
 * Whether a value is the path that GitLab Runner sets for a variable of type File: the project's path, `.tmp/`, and the name of the variable. The
 * file itself is not checked, because the program has no permission for that on Deno, and other values hardly ever have this form. Source: GitLab
 * Runner 18.11, shells/bash.go, `Variable`, and common/build.go, `TmpProjectDir`; GitLab, "Use file type CI/CD variables".
 */
export function isFileVariable(name: string, value: string | undefined): boolean {
  const text = value?.trim() ?? "";
  return /^(?:\/|[A-Za-z]:)[^\n]*$/.test(text) && text.replaceAll("\\", "/").endsWith(`.tmp/${name}`);
}

export function fileVariableAdvice(forFile?: string): string {
  return `${forFile === undefined ? "" : `rename it to ${forFile}, or `}change its type to Variable`;
}

/**
 * A variable whose name ends in `_FILE` may contain the path of a file.
 * @param forFile Variable to suggest for a value of type File.
 */
export function readTextVariable(env: ReadEnv, name: string, forFile?: string): string | undefined {
  const value = env(name);
  if (name.endsWith("_FILE") || !isFileVariable(name, value)) return value;
  throw new UsageError({
    attempted: `use ${name}`,
    why: "this variable is of type File, so its value is the path of a file",
    advice: fileVariableAdvice(forFile),
  });
}

/**
 * Returns one record for `GITHUB_OUTPUT` (or `GITHUB_ENV`), with a delimiter that cannot be guessed. Write the record at the start of a line, and
 * leave no line empty: GitHub's runner skips empty lines, but act rejects the whole file. Source: nektos/act, pkg/container/parse_env_file.go.
 * @param name `[A-Za-z_][A-Za-z0-9_-]*`.
 * @param delimiter Pass a delimiter only in tests.
 */
export function githubRecord(name: string, value: string, delimiter = `ghadelimiter_${crypto.randomUUID()}`): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) {
    throw new RangeError(
      `Cannot write GitHub output because its name has characters other than A-Z a-z 0-9 _ -: "${name}"`,
    );
  }
  // Source: actions/toolkit, prepareKeyValueMessage.
  if (name.includes(delimiter) || value.includes(delimiter)) {
    throw new RangeError("Cannot write GitHub output because its value contains the delimiter: run again");
  }
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
