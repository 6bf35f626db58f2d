/**
 * What a process has learned about a token and the service behind it: the one memory that every retry asks.
 *
 * @module
 */

/** What is known of one token at one service. */
export interface TokenMemory {
  /** Whether the service has accepted the token in this process: a 401 may then be trouble of its database. */
  worked: boolean;
  /** Whether a log line has already said what to do about a network that fails because of this machine. */
  advised: boolean;
}

const memories = new WeakMap<object, TokenMemory>();

/** The memory of a client. A client that somebody else made gets a new one at the first call. */
export function tokenMemoryOf(client: object): TokenMemory {
  const memory = memories.get(client) ?? newTokenMemory();
  memories.set(client, memory);
  return memory;
}

/** A memory of a token that has not been used. */
export function newTokenMemory(): TokenMemory {
  return { worked: false, advised: false };
}

/** Lets everything that uses `client` share what the client itself has learned. */
export function shareTokenMemory(client: object, memory: TokenMemory): void {
  memories.set(client, memory);
}
