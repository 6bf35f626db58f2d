/**
 * Builds a {@linkcode Platform} from a table of names, so that a CI system is mostly data.
 *
 * @module
 */
import type { JobIdentity, JobState, Platform, PlatformFiles, ReadEnv } from "./platform.ts";
import { escapeLogLine, type LogSyntax } from "./escape/log_line.ts";

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
  /** Time of creation of the pipeline, in any form that `Date` reads. */
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
  summary?: string;
  /** See {@linkcode Platform.maskCommand}. */
  maskCommand?: (value: string) => string | undefined;
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
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString().slice(0, 10);
}

/**
 * Makes the platform.
 *
 * Fields of the identity that the system leaves open take the value of {@linkcode JOB_VARIABLE}, if it is set.
 *
 * @param table What differs from system to system.
 */
export function definePlatform(table: PlatformTable): Platform {
  const sources = [
    ...[table.server, table.project, table.pipeline, table.job, table.node, table.attempt, table.created],
    ...[table.schedule, table.state],
  ].flatMap((source) => source ?? []).flatMap((names) => names.split("+"));
  const { section } = table;
  const fileVariables = [table.outputs, table.summary].filter((name) => name !== undefined);

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

  function jobState(env: ReadEnv): JobState {
    return parseState(env(STATUS_VARIABLE) || read(env, table.state) || "");
  }

  function files(env: ReadEnv): PlatformFiles {
    const value = (name: string | undefined) => (name && env(name)) || undefined;
    return { outputs: value(table.outputs), summary: value(table.summary) };
  }

  return {
    name: table.name,
    isCi: true,
    variables: [...sources, ...fileVariables],
    identity,
    jobState,
    files,
    escapeLine: (line) => escapeLogLine(line, table.log),
    ...(table.maskCommand && { maskCommand: table.maskCommand }),
    ...(table.fence && { fence: table.fence }),
    ...(section && {
      section: (name, header, ms, folded) =>
        section(name.replace(/[^A-Za-z0-9_.-]/g, "_"), escapeLogLine(header), ms, folded),
    }),
  };
}
