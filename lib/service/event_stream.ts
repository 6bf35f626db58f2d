import { createParser } from "eventsource-parser";
import { type Clock, OVER } from "../clock.ts";
import type { Redactor } from "../text/redact.ts";
import { excerpt, explainLoss, NetworkFailure } from "./answer.ts";
import { PROCESS } from "./memory.ts";

export interface StreamMessage {
  event?: string | undefined;
  id?: string | undefined;
  data: string;
}

/** The outcome of waiting for the next messages of a stream. */
export type StreamStep<Message> =
  /** Data arrived. The list is empty if the data is a comment or only part of a message. */
  | { kind: "messages"; messages: Message[] }
  /** Nothing arrived in time. The stream is still open. */
  | { kind: "silent" }
  /** The stream has ended. The service, the network, a limit of the runtime, or the client ended it. */
  | {
    kind: "closed";
    /** Why the stream ended, in a few words with secrets masked; `null` if it ended normally. */
    detail: string | null;
    /** Whether a message was longer than 524,288 characters. The same message would end the next stream as well. */
    tooLarge: boolean;
  };

export interface EventStream {
  /**
   * Waits for the next messages. Wait for the result before you call this method again.
   * @param limitMs Maximum wait in milliseconds. @default {Infinity}
   * @param isBeside Whether the caller also waits for something else that moves a virtual clock, such as a heartbeat. @default {false}
   */
  next(limitMs?: number, isBeside?: boolean): Promise<StreamStep<StreamMessage>>;
  close(): void;
}

interface EventStreamOptions {
  clock: Clock;
  life: AbortController;
  signal: AbortSignal | undefined;
  redact: Redactor;
}

/**
 * A message without an end must not fill the memory. The limit is many times the size of the service's largest event, whose payload has at most
 * 20,000 characters. Source: contract 4.4.
 */
const MAX_MESSAGE_LENGTH = 512 * 1024;

export function isEventStream(response: Response): boolean {
  const type = response.headers.get("content-type") ?? "";
  return response.status === 200 && /^\s*text\/event-stream\s*(?:;|$)/i.test(type);
}

export function readEventStream(response: Response, options: EventStreamOptions): EventStream {
  const { clock, life, signal, redact } = options;
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let chunk: Uint8Array | undefined;
  let messages: StreamMessage[] = [];
  let tooLarge = false;
  let closed: StreamStep<never> | undefined;
  let pending: Promise<void> | undefined;
  let over: AbortController | undefined;
  /** Whether the last piece ended with a carriage return. If so, a line feed at the start of the next piece belongs to the same line end. */
  let returned = false;

  const parser = createParser({
    maxBufferSize: MAX_MESSAGE_LENGTH,
    onEvent: (message) => messages.push(message),
    onError: ({ type }) => tooLarge ||= type === "max-buffer-size-exceeded",
  });

  function end(detail: string | null): void {
    if (closed !== undefined) return;
    closed = { kind: "closed", detail, tooLarge };
    signal?.removeEventListener("abort", close);
    over?.abort(OVER);
    // The cancellation is not awaited, because it may never finish if the sender never stops.
    reader?.cancel().catch(() => {});
    life.abort(OVER);
  }

  function close(): void {
    end("closed by the client");
  }

  /**
   * At a carriage return, the parser waits for the next character, and its running time is quadratic in the number of carriage returns (version
   * 3.1.1: 6 seconds for 512 KiB). Meanwhile, no deadline and no signal is handled. All line ends are therefore replaced with line feeds.
   */
  function withLineFeeds(piece: string): string {
    if (piece === "") return piece;
    const text = returned && piece.startsWith("\n") ? piece.slice(1) : piece;
    returned = piece.endsWith("\r");
    return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  }

  /** Must never reject. */
  async function pull(): Promise<void> {
    try {
      const piece = await reader?.read();
      if (closed !== undefined) return;
      chunk = piece?.value;
      if (chunk === undefined) end(null);
    } catch (cause) {
      end(excerpt(explainLoss(new NetworkFailure(cause), redact).detail, redact, 300));
    }
  }

  function take(): void {
    const bytes = chunk;
    chunk = undefined;
    if (closed !== undefined || bytes === undefined) return;
    parser.feed(withLineFeeds(decoder.decode(bytes, { stream: true })));
    if (tooLarge) end(`a message is larger than ${MAX_MESSAGE_LENGTH} characters`);
  }

  async function next(limitMs = Infinity, isBeside = false): Promise<StreamStep<StreamMessage>> {
    let late = false;
    if (closed === undefined && chunk === undefined) {
      pending ??= pull().finally(() => pending = undefined);
      over = new AbortController();
      const timeUp = limitMs === Infinity
        ? []
        : [clock.sleep(limitMs, { signal: over.signal, limit: !isBeside, background: isBeside })];
      late = await Promise.race([
        pending.then(() => false),
        ...timeUp.map((sleep) => sleep.then(() => true, () => false)),
      ]);
      over.abort(OVER);
    }
    if (chunk !== undefined) {
      await PROCESS.turn(clock);
      take();
    }
    const fresh = messages;
    messages = [];
    // Messages that arrived before the end are delivered first.
    if (fresh.length === 0 && closed !== undefined) return closed;
    return late && fresh.length === 0 ? { kind: "silent" } : { kind: "messages", messages: fresh };
  }

  if (signal?.aborted) close();
  else signal?.addEventListener("abort", close, { once: true });
  return { next, close };
}
