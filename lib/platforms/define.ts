/**
 * Builds a {@linkcode Platform} from a table of variable names, so that a CI system is mostly data.
 *
 * @module
 */
import { lookup } from "../lookup.ts";
import { escapeLogLine, type LogSyntax } from "../text/escape/log_line.ts";
import { fillLink, fillText, linkVariables } from "./links.ts";
import type { JobIdentity, JobState, Platform, PlatformFiles, PlatformLinks, ReadEnv } from "./platform.ts";

/** Variable with which the caller identifies the job, for the fields that the system does not provide. */
export const JOB_VARIABLE = "MOGPLEX_CI_JOB";
/** Variable with which the caller passes the state of the job, where the system does not provide it. */
export const STATUS_VARIABLE = "MOGPLEX_JOB_STATUS";

/**
 * The variables that a field of the identity comes from, as a list of alternatives: the first one whose variables are all set
 * counts. An alternative is one name, or several names joined by `+`, whose values are combined.
 */
export type Source = readonly string[];

/** Description of a CI system for {@linkcode definePlatform}. */
export interface PlatformTable {
  /** See {@linkcode Platform.name}. */
  name: string;
  /** Base URL of the server, reduced to scheme, host and path. With `serverOrigin` any URL on the server, reduced to its origin. */
  server?: Source;
  /** Whether only the origin of `server` counts. @default {false} */
  serverOrigin?: boolean;
  /** See {@linkcode JobIdentity.project}. */
  project?: Source;
  /** See {@linkcode JobIdentity.pipeline}. */
  pipeline?: Source;
  /** See {@linkcode JobIdentity.job}. */
  job?: Source;
  /** See {@linkcode JobIdentity.node}. */
  node?: Source;
  /** See {@linkcode JobIdentity.attempt}. */
  attempt?: Source;
  /** When the pipeline was created: any format that `Date` parses, or seconds since 1970. */
  created?: Source;
  /** See {@linkcode JobIdentity.schedule}. */
  schedule?: Source;
  /** Variable with the state of the job. */
  state?: Source;
  /** Syntaxes of the commands that the system reads from its log. @default all that are known */
  log?: readonly LogSyntax[];
  /** Variable with the path of {@linkcode PlatformFiles.outputs}. */
  outputs?: string;
  /** Variable with the path of {@linkcode PlatformFiles.variables}. */
  variables?: string;
  /** Variable with the path of {@linkcode PlatformFiles.summary}. */
  summary?: string;
  /** Templates (see `fillLink`) of {@linkcode PlatformLinks}. */
  links?: { job?: string; pipeline?: string; commit?: string; file?: string };
  /** See {@linkcode Platform.remote}, with names of variables in braces. */
  remote?: string;
  /** Further variables that are read on this system only. */
  reads?: readonly string[];
  /** See {@linkcode Platform.hidesNode}. @default {false} */
  hidesNode?: boolean;
  /** See {@linkcode Platform.showsColours}. @default {false} */
  showsColours?: boolean;
  /** See {@linkcode Platform.maskCommand}. */
  maskCommand?: string;
  /** See {@linkcode Platform.annotate}. */
  annotate?: Platform["annotate"];
  /** See {@linkcode Platform.setOutput}. */
  setOutput?: Platform["setOutput"];
  /** See {@linkcode Platform.showSummary}. */
  showSummary?: Platform["showSummary"];
  /** See {@linkcode Platform.section}. */
  section?: Platform["section"];
  /** See {@linkcode Platform.fence}. */
  fence?: Platform["fence"];
  /** See {@linkcode Platform.interruptMs}. @default {4_000} */
  interruptMs?: number;
  /** See {@linkcode Platform.stampsLines}. @default never */
  stampsLines?: Platform["stampsLines"];
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
    // As JSON: joined texts would make `a/b` + `c` equal to `a` + `b/c`.
    if (!values.includes("")) return values.length === 1 ? values[0] as string : JSON.stringify(values);
  }
  return null;
}

function serverUrl(text: string | null, originOnly: boolean): string | null {
  if (text === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) return null;
  // Without user and password: a password would go into the key, and would change it.
  return url.origin + (originOnly ? "" : url.pathname.replace(/\/+$/, ""));
}

function utcDate(text: string | null): string | null {
  const ms = /^\d{1,11}$/.test(text ?? "") ? Number(text) * 1_000 : Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10);
}

/** Names of all variables in a table. */
function variablesOf(table: PlatformTable): string[] {
  const { links = {}, reads = [] } = table;
  const sources = [
    ...[table.server, table.project, table.pipeline, table.job, table.node, table.attempt, table.created],
    ...[table.schedule, table.state],
  ].flatMap((source) => source ?? []).flatMap((names) => names.split("+"));
  const files = [table.outputs, table.variables, table.summary].filter((name) => name !== undefined);
  return [...sources, ...files, ...reads, ...[...Object.values(links), table.remote ?? ""].flatMap(linkVariables)];
}

/**
 * Builds a platform from its table.
 *
 * Fields of the identity that the system does not provide take the value of {@linkcode JOB_VARIABLE}, if it is set. Titles,
 * texts and headers are made inert before the table's functions get them.
 */
export function definePlatform(table: PlatformTable): Platform {
  const { annotate, section, setOutput, showSummary, fence, maskCommand, hidesNode = false, showsColours = false } =
    table;

  function identity(env: ReadEnv): JobIdentity {
    const own = env(JOB_VARIABLE) || null;
    return {
      server: serverUrl(read(env, table.server), table.serverOrigin ?? false) ?? own,
      project: read(env, table.project) ?? own,
      pipeline: read(env, table.pipeline) ?? own,
      job: read(env, table.job) ?? own,
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
    return { job: link(job), pipeline: link(pipeline), commit: link(commit), file: link(file) };
  }

  return {
    name: table.name,
    isCi: true,
    variables: variablesOf(table),
    hidesNode,
    showsColours,
    identity,
    jobState: (env) => parseState(env(STATUS_VARIABLE) || read(env, table.state) || ""),
    files,
    links,
    remote: (env) => table.remote === undefined ? undefined : fillText(table.remote, env),
    interruptMs: table.interruptMs ?? INTERRUPT_MS,
    stampsLines: table.stampsLines ?? (() => false),
    escapeLine: (line) => escapeLogLine(line, table.log),
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
