/**
 * Finds JSON texts that would take too much memory, before they are parsed: values take up to 20 times as much as their text.
 *
 * @module
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = [0x5b, 0x7b];

/** Index after the string whose first character is at `from`. */
function afterString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (before >= from && text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end + 1;
  }
  return text.length;
}

/**
 * Whether a JSON text has more values than `limit`. Counts arrays, objects and commas, outside of strings.
 *
 * @param text Anything.
 */
export function hasMoreValues(text: string, limit: number): boolean {
  // A value takes at least one character.
  if (text.length <= limit) return false;
  let count = 0;
  for (let at = 0; at < text.length && count <= limit;) {
    const unit = text.charCodeAt(at++);
    if (unit === QUOTE) at = afterString(text, at);
    else if (unit === COMMA || unit === OPEN[0] || unit === OPEN[1]) count++;
  }
  return count > limit;
}
