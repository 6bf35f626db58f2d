/**
 * The only hash function of this project.
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
