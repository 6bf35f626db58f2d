/**
 * Texts that are cut out of larger ones.
 *
 * @module
 */

/** A copy that shares no memory with another text: in V8 a slice keeps the whole text alive that it was cut out of. */
export function ownCopy(text: string): string {
  return structuredClone(text);
}
