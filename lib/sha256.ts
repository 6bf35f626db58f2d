/**
 * The only hash function of this project, and the message authentication code based on it.
 *
 * Both run on this thread. `crypto.subtle` answers from a pool of threads. On a busy machine, a virtual clock mistook that wait for idle time and
 * moved forward.
 *
 * @module
 */
import * as crypto from "node:crypto";

/**
 * SHA-256 of bytes, or of a text in UTF-8, as 64 lower-case hex digits.
 *
 * Node before 20.12 has no `hash`, which needs no object. Creating an object for each of 100,000 records takes time and memory.
 */
export function sha256Hex(content: string | Uint8Array): string {
  return typeof crypto.hash === "function"
    ? crypto.hash("sha256", content, "hex")
    : crypto.createHash("sha256").update(content).digest("hex");
}

/** Whether a text has the form of {@linkcode sha256Hex}, in any case. */
export function isSha256Hex(text: string): boolean {
  return /^[0-9a-f]{64}$/i.test(text);
}

/** SHA-256 of a text in UTF-8, in base64, as used by content security policies. */
export function sha256Base64(text: string): string {
  return crypto.createHash("sha256").update(text).digest("base64");
}

/**
 * HMAC-SHA-256 as 64 lower-case hex digits.
 *
 * Source: RFC 2104; test vectors: RFC 4231.
 *
 * @param key Bytes, or a text in UTF-8.
 * @param data Bytes, or a text in UTF-8.
 */
export function hmacSha256(key: string | Uint8Array, data: string | Uint8Array): string {
  return crypto.createHmac("sha256", key).update(data).digest("hex");
}
