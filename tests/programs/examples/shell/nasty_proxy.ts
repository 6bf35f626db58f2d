/**
 * A proxy that knows no HTTP and means no good: it tears, splits, delays and repeats what goes through it. What it does to the
 * nth connection depends on its seed and on n alone.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** What is done to a connection. */
export const HABITS = [
  "passes",
  "passes",
  "closes before it reads",
  "resets before it reads",
  "swallows the request",
  "loses the answer",
  "resets in the answer",
  "ends in the headers",
  "ends in the body",
  "splits every few bytes",
  "comes late",
  "repeats header lines",
  "half-closes to the client",
  "half-closes to the service",
  "says it twice",
  "puts a page before",
  "puts rubbish before",
  "answers 100 and 103 first",
  "adds a NUL",
  "folds a header",
  "claims a longer body",
  "claims a shorter body",
  "chunks it, with trailers",
  "another status line",
] as const;

export type Habit = typeof HABITS[number];

export interface NastyProxy {
  url: string;
  /** What was done to each connection, in order. */
  habits: Habit[];
  close(): void;
}

const PAUSE_MS = 5;

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

async function writeSlowly(socket: Socket, bytes: Uint8Array, size: number): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed; at += size) {
    socket.write(bytes.subarray(at, at + size));
    if (at / size < 20) await pause();
  }
}

function withoutLength(head: string): string {
  return head.replace(/^content-length:.*\r\n/gim, "").replace(/^transfer-encoding:.*\r\n/gim, "");
}

/** The body of an answer whose head is given, whether chunked or not. */
function bodyOf(head: string, raw: string): string {
  if (!/^transfer-encoding: *chunked/im.test(head)) return raw;
  let body = "";
  for (let rest = raw;;) {
    const size = parseInt(rest, 16);
    const start = rest.indexOf("\r\n") + 2;
    if (!(size > 0)) return body;
    body += rest.slice(start, start + size);
    rest = rest.slice(start + size + 2);
  }
}

const PAGE = "<html><body>Please wait</body></html>";

/** What is written instead of an answer; latin1, so that a character is a byte. */
function spoil(habit: Habit, answer: string): string {
  const split = answer.indexOf("\r\n\r\n") + 4;
  const [head, raw] = [answer.slice(0, split), answer.slice(split)];
  const body = bodyOf(head, raw);
  const bare = withoutLength(head);
  const withLength = (length: number) => bare.replace("\r\n", `\r\nContent-Length: ${length}\r\n`);
  switch (habit) {
    case "ends in the headers":
      return head.slice(0, Math.floor(head.length / 2));
    case "ends in the body":
      return answer.slice(0, split + Math.floor(raw.length / 2));
    case "repeats header lines":
      return head.replace(/^(?!HTTP)(.+\r\n)/gm, "$1$1") + raw;
    case "says it twice":
      return answer + answer;
    case "puts a page before":
      return `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}${answer}`;
    case "puts rubbish before":
      return `\0\x01 rubbish\r\n${answer}`;
    case "answers 100 and 103 first":
      return `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nRetry-After: 999\r\nLocation: /login\r\n\r\n${answer}`;
    case "adds a NUL":
      return withLength(body.length + 1) + body.replace(/"status":"./, "$&\0");
    case "folds a header":
      return head.replace("\r\n", "\r\nX-Note: a\r\n Retry-After: 999\r\n") + raw;
    case "claims a longer body":
      return withLength(body.length + 40) + body;
    case "claims a shorter body":
      return withLength(Math.floor(body.length / 2)) + body;
    case "chunks it, with trailers": {
      const half = Math.floor(body.length / 2);
      const chunks = [body.slice(0, half), body.slice(half)].filter((part) => part !== "");
      const text = chunks.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
      return `${
        bare.replace("\r\n", "\r\nTransfer-Encoding: chunked\r\n")
      }${text}0\r\nX-Trailer: "}\r\nRetry-After: 9\r\n\r\n`;
    }
    case "another status line":
      return answer.replace(/^HTTP\/1\.1 \d+ .*\r\n/, "HTTP/1.1 502\r\n");
    default:
      return answer;
  }
}

/** The request's bytes, once they are all there. */
async function requestOf(client: Socket): Promise<Uint8Array> {
  let text = "";
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString("latin1");
    const split = text.indexOf("\r\n\r\n");
    const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
    if (split >= 0 && text.length >= split + 4 + length) break;
  }
  return Buffer.from(text.replace(/\r\n/, "\r\nConnection: close\r\n"), "latin1");
}

async function handle(client: Socket, habit: Habit, target: URL): Promise<void> {
  if (habit === "closes before it reads") return void client.end();
  if (habit === "resets before it reads") return void client.resetAndDestroy();
  const request = await requestOf(client);
  if (habit === "swallows the request") return void client.end();
  const onward = connect(Number(target.port), target.hostname);
  onward.on("error", () => client.destroy());
  if (habit === "half-closes to the client") client.end();
  onward.write(request);
  if (habit === "half-closes to the service") onward.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of onward) chunks.push(chunk as Uint8Array);
  const answer = Buffer.concat(chunks).toString("latin1");
  if (habit === "loses the answer") return void client.end();
  if (habit === "comes late") await pause();
  const bytes = Buffer.from(spoil(habit, answer), "latin1");
  if (habit === "splits every few bytes") await writeSlowly(client, bytes, 7);
  else if (habit === "resets in the answer") {
    client.write(bytes.subarray(0, Math.floor(bytes.length * 0.8)));
    await pause();
    return void client.resetAndDestroy();
  } else client.write(bytes);
  client.end();
}

/** A number in [0, 1) that depends on its arguments alone. */
function chance(seed: number, n: number): number {
  let state = (Math.imul(seed, 0x9e3779b9) ^ Math.imul(n + 1, 0x85ebca6b)) | 0;
  state = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  state = Math.imul(state ^ (state >>> 15), 0x735a2d97);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

/**
 * Starts a proxy before an origin.
 *
 * @param choose The habit of the nth connection. @default by the seed
 */
export async function startNastyProxy(
  target: string,
  seed: number,
  choose: (n: number) => Habit = (n) => HABITS[Math.floor(chance(seed, n) * HABITS.length)] as Habit,
): Promise<NastyProxy> {
  const habits: Habit[] = [];
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on("error", () => {});
    const habit = choose(habits.length);
    habits.push(habit);
    handle(client, habit, new URL(target)).catch(() => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    habits,
    close: () => server.close(),
  };
}
