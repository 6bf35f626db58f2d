import type { Socket } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import { type Clock, loopTurn } from "../../clock.ts";
import { API_PREFIX } from "../../service/contract.ts";
import { chance } from "../state/chance.ts";
import {
  type Fault,
  type FaultKind,
  onlyRoute,
  type PlannedFault,
  type RandomFaults,
  STREAM_FAULT_KINDS,
  type StreamFaultKind,
} from "../state/faults.ts";
import { bare, fail, loginRedirect, splitUrl, unauthorized } from "./request.ts";

/** Breaks connections. A request in this process has no connection: its `fetch` rejects, or the body of its answer fails. */
export interface Breaker {
  resetNow(): Response;
  resetMid(answer: Response): Promise<Response>;
  /** @returns The error for the stream if there is no connection to break. */
  resetStream(): Error | undefined;
}

export class ConnectionLost extends TypeError {
  override name = "ConnectionLost";
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

const DEFAULT_RETRY_AFTER_SECONDS = 60;
const DEFAULT_SLOW_MS = 1_000;

export class Faults {
  readonly #clock: Clock;
  readonly #random: RandomFaults | undefined;
  #planned: PlannedFault[] = [];
  #count = 0;

  constructor(clock: Clock, random?: RandomFaults) {
    this.#clock = clock;
    this.#random = random;
  }

  add(fault: Fault): void {
    this.#planned.push({ ...fault, hits: 0 });
  }

  get planned(): readonly Readonly<PlannedFault>[] {
    return this.#planned;
  }

  clear(): void {
    this.#planned = [];
  }

  async answer(
    request: Request,
    next: () => Promise<Response>,
    breaker: Breaker = inProcess,
    tell: (kind: FaultKind) => void = () => {},
  ): Promise<Response> {
    const fault = this.#take(request);
    if (fault === undefined) return await next();
    const { kind } = fault;
    if (isStreamFault(kind)) {
      const answer = await next();
      if (!isStream(answer)) {
        this.#giveBack(fault);
        return answer;
      }
      tell(kind);
      return playStreamFault(kind, answer, fault.after ?? 1, breaker);
    }
    tell(kind);
    if (fault.processed && ["500", "empty5xx", "html502", "reset0"].includes(kind)) discard(await next());
    return await this.#play(kind, fault, request, next, breaker);
  }

  #take(request: Request): Fault | undefined {
    const { path } = splitUrl(request.url);
    const fits = (route: string | undefined) => route === undefined || matchesRoute(route, request.method, path);
    const suits = (kind: FaultKind) => fits(onlyRoute(kind));
    const planned = this.#planned.find(({ kind, route, runId, times = 1, hits }) =>
      hits < times && suits(kind) &&
      (runId === undefined || path.split("/").includes(runId)) &&
      fits(route)
    );
    if (planned !== undefined) {
      planned.hits++;
      return planned;
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

  /** A planned stream fault that was chosen for an answer that is not a stream applies to a later request instead. */
  #giveBack(fault: Fault): void {
    const planned = this.#planned.find((each) => each === fault);
    if (planned !== undefined) planned.hits--;
  }

  async #play(
    kind: Exclude<FaultKind, StreamFaultKind>,
    fault: Fault,
    request: Request,
    next: () => Promise<Response>,
    breaker: Breaker,
  ): Promise<Response> {
    const retryAfter = { "retry-after": String(fault.retryAfter ?? DEFAULT_RETRY_AFTER_SECONDS) };
    const { path, query } = splitUrl(request.url);
    switch (kind) {
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

function discard(answer: Response): void {
  answer.body?.cancel().catch(() => {});
}

function isStreamFault(kind: FaultKind): kind is StreamFaultKind {
  return (STREAM_FAULT_KINDS as readonly string[]).includes(kind);
}

function matchesRoute(route: string, method: string, path: string): boolean {
  const [first, second] = route.split(" ");
  const pattern = second ?? first ?? "";
  if (second !== undefined && first !== method) return false;
  const parts = pattern.split("/");
  const actual = (path.startsWith(API_PREFIX) ? path.slice(API_PREFIX.length) : path).split("/");
  return parts.length === actual.length && parts.every((part, index) => part === "*" || part === actual[index]);
}

type StreamBreaker = Pick<Breaker, "resetStream">;

const JUNK = [
  `: ${"x".repeat(1024 * 1024)}\n\n`,
  "data: \0\n\n",
  "\0\0\0\n\n",
  "id: \0\ndata: {}\n\n",
  "retry: soon\nretry: 99999999999\nconstructor: x\n__proto__: y\n\n",
  "event: run\ndata: null\n\n",
  `event: run\ndata: {"runId":7,"status":"success"}\n\n`,
  `event: finished\ndata: "finished"\n\n`,
  "event: ping\r\ndata: {\r\ndata: }\r\n\r\n",
  "data: {]\rid\r\r",
  `event: log\ndata: {"id":"x"}\n\n`,
  `data: ${"[".repeat(10_000)}\n\n`,
];

function playStreamFault(
  kind: StreamFaultKind,
  answer: Response,
  after: number,
  breaker: StreamBreaker,
): Response {
  switch (kind) {
    case "stream-cut":
      return cut(answer, after, breaker);
    case "stream-closed":
      return spoiled(answer, (piece) => [piece, null]);
    case "stream-silent":
      return spoiled(answer, (piece, index) => index === 0 ? [piece] : []);
    case "stream-disorder":
      return spoiled(answer, disorder);
    case "stream-hostile":
      return spoiled(answer, (piece) => [...JUNK, ...messages(piece).flatMap((each) => [each, ...JUNK.slice(1)])]);
    case "stream-buffered":
      return spoiled(answer, () => []);
  }
  discard(answer);
  switch (kind) {
    case "stream-405":
      return bare(405);
    case "stream-html":
      return new Response("<html><body>Welcome to the guest network</body></html>", {
        headers: { "content-type": "text/html" },
      });
    case "stream-json":
      return new Response(`{"ok":true,"data":{}}`, { headers: { "content-type": "application/json" } });
    case "stream-500":
      return fail(500, "INTERNAL_ERROR", "Failed to stream events");
  }
}

function isStream(answer: Response): boolean {
  return answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

function cut(answer: Response, after: number, breaker: StreamBreaker | undefined): Response {
  return spoiled(answer, (piece, index) => index < after ? [piece] : [half(piece), null], breaker);
}

type Spoil = (piece: string, index: number) => (string | null)[];

function spoiled(answer: Response, spoil: Spoil, breaker?: StreamBreaker): Response {
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let index = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (let sent = false; !sent;) {
        const { value } = await reader?.read() ?? { value: undefined };
        if (value === undefined) return controller.close();
        for (const piece of spoil(decoder.decode(value, { stream: true }), index++)) {
          sent = true;
          if (piece !== null) {
            controller.enqueue(encoder.encode(piece));
            continue;
          }
          await reader?.cancel();
          if (breaker === undefined) return controller.close();
          // Wait one turn of the event loop, so that earlier pieces are sent before the connection is reset.
          await loopTurn(false);
          const error = breaker.resetStream();
          return error === undefined ? await new Promise<void>(() => {}) : controller.error(error);
        }
      }
    },
    cancel: () => reader?.cancel(),
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}

function half(piece: string): string {
  const messages = piece.split("\n\n").filter((message) => message !== "");
  const last = messages.pop() ?? "";
  return messages.map((message) => `${message}\n\n`).join("") + last.slice(0, Math.ceil(last.length / 2));
}

function messages(piece: string): string[] {
  return piece.split("\n\n").filter((message) => message !== "").map((message) => `${message}\n\n`);
}

/** The first two messages of a stream, a comment and the run, stay unchanged. */
function disorder(piece: string, index: number): string[] {
  const all = messages(piece);
  const head = index === 0 ? all.splice(0, 2) : [];
  return [[...head, ...all.reverse().flatMap((message) => [message, message])].join("")];
}

// A reset discards bytes that were just written. The delay lets the client receive the first half.
const FLUSH_MS = 20;

/** `undefined` for a request in this process, which has no connection. */
export function socketBreaker(c: Context): Breaker | undefined {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
  if (outgoing === undefined) return undefined;
  return {
    resetNow() {
      reset(outgoing.socket);
      return RESPONSE_ALREADY_SENT;
    },
    async resetMid(answer) {
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const headers = { ...Object.fromEntries(answer.headers), "content-length": String(bytes.length) };
      outgoing.writeHead(answer.status, headers);
      outgoing.write(bytes.subarray(0, Math.ceil(bytes.length / 2)));
      setTimeout(() => reset(outgoing.socket), FLUSH_MS);
      return RESPONSE_ALREADY_SENT;
    },
    resetStream() {
      setTimeout(() => reset(outgoing.socket), FLUSH_MS);
      return undefined;
    },
  };
}

function reset(socket: Socket | null): void {
  if (socket === null) return;
  // Not every runtime can send a TCP reset. Closing the connection in the middle of an answer has the same effect on the client.
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy();
  else socket.destroy();
}
