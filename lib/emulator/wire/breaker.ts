/**
 * Breaks real connections: what the faults `reset0` and `resetMid` do when the emulator is served.
 *
 * @module
 */
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { Socket } from "node:net";
import type { Breaker } from "./faults.ts";

// A reset overtakes what was just written; the client is to see the first half.
const FLUSH_MS = 20;

function reset(socket: Socket | null): void {
  if (socket === null) return;
  // Not every runtime can send a TCP reset; a closed connection in the middle of an answer is as broken.
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy();
  else socket.destroy();
}

/** The breaker of a request's own connection, or undefined for a request that came without one. */
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
