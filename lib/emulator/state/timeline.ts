interface Due<T> {
  at: number;
  item: T;
}

interface Entry<T> extends Due<T> {
  order: number;
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || a.at === b.at && a.order < b.order;
}

/** A binary heap. A check for due entries takes constant time, regardless of the number of runs. */
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

  take(now: number): Due<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > now) return undefined;
    const last = heap.pop() as Entry<T>;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

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
