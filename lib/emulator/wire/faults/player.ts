/**
 * Answers requests with the faults that are due.
 *
 * @module
 */
import { API_PREFIX } from "../../../api/contract/rules.ts";
import type { Clock } from "../../../clock.ts";
import { unauthorized } from "../auth.ts";
import {
  type Fault,
  type FaultKind,
  type RandomFaults,
  STREAM_FAULT_KINDS,
  type StreamFaultKind,
} from "../../state/faults.ts";
import { loginRedirect, splitUrl } from "../gate.ts";
import { bare, fail } from "../reply.ts";
import { chance } from "../../state/chance.ts";
import { cut, discard, isStream, playStreamFault } from "./stream_faults.ts";

const DEFAULT_RETRY_AFTER_SECONDS = 60;
const DEFAULT_SLOW_MS = 1_000;

/** A connection that broke. In process `fetch` rejects with it; a served emulator resets the socket. */
export class ConnectionLost extends TypeError {
  override name = "ConnectionLost";
}

/** Breaks connections. In process, where there are none, it imitates that. */
export interface Breaker {
  /** Breaks the connection before the first byte of the answer. */
  resetNow(): Response;
  /** Breaks the connection in the middle of the answer's body. */
  resetMid(answer: Response): Promise<Response>;
  /** Breaks the connection in the middle of a stream. @returns The error of the stream, where there is no connection to break. */
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

/** Whether the `route` of a fault matches a request. */
export function matchesRoute(route: string, method: string, path: string): boolean {
  const [first, second] = route.split(" ");
  const pattern = second ?? first ?? "";
  if (second !== undefined && first !== method) return false;
  const wanted = pattern.split("/");
  const actual = (path.startsWith(API_PREFIX) ? path.slice(API_PREFIX.length) : path).split("/");
  return wanted.length === actual.length && wanted.every((part, index) => part === "*" || part === actual[index]);
}

/** All faults of one emulator. */
export class Faults {
  readonly #clock: Clock;
  readonly #random: RandomFaults | undefined;
  #planned: { fault: Fault; remaining: number }[] = [];
  #count = 0;

  /** @param clock Clock that `slow` waits on. @param random Random faults. @default {undefined} (none) */
  constructor(clock: Clock, random?: RandomFaults) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Plans a fault. Faults come in the order in which they were planned. */
  add(fault: Fault): void {
    this.#planned.push({ fault, remaining: fault.times ?? 1 });
  }

  /** Forgets every planned fault. Random faults go on. */
  clear(): void {
    this.#planned = [];
  }

  /**
   * Answers a request, with a fault if one is due.
   *
   * @param next Carries the request out.
   * @param breaker Breaks connections. @default an imitation, for requests in process
   * @param tell Takes the kind of the fault, before it is played.
   */
  async answer(
    request: Request,
    next: () => Promise<Response>,
    breaker: Breaker = inProcess,
    tell: (kind: FaultKind) => void = () => {},
  ): Promise<Response> {
    const fault = this.#take(request);
    if (fault === undefined) return await next();
    tell(fault.kind);
    if (fault.processed && ["500", "empty5xx", "html502", "reset0"].includes(fault.kind)) discard(await next());
    return await this.#play(fault, request, next, breaker);
  }

  #take(request: Request): Fault | undefined {
    const { path } = splitUrl(request.url);
    const isStart = request.method === "POST" && path === `${API_PREFIX}/runs`;
    const opensStream = request.method === "GET" && path.endsWith("/events/stream");
    const suits = (kind: FaultKind) => isStreamFault(kind) ? opensStream : kind !== "limiter-down" || isStart;
    const planned = this.#planned.find(({ fault, remaining }) =>
      remaining > 0 && suits(fault.kind) &&
      (fault.runId === undefined || path.split("/").includes(fault.runId)) &&
      (fault.route === undefined || matchesRoute(fault.route, request.method, path))
    );
    if (planned !== undefined) {
      planned.remaining--;
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
    const retryAfter = { "retry-after": String(fault.retryAfter ?? DEFAULT_RETRY_AFTER_SECONDS) };
    const { path, query } = splitUrl(request.url);
    if (isStreamFault(fault.kind)) return await playStreamFault(fault.kind, next, fault.after ?? 1, breaker);
    switch (fault.kind) {
      case "429":
        return fail(
          429,
          "RATE_LIMITED",
          `Rate limit exceeded. Retry after ${fault.retryAfter ?? DEFAULT_RETRY_AFTER_SECONDS}s.`,
          retryAfter,
        );
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
        await this.#clock.sleep(fault.delayMs ?? DEFAULT_SLOW_MS);
        return answer;
      }
    }
  }
}
