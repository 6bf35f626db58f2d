import { ApiError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError } from "../errors.ts";
import type { Run, RunEvent } from "../model.ts";
import { detach } from "../text/plain_text.ts";
import { hasMoreValues } from "./answer.ts";
import { eventSchema, isUuid, type Masker, readValue, runSchema, type Schema } from "./contract.ts";
import { isUnauthorized } from "./retry.ts";
import type { EventStream, StreamMessage, StreamStep } from "./event_stream.ts";
import { valueOr } from "../lookup.ts";

/** One message in the stream of a run. */
export type StreamItem =
  /** The run as it was when the stream was opened: the first message. The stream does not report later changes of the run. */
  | { type: "run"; run: Run }
  /** An event of the run. */
  | { type: "event"; event: RunEvent }
  /** A message that has the id of an event but cannot be decoded. */
  | { type: "unreadable"; id: string };

/** An open stream of a run's events. */
export interface RunEventStream {
  /**
   * Waits for the next messages. Wait for the result before you call this method again.
   *
   * @param limitMs Maximum wait in milliseconds. @default {Infinity}
   */
  next(limitMs?: number): Promise<StreamStep<StreamItem>>;
  /** Closes the stream and its connection. */
  close(): void;
}

/**
 * The follower of a run also waits for its own heartbeats, so it calls `next()` with `isBeside`. The stream of a caller's client may ignore
 * `isBeside`.
 */
export interface FollowedStream extends RunEventStream {
  next(limitMs?: number, isBeside?: boolean): Promise<StreamStep<StreamItem>>;
}

/** A payload has at most 20,000 characters. Source: contract 4.4. */
const MAX_VALUES = 20_000;

function read<T>(message: StreamMessage, schema: Schema<T>, masker: Masker): T | undefined {
  if (hasMoreValues(message.data, MAX_VALUES)) return undefined;
  return valueOr(() => readValue(JSON.parse(message.data), schema, masker), undefined);
}

function itemOf(
  message: StreamMessage,
  believes: (run: Run) => boolean,
  masker: Masker,
): StreamItem | undefined {
  if (message.event === "run") {
    const run = read(message, runSchema, masker);
    return run === undefined || !believes(run) ? undefined : { type: "run", run };
  }
  const event = read(message, eventSchema, masker);
  if (event !== undefined) return { type: "event", event };
  // A message without an id is a keep-alive.
  return message.id !== undefined && isUuid(message.id) ? { type: "unreadable", id: detach(message.id) } : undefined;
}

export function readRunEvents(
  stream: EventStream,
  believes: (run: Run) => boolean,
  masker: Masker,
): FollowedStream {
  const decode = (message: StreamMessage) => itemOf(message, believes, masker);
  return {
    async next(limitMs, isBeside) {
      const step = await stream.next(limitMs, isBeside);
      if (step.kind !== "messages") return step;
      return { kind: "messages", messages: step.messages.map(decode).filter((item) => item !== undefined) };
    },
    close: () => stream.close(),
  };
}

/**
 * Why a stream could not be opened.
 * - `absent`: The service, or a proxy in front of it, has no streams.
 * - `forgotten`: The service no longer knows the event after which the stream should continue.
 * - `unauthorized`: The service's database may be failing. Any other request can get the same answer.
 * - `lasting`: A retry does not help. Any other request would get the same answer.
 * - `busy`: A stream can be opened after the delay that the service names.
 * - `broken`: Any other error. Other requests may still succeed.
 */
export type StreamRefusal = "absent" | "forgotten" | "unauthorized" | "lasting" | "busy" | "broken";

/**
 * Source: design, "Following a run".
 * @param resumes Whether the stream should continue after an event.
 */
export function streamRefusal(error: unknown, resumes: boolean): StreamRefusal {
  if (isUnauthorized(error)) return "unauthorized";
  if (!(error instanceof ApiError)) return "broken";
  const { status, code } = error;
  if (error instanceof ForbiddenError || error instanceof NotFoundError) return "lasting";
  if (error instanceof RateLimitedError) return "busy";
  if (status === 400 && resumes) return "forgotten";
  if (!(error instanceof UnavailableError)) return "broken";
  if (status === 404 && code === null || status === 405 || status >= 200 && status < 300) return "absent";
  return status === 503 ? "busy" : "broken";
}
