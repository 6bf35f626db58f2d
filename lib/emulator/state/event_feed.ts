import type { EventRow } from "./store.ts";

interface FeedListener {
  onEvent(event: EventRow): void;
  onClose(): void;
}

export interface EventFeed {
  readonly size: number;
  listen(callId: string, listener: FeedListener): () => void;
  publish(event: EventRow): void;
  close(): void;
}

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
