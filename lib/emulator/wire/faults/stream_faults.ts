/**
 * Faults of streams: proxies that buffer them, connections that break in the middle of an event, silence, unexpected bytes.
 *
 * @module
 */
import type { StreamFaultKind } from "../../state/faults.ts";
import { bare, fail } from "../reply.ts";

/** Breaks the connection of a stream. */
export interface StreamBreaker {
  /** @returns The error of the stream, where there is no connection to break. */
  resetStream(): Error | undefined;
}

/** Replaces a piece of a stream by other pieces; null ends the stream. */
type Spoil = (piece: string, index: number) => (string | null)[];

/** Whether an answer is a stream. */
export function isStream(answer: Response): boolean {
  return answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

/** Discards an answer that nobody reads. */
export function discard(answer: Response): void {
  answer.body?.cancel().catch(() => {});
}

/**
 * Spoils the pieces of a stream.
 *
 * @param breaker Breaks the connection at the end; undefined for an orderly end.
 */
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
          // One turn later, so that the pieces before it are not lost with the connection.
          await new Promise((resolve) => setTimeout(resolve, 0));
          const error = breaker.resetStream();
          // Without an error the stream stays open until its connection is gone.
          return error === undefined ? await new Promise<void>(() => {}) : controller.error(error);
        }
      }
    },
    cancel: () => reader?.cancel(),
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}

/** A piece up to the middle of its last message. */
function half(piece: string): string {
  const messages = piece.split("\n\n").filter((message) => message !== "");
  const last = messages.pop() ?? "";
  return messages.map((message) => `${message}\n\n`).join("") + last.slice(0, Math.ceil(last.length / 2));
}

/**
 * Ends a stream in the middle of a message.
 *
 * @param after Number of whole pieces before the cut: 0 cuts the first piece, 1 the first live event.
 * @param breaker Breaks the connection; undefined for an orderly end.
 */
export function cut(answer: Response, after: number, breaker: StreamBreaker | undefined): Response {
  return spoiled(answer, (piece, index) => index < after ? [piece] : [half(piece), null], breaker);
}

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

function messages(piece: string): string[] {
  return piece.split("\n\n").filter((message) => message !== "").map((message) => `${message}\n\n`);
}

/** Every message twice, and the messages of one piece in reverse. */
function disorder(piece: string, index: number): string[] {
  const all = messages(piece);
  const head = index === 0 ? all.splice(0, 2) : [];
  return [[...head, ...all.reverse().flatMap((message) => [message, message])].join("")];
}

/**
 * Plays a fault on a stream.
 *
 * @param next Carries the request out.
 * @param after For `stream-cut`: see {@linkcode cut}.
 * @param breaker Breaks the connection.
 * @returns The answer itself, if it is not a stream.
 */
export async function playStreamFault(
  kind: StreamFaultKind,
  next: () => Promise<Response>,
  after: number,
  breaker: StreamBreaker,
): Promise<Response> {
  const answer = await next();
  if (!isStream(answer)) return answer;
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
