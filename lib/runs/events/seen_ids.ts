/**
 * Which events were seen, in bounded memory.
 *
 * @module
 */

/** The first ids of a run are never forgotten: some revisions of the service show the first 200 events for ever. */
const FIRST_IDS = 1_000;
/**
 * Of the others, this many of the newest are known, at most twice as many. A page of events, or the beginning of a stream, has at most 200
 * events, the first or the newest ones, so a forgotten id does not come back. 40 000 UUIDs take about 4 MB.
 */
const RECENT_IDS = 20_000;
/** The service's ids have 36 characters. A longer id is replaced by a hash: it may have millions of characters. */
const MAX_ID_LENGTH = 200;

/**
 * A short key of an id: the id itself, unless it is too long.
 *
 * The hash does not withstand somebody who looks for collisions: a service could only hide its own events with them.
 */
export function idKey(id: string): string {
  if (id.length <= MAX_ID_LENGTH) return id;
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < id.length; index++) {
    const unit = id.charCodeAt(index);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  return `${id.length} ${high >>> 0} ${low >>> 0}`;
}

/** Ids that were seen: the first ones and the newest ones. Grows in place, since a stream brings thousands of them one by one. */
export class SeenIds {
  readonly #first = new Set<string>();
  // Two generations: removing the oldest id of a set one by one takes linear time each in V8.
  #older = new Set<string>();
  #newer = new Set<string>();

  /** Whether no id was seen yet. */
  get empty(): boolean {
    return this.#first.size === 0;
  }

  /** Whether an id was seen, and is not forgotten. */
  has(id: string): boolean {
    return this.#hasKey(idKey(id));
  }

  /** Remembers an id. @returns Whether it is new. */
  add(id: string): boolean {
    const key = idKey(id);
    if (this.#hasKey(key)) return false;
    if (this.#first.size < FIRST_IDS) {
      this.#first.add(key);
      return true;
    }
    if (this.#newer.size >= RECENT_IDS) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(key);
    return true;
  }

  #hasKey(key: string): boolean {
    return this.#first.has(key) || this.#newer.has(key) || this.#older.has(key);
  }
}
