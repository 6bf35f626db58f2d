/**
 * Decodes the messages of the stream of a run's events.
 *
 * @module
 */
import type { Run, RunEvent } from "../model.ts";
import { detach } from "../text/plain_text.ts";
import { hasMoreValues } from "./answer.ts";
import { eventSchema, isUuid, type Masker, readValue, runSchema, type Schema } from "./contract.ts";
import type { EventStream, StreamMessage, StreamStep } from "./transport.ts";

/** One message of the stream of a run. */
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
   * Waits for the next messages. Do not call it again before it has returned.
   *
   * @param limitMs Longest wait in milliseconds. @default {Infinity}
   */
  next(limitMs?: number): Promise<StreamStep<StreamItem>>;
  /** Closes the stream and its connection. */
  close(): void;
}

/** The same for the follower, which waits for its own heartbeats as well. The stream of a client that is not ours may ignore that. */
export interface FollowedStream extends RunEventStream {
  /** @param isBeside See {@linkcode EventStream.next}. @default {false} */
  next(limitMs?: number, isBeside?: boolean): Promise<StreamStep<StreamItem>>;
}

/** Most values of a message in JSON. Source: contract 4.4, a payload has at most 20 000 characters. */
const MAX_VALUES = 20_000;

function read<T>(message: StreamMessage, schema: Schema<T>, masker: Masker): T | undefined {
  if (hasMoreValues(message.data, MAX_VALUES)) return undefined;
  try {
    return readValue(JSON.parse(message.data), schema, masker);
  } catch {
    return undefined;
  }
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

/**
 * Decodes the messages of a stream and drops keep-alives.
 *
 * @param believes Whether a message may say this about a run; the message is dropped if not.
 * @param masker Makes what masks secrets in what stays of a long text.
 */
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
