/**
 * The only hash function of this project, and the authentication code made of it.
 *
 * @module
 */

/**
 * SHA-256 of a text in UTF-8, as 64 lower-case hex digits.
 *
 * Runs on this thread. `crypto.subtle` answers from a pool of threads: on a busy machine a virtual clock mistook that wait for
 * idleness and moved on.
 */
export async function sha256Hex(text: string): Promise<string> {
  // Loaded on first use: `--help` does not need it.
  const { createHash } = await import("node:crypto");
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Prepares SHA-256 for many contents: the function that it resolves to is synchronous.
 *
 * @returns Makes 64 lower-case hex digits of bytes, or of a text in UTF-8.
 */
export async function prepareSha256(): Promise<(content: string | Uint8Array) => string> {
  const { createHash } = await import("node:crypto");
  return (content) => createHash("sha256").update(content).digest("hex");
}

/**
 * Prepares HMAC-SHA-256 under one key. The function that it resolves to is synchronous, so that a handler of a signal can call it.
 *
 * Source: RFC 2104; test vectors: RFC 4231.
 *
 * @param key Bytes, or a text in UTF-8.
 * @returns Makes 64 lower-case hex digits of bytes, or of a text in UTF-8.
 */
export async function hmacSha256(key: string | Uint8Array): Promise<(data: string | Uint8Array) => string> {
  const { createHmac } = await import("node:crypto");
  return (data) => createHmac("sha256", key).update(data).digest("hex");
}
