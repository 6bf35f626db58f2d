/**
 * The part of GitLab's REST API that the note needs: where it is, how it is called, and what its answers mean.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { ApiError, type MogplexError, RateLimitedError, UnavailableError, UsageError } from "../errors.ts";
import { type Answer, describeAnswer, factsOf, parseJson } from "../http/answer.ts";
import type { CallOptions } from "../retry/call_options.ts";
import { callWithin } from "../retry/calls.ts";
import { newTokenMemory } from "../retry/token_memory.ts";
import { createTransport, type Fetch, type Verdict } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { Redactor } from "../text/redact.ts";
import type { ReadEnv } from "../platforms/platform.ts";

/** A merge request, and the API through which it is reached. */
export interface MergeRequest {
  /** Base URL of the API, without a slash at its end. It may have a path. */
  api: string;
  /** Host of the API, with the port if it is not the default one. */
  host: string;
  /** Id of the project that it targets. */
  project: string;
  /** Its number in that project. */
  iid: string;
}

/** Requirements of the token, for messages. Source: GitLab, "Personal access tokens", scopes; "Roles and permissions", merge requests. */
export const TOKEN_NEEDS = `the scope "api" and at least the role Reporter in the project of the merge request`;

/**
 * The merge request of the pipeline; undefined if the pipeline has none.
 *
 * In a pipeline of a fork `CI_PROJECT_ID` is the fork, while the merge request belongs to the target project.
 * Source: GitLab, "Predefined CI/CD variables", those of merge request pipelines.
 *
 * @param env Reads the environment.
 * @throws {UsageError} when the value of a variable cannot come from GitLab.
 */
export function mergeRequestOf(env: ReadEnv): MergeRequest | undefined {
  const iid = env("CI_MERGE_REQUEST_IID") ?? "";
  if (iid === "") return undefined;
  const project = env("CI_MERGE_REQUEST_PROJECT_ID") || env("CI_PROJECT_ID") || "";
  for (const [name, value] of [["CI_MERGE_REQUEST_IID", iid], ["CI_MERGE_REQUEST_PROJECT_ID", project]] as const) {
    if (!/^\d{1,18}$/.test(value)) {
      const attempted = "find the merge request";
      throw new UsageError({ attempted, why: `${name} must be a number`, value: JSON.stringify(value) });
    }
  }
  const text = env("CI_API_V4_URL") ?? "";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || /[?#@]/.test(text)) {
    throw new UsageError({
      attempted: "find the API of GitLab",
      why: "CI_API_V4_URL must be an http(s) URL without user, query and fragment",
    });
  }
  return { api: url.origin + url.pathname.replace(/\/+$/, ""), host: url.host, project, iid };
}

/** Options of {@linkcode createGitlabApi}. */
export interface GitlabApiOptions {
  /** Access token of GitLab. It is sent to the host of the API and nowhere else. */
  token: string;
  /** Name of the variable that holds the token, for messages. */
  tokenVariable: string;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Limits of every call. */
  limits: CallOptions;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

/** One request to GitLab. */
export interface GitlabCall<T> {
  /** What is attempted, after "Cannot". */
  what: string;
  /** `GET`, `PUT` or `POST`. */
  method: string;
  /** Path and query below the API, with a slash at its start. */
  path: string;
  /** Body, sent as JSON. @default {undefined} (no body) */
  body?: unknown;
  /** Reads the value from the JSON of a 2xx answer; undefined if it is not an answer of GitLab. */
  read(value: unknown, answer: Answer): T | undefined;
  /** Called after each failed attempt. If it throws, the call ends with that error. */
  onFailure?: (error: MogplexError) => Promise<void>;
}

/** Calls one GitLab server. */
export interface GitlabApi {
  /**
   * Sends a request, and retries as long as that can help.
   *
   * @throws {ApiError | NetworkError | BodyTooLargeError} when the last attempt failed; `signal.reason` if the signal in the limits
   * aborts.
   */
  call<T>(call: GitlabCall<T>): Promise<T>;
}

function explain(status: number, tokenVariable: string): string {
  const token = `the token in variable ${tokenVariable}`;
  if (status === 401) return `GitLab refuses ${token}, which is unknown, expired or revoked`;
  if (status === 403) return `${token} may not do this, it needs ${TOKEN_NEEDS}`;
  if (status === 404) return `GitLab does not show the merge request to ${token}, which needs ${TOKEN_NEEDS}`;
  if (status === 429) return "GitLab wants fewer requests, for longer than we may wait";
  if (status >= 500) return "GitLab is in trouble";
  if (status >= 300 && status < 400) return "the answer is a redirect, which would lose the token";
  if (status < 300) return "the answer is not that of GitLab's API, check CI_API_V4_URL and what lies between";
  return "GitLab refuses the request";
}

/**
 * Makes the API of one server.
 *
 * @param api See {@linkcode MergeRequest.api}.
 */
export function createGitlabApi(api: string, options: GitlabApiOptions): GitlabApi {
  const { token, tokenVariable, fetch, clock, limits, random = Math.random } = options;
  const transport = createTransport({
    token,
    // Source: GitLab, "REST API authentication".
    tokenHeader: "PRIVATE-TOKEN",
    origin: new URL(api).origin,
    fetch,
    clock,
    userAgent: userAgent("gitlab"),
  });
  const world = { clock, onNotice: undefined, random, memory: newTokenMemory() };

  function judge<T>({ what, read }: GitlabCall<T>, answer: Answer, redact: Redactor): Verdict<T> {
    const { status } = answer;
    const good = status >= 200 && status < 300;
    const value = good ? read(parseJson(answer.text), answer) : undefined;
    if (value !== undefined) return { ok: true, value };
    const facts = factsOf(answer, null, redact);
    const why = `${explain(status, tokenVariable)} (${describeAnswer(answer, facts, redact)})`;
    return { ok: false, error: new (errorClass(status))({ attempted: what, why }, "unavailable", facts) };
  }

  return {
    call: (call) =>
      callWithin(world, { what: call.what, limits, onFailure: call.onFailure }, (limitMs) =>
        transport.call({
          what: call.what,
          send: (send) =>
            send(api + call.path, {
              method: call.method,
              // Close each connection: Deno repeats a request, even a POST, if a reused connection is lost (measured on 2.9).
              headers: { Connection: "close", ...(call.body !== undefined && { "Content-Type": "application/json" }) },
              body: call.body === undefined ? null : JSON.stringify(call.body),
            }),
          judge: (answer) => judge(call, answer, transport.redact),
        }, { limitMs, signal: limits.signal })),
  };
}

/** The error class for a status, by which `setbackOf` decides on a retry. A 401 is not retried: there is little time. */
function errorClass(status: number): typeof ApiError {
  if (status === 429) return RateLimitedError;
  const passing = status < 300 || status >= 500 || status === 408 || status === 425;
  return passing ? UnavailableError : ApiError;
}
