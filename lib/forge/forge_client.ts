/**
 * Calls the API of one forge at one host: sends, judges and repeats. It counts its requests, and has no more than its budget.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { ApiError, MogplexError, NetworkError, RateLimitedError, UnavailableError } from "../errors.ts";
import { type Answer, describeAnswer, factsOf } from "../http/answer.ts";
import { createTransport, type Fetch, type Transport, type Verdict } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import { isObject, parseJson } from "../lookup.ts";
import type { OnNotice } from "../notice.ts";
import { callWithin } from "../retry/calls.ts";
import { newTokenMemory } from "../retry/token_memory.ts";
import type { ForgeToken } from "./access.ts";

/** Most requests of one client: three for each of a thousand pull requests. */
const BUDGET = 3_000;
/** Longest time of one call with its retries, in milliseconds. GitHub asks for a minute where it names no time. */
const CALL_MS = 90_000;
const ATTEMPT_MS = 20_000;
/** The wait after a limit that names no time, in milliseconds. Source: GitHub, "Rate limits and query limits for the GraphQL API". */
const LIMIT_MS = 60_000;

/** What all clients of a process share. */
export interface ForgeWorld {
  clock: Clock;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  /** Ends every call. */
  signal?: AbortSignal | undefined;
  /** Called before every wait. */
  onNotice?: OnNotice | undefined;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

/** One request. */
export interface ForgeCall<T> {
  /** What is attempted, after "Cannot". */
  what: string;
  /** Path and query below the API, with a slash at its start. */
  path: string;
  /** Sent as JSON by `POST`. @default {undefined} (`GET` without a body) */
  body?: unknown;
  /** Whether an answer asks for fewer requests. @default only 403 and 429 with the headers of a limit do */
  isLimit?(value: unknown): boolean;
  /** Whether a smaller request may succeed where the forge is too slow for this one: then it is sent once. @default {false} */
  divisible?: boolean | undefined;
  /** Reads the value from the JSON of a 2xx answer; undefined if it is not an answer of the API. */
  read(value: unknown): T | undefined;
}

/**
 * Where the answer says that a repository has moved to, as a path below the API; undefined when it does not. Only the path is used. A GitLab
 * behind a proxy that ends HTTPS may name itself with `http://`, or with the port behind it.
 */
function movedTo({ status, headers }: Answer, api: string): string | undefined {
  const location = headers.get("location") ?? "";
  if (![301, 302, 307, 308].includes(status) || !URL.canParse(location, api)) return undefined;
  const [to, from] = [new URL(location, api), new URL(api)];
  const isSame = to.hostname === from.hostname && to.pathname.startsWith(`${from.pathname}/`);
  return isSame && to.username === "" ? to.pathname.slice(from.pathname.length) + to.search : undefined;
}

/** Whether an answer is a page of something in between, such as a proxy: an API refuses with JSON. */
function isPage({ status, text }: Answer): boolean {
  return status >= 400 && status < 500 && text.trim() !== "" && !isObject(parseJson(text));
}

/** Whether the forge took too long for a request, or gave up on it: half of it may work. */
export function isTooMuch(error: unknown): boolean {
  return error instanceof NetworkError ||
    error instanceof UnavailableError && (error.status >= 500 || error.status === 200);
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

/** Source: GitHub, "Rate limits for the REST API"; the words of GitHub Enterprise Server 3.4 and older, "abuse rate limits". */
export const ABUSE = /secondary rate limit|abuse detection/i;

/** Whether 403 or 429 means a limit. Source: GitHub, "Rate limits for the REST API". */
function isLimited({ status, headers, retryAfterMs, text }: Answer): boolean {
  if (status === 429) return true;
  return status === 403 &&
    (retryAfterMs !== null || headers.get("x-ratelimit-remaining") === "0" || ABUSE.test(text));
}

/** What a token lacks for an organisation that enforces SAML. */
export const SINGLE_SIGN_ON =
  "is not authorised for the single sign-on (SAML) of the organisation: authorise it in the settings of the token";

/** Calls one host. */
export class ForgeClient {
  readonly #world: ForgeWorld;
  readonly #api: string;
  readonly #system: string;
  readonly #place: string;
  readonly #transport: Transport;
  readonly #memory = newTokenMemory();

  /**
   * @param api Base of the API, without a slash at its end. The token goes to its origin alone.
   * @param system Name of the forge, for messages.
   * @param tokenHeader Header that carries the bare token. @default {undefined} (`Authorization: Bearer …`)
   */
  constructor(world: ForgeWorld, api: string, system: string, { token, place }: ForgeToken, tokenHeader?: string) {
    this.#world = world;
    this.#api = api;
    this.#system = system;
    this.#place = place;
    const { clock, fetch } = world;
    const { origin } = new URL(api);
    this.#transport = createTransport({ token, tokenHeader, origin, fetch, clock, userAgent: userAgent() });
  }

  /** Requests that were sent so far. */
  get requests(): number {
    return this.#transport.requests;
  }

  /** Why a request failed, and the class by which `setbackOf` decides on a retry. */
  #meaning(answer: Answer, isLimit: boolean): [why: string, errorClass: typeof ApiError] {
    const { status } = answer;
    const token = `the token in ${this.#place}`;
    if (isLimit) return [`${this.#system} wants fewer requests, for longer than we may wait`, RateLimitedError];
    if (status >= 500) return [`${this.#system} is in trouble`, UnavailableError];
    if (status < 300) return [`the answer is not that of ${this.#system}'s API`, UnavailableError];
    if (status < 400) {
      const why =
        "the answer is a redirect, which would lose the token: is it another host now, or does it want a login?";
      return [why, ApiError];
    }
    if (status === 407 || isPage(answer)) {
      const what = `something in between, such as a proxy, answers in the place of ${this.#system}`;
      return [`${what}: let the host through, or name it in NO_PROXY`, UnavailableError];
    }
    if (status === 401) return [`${this.#system} refuses ${token}, which is unknown, expired or revoked`, ApiError];
    // Source: GitHub, "Authenticating with single sign-on", header `X-GitHub-SSO`.
    if (status === 403 && answer.headers.has("x-github-sso")) return [`${token} ${SINGLE_SIGN_ON}`, ApiError];
    if (status === 403) return [`${token} may not read this`, ApiError];
    if (status === 404) return [`${this.#system} does not show it to ${token}, or it is gone`, ApiError];
    const passes = status === 408 || status === 425;
    return [`${this.#system} refuses the request`, passes ? UnavailableError : ApiError];
  }

  #judge<T>({ what, read, isLimit }: ForgeCall<T>, answer: Answer): Verdict<T> {
    const { redact } = this.#transport;
    const good = answer.status >= 200 && answer.status < 300;
    const body = good ? parseJson(answer.text) : undefined;
    const limited = isLimited(answer) || good && isLimit?.(body) === true;
    const value = good && !limited ? read(body) : undefined;
    if (value !== undefined) return { ok: true, value };
    const path = movedTo(answer, this.#api);
    if (path !== undefined) throw new Moved(path);
    const facts = factsOf(answer, null, redact);
    const [why, errorClass] = this.#meaning(answer, limited);
    const retryAfterMs = limited ? delayOf(answer, this.#world.clock.wallTime()) : facts.retryAfterMs;
    const problem = { attempted: what, why: `${why} (${describeAnswer(answer, facts, redact)})` };
    return { ok: false, error: new errorClass(problem, "unavailable", { ...facts, retryAfterMs }) };
  }

  async #send<T>(call: ForgeCall<T>): Promise<T> {
    const { clock, signal, onNotice, random = Math.random } = this.#world;
    const { what, path, body } = call;
    if (this.requests >= BUDGET) {
      throw new MogplexError(
        { attempted: what, why: `${BUDGET} requests were sent, which is all we may` },
        "unavailable",
      );
    }
    const limits = { signal, deadline: clock.now() + CALL_MS, requestTimeoutMs: ATTEMPT_MS };
    const world = { clock, onNotice, random, memory: this.#memory };
    const lasts = (error: unknown) => call.divisible === true && isTooMuch(error);
    return await callWithin(world, { what, limits, lasts }, (limitMs) =>
      this.#transport.call({
        what,
        send: (send) =>
          send(this.#api + path, {
            method: body === undefined ? "GET" : "POST",
            headers: { Connection: "close", ...(body !== undefined && { "Content-Type": "application/json" }) },
            body: body === undefined ? null : JSON.stringify(body),
          }),
        judge: (answer) => this.#judge(call, answer),
      }, { limitMs, signal }));
  }

  /**
   * Sends a request, and repeats it as long as that can help. A redirect within the API is followed once: GitLab answers so for a project
   * that was moved.
   *
   * @throws {ApiError | NetworkError | BodyTooLargeError} when the last attempt failed; `signal.reason` if the signal aborts.
   */
  async call<T>(call: ForgeCall<T>): Promise<T> {
    try {
      return await this.#send(call);
    } catch (error) {
      if (!(error instanceof Moved) || call.body !== undefined) throw error;
      try {
        return await this.#send({ ...call, path: error.path });
      } catch (again) {
        if (!(again instanceof Moved)) throw again;
        throw new MogplexError({ attempted: call.what, why: "it was redirected twice" }, "unavailable");
      }
    }
  }
}
