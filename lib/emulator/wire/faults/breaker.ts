/**
 * Breaks real connections, for the faults `reset0` and `resetMid` of a served emulator.
 *
 * @module
 */
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { Socket } from "node:net";
import type { Breaker } from "./player.ts";

// A reset discards bytes that were just written. The client is to receive the first half, so it gets this much time.
const FLUSH_MS = 20;

function reset(socket: Socket | null): void {
  if (socket === null) return;
  // Not every runtime can send a TCP reset. A connection that closes in the middle of an answer is as broken.
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy();
  else socket.destroy();
}

/** Breaks the connection of a request; undefined for a request in process, which has no connection. */
export function socketBreaker(c: Context): Breaker | undefined {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
  if (outgoing === undefined) return undefined;
  return {
    resetNow() {
      reset(outgoing.socket);
      return RESPONSE_ALREADY_SENT;
    },
    async resetMid(answer) {
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const headers = { ...Object.fromEntries(answer.headers), "content-length": String(bytes.length) };
      outgoing.writeHead(answer.status, headers);
      outgoing.write(bytes.subarray(0, Math.ceil(bytes.length / 2)));
      setTimeout(() => reset(outgoing.socket), FLUSH_MS);
      return RESPONSE_ALREADY_SENT;
    },
    resetStream() {
      setTimeout(() => reset(outgoing.socket), FLUSH_MS);
      return undefined;
    },
  };
}
