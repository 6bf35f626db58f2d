/**
 * Pull requests as all forges have them: the facts, the address, which forge gets which token, and the client that sends, judges and
 * repeats requests to one host within a budget. A merge request is a pull request here.
 *
 * @module
 */
import * as z from "zod/mini";
import { isFileVariable, type ReadEnv } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import { ApiError, MogplexError, NetworkError, RateLimitedError, UnavailableError, UsageError } from "../errors.ts";
import { isObject, parseJson } from "../lookup.ts";
import { isLoopback } from "../loopback.ts";
import type { ExitName } from "../exit_codes.ts";
import type { OnNotice } from "../notice.ts";
import { type Answer, describeAnswer, factsOf } from "../service/answer.ts";
import { newTokenMemory, type TokenMemory } from "../service/memory.ts";
import { type CallOptions, callWithin, isUnauthorized } from "../service/retry.ts";
import { createTransport, type Fetch, type Transport, userAgent, type Verdict } from "../service/transport.ts";

// What a forge says of a pull request, in words that all of them have in common.

/** `gitea`: Forgejo, too. */
export type ForgeName = "github" | "gitlab" | "gitea";

/** Whether a pull request is still to be decided. */
export type PullRequestStatus = "open" | "merged" | "closed";

/** What its checks say, all together. `none`: there are no checks. */
export type ChecksState = "green" | "red" | "pending" | "none";

/** Where its review is. `asked`: a reviewer was asked and has not decided. `not-requested`: no reviewer was asked. */
export type ReviewState = "approved" | "changes-requested" | "requested" | "not-requested";

/** The words, in the order of tables. */
export const PULL_REQUEST_STATUSES: readonly PullRequestStatus[] = ["open", "merged", "closed"];
/** See {@linkcode PULL_REQUEST_STATUSES}. */
export const CHECKS_STATES: readonly ChecksState[] = ["red", "pending", "green", "none"];
/** See {@linkcode PULL_REQUEST_STATUSES}. */
export const REVIEW_STATES: readonly ReviewState[] = ["changes-requested", "not-requested", "requested", "approved"];

/** A pull request as its forge shows it. What could not be read is null, and never `none`. */
export interface PullRequestFacts {
  /** Its address now: another one than was asked for when the repository has another name now. */
  url: string;
  state: PullRequestStatus;
  draft: boolean;
  /** Its checks; null when they could not be read. */
  checks: ChecksState | null;
  /** Its review; null when it could not be read. */
  review: ReviewState | null;
  /** Whether it conflicts with its target; null when the forge has not found out. */
  conflict: boolean | null;
  /** Its assignee, else who was asked to review it; null without either, and when that cannot be read. */
  owner: string | null;
  /** Branch that it comes from. */
  branch: string;
  /** Whether that branch is none of this repository: one of a fork, or none at all, as Gitea has them by `refs/for`. */
  isForeign: boolean;
  /** Whether that branch is the default branch, or protected; null when that is not shown. */
  isGuarded: boolean | null;
  /** Newest commit of the branch; null when it is not shown. */
  commit: string | null;
  /** Whether it has to take in what its target has got since, before it may be merged. */
  isBehind: boolean;
  /** Whether its target has a merge queue. */
  hasQueue: boolean;
  /** How many files it changes; null when that is not shown. */
  files: number | null;
  /** Lines that it adds, and lines that it removes; null when they are not shown. */
  additions: number | null;
  deletions: number | null;
  /** When it was opened, and when something happened to it last, in ISO 8601. */
  createdAt: string;
  updatedAt: string;
  /** What of it could not be read, as a clause; null when all could be. */
  problem: string | null;
}

/**
 * What became of reading one pull request. `reason` is a clause about this one alone; with `again` it could not be read this time, and what is
 * known of it still holds.
 */
export type PullRequestOutcome =
  | { ok: true; facts: PullRequestFacts }
  | { ok: false; reason: string; again?: boolean };

// The address of a pull request: which forge holds it, and where there.

export interface PullRequestAddress {
  forge: ForgeName;
  /** Scheme, host and port. */
  origin: string;
  /** Host in lower case, with the port when it is not the usual one. */
  host: string;
  /** `owner/name`; on GitLab with all groups. */
  repository: string;
  /** Its number in the repository: 1 to 999 999 999. */
  number: number;
  /** The address in its usual form. */
  url: string;
}

/** Most characters of an address: journals and reports take no longer one. */
const MAX_URL = 2_048;

const FORMS: readonly [ForgeName, RegExp][] = [
  ["github", /^\/([\w.-]+\/[\w.-]+)\/pull\/([1-9]\d{0,8})\/?$/],
  // Source: GitLab, "Routing": `/-/` since 12; older ones have none. Groups may be nested.
  ["gitlab", /^\/((?:[\w.][\w.-]*\/){1,20}[\w.][\w.-]*)(?:\/-)?\/merge_requests\/([1-9]\d{0,8})\/?$/],
  ["gitea", /^\/([\w.-]+\/[\w.-]+)\/pulls\/([1-9]\d{0,8})\/?$/],
];

/**
 * Reads the address of a pull request, as a delivery event names it: `https://HOST/OWNER/NAME/pull/N`,
 * `https://HOST/GROUP/…/NAME/-/merge_requests/N`, or `https://HOST/OWNER/NAME/pulls/N`.
 *
 * @param trusted Origin of the service, to which no token of a forge goes. @default {undefined} (none)
 * @returns Undefined for everything else, and for plain HTTP to another machine than this one: a token would be sent in the clear.
 */
export function parsePullRequest(text: string, trusted?: string): PullRequestAddress | undefined {
  if (text.length > MAX_URL || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isSafe = url.protocol === "https:" || url.protocol === "http:" && isLoopback(url.hostname) ||
    url.origin === trusted;
  if (!isSafe || url.username !== "" || url.password !== "" || url.search !== "") return undefined;
  for (const [forge, form] of FORMS) {
    const [, repository, number] = form.exec(url.pathname) ?? [];
    if (repository === undefined || number === undefined) continue;
    const { origin, host } = url;
    return {
      forge,
      origin,
      host,
      repository,
      number: Number(number),
      url: `${origin}/${repository}/${PATHS[forge]}/${number}`,
    };
  }
  return undefined;
}

/** The part of the path behind the repository. */
const PATHS: Readonly<Record<ForgeName, string>> = { github: "pull", gitlab: "-/merge_requests", gitea: "pulls" };

/** Whether an address that a forge names is one of the same forge, host and number: its repository may have another name now. */
export function isSamePlace(a: PullRequestAddress, b: PullRequestAddress | undefined): b is PullRequestAddress {
  return b !== undefined && a.forge === b.forge && a.origin === b.origin && a.number === b.number;
}

// Which forge gets which token. A token is sent to the forge that it is for, and to a host that the user has named; to no other.

export interface ForgeAccess {
  /** The token for a forge; undefined when none is for its host. */
  tokenFor(address: Pick<PullRequestAddress, "forge" | "host">): ForgeToken | undefined;
  /** The only host with a token, where a repository must be; undefined when there are several, or more than one kind of forge is there. */
  readonly only: { forge: ForgeName; host: string } | undefined;
}

/** A token, and where it was found, for messages: `variable GITHUB_TOKEN`. */
export interface ForgeToken {
  token: string;
  place: string;
}

/** Variables with the tokens of the public forges. */
export const FORGE_VARIABLES: Readonly<Record<ForgeName, string>> = {
  github: "GITHUB_TOKEN",
  gitlab: "GITLAB_TOKEN",
  gitea: "GITEA_TOKEN",
};

/** Hosts with repositories of all users, by forge. Gitea has none. */
export const PUBLIC_HOSTS: Readonly<Record<Exclude<ForgeName, "gitea">, string>> = {
  github: "github.com",
  gitlab: "gitlab.com",
};

/** Where tokens are found, for sentences. */
export const FORGE_TOKENS_TEXT: string = "GITHUB_TOKEN or GITLAB_TOKEN, or for Gitea GITEA_TOKEN and --forge-host HOST";

/** The host of the server that runs the job, as one of a forge would name it; undefined where the environment names none. */
export function jobHost(env: ReadEnv, forge: ForgeName): string | undefined {
  const server = env(forge === "gitlab" ? "CI_SERVER_URL" : "GITHUB_SERVER_URL") ?? "";
  return URL.canParse(server) ? new URL(server).host : undefined;
}

/**
 * The host whose token is in the variable of a forge: that of the server which runs the job, if it is of that kind, else the public one. Gitea has
 * no public one.
 */
export function tokenHost(env: ReadEnv, forge: ForgeName): string | undefined {
  const own = jobHost(env, forge);
  if (forge === "gitlab") return own ?? PUBLIC_HOSTS.gitlab;
  // Not by the name of the system: the table of all systems is no part of a component.
  const isGitea = Boolean(env("FORGEJO_ACTIONS") || env("GITEA_ACTIONS"));
  if (forge === "gitea") return isGitea ? own : undefined;
  // Gitea's jobs have a token of their own by that name, too.
  return isGitea ? undefined : own ?? PUBLIC_HOSTS.github;
}

/**
 * Finds the tokens of forges in the environment: `GITHUB_TOKEN` is for github.com, `GITLAB_TOKEN` for gitlab.com, each in a job of a server of
 * one's own for that server, and `GITEA_TOKEN` for the server whose Gitea or Forgejo Actions run the job.
 *
 * @param hosts Further hosts, each as `HOST` or `HOST=VARIABLE`.
 * @returns Undefined when there is no token at all.
 * @throws {UsageError} when a word is not a host, or it is not clear which token is for it.
 */
export function resolveForgeAccess(env: ReadEnv, hosts: readonly string[] = []): ForgeAccess | undefined {
  const named = new Map(hosts.map((text) => tokenOfHost(env, text)));
  const known = new Map<string, { forge: ForgeName; host: string; token: ForgeToken }>();
  for (const forge of ["github", "gitlab", "gitea"] as const) {
    const token = usable(env, FORGE_VARIABLES[forge]);
    const host = token === undefined ? undefined : tokenHost(env, forge);
    if (token === undefined || host === undefined || named.has(host)) continue;
    known.set(host, { forge, host, token: { token, place: `variable ${FORGE_VARIABLES[forge]}` } });
  }
  if (named.size + known.size === 0) return undefined;
  const [first] = known.values();
  return {
    tokenFor({ forge, host }) {
      const own = known.get(host);
      return named.get(host) ?? (own?.forge === forge ? own.token : undefined);
    },
    only: named.size === 0 && known.size === 1 && first !== undefined
      ? { forge: first.forge, host: first.host }
      : undefined,
  };
}

/** The token for a host that the user has named. @throws {UsageError} without a token, or when it is not clear which one is meant. */
function tokenOfHost(env: ReadEnv, text: string): [host: string, token: ForgeToken] {
  const { host, variable } = parseHost(text);
  const names = variable === undefined ? Object.values(FORGE_VARIABLES) : [variable];
  const found = names.flatMap((name) => {
    const token = usable(env, name);
    return token === undefined ? [] : [{ name, token }];
  });
  const [only, other] = found;
  if (only === undefined) {
    throw refuse(text, `there is no token in ${names.join(" or ")}`, "set the variable, or leave the flag out");
  }
  if (other !== undefined) {
    throw refuse(
      text,
      `${found.map(({ name }) => name).join(" and ")} are set, and only one may be sent there`,
      `name it: ${found.map(({ name }) => `${host}=${name}`).join(" or ")}`,
    );
  }
  return [host, { token: only.token, place: `variable ${only.name}` }];
}

/** Reads `HOST` or `HOST=VARIABLE`. @throws {UsageError} when it is neither. */
function parseHost(text: string): { host: string; variable: string | undefined } {
  const [, host = "", variable] = /^([^=]*)(?:=(.*))?$/s.exec(text.trim()) ?? [];
  const form = "give the host of a forge, as in git.example.com or git.example.com=VARIABLE_WITH_ITS_TOKEN";
  if (
    !/^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:]+\](?::\d{1,5})?$/.test(host) || !URL.canParse(`https://${host}`)
  ) {
    throw refuse(text, "it is not a host", form);
  }
  if (variable !== undefined && !/^[A-Za-z_]\w*$/.test(variable)) {
    // People put the token itself there.
    throw refuse(`${host}=…`, "what follows the = is not the name of a variable", form);
  }
  return { host: new URL(`https://${host}`).host, variable };
}

function refuse(text: string, why: string, advice: string): UsageError {
  return new UsageError({ attempted: "use --forge-host", why, value: JSON.stringify(text.slice(0, 200)), advice });
}

/** A value that a header can hold, that is no name of a variable and not the token of the service. */
function usable(env: ReadEnv, name: string): string | undefined {
  const value = env(name)?.trim() ?? "";
  const isToken = /^[\x21-\x7e]+$/.test(value) && !value.startsWith("$") && !isFileVariable(name, value);
  return isToken && value !== env("MOGPLEX_API_KEY")?.trim() ? value : undefined;
}

// The client of one host: it sends, judges and repeats requests, and counts them against a budget.

/** What all clients of a process share. */
export interface ForgeWorld {
  clock: Clock;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  /** Ends every call. */
  signal?: AbortSignal | undefined;
  onNotice?: OnNotice | undefined;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

/** What a token lacks for an organisation that enforces SAML. */
export const SINGLE_SIGN_ON =
  "is not authorised for the single sign-on (SAML) of the organisation: authorise it in the settings of the token";

interface ForgeCall<T> {
  /** What is attempted, after "Cannot". */
  what: string;
  /** Path and query below the API, with a slash at its start. */
  path: string;
  /** Sent as JSON by `POST`. @default {undefined} (`GET` without a body) */
  body?: unknown;
  /** Another method. It is repeated as any request, so only one that does the same twice may have it. @default by `body` */
  method?: "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  /** Whether an answer asks for fewer requests. @default only 403 and 429 with the headers of a limit do */
  isLimit?(value: unknown): boolean;
  /** Whether a smaller request may succeed where the forge is too slow for this one: then it is sent once. @default {false} */
  divisible?: boolean | undefined;
  /** Called after each failed attempt. If it throws, the call ends with that error. */
  onFailure?: ((error: MogplexError) => Promise<void>) | undefined;
  /**
   * Reads the value from the JSON of a 2xx answer; undefined if it is not an answer of the API.
   *
   * @param text The answer as it came, for what is no JSON.
   */
  read(value: unknown, text: string, headers: Headers): T | undefined;
}

/** Whether an error is about what was asked for alone: this token does not see it, or it is gone. */
function isHidden(error: unknown): error is ApiError {
  return error instanceof ApiError && !(error instanceof UnavailableError) && [403, 404].includes(error.status);
}

/** Most requests of one client: three for each of a thousand pull requests. */
const BUDGET = 3_000;
/** Longest time of one call with its retries, in milliseconds. GitHub asks for a minute where it names no time. */
const CALL_MS = 90_000;
const ATTEMPT_MS = 20_000;
/** The wait after a limit that names no time, in milliseconds. Source: GitHub, "Rate limits and query limits for the GraphQL API". */
const LIMIT_MS = 60_000;

/** Answers that say something about the token: no CI system may try again. */
const EXITS: ReadonlyMap<number, ExitName> = new Map([[401, "unauthorized"], [403, "forbidden"]]);

/** Narrower rules for some calls of a client. */
interface CallRules {
  /** Limits of every call. */
  limits: CallOptions;
  /**
   * What a status means to these calls, as a clause; undefined for the usual meaning.
   *
   * @param token The token for messages: `the token in variable GITLAB_TOKEN`.
   */
  reason(status: number, token: string): string | undefined;
}

export class ForgeClient {
  /** Name of the forge, for messages. */
  readonly system: string;
  /** Base of the API, without a slash at its end. */
  readonly api: string;
  readonly #world: ForgeWorld;
  readonly #token: ForgeToken;
  readonly #transport: Transport;
  readonly #memory: TokenMemory;
  readonly #rules: Partial<CallRules>;

  /**
   * @param api Base of the API, without a slash at its end. The token goes to its origin alone.
   * @param system Name of the forge, for messages.
   * @param tokenHeader Header that carries the bare token. @default {undefined} (`Authorization: Bearer …`)
   * @param narrowed The client that this one shares its connection and its budget with, and what is narrower here.
   */
  constructor(
    world: ForgeWorld,
    api: string,
    system: string,
    token: ForgeToken,
    tokenHeader?: string,
    narrowed?: { client: ForgeClient; rules: CallRules },
  ) {
    this.#world = world;
    this.api = api;
    this.system = system;
    this.#token = token;
    const { clock, fetch } = world;
    const { origin } = new URL(api);
    this.#transport = narrowed === undefined
      ? createTransport({ token: token.token, tokenHeader, origin, fetch, clock, userAgent: userAgent() })
      : narrowed.client.#transport;
    this.#memory = narrowed === undefined ? newTokenMemory() : narrowed.client.#memory;
    this.#rules = narrowed?.rules ?? {};
  }

  /** The same client with narrower rules: one connection, one memory, one budget. */
  within(rules: CallRules): ForgeClient {
    const narrowed = { client: this, rules };
    return new ForgeClient(this.#world, this.api, this.system, this.#token, undefined, narrowed);
  }

  /** Requests that were sent so far. */
  get requests(): number {
    return this.#transport.requests;
  }

  /** Waits before the same is asked again. */
  async wait(ms: number): Promise<void> {
    const { clock, signal } = this.#world;
    await clock.sleep(ms, { signal });
  }

  /** Why a request failed, and the class by which `failureOf` decides on a retry. */
  #meaning(answer: Answer, isLimit: boolean): [why: string, errorClass: typeof ApiError] {
    const { status } = answer;
    const token = `the token in ${this.#token.place}`;
    if (isLimit) return [`${this.system} wants fewer requests, for longer than we may wait`, RateLimitedError];
    if (status >= 500) return [`${this.system} is in trouble`, UnavailableError];
    if (status < 300) return [`the answer is not that of ${this.system}'s API`, UnavailableError];
    if (status < 400) {
      const why =
        "the answer is a redirect, which would lose the token: is it another host now, or does it want a login?";
      return [why, ApiError];
    }
    if (status === 407 || isPage(answer)) {
      const what = `something in between, such as a proxy, answers in the place of ${this.system}`;
      return [`${what}: let the host through, or name it in NO_PROXY`, UnavailableError];
    }
    if (status === 401) return [`${this.system} refuses ${token}, which is unknown, expired or revoked`, ApiError];
    // Source: GitHub, "Authenticating with single sign-on", header `X-GitHub-SSO`.
    if (status === 403 && answer.headers.has("x-github-sso")) return [`${token} ${SINGLE_SIGN_ON}`, ApiError];
    const reason = this.#rules.reason?.(status, token);
    if (reason !== undefined) return [reason, ApiError];
    if (status === 403) return [`${token} may not read this`, ApiError];
    if (status === 404) return [`${this.system} does not show it to ${token}, or it is gone`, ApiError];
    const passes = status === 408 || status === 425;
    return [`${this.system} refuses the request`, passes ? UnavailableError : ApiError];
  }

  #judge<T>({ what, read, isLimit }: ForgeCall<T>, answer: Answer): Verdict<T> {
    const { redact } = this.#transport;
    const good = answer.status >= 200 && answer.status < 300;
    const body = good ? parseJson(answer.text) : undefined;
    const limited = isLimited(answer) || good && isLimit?.(body) === true;
    const value = good && !limited ? read(body, answer.text, answer.headers) : undefined;
    if (value !== undefined) return { ok: true, value };
    const path = movedTo(answer, this.api);
    if (path !== undefined) throw new Moved(path);
    const facts = factsOf(answer, null, redact);
    const [why, errorClass] = this.#meaning(answer, limited);
    const retryAfterMs = limited ? delayOf(answer, this.#world.clock.wallTime()) : facts.retryAfterMs;
    const problem = { attempted: what, why: `${why} (${describeAnswer(answer, facts, redact)})` };
    // What stands between us and the forge says nothing about the token.
    const exit = errorClass === ApiError ? EXITS.get(answer.status) ?? "unavailable" : "unavailable";
    return { ok: false, error: new errorClass(problem, exit, { ...facts, retryAfterMs }) };
  }

  async #send<T>(call: ForgeCall<T>): Promise<T> {
    const { clock, signal, onNotice, random = Math.random } = this.#world;
    const { what, path, body, method = body === undefined ? "GET" : "POST" } = call;
    if (this.requests >= BUDGET) {
      throw new MogplexError(
        { attempted: what, why: `${BUDGET} requests were sent, which is all we may` },
        "unavailable",
      );
    }
    const usual = { signal, deadline: clock.now() + CALL_MS, requestTimeoutMs: ATTEMPT_MS };
    const options = { ...usual, ...this.#rules.limits };
    const world = { clock, onNotice, random, memory: this.#memory };
    const lasts = (error: unknown) => isUnauthorized(error) || call.divisible === true && isTooMuch(error);
    // A redirect is no failure: it is followed.
    const onFailure = async (error: unknown) =>
      error instanceof Moved ? undefined : await call.onFailure?.(error as MogplexError);
    return await callWithin(world, { what, options, lasts, onFailure }, (limits) =>
      this.#transport.call({
        what,
        send: (send) =>
          send(this.api + path, {
            method,
            headers: { Connection: "close", ...(body !== undefined && { "Content-Type": "application/json" }) },
            body: body === undefined ? null : JSON.stringify(body),
          }),
        judge: (answer) => this.#judge(call, answer),
      }, limits));
  }

  /**
   * Sends a request, and repeats it as long as that can help. A redirect within the API is followed once, with the same method and body: GitLab
   * and Gitea answer so for a repository that has another name now.
   *
   * @throws {ApiError | NetworkError | BodyTooLargeError} when the last attempt failed; `signal.reason` if the signal aborts.
   */
  async call<T>(call: ForgeCall<T>): Promise<T> {
    try {
      return await this.#send(call);
    } catch (error) {
      if (!(error instanceof Moved)) throw error;
      try {
        return await this.#send({ ...call, path: error.path });
      } catch (again) {
        if (!(again instanceof Moved)) throw again;
        throw new MogplexError({ attempted: call.what, why: "it was redirected twice" }, "unavailable");
      }
    }
  }

  /** Reads what fits a schema. @throws what {@linkcode ForgeClient.call} throws. */
  async get<T extends z.core.$ZodType>(what: string, path: string, schema: T): Promise<z.output<T>> {
    return await this.call({ what, path, read: (value) => z.safeParse(schema, value).data });
  }

  /** Reads a page of a list, and what its headers say about the next one. @throws what {@linkcode ForgeClient.call} throws. */
  async getPage<T extends z.core.$ZodType>(what: string, path: string, row: T): Promise<ListPage<z.output<T>>> {
    const schema = z.array(row);
    return await this.call({
      what,
      path,
      read(value, _text, headers) {
        const { data: rows } = z.safeParse(schema, value);
        return rows && { rows, isLast: isLastPage(headers) };
      },
    });
  }

  /** Reads what is no JSON, such as a log. @throws what {@linkcode ForgeClient.call} throws. */
  async getText(what: string, path: string): Promise<string> {
    return await this.call({ what, path, read: (_value, text) => text });
  }

  /** Reads what this token may not see. @returns Undefined when it does not, or when it is gone. @throws everything else. */
  async getShown<T extends z.core.$ZodType>(what: string, path: string, schema: T): Promise<z.output<T> | undefined> {
    try {
      return await this.get(what, path, schema);
    } catch (error) {
      if (isHidden(error)) return undefined;
      throw error;
    }
  }

  /** Reads a pull request. @returns It, or why it is not shown, as a clause. @throws what concerns all of them. */
  async getPullRequest<T extends z.core.$ZodType>(
    what: string,
    path: string,
    schema: T,
  ): Promise<z.output<T> | string> {
    // Any JSON object is an answer of the API; whether it has the right form is judged for this one alone.
    const read = (value: unknown) => typeof value === "object" && value !== null ? { value } : undefined;
    try {
      const { value } = await this.call({ what, path, read });
      return z.safeParse(schema, value).data ?? `the answer has not the form that ${this.system} documents`;
    } catch (error) {
      if (!isHidden(error)) throw error;
      if (error.status === 403) return "this token may not read it";
      return `${this.system} does not show it to this token, or it is gone`;
    }
  }

  /** Sends a request of which only the status counts. @throws what {@linkcode ForgeClient.call} throws. */
  async send(what: string, path: string, more: Pick<ForgeCall<true>, "method" | "body"> = {}): Promise<void> {
    await this.call({ what, path, ...more, read: () => true });
  }
}

/** A page of a list. */
export interface ListPage<T> {
  rows: readonly T[];
  /** Whether there is no other page behind it; undefined where the answer does not say so. */
  isLast?: boolean | undefined;
}

/**
 * What headers say about the next page. Source: GitLab, "Pagination": `x-next-page` is empty on the last page, and a page may have fewer rows
 * than were asked for, since notes that the token does not see are left out; GitHub, "Using pagination in the REST API": `Link`.
 */
function isLastPage(headers: Headers): boolean | undefined {
  const next = headers.get("x-next-page");
  if (next !== null) return !/^\d+$/.test(next);
  const link = headers.get("link");
  return link === null ? undefined : !/;\s*rel="?next\b/.test(link);
}

/** Whether an answer is a page of something in between, such as a proxy: an API refuses with JSON. */
function isPage({ status, text }: Answer): boolean {
  return status >= 400 && status < 500 && text.trim() !== "" && !isObject(parseJson(text));
}

/** Source: GitHub, "Rate limits for the REST API"; the words of GitHub Enterprise Server 3.4 and older, "abuse rate limits". */
export const ABUSE = /secondary rate limit|abuse detection/i;

/** Whether 403 or 429 means a limit. Source: GitHub, "Rate limits for the REST API". */
function isLimited({ status, headers, retryAfterMs, text }: Answer): boolean {
  if (status === 429) return true;
  return status === 403 &&
    (retryAfterMs !== null || headers.get("x-ratelimit-remaining") === "0" || ABUSE.test(text));
}

/**
 * Where the answer says that a repository has moved to, as a path below the API; undefined when it does not. Only the path is used. A GitLab
 * behind a proxy that ends HTTPS may name itself with `http://`, or with the port behind it.
 */
function movedTo({ status, headers }: Answer, api: string): string | undefined {
  const location = headers.get("location") ?? "";
  if (![301, 302, 307, 308].includes(status) || !URL.canParse(location, api)) return undefined;
  const [to, from] = [new URL(location, api), new URL(api)];
  // An API at the root has the path "/".
  const base = from.pathname.replace(/\/$/, "");
  const isSame = to.hostname === from.hostname && to.pathname.startsWith(`${base}/`);
  return isSame && to.username === "" ? to.pathname.slice(base.length) + to.search : undefined;
}

/** A redirect that stays within the API. */
class Moved extends Error {
  readonly path: string;
  constructor(path: string) {
    super("moved");
    this.path = path;
  }
}

/** The delay that a limit names, in milliseconds. GitHub names a time by another header where it has used up all requests of the hour. */
function delayOf({ headers, retryAfterMs, dateMs }: Answer, wallMs: number): number {
  if (retryAfterMs !== null) return retryAfterMs;
  const reset = Number(headers.get("x-ratelimit-reset") ?? headers.get("ratelimit-reset") ?? "");
  const isUsedUp = [headers.get("x-ratelimit-remaining"), headers.get("ratelimit-remaining")].includes("0");
  if (!isUsedUp || !(reset > 0)) return LIMIT_MS;
  return Math.max(reset * 1_000 - (dateMs ?? wallMs), 1_000);
}

/** Whether the forge took too long for a request, or gave up on it: half of it may work. */
export function isTooMuch(error: unknown): boolean {
  return error instanceof NetworkError ||
    error instanceof UnavailableError && (error.status >= 500 || error.status === 200);
}
