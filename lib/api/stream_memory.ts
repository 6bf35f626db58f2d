/**
 * Remembers which services have no streams of events, so that a process asks each of them only once.
 *
 * @module
 */
import type { Fetch } from "../http/transport.ts";

/** What this process knows about one service. */
export interface StreamMemory {
  /** Whether the service has no streams of events. */
  absent: boolean;
}

/** Key for the runtime's own `fetch`. */
const OWN_FETCH = {};
// Keyed by the `fetch` function first, then by origin: two `fetch` functions may reach different services at one origin.
const services = new WeakMap<object, Map<string, StreamMemory>>();
const clients = new WeakMap<object, StreamMemory>();

/** Makes a client share the memory of its service with all other clients of that service. */
export function shareMemory(client: object, origin: string, fetch: Fetch | undefined): void {
  const known = services.get(fetch ?? OWN_FETCH) ?? new Map<string, StreamMemory>();
  services.set(fetch ?? OWN_FETCH, known);
  const memory = known.get(origin) ?? { absent: false };
  known.set(origin, memory);
  clients.set(client, memory);
}

/** The memory of a client's service. A client that the toolkit did not create has its own memory. */
export function memoryOf(client: object): StreamMemory {
  const memory = clients.get(client) ?? { absent: false };
  clients.set(client, memory);
  return memory;
}
