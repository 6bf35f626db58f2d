/**
 * A plain index would also find inherited properties, such as `constructor`, `toString` and `__proto__`.
 *
 * @param key Any text, such as an event type or the value of an environment variable. It may be untrusted.
 */
export function lookup<V>(table: Readonly<Partial<Record<string, V>>>, key: string): V | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Other code in the process may have written to `Object.prototype`, by mistake or as an attack. Such inherited fields must not be sent. */
export function ownFields<T extends object>(value: T): T {
  return Object.assign(Object.create(null), value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function parseJson(text: string): unknown {
  return valueOr(() => JSON.parse(text), undefined);
}

export function valueOr<T, O>(work: () => T, other: O): T | O {
  try {
    return work();
  } catch {
    return other;
  }
}

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

export function medianOf(values: Iterable<number>): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [lower, upper] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return lower === undefined || upper === undefined ? null : (lower + upper) / 2;
}

export function countBy<T>(items: readonly T[], wordOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(wordOf(item), (counts.get(wordOf(item)) ?? 0) + 1);
  return counts;
}
