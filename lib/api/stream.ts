/**
 * The stream of a run's events: what its messages mean.
 *
 * @module
 */
import type { EventStream, StreamMessage, StreamStep } from "../http/stream.ts";
import type { Run, RunEvent } from "../model.ts";
import { readValue } from "./contract/envelope.ts";
import { isUuid } from "./contract/rules.ts";
import { eventSchema, type Lazy, runSchema } from "./contract/schemas.ts";

/** One message of the stream of a run. */
export type StreamItem =
  /** The run, as it was when the stream was opened; the first message. Later changes of it are not told. */
  | { type: "run"; run: Run }
  /** An event. */
  | { type: "event"; event: RunEvent }
  /** A message that should be an event, to judge by its id, and cannot be read. */
  | { type: "unreadable"; id: string };

/** An open stream of a run's events. */
export interface RunEventStream {
  /**
   * Waits for the next messages. One call at a time.
   *
   * @param limitMs Longest wait in milliseconds. @default {Infinity}
   */
  next(limitMs?: number): Promise<StreamStep<StreamItem>>;
  /** Ends the stream and its connection. */
  close(): void;
}

function read<T>(message: StreamMessage, schema: Lazy<T>): T | undefined {
  try {
    return readValue(JSON.parse(message.data), schema);
  } catch {
    return undefined;
  }
}

function itemOf(message: StreamMessage): StreamItem | undefined {
  if (message.event === "run") {
    const run = read(message, runSchema);
    return run === undefined ? undefined : { type: "run", run };
  }
  const event = read(message, eventSchema);
  if (event !== undefined) return { type: "event", event };
  // What has no id is somebody's sign of life.
  return message.id !== undefined && isUuid(message.id) ? { type: "unreadable", id: message.id } : undefined;
}

/** Reads the messages of a stream; those that mean nothing are left out. */
export function readRunEvents(stream: EventStream): RunEventStream {
  return {
    async next(limitMs) {
      const step = await stream.next(limitMs);
      if (step.kind !== "messages") return step;
      return { kind: "messages", messages: step.messages.map(itemOf).filter((item) => item !== undefined) };
    },
    close: () => stream.close(),
  };
}
