/**
 * Which services are known to have no streams of events, so that a process asks once.
 *
 * @module
 */
import type { Fetch } from "../http/transport.ts";

/** What a process knows of one service. */
export interface StreamMemory {
  /** Whether it has no streams. */
  absent: boolean;
}

/** Stands for the runtime's own `fetch`. */
const OWN_FETCH = {};
// By what sends the requests, too: two of those may reach different services under one name.
const services = new WeakMap<object, Map<string, StreamMemory>>();
const clients = new WeakMap<object, StreamMemory>();

/** Ties a client to what is known of its service. */
export function shareMemory(client: object, origin: string, fetch: Fetch | undefined): void {
  const known = services.get(fetch ?? OWN_FETCH) ?? new Map<string, StreamMemory>();
  services.set(fetch ?? OWN_FETCH, known);
  const memory = known.get(origin) ?? { absent: false };
  known.set(origin, memory);
  clients.set(client, memory);
}

/** What is known of the service of a client; a client of somebody else's making has a memory of its own. */
export function memoryOf(client: object): StreamMemory {
  const memory = clients.get(client) ?? { absent: false };
  clients.set(client, memory);
  return memory;
}
