/**
 * The one hash of this project.
 *
 * @module
 */

/**
 * SHA-256 of a text in UTF-8, as 64 lower-case hex digits.
 *
 * Hashed on this thread, not by `crypto.subtle`: that answers from a pool of threads, so on a busy machine a virtual clock
 * took the wait for it for idleness and moved on.
 */
export async function sha256Hex(text: string): Promise<string> {
  // Loaded when needed, like the other modules that `--help` does without.
  const { createHash } = await import("node:crypto");
  return createHash("sha256").update(text).digest("hex");
}
