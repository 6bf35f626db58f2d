/**
 * Trouble with streams: proxies that hold them back, connections that break in the middle of an event, silence, and bytes that
 * nobody would expect.
 *
 * @module
 */
import { bare, fail } from "./reply.ts";

/** Kinds of trouble that only streams have. */
export const STREAM_FAULT_KINDS = [
  "stream-buffered",
  "stream-cut",
  "stream-closed",
  "stream-silent",
  "stream-disorder",
  "stream-hostile",
  "stream-405",
  "stream-html",
  "stream-json",
  "stream-500",
] as const;

/** A kind of trouble that only streams have. */
export type StreamFaultKind = typeof STREAM_FAULT_KINDS[number];

/** Breaks the connection of a stream. @returns What the stream fails with, where there is no connection to break. */
export interface StreamBreaker {
  resetStream(): Error | undefined;
}

/** Turns each piece of a stream into what is sent in its place; null ends the stream there. */
type Spoil = (piece: string, index: number) => (string | null)[];

/** Whether an answer is a stream. */
export function isStream(answer: Response): boolean {
  return answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

/** Lets go of an answer that nobody is going to read. */
export function discard(answer: Response): void {
  answer.body?.cancel().catch(() => {});
}

/**
 * A stream whose pieces are spoiled on their way.
 *
 * @param breaker What breaks the connection where it ends; undefined for an orderly end.
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
          // A turn later, so that what came before it is not lost with it.
          await new Promise((resolve) => setTimeout(resolve, 0));
          const error = breaker.resetStream();
          // Without one it stands still, until its connection is gone and nobody reads it any more.
          return error === undefined ? await new Promise<void>(() => {}) : controller.error(error);
        }
      }
    },
    cancel: () => reader?.cancel(),
  });
  return new Response(body, { status: answer.status, headers: answer.headers });
}

/** The first half of the last message of a piece, and all before it. */
function half(piece: string): string {
  const messages = piece.split("\n\n").filter((message) => message !== "");
  const last = messages.pop() ?? "";
  return messages.map((message) => `${message}\n\n`).join("") + last.slice(0, Math.ceil(last.length / 2));
}

/**
 * Ends a stream in the middle of a message.
 *
 * @param after Pieces that come whole before: 0 cuts what is sent at once, 1 the first event that comes live.
 * @param breaker What breaks the connection; undefined ends it in good order.
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

/** Each message twice, and those of one piece in reverse. */
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
 * @param breaker What breaks a connection.
 * @returns What the request itself answers, when that is no stream.
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
