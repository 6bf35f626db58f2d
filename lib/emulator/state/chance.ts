/** The generator splitmix32. The result is at least 0 and less than 1. */
export function chance(seed: number, n: number, salt: number): number {
  let state = (seed ^ Math.imul(n, 0x9e3779b9) ^ Math.imul(salt, 0x85ebca6b)) | 0;
  state = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  state = Math.imul(state ^ (state >>> 15), 0x735a2d97);
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
}

/** The 32-bit FNV-1a hash of the UTF-16 code units. */
export function numberOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

interface LogNormal {
  median: number;
  /** Standard deviation of the logarithm, 0 or more. With 0.5, about two thirds of all values are between 0.6 and 1.65 times the median. */
  sigma: number;
  seed: number;
}

export function logNormal({ median, sigma, seed }: LogNormal, name: string): number {
  const n = numberOf(name);
  // Box-Muller transform. The argument of the logarithm must not be 0.
  const radius = Math.sqrt(-2 * Math.log(1 - chance(seed, n, 1)));
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * chance(seed, n, 2)));
}
