/**
 * Tells open streams of new events, as the database's own notifications do.
 *
 * @module
 */
import type { EventRow } from "./rows.ts";

/** Somebody who listens to the events of one call. */
export interface FeedListener {
  /** An event was written. */
  onEvent(event: EventRow): void;
  /** Everything ends. */
  onClose(): void;
}

/** Tells of new events. */
export interface EventFeed {
  /** How many listen. */
  readonly size: number;
  /** Listens to a call's events. @returns Stops it. */
  listen(callId: string, listener: FeedListener): () => void;
  /** Tells all who listen to the event's call. */
  publish(event: EventRow): void;
  /** Ends all listening. */
  close(): void;
}

/** Makes a feed that nobody listens to. */
export function eventFeed(): EventFeed {
  const calls = new Map<string, Set<FeedListener>>();
  return {
    get size() {
      return [...calls.values()].reduce((sum, listeners) => sum + listeners.size, 0);
    },
    listen(callId, listener) {
      const listeners = calls.get(callId) ?? new Set();
      calls.set(callId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && calls.get(callId) === listeners) calls.delete(callId);
      };
    },
    publish(event) {
      for (const listener of [...calls.get(event.call_id) ?? []]) listener.onEvent(event);
    },
    close() {
      const all = [...calls.values()].flatMap((listeners) => [...listeners]);
      calls.clear();
      for (const listener of all) listener.onClose();
    },
  };
}
