/**
 * What a process has learned about a token and its service. Every retry loop reads and updates this.
 *
 * @module
 */

import { TokenPace } from "./token_pace.ts";

/** What a process has learned about one token at one service. */
export interface TokenMemory {
  /** Whether the service has accepted the token in this process. A 401 may then come from its failing database. */
  worked: boolean;
  /**
   * Whether a journal or a state file shows that the service has accepted the token before this process. The first answer may then be such
   * a 401, too.
   */
  workedBefore: boolean;
  /** Whether the log already has the advice for a network that fails because of this machine. */
  advised: boolean;
  /** The pace of the token, which it has in common with all clients of this process. */
  readonly pace: TokenPace;
}

const memories = new WeakMap<object, TokenMemory>();

/** The memory of a client. A client that we did not make gets a new one at the first call. */
export function tokenMemoryOf(client: object): TokenMemory {
  const memory = memories.get(client) ?? newTokenMemory();
  memories.set(client, memory);
  return memory;
}

/** The memory for a token that has not been used. @param pace The pace of the token. @default one of its own */
export function newTokenMemory(pace: TokenPace = new TokenPace()): TokenMemory {
  return { worked: false, workedBefore: false, advised: false, pace };
}

/** Makes `memory` the one that {@linkcode tokenMemoryOf} returns for a client. */
export function shareTokenMemory(client: object, memory: TokenMemory): void {
  memories.set(client, memory);
}
