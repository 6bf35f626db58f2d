/**
 * Trouble on the way: what a client meets when the service, its host or the network has a bad day. On demand, or at random and
 * yet repeatable.
 *
 * @module
 */
import { API_PREFIX } from "../../api/contract/rules.ts";
import type { Clock } from "../../clock.ts";
import { unauthorized } from "./auth.ts";
import { InputError } from "../state/fixture.ts";
import { loginRedirect, splitUrl } from "./gate.ts";
import { bare, fail } from "./reply.ts";
import { cut, discard, isStream, playStreamFault, STREAM_FAULT_KINDS, type StreamFaultKind } from "./stream_faults.ts";

/** Kinds of trouble. */
export const FAULT_KINDS = [
  "429",
  "503",
  "503-no-retry",
  "500",
  "empty5xx",
  "html502",
  "truncated",
  "reset0",
  "resetMid",
  "slow",
  "401",
  "login",
  "limiter-down",
  ...STREAM_FAULT_KINDS,
] as const;

/** A kind of trouble. */
export type FaultKind = typeof FAULT_KINDS[number];

/** A fault to come. */
export interface Fault {
  /** What happens. */
  kind: FaultKind;
  /**
   * Which requests: `[METHOD ]PATH` below the API's prefix, where `*` stands for one segment, as in `POST /runs/*` for what is posted to a run.
   * @default every request
   */
  route?: string | undefined;
  /** How many requests. @default {1} */
  times?: number | undefined;
  /** Seconds in `Retry-After`. @default {60} */
  retryAfter?: number | undefined;
  /** For `slow`: milliseconds until the headers come. @default {1_000} */
  delayMs?: number | undefined;
  /** For `stream-cut`: pieces that come whole before it; 0 cuts what is sent at once, 1 the first live event. @default {1} */
  after?: number | undefined;
  /**
   * Whether the request is carried out although its answer is lost, for `500`, `empty5xx`, `html502` and `reset0`.
   * The kinds `truncated`, `resetMid` and `slow` always are. @default {false}
   */
  processed?: boolean | undefined;
}

/** Faults at random. The fault of the nth request depends on the seed and n alone. */
export interface RandomFaults {
  /** Share of requests, 0 to 1. */
  rate: number;
  /** Kinds to choose from. */
  kinds: readonly FaultKind[];
  /** Seed. @default {1} */
  seed?: number | undefined;
  /** Seconds in `Retry-After`. @default {60} */
  retryAfter?: number | undefined;
  /** For `slow`, in milliseconds. @default {1_000} */
  delayMs?: number | undefined;
}

/** A connection that breaks. In process `fetch` rejects with it; a served emulator resets the socket. */
export class ConnectionLost extends TypeError {
  override name = "ConnectionLost";
}

/** How a connection is broken; only a server can really do it. */
export interface Breaker {
  /** Breaks it before a byte of the answer. */
  resetNow(): Response;
  /** Breaks it in the middle of the answer's body. */
  resetMid(answer: Response): Promise<Response>;
  /** Breaks it in the middle of a stream. @returns What the stream fails with, where there is no connection to break. */
  resetStream(): Error | undefined;
}

const inProcess: Breaker = {
  resetNow() {
    throw new ConnectionLost("connection reset before the answer");
  },
  async resetMid(answer) {
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(bytes.subarray(0, Math.ceil(bytes.length / 2))),
      pull: (controller) => controller.error(new ConnectionLost("connection reset in the middle of the answer")),
    });
    return new Response(body, { status: answer.status, headers: answer.headers });
  },
  resetStream: () => new ConnectionLost("connection reset in the middle of a stream"),
};

function isStreamFault(kind: FaultKind): kind is StreamFaultKind {
  return (STREAM_FAULT_KINDS as readonly string[]).includes(kind);
}

/** A number in [0, 1) that depends on its arguments alone: splitmix32. */
function chance(seed: number, n: number, salt: number): number {
  let state = (seed ^ Math.imul(n, 0x9e3779b9) ^ Math.imul(salt, 0x85ebca6b)) | 0;
  state = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  state = Math.imul(state ^ (state >>> 15), 0x735a2d97);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

/** Whether a request is one that a fault is meant for. */
export function matchesRoute(route: string, method: string, path: string): boolean {
  const [first, second] = route.split(" ");
  const pattern = second ?? first ?? "";
  if (second !== undefined && first !== method) return false;
  const wanted = pattern.split("/");
  const actual = (path.startsWith(API_PREFIX) ? path.slice(API_PREFIX.length) : path).split("/");
  return wanted.length === actual.length && wanted.every((part, index) => part === "*" || part === actual[index]);
}

function isKind(kind: unknown): kind is FaultKind {
  return (FAULT_KINDS as readonly unknown[]).includes(kind);
}

/**
 * Checks the arguments of the control action `fault`.
 *
 * @throws {InputError} naming what is wrong.
 */
export function parseFault(args: Record<string, unknown>): Fault {
  const { kind, route, times, retryAfter, delayMs, after, processed } = args;
  if (!isKind(kind)) {
    throw new InputError(`Cannot inject fault: unknown kind "${kind}"; there are ${FAULT_KINDS.join(", ")}`);
  }
  const number = (value: unknown, name: string) => {
    if (value === undefined || (typeof value === "number" && value >= 0)) return value as number | undefined;
    throw new InputError(`Cannot inject fault: "${name}" must be a number of 0 or more: current value is ${value}`);
  };
  if (route !== undefined && (typeof route !== "string" || !route.includes("/"))) {
    throw new InputError(
      `Cannot inject fault: "route" must be a path, such as "GET /runs/*": current value is ${route}`,
    );
  }
  return {
    kind,
    route,
    times: number(times, "times"),
    retryAfter: number(retryAfter, "retryAfter"),
    delayMs: number(delayMs, "delayMs"),
    after: number(after, "after"),
    processed: processed === true,
  };
}

/**
 * Parses the command line's form, `rate=0.3,kinds=503+reset0[,retryAfter=1][,delayMs=500]`.
 *
 * @throws {InputError} naming what is wrong.
 */
export function parseRandomFaults(text: string, seed: number): RandomFaults {
  const fields = new Map(
    text.split(",").map((part) => {
      const at = part.indexOf("=");
      return [part.slice(0, Math.max(at, 0)).trim(), part.slice(at + 1).trim()] as const;
    }),
  );
  const problem = (reason: string) => new InputError(`Cannot parse faults "${text}": ${reason}`);
  for (const name of fields.keys()) {
    if (!["rate", "kinds", "retryAfter", "delayMs"].includes(name)) throw problem(`unknown field "${name}"`);
  }
  const rate = Number(fields.get("rate"));
  if (!(rate >= 0 && rate <= 1)) throw problem(`rate must be between 0 and 1: current value is ${fields.get("rate")}`);
  const kinds = (fields.get("kinds") ?? "").split("+").map((kind) => {
    if (isKind(kind)) return kind;
    throw problem(`unknown kind "${kind}"; there are ${FAULT_KINDS.join(", ")}`);
  });
  const number = (name: string) => {
    const value = fields.get(name);
    if (value === undefined) return undefined;
    if (!(Number(value) >= 0)) throw problem(`${name} must be a number of 0 or more: current value is ${value}`);
    return Number(value);
  };
  return { rate, kinds, seed, retryAfter: number("retryAfter"), delayMs: number("delayMs") };
}

/** All faults of one emulator. */
export class Faults {
  readonly #clock: Clock;
  readonly #random: RandomFaults | undefined;
  #planned: { fault: Fault; left: number }[] = [];
  #count = 0;

  /** @param clock What `slow` waits on. @param random Faults at random. */
  constructor(clock: Clock, random?: RandomFaults) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Plans a fault; those planned first come first. */
  add(fault: Fault): void {
    this.#planned.push({ fault, left: fault.times ?? 1 });
  }

  /** Forgets every planned fault; the ones at random go on. */
  clear(): void {
    this.#planned = [];
  }

  /**
   * Answers a request, with a fault if one is due.
   *
   * @param next Carries the request out.
   * @param breaker How connections are broken. @default in process
   */
  async answer(request: Request, next: () => Promise<Response>, breaker: Breaker = inProcess): Promise<Response> {
    const fault = this.#take(request);
    if (fault === undefined) return await next();
    if (fault.processed && ["500", "empty5xx", "html502", "reset0"].includes(fault.kind)) discard(await next());
    return await this.#play(fault, request, next, breaker);
  }

  #take(request: Request): Fault | undefined {
    const { path } = splitUrl(request.url);
    const isStart = request.method === "POST" && path === `${API_PREFIX}/runs`;
    const opensStream = request.method === "GET" && path.endsWith("/events/stream");
    const suits = (kind: FaultKind) => isStreamFault(kind) ? opensStream : kind !== "limiter-down" || isStart;
    const planned = this.#planned.find(({ fault, left }) =>
      left > 0 && suits(fault.kind) &&
      (fault.route === undefined || matchesRoute(fault.route, request.method, path))
    );
    if (planned !== undefined) {
      planned.left--;
      return planned.fault;
    }
    const random = this.#random;
    if (random === undefined) return undefined;
    const n = this.#count++;
    const seed = random.seed ?? 1;
    if (chance(seed, n, 1) >= random.rate) return undefined;
    const kind = random.kinds[Math.floor(chance(seed, n, 2) * random.kinds.length)];
    if (kind === undefined || !suits(kind)) return undefined;
    const { retryAfter, delayMs } = random;
    return { kind, retryAfter, delayMs, processed: chance(seed, n, 3) < 0.5 };
  }

  async #play(fault: Fault, request: Request, next: () => Promise<Response>, breaker: Breaker): Promise<Response> {
    const retryAfter = { "retry-after": String(fault.retryAfter ?? 60) };
    const { path, query } = splitUrl(request.url);
    if (isStreamFault(fault.kind)) return await playStreamFault(fault.kind, next, fault.after ?? 1, breaker);
    switch (fault.kind) {
      case "429":
        return fail(429, "RATE_LIMITED", `Rate limit exceeded. Retry after ${fault.retryAfter ?? 60}s.`, retryAfter);
      case "503":
      case "limiter-down":
        return fail(503, "SERVICE_UNAVAILABLE", "External Mogplex run rate limit unavailable", retryAfter);
      case "503-no-retry":
        return fail(
          503,
          "SERVICE_UNAVAILABLE",
          "Unable to check this team's API key access. Nothing was started; retry shortly.",
        );
      case "500":
        return fail(500, "INTERNAL_ERROR", "Internal server error");
      case "empty5xx":
        return bare(500);
      case "html502": {
        const page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";
        return new Response(page, { status: 502, headers: { "content-type": "text/html" } });
      }
      case "401":
        return unauthorized(request);
      case "login":
        return loginRedirect(path, query);
      case "truncated": {
        const answer = await next();
        if (isStream(answer)) return cut(answer, 0, undefined);
        const bytes = new Uint8Array(await answer.arrayBuffer());
        const half = bytes.slice(0, Math.floor(bytes.length / 2));
        return new Response(half, { status: answer.status, headers: answer.headers });
      }
      case "reset0":
        return breaker.resetNow();
      case "resetMid": {
        const answer = await next();
        return isStream(answer) ? cut(answer, 0, breaker) : await breaker.resetMid(answer);
      }
      case "slow": {
        const answer = await next();
        await this.#clock.sleep(fault.delayMs ?? 1_000);
        return answer;
      }
    }
  }
}
