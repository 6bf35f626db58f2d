/**
 * Plain objects: our tables that are read with keys from outside, and values from outside, which are often JSON.
 *
 * @module
 */

/**
 * The value that a table has for a key. A plain index would also find inherited properties, such as `constructor`, `toString` and `__proto__`.
 *
 * @param key Any text, such as the type of an event, a status, or a word from the environment.
 * @returns Undefined when the table itself does not have the key.
 */
export function lookup<V>(table: Readonly<Partial<Record<string, V>>>, key: string): V | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/**
 * The own fields of a caller's value, without inherited properties. Other code in the process may have written to `Object.prototype`, by mistake or
 * as an attack, and such properties must not be sent.
 */
export function ownFields<T extends object>(value: T): T {
  return Object.assign(Object.create(null), value);
}

/** Whether a value is an object with named fields, not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a JSON text; undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  return valueOr(() => JSON.parse(text), undefined);
}

/** The result of `work`, or `other` if `work` throws any error. */
export function valueOr<T, O>(work: () => T, other: O): T | O {
  try {
    return work();
  } catch {
    return other;
  }
}

/** The items by key, in the order of first appearance. Keys are compared as in a `Map`. */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The median of the values; for an even number of values, the mean of the two in the middle; null without values. */
export function medianOf(values: Iterable<number>): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [lower, upper] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return lower === undefined || upper === undefined ? null : (lower + upper) / 2;
}

/** Number of items for each word, in the order of first appearance. */
export function countBy<T>(items: readonly T[], wordOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(wordOf(item), (counts.get(wordOf(item)) ?? 0) + 1);
  return counts;
}
