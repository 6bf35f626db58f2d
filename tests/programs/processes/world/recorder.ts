/** A proxy before the emulator that writes down what comes over the wire, and when; answers can be put off or replaced. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request as send, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A start on the wire. */
export const START = /^POST \/runs$/;
/** A look at a run on the wire. */
export const LOOK = /^GET \/runs\/[^/]+$/;
/** A cancel on the wire. */
export const CANCEL = /^POST \/runs\/[^/]+\/cancel$/;

/** A request as it arrived. */
export interface Recorded {
  /** Method and path below the API, as `POST /runs`. */
  what: string;
  /** Its `Idempotency-Key`. */
  key: string | undefined;
  /** When its headers were there, in milliseconds of `performance.now()`. */
  atMs: number;
  body: string;
  /** Status of the answer; undefined before, and when the connection broke. */
  status?: number;
  /** Text of the answer. */
  answer?: string;
}

/** What is done with a request before it continues; a result is the answer, and then it does not. */
export type Intercept = (recorded: Recorded) => Promise<{ status: number; body: unknown } | void>;

/** A running recorder. */
export interface Recorder {
  /** Its origin. */
  url: string;
  /** Everything so far, in order. */
  requests: Recorded[];
  /** Those whose method and path match. */
  of(pattern: RegExp): Recorded[];
  /** Resolves with the `count`th request that matches, once it has arrived. */
  arrived(pattern: RegExp, count?: number): Promise<Recorded>;
  /** Set to check, or to answer, each request. */
  intercept: Intercept | undefined;
  /** Time in the headers of answers, in milliseconds since 1970: set it where the emulator's clock was moved. @default the real one */
  wallMs?: () => number;
  close(): void;
}

const PREFIX = "/api/v1/mogplex";

async function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Starts a recorder that passes everything on to `target`, an origin. */
export async function startRecorder(target: string): Promise<Recorder> {
  const requests: Recorded[] = [];
  const waiting = new Set<() => void>();

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const atMs = performance.now();
    const url = incoming.url ?? "/";
    const key = incoming.headers["idempotency-key"];
    const what = `${incoming.method} ${url.replace(PREFIX, "").replace(/\?.*/, "")}`;
    const recorded: Recorded = { what, key: typeof key === "string" ? key : undefined, atMs, body: "" };
    requests.push(recorded);
    for (const look of [...waiting]) look();
    const body = await bodyOf(incoming);
    recorded.body = body.toString();
    const own = await recorder.intercept?.(recorded);
    if (own !== undefined) {
      recorded.status = own.status;
      outgoing.writeHead(own.status, { "content-type": "application/json" }).end(JSON.stringify(own.body));
      return;
    }
    const { method, headers } = incoming;
    const onward = send(new URL(url, target).href, { method, headers: { ...headers, connection: "close" } });
    onward.end(body);
    const [answer] = await once(onward, "response") as [IncomingMessage];
    recorded.status = answer.statusCode;
    recorded.answer = "";
    const date = recorder.wallMs === undefined ? {} : { date: new Date(recorder.wallMs()).toUTCString() };
    outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...date });
    // Streams go on piece by piece; a client that has gone does not end the reading, so that its answer is seen.
    for await (const chunk of answer) {
      recorded.answer += Buffer.from(chunk as Uint8Array).toString();
      if (!outgoing.destroyed) outgoing.write(chunk);
    }
    outgoing.end();
  }

  const server = createServer((incoming, outgoing) => {
    outgoing.on("error", () => {});
    // What breaks behind us breaks before us.
    pass(incoming, outgoing).catch(() => outgoing.socket?.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const of = (pattern: RegExp) => requests.filter(({ what }) => pattern.test(what));
  const recorder: Recorder = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    of,
    intercept: undefined,
    arrived(pattern, count = 1) {
      return new Promise((resolve) => {
        const look = () => {
          const found = of(pattern)[count - 1];
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return recorder;
}

/** Waits until something is true, looking every 25 ms; only what hangs ends it, before the time of a test is over. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 6_000; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`Cannot wait any longer until ${what}`);
}
