/**
 * Builds a {@linkcode Platform} from a table of names, so that a CI system is mostly data.
 *
 * @module
 */
import { escapeLogLine, type LogSyntax } from "../text/escape/log_line.ts";
import { fillLink, linkVariables } from "./links.ts";
import type { JobIdentity, JobState, Platform, PlatformFiles, PlatformLinks, ReadEnv } from "./platform.ts";

/** Variable with the caller's identity of the job, where the system does not tell. */
export const JOB_VARIABLE = "MOGPLEX_CI_JOB";
/** Variable with the state of the job, where the system does not tell. */
export const STATUS_VARIABLE = "MOGPLEX_JOB_STATUS";

/**
 * Where a field of the identity comes from: names of variables. Those of one string that are joined by `+` must all be
 * there and are put together; of several strings the first that is complete counts.
 */
export type Source = readonly string[];

/** What {@linkcode definePlatform} needs. */
export interface PlatformTable {
  /** See {@linkcode Platform.name}. */
  name: string;
  /** What gives the system away: `NAME` of a variable that is set, or `NAME=value`; any of them is enough. */
  detect: readonly string[];
  /** Base URL of a server, reduced to scheme, host and path; or a URL below it, reduced to its origin with `serverOrigin`. */
  server?: Source;
  /** Only the origin of `server` counts. @default {false} */
  serverOrigin?: boolean;
  /** See {@linkcode JobIdentity}. */
  project?: Source;
  /** See {@linkcode JobIdentity}. */
  pipeline?: Source;
  /** See {@linkcode JobIdentity}. */
  job?: Source;
  /** See {@linkcode JobIdentity}. */
  node?: Source;
  /** See {@linkcode JobIdentity}. */
  attempt?: Source;
  /** Time of creation of the pipeline, in any form that `Date` reads, or in seconds since 1970. */
  created?: Source;
  /** See {@linkcode JobIdentity}. */
  schedule?: Source;
  /** Variable with the state of the job. */
  state?: Source;
  /** Syntaxes of commands in its log. @default all that are known */
  log?: readonly LogSyntax[];
  /** See {@linkcode PlatformFiles}: names of variables. */
  outputs?: string;
  /** See {@linkcode PlatformFiles}: names of variables. */
  variables?: string;
  /** See {@linkcode PlatformFiles}: names of variables. */
  summary?: string;
  /** See {@linkcode PlatformLinks}: templates of `fillLink`. */
  links?: { job?: string; pipeline?: string; commit?: string };
  /** Names of variables that are read for this system alone, beside all others of the table. */
  reads?: readonly string[];
  /** See {@linkcode Platform.hidesNode}. @default {false} */
  hidesNode?: boolean;
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
}

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
  return STATES[word] ?? (/^[1-9]\d*$/.test(word) ? "failed" : "unknown");
}

function read(env: ReadEnv, source: Source = []): string | null {
  for (const names of source) {
    const values = names.split("+").map((name) => env(name) ?? "");
    // As JSON, so that `a/b` + `c` and `a` + `b/c` stay different.
    if (!values.includes("")) return values.length === 1 ? values[0] as string : JSON.stringify(values);
  }
  return null;
}

function serverUrl(text: string | null, originOnly: boolean): string | null {
  if (text === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) return null;
  // A password in it would be in the key's input, and would change.
  return url.origin + (originOnly ? "" : url.pathname.replace(/\/+$/, ""));
}

function utcDate(text: string | null): string | null {
  const ms = /^\d{1,11}$/.test(text ?? "") ? Number(text) * 1_000 : Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10);
}

function isSet(env: ReadEnv, mark: string): boolean {
  const [name = "", value] = mark.split("=");
  return value === undefined ? Boolean(env(name)) : env(name) === value;
}

/** Names of all variables that a table speaks of. */
function variablesOf(table: PlatformTable): string[] {
  const { links = {}, reads = [] } = table;
  const sources = [
    ...[table.detect.map((mark) => mark.split("=")[0] as string)],
    ...[table.server, table.project, table.pipeline, table.job, table.node, table.attempt, table.created],
    ...[table.schedule, table.state],
  ].flatMap((source) => source ?? []).flatMap((names) => names.split("+"));
  const files = [table.outputs, table.variables, table.summary].filter((name) => name !== undefined);
  return [...sources, ...files, ...reads, ...Object.values(links).flatMap(linkVariables)];
}

/**
 * Makes the platform.
 *
 * Fields of the identity that the system leaves open take the value of {@linkcode JOB_VARIABLE}, if it is set.
 *
 * @param table What differs from system to system.
 */
export function definePlatform(table: PlatformTable): Platform {
  const { annotate, section, setOutput, showSummary, fence, maskCommand, hidesNode = false } = table;

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
    const { job, pipeline, commit } = table.links ?? {};
    const link = (template: string | undefined) => template && fillLink(template, env);
    return { job: link(job), pipeline: link(pipeline), commit: link(commit) };
  }

  return {
    name: table.name,
    isCi: true,
    variables: variablesOf(table),
    hidesNode,
    matches: (env) => table.detect.some((mark) => isSet(env, mark)),
    identity,
    jobState: (env) => parseState(env(STATUS_VARIABLE) || read(env, table.state) || ""),
    files,
    links,
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
