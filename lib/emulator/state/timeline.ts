/**
 * What is due when: entries that come out in the order of their times.
 *
 * @module
 */

/** An entry of a {@linkcode Timeline}. */
interface Due<T> {
  at: number;
  item: T;
}

interface Entry<T> extends Due<T> {
  /** Number of the entry: of two with one time, the earlier one comes first. */
  order: number;
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || a.at === b.at && a.order < b.order;
}

/** A binary heap: adding and taking cost the logarithm of its size, so that a read costs little however many runs there are. */
export class Timeline<T> {
  readonly #heap: Entry<T>[] = [];
  #count = 0;

  add(at: number, item: T): void {
    const heap = this.#heap;
    const entry = { at, item, order: this.#count++ };
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up] as Entry<T>;
      if (isBefore(parent, entry)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = entry;
  }

  /** Takes the first entry if its time has come. @returns Undefined if no entry is due at `now`. */
  take(now: number): Due<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = heap.pop() as Entry<T>;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts the entry at the top, and moves it down to its place. */
  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let down = 2 * index + 1;
      const left = heap[down];
      if (left === undefined) break;
      const right = heap[down + 1];
      if (right !== undefined && isBefore(right, left)) down++;
      const child = heap[down] as Entry<T>;
      if (isBefore(entry, child)) break;
      heap[index] = child;
      index = down;
    }
    heap[index] = entry;
  }

  clear(): void {
    this.#heap.length = 0;
  }
}
