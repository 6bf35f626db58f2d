/**
 * Remembers which services have no streams of events, so that a process asks each of them only once.
 *
 * @module
 */
import type { Fetch } from "../http/transport.ts";

/** What this process knows about one service. */
export interface StreamMemory {
  /** Point on the clock until which the service counts as one without streams of events. */
  absentUntil: number;
  /** The first question whether it has them, while there is no answer; undefined before and after. */
  asking?: Promise<void> | undefined;
  /** Whether a stream was opened. */
  present: boolean;
}

function unknown(): StreamMemory {
  return { absentUntil: -Infinity, present: false };
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
  const memory = known.get(origin) ?? unknown();
  known.set(origin, memory);
  clients.set(client, memory);
}

/** The memory of a client's service. A client that the toolkit did not create has its own memory. */
export function memoryOf(client: object): StreamMemory {
  const memory = clients.get(client) ?? unknown();
  clients.set(client, memory);
  return memory;
}
