import * as z from "zod/mini";
import type { Clock } from "../clock.ts";
import { ApiError, MogplexError, NetworkError, RateLimitedError, UnavailableError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import { isObject, parseJson } from "../lookup.ts";
import type { OnNotice } from "../notice.ts";
import { type Unread, unread } from "./model.ts";
import { type Answer, describeAnswer, factsOf } from "../service/answer.ts";
import { newTokenMemory, type TokenMemory } from "../service/memory.ts";
import { type CallOptions, callWithin, isAmbiguous, isUnauthorized, isUnreached } from "../service/retry.ts";
import { createTransport, type Fetch, type Transport, userAgent, type Verdict } from "../service/transport.ts";

export interface ForgeToken {
  token: string;
  place: string;
}

export const NO_TOKEN: ForgeToken = { token: "", place: "" };

export interface ClientPlace {
  readonly system: string;
  /** Header that contains the bare token. @default `Authorization: Bearer …` */
  readonly tokenHeader?: string | undefined;
}

export interface ForgeWorld {
  clock: Clock;
  fetch?: Fetch | undefined;
  signal?: AbortSignal | undefined;
  onNotice?: OnNotice | undefined;
  random?: (() => number) | undefined;
  /** How long requests wait for the first response from a host, counted from the first request to the host. @default no limit */
  answerMs?: number | undefined;
}

export const SINGLE_SIGN_ON =
  "is not authorized for the organization's SAML single sign-on: authorize it in the token's settings";

export function notFound(system: string): Unread {
  return { ok: false, reason: `not found on ${system}: it was deleted, or this token cannot see it`, isHidden: true };
}

export function unknownFormat(system: string): Unread {
  return unread(`the response does not have the format that ${system} documents`);
}

export const NO_READ_ACCESS: Unread = { ok: false, reason: "this token has no read access", isHidden: true };

interface ForgeCall<T> {
  what: string;
  path: string;
  body?: unknown;
  /** The request must be idempotent unless `write` is `once`, because it may be retried. */
  method?: "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  /** `once`: the request is retried only if the forge certainly did not execute it. See also {@linkcode isLost}. */
  write?: "once" | "repeatable" | undefined;
  refusal?(status: number, body: unknown): T | undefined;
  isLimit?(value: unknown): boolean;
  /** If true, a request that fails with an error that {@linkcode isTooMuch} recognizes is not retried, because a smaller request may succeed. */
  divisible?: boolean | undefined;
  onFailure?: ((error: MogplexError) => Promise<void>) | undefined;
  /** Returns `undefined` if the response is not from the API. */
  read(value: unknown, text: string, headers: Headers): T | undefined;
}

export function isHidden(error: unknown): error is ApiError {
  return error instanceof ApiError && !(error instanceof UnavailableError) && [403, 404].includes(error.status);
}

/** Maximum number of requests per client: six for each of 1000 pull requests. */
const BUDGET = 6_000;
/** Must be longer than {@linkcode LIMIT_MS}, so that a call can wait for a rate limit. */
const CALL_MS = 90_000;
const ATTEMPT_MS = 20_000;
const WRITE_CALL_MS = 15 * 60_000;
/** Shortest time between two writes to a host. Source: GitHub, "Best practices for using the REST API", mutative requests. */
const WRITE_PAUSE_MS = 1_000;
/** Wait times while a forge determines whether a pull request can be merged. Reading the pull request triggers this check. */
export const MERGE_CHECK_WAITS_MS: readonly number[] = [2_000, 4_000];
/** How long to wait if the response to an exceeded rate limit specifies no time. Source: GitHub, "Rate limits and query limits for the GraphQL API". */
const LIMIT_MS = 60_000;

const PARTS_MS = 5 * 60_000;

/** Tokens of jobs and apps. Source: GitHub, "About authentication to GitHub", token formats. */
const OF_JOB = /^ghs_/;

/** Source: GitHub, "Troubleshooting the REST API", header `X-Accepted-GitHub-Permissions`. */
function wantedPermissions({ headers }: Answer): string | undefined {
  const [first = ""] = headers.get("x-accepted-github-permissions")?.split(";") ?? [];
  const names = first.split(",").flatMap((each) => {
    const [, name = "", right] = /^\s*([a-z_]{1,40})=(read|write)\s*$/.exec(each) ?? [];
    return right === undefined || name === "metadata" ? [] : [`"${name.replaceAll("_", "-")}: ${right}"`];
  });
  return names.length === 0 ? undefined : names.join(" and ");
}

const EXITS: ReadonlyMap<number, ExitName> = new Map([[401, "unauthorized"], [403, "forbidden"]]);

const nextWrites = new WeakMap<Clock, Map<string, number>>();

interface CallRules {
  limits: CallOptions;
  reason(status: number, token: string): string | undefined;
  repository?: string | undefined;
}

export class ForgeClient {
  readonly system: string;
  readonly api: string;
  readonly #world: ForgeWorld;
  readonly #token: ForgeToken;
  readonly #transport: Transport;
  readonly #memory: TokenMemory;
  readonly #rules: Partial<CallRules>;
  #unreadParts: { readonly why: string; readonly untilMs: number } | undefined;

  /** @param api Without a trailing slash. The token is sent only to the origin of this address. */
  constructor(
    world: ForgeWorld,
    { system, tokenHeader }: ClientPlace,
    api: string,
    token: ForgeToken,
    narrowed?: { client: ForgeClient; rules: Partial<CallRules> },
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
    this.#rules = narrowed === undefined ? {} : { ...narrowed.client.#rules, ...narrowed.rules };
  }

  within(rules: Partial<CallRules>): ForgeClient {
    const narrowed = { client: this, rules };
    return new ForgeClient(this.#world, this, this.api, this.#token, narrowed);
  }

  get ofHost(): ForgeClient {
    return this.within({ repository: undefined });
  }

  get requests(): number {
    return this.#transport.requests;
  }

  get isUnreached(): boolean {
    return isUnreached(this.#memory, this.#world.clock.now());
  }

  async wait(ms: number): Promise<void> {
    const { clock, signal } = this.#world;
    await clock.sleep(ms, { signal });
  }

  #meaning(answer: Answer, isLimit: boolean): [why: string, errorClass: typeof ApiError] {
    const { status } = answer;
    const token = this.#token === NO_TOKEN ? "a request without a token" : `the token in ${this.#token.place}`;
    if (isLimit) return [`the rate limit of ${this.system} lasts longer than this program can wait`, RateLimitedError];
    if (status >= 500) return [`${this.system} has a problem`, UnavailableError];
    if (status < 300) return [`the response is not from ${this.system}'s API`, UnavailableError];
    if (status < 400) {
      const why =
        "the response is a redirect, and following it would lose the token: has the host moved, or does it require a login?";
      return [why, ApiError];
    }
    if (status === 407 || isPage(answer)) {
      const what = `something on the network path, such as a proxy, answered instead of ${this.system}`;
      return [`${what}: allow requests to the host, or list the host in NO_PROXY`, UnavailableError];
    }
    if (status === 401) return [`${this.system} refuses ${token}, which is unknown, expired or revoked`, ApiError];
    // Source: GitHub, "Authenticating with single sign-on", header `X-GitHub-SSO`.
    if (status === 403 && answer.headers.has("x-github-sso")) return [`${token} ${SINGLE_SIGN_ON}`, ApiError];
    const reason = this.#rules.reason?.(status, token);
    if (reason !== undefined) return [reason, ApiError];
    if (status === 403) {
      const wanted = wantedPermissions(answer);
      const needs = wanted === undefined ? "" : `: it needs the permission ${wanted}`;
      return [`${token} is not allowed to do this${needs}`, ApiError];
    }
    if (status === 404) return [`not found on ${this.system}, or ${token} has no access`, ApiError];
    const passes = status === 408 || status === 425;
    return [`${this.system} refuses the request`, passes ? UnavailableError : ApiError];
  }

  #adviceOn(answer: Answer): string | undefined {
    const isOfJob = OF_JOB.test(this.#token.token);
    if (answer.status === 401 && this.#token !== NO_TOKEN) {
      return isOfJob
        ? "the token of a job is valid only while that job runs: pass a new one"
        : "store a new token there";
    }
    const missing = answer.status === 403 && isOfJob ? wantedPermissions(answer) : undefined;
    return missing && `add ${missing} to the permissions block of the job, or to the app that issued the token`;
  }

  async #waitForTurn(): Promise<void> {
    const { clock, signal } = this.#world;
    const times = nextWrites.get(clock) ?? new Map<string, number>();
    nextWrites.set(clock, times);
    const { host } = new URL(this.api);
    const now = clock.now();
    const turn = Math.max(now, times.get(host) ?? now);
    times.set(host, turn + WRITE_PAUSE_MS);
    if (turn > now) await clock.sleep(turn - now, { signal });
  }

  #judge<T>(call: ForgeCall<T>, answer: Answer): Verdict<T> {
    const { what, read, isLimit } = call;
    const { redact } = this.#transport;
    const good = answer.status >= 200 && answer.status < 300;
    const body = good ? parseJson(answer.text) : undefined;
    const limited = isLimited(answer) || good && isLimit?.(body) === true;
    const value = good && !limited ? read(body, answer.text, answer.headers) : undefined;
    if (value !== undefined) return { ok: true, value };
    if (answer.status >= 400 && answer.status < 500 && !limited && !isPage(answer)) {
      const refusal = call.refusal?.(answer.status, parseJson(answer.text));
      if (refusal !== undefined) return { ok: true, value: refusal };
    }
    const path = movedTo(answer, this.api);
    if (path !== undefined) throw new Moved(path);
    const facts = factsOf(answer, null, redact);
    const [why, errorClass] = this.#meaning(answer, limited);
    const retryAfterMs = limited ? delayOf(answer, this.#world.clock.wallTime()) : facts.retryAfterMs;
    const problem = {
      attempted: what,
      why: `${why} (${describeAnswer(answer, facts, redact)})`,
      advice: errorClass === ApiError ? this.#adviceOn(answer) : undefined,
    };
    // A failure of a proxy or a server does not mean that the token is invalid.
    const exit = errorClass === ApiError ? EXITS.get(answer.status) ?? "unavailable" : "unavailable";
    return { ok: false, error: new errorClass(problem, exit, { ...facts, retryAfterMs }) };
  }

  async #send<T>(call: ForgeCall<T>): Promise<T> {
    const { clock, signal, onNotice, random = Math.random, answerMs = Infinity } = this.#world;
    this.#memory.answerBy = Math.min(this.#memory.answerBy, clock.now() + answerMs);
    const { what, path, body, method = body === undefined ? "GET" : "POST" } = call;
    if (this.requests >= BUDGET) {
      throw new MogplexError(
        { attempted: what, why: `the limit of ${BUDGET} requests has been reached` },
        "unavailable",
      );
    }
    const callMs = call.write === undefined ? CALL_MS : WRITE_CALL_MS;
    const usual = { signal, deadline: clock.now() + callMs, requestTimeoutMs: ATTEMPT_MS };
    const options = { ...usual, ...this.#rules.limits };
    const world = { clock, onNotice, random, memory: this.#memory };
    const lasts = (error: unknown) =>
      isUnauthorized(error) || call.divisible === true && isTooMuch(error) || call.write === "once" && !isUnsent(error);
    const onFailure = async (error: unknown) =>
      error instanceof Moved ? undefined : await call.onFailure?.(error as MogplexError);
    return await callWithin(world, { what, options, lasts, onFailure }, async (limits) => {
      if (call.write !== undefined) await this.#waitForTurn();
      return await this.#transport.call({
        what,
        send: (send) =>
          send(this.api + path, {
            method,
            // Close each connection: if a reused connection is lost, Deno repeats the request, even a POST (measured with Deno 2.9).
            headers: { Connection: "close", ...(body !== undefined && { "Content-Type": "application/json" }) },
            body: body === undefined ? null : JSON.stringify(body),
          }),
        judge: (answer) => this.#judge(call, answer),
      }, limits);
    });
  }

  /** One redirect within the API is followed with the same method and body, because forges redirect requests to renamed repositories. */
  async call<T>(unnamed: ForgeCall<T>): Promise<T> {
    const { what } = unnamed;
    const { repository } = this.#rules;
    const isNamed = repository === undefined || what.includes(repository);
    const call = isNamed ? unnamed : { ...unnamed, what: `${what} in ${repository}` };
    try {
      return await this.#send(call);
    } catch (error) {
      if (!(error instanceof Moved)) throw error;
      try {
        return await this.#send({ ...call, path: error.path });
      } catch (again) {
        if (!(again instanceof Moved)) throw again;
        throw new MogplexError({ attempted: call.what, why: "the request was redirected twice" }, "unavailable");
      }
    }
  }

  async get<T extends z.core.$ZodType>(what: string, path: string, schema: T): Promise<z.output<T>> {
    return await this.call({ what, path, read: (value) => z.safeParse(schema, value).data });
  }

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

  async getText(what: string, path: string): Promise<string> {
    return await this.call({ what, path, read: (_value, text) => text });
  }

  async getShown<T extends z.core.$ZodType>(what: string, path: string, schema: T): Promise<z.output<T> | undefined> {
    try {
      return await this.get(what, path, schema);
    } catch (error) {
      if (isHidden(error)) return undefined;
      throw error;
    }
  }

  /**
   * After a failure, all parts are skipped for some minutes, because each part would use up all of its attempts before it fails. `why` is trusted
   * text.
   */
  async getPart<T>(read: () => Promise<T>): Promise<{ ok: true; value: T } | { ok: false; why: string }> {
    const { clock } = this.#world;
    if (this.#unreadParts !== undefined && clock.now() < this.#unreadParts.untilMs) {
      return { ok: false, why: this.#unreadParts.why };
    }
    try {
      return { ok: true, value: await read() };
    } catch (error) {
      if (!(error instanceof UnavailableError || error instanceof NetworkError)) throw error;
      const status = error instanceof UnavailableError ? error.status : 0;
      const why = status === 0 ? "no answer" : status < 300 ? "unknown format" : `HTTP ${status}`;
      this.#unreadParts = { why, untilMs: clock.now() + PARTS_MS };
      return { ok: false, why };
    }
  }

  async getPullRequest<T extends z.core.$ZodType>(
    what: string,
    path: string,
    schema: T,
  ): Promise<z.output<T> | Unread> {
    // Accept any JSON object as a response from the API. An unexpected format concerns only this pull request.
    const read = (value: unknown) => typeof value === "object" && value !== null ? { value } : undefined;
    try {
      const { value } = await this.call({ what, path, read });
      return z.safeParse(schema, value).data ?? unknownFormat(this.system);
    } catch (error) {
      if (!isHidden(error)) throw error;
      if (error.status === 403) return NO_READ_ACCESS;
      return notFound(this.system);
    }
  }

  async send(what: string, path: string, more: Pick<ForgeCall<true>, "method" | "body" | "write"> = {}): Promise<void> {
    await this.call({ what, path, ...more, read: () => true });
  }
}

export interface ListPage<T> {
  rows: readonly T[];
  isLast?: boolean | undefined;
}

/**
 * Source: GitLab, "Pagination", `x-next-page`, which is empty on the last page. Other pages may also have fewer rows than requested, because notes
 * that the token cannot see are left out. Source: GitHub, "Using pagination in the REST API", `Link`.
 */
function isLastPage(headers: Headers): boolean | undefined {
  const next = headers.get("x-next-page");
  if (next !== null) return !/^\d+$/.test(next);
  const link = headers.get("link");
  return link === null ? undefined : !/;\s*rel="?next\b/.test(link);
}

/** If an API rejects a request, its response is a JSON object. Other responses come from a proxy. */
function isPage({ status, text }: Answer): boolean {
  return status >= 400 && status < 500 && text.trim() !== "" && !isObject(parseJson(text));
}

/** Source: GitHub, "Rate limits for the REST API". GitHub Enterprise Server 3.4 and earlier call these limits "abuse rate limits". */
export const ABUSE = /secondary rate limit|abuse detection/i;

/** Source: GitHub, "Rate limits for the REST API". */
function isLimited({ status, headers, retryAfterMs, text }: Answer): boolean {
  if (status === 429) return true;
  return status === 403 &&
    (retryAfterMs !== null || headers.get("x-ratelimit-remaining") === "0" || ABUSE.test(text));
}

/**
 * Only the path of the new location is used, because a GitLab server behind a proxy that terminates HTTPS may return `http://` or its internal port.
 */
function movedTo({ status, headers }: Answer, api: string): string | undefined {
  const location = headers.get("location") ?? "";
  if (![301, 302, 307, 308].includes(status) || !URL.canParse(location, api)) return undefined;
  const [to, from] = [new URL(location, api), new URL(api)];
  const base = from.pathname.replace(/\/$/, "");
  const isSame = to.hostname === from.hostname && to.pathname.startsWith(`${base}/`);
  return isSame && to.username === "" ? to.pathname.slice(base.length) + to.search : undefined;
}

class Moved extends Error {
  readonly path: string;
  constructor(path: string) {
    super("moved");
    this.path = path;
  }
}

function delayOf({ headers, retryAfterMs, dateMs }: Answer, wallMs: number): number {
  if (retryAfterMs !== null) return retryAfterMs;
  const reset = Number(headers.get("x-ratelimit-reset") ?? headers.get("ratelimit-reset") ?? "");
  const isUsedUp = [headers.get("x-ratelimit-remaining"), headers.get("ratelimit-remaining")].includes("0");
  if (!isUsedUp || !(reset > 0)) return LIMIT_MS;
  return Math.max(reset * 1_000 - (dateMs ?? wallMs), 1_000);
}

/** Whether the forge may have taken too long for a request, or given up on it. A request for half as much may succeed. */
export function isTooMuch(error: unknown): boolean {
  return error instanceof NetworkError ||
    error instanceof UnavailableError && (error.status >= 500 || error.status === 200);
}

/** A forge does not execute a request that exceeds a rate limit. */
function isUnsent(error: unknown): boolean {
  return error instanceof RateLimitedError || error instanceof NetworkError && !isAmbiguous(error);
}

/** Whether the forge may have executed a write that failed with this error. If so, read the result from the forge. */
export function isLost(error: unknown): error is MogplexError {
  if (!(error instanceof MogplexError) || isUnsent(error)) return false;
  return isAmbiguous(error) || error instanceof UnavailableError && error.status >= 500;
}
