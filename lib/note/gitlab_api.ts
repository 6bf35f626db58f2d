/**
 * GitLab's own REST API, as far as a job has to speak to it: where it is, and what its answers mean.
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

/** A merge request and the API that knows it. */
export interface MergeRequest {
  /** Base of the API, without a slash at its end; a server may live below a path. */
  api: string;
  /** Host of the API and, when it is not the scheme's own, port. */
  host: string;
  /** Id of the project that it belongs to. */
  project: string;
  /** Its number in that project. */
  iid: string;
}

/** What GitLab's token needs. Source: GitLab, "Personal access tokens", scopes; "Roles and permissions", merge requests. */
export const TOKEN_NEEDS = `the scope "api" and at least the role Reporter in the project of the merge request`;

/**
 * The merge request of the pipeline; undefined when the pipeline has none.
 *
 * A pipeline of a fork has the fork in `CI_PROJECT_ID`, while the merge request is in the project that it goes into.
 * Source: GitLab, "Predefined CI/CD variables", those of merge request pipelines.
 *
 * @param env Reads the environment.
 * @throws {UsageError} when a variable does not hold what GitLab puts there.
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
  /** Access token of GitLab; goes to the host of the API and nowhere else. */
  token: string;
  /** Where the token comes from, for messages: the name of a variable. */
  tokenVariable: string;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Limits of every call. */
  limits: CallOptions;
  /** Jitter: numbers in [0, 1). @default {Math.random} */
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
  /** Sent as JSON; absent sends none. */
  body?: unknown;
  /** Takes what is needed out of a good answer; undefined when it is not GitLab's. */
  read(value: unknown, answer: Answer): T | undefined;
  /** Called after each failed attempt; what it throws ends the call. */
  onFailure?: (error: MogplexError) => Promise<void>;
}

/** Speaks to GitLab. */
export interface GitlabApi {
  /**
   * Sends a request until it gets a good answer, as long as trying again can help.
   *
   * @throws {ApiError | NetworkError | BodyTooLargeError} or the reason of the signal in the limits.
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
 * Makes the way to one server.
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
              // Deno repeats a request by itself, a POST too, when a connection that is used again is lost (measured on 2.9).
              headers: { Connection: "close", ...(call.body !== undefined && { "Content-Type": "application/json" }) },
              body: call.body === undefined ? null : JSON.stringify(call.body),
            }),
          judge: (answer) => judge(call, answer, transport.redact),
        }, { limitMs, signal: limits.signal })),
  };
}

/** The class by which the table of setbacks decides. A 401 lasts: there is little time. */
function errorClass(status: number): typeof ApiError {
  if (status === 429) return RateLimitedError;
  const passing = status < 300 || status >= 500 || status === 408 || status === 425;
  return passing ? UnavailableError : ApiError;
}
