/**
 * Packages provide only `distance`, not the rules of `nearest`.
 *
 * @module
 */

/** Optimal string alignment. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}

function plain(name: string): string {
  return name.replace(/[\s_-]/g, "").toLowerCase();
}

const BEGINNING = 3;

function initials(name: string): string {
  return name.split(/[\s_-]/).map((part) => part.charAt(0).toLowerCase()).join("");
}

export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const same = candidates.find((name) => plain(name) === plain(word));
  if (same !== undefined) return same;
  const short = plain(word);
  const [begun, ...others] = short.length < BEGINNING ? [] : candidates.filter((name) => plain(name).startsWith(short));
  if (begun !== undefined && others.length === 0) return begun;
  const [meant, ...more] = short.length < 2 ? [] : candidates.filter((name) => initials(name) === short);
  if (meant !== undefined && more.length === 0) return meant;
  const limit = Math.max(2, Math.floor(word.length / 3));
  // The number of edits is at least the difference in length.
  const alike = candidates.filter((name) => Math.abs(name.length - word.length) <= limit);
  const ranked = alike.map((name) => ({ name, edits: distance(word, name) })).sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= limit ? best.name : undefined;
}

export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const near = nearest(word.trim(), candidates);
  return near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`;
}

export function meantOrKnown(word: string, candidates: readonly string[]): string {
  const meant = didYouMean(word, candidates);
  return `${meant === undefined ? "" : `${meant} `}use one of ${candidates.join(", ")}`;
}
