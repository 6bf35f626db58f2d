/**
 * The only hash function of this project, and the authentication code made of it.
 *
 * @module
 */

/** Makes 64 lower-case hex digits of bytes, or of a text in UTF-8. */
type Sha256 = (content: string | Uint8Array) => string;

let loaded: Sha256 | undefined;

/**
 * Loads the hash function on first use: `--help` does not need it. It runs on this thread. `crypto.subtle` answers from a pool of threads: on
 * a busy machine a virtual clock mistook that wait for idleness and moved on.
 */
async function load(): Promise<Sha256> {
  const { createHash, hash } = await import("node:crypto");
  // Node before 20.12 has no `hash`. An object for each of 100 000 records takes time and memory.
  return loaded = typeof hash === "function"
    ? (content) => hash("sha256", content, "hex")
    : (content) => createHash("sha256").update(content).digest("hex");
}

/** SHA-256 of a text in UTF-8, as 64 lower-case hex digits. */
export async function sha256Hex(text: string): Promise<string> {
  return (loaded ?? await load())(text);
}

/**
 * Prepares SHA-256 for many contents: the function that it resolves to is synchronous.
 *
 * @returns Makes 64 lower-case hex digits of bytes, or of a text in UTF-8.
 */
export async function prepareSha256(): Promise<(content: string | Uint8Array) => string> {
  return loaded ?? await load();
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
