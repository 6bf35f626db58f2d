/**
 * These functions run on this thread. `crypto.subtle` uses a pool of threads: on a busy machine, a virtual clock mistook the wait for that pool for
 * idle time, and moved forward.
 *
 * @module
 */
import * as crypto from "node:crypto";

/** `hash` is preferred because it creates no object: for 100,000 records, the objects take time and memory. Node before 20.12 does not have it. */
export function sha256Hex(content: string | Uint8Array): string {
  return typeof crypto.hash === "function"
    ? crypto.hash("sha256", content, "hex")
    : crypto.createHash("sha256").update(content).digest("hex");
}

export function isSha256Hex(text: string): boolean {
  return /^[0-9a-f]{64}$/i.test(text);
}

export function sha256Base64(text: string): string {
  return crypto.createHash("sha256").update(text).digest("base64");
}

/** Source: RFC 2104; test vectors: RFC 4231. */
export function hmacSha256(key: string | Uint8Array, data: string | Uint8Array): string {
  return crypto.createHmac("sha256", key).update(data).digest("hex");
}
