/**
 * Numbers that look random and depend on their arguments alone.
 *
 * @module
 */

/** A number in [0, 1) that depends only on the arguments: splitmix32. */
export function chance(seed: number, n: number, salt: number): number {
  let state = (seed ^ Math.imul(n, 0x9e3779b9) ^ Math.imul(salt, 0x85ebca6b)) | 0;
  state = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  state = Math.imul(state ^ (state >>> 15), 0x735a2d97);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

/** A 32-bit number for a text: FNV-1a over its UTF-16 units. */
export function numberOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

interface LogNormal {
  /** Half of all values are below it. Above 0. */
  median: number;
  /** Standard deviation of the logarithm: with 0.5, two of three values are between 0.6 and 1.65 times the median. 0 or more. */
  sigma: number;
  /** Another seed gives other values. */
  seed: number;
}

/** The value that belongs to a name, in the unit of the median. */
export function logNormal({ median, sigma, seed }: LogNormal, name: string): number {
  const n = numberOf(name);
  // Box and Muller's way from two uniform numbers to a normal one. The first must not be 0.
  const radius = Math.sqrt(-2 * Math.log(1 - chance(seed, n, 1)));
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * chance(seed, n, 2)));
}
