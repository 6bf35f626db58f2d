/**
 * Which events were seen, in bounded memory.
 *
 * @module
 */

/** Ids at the beginning of a run that are never forgotten: some revisions of the service show the first 200 events for ever. */
const FIRST_IDS = 1_000;
/**
 * Of the other ids, the newest are remembered: at least this many, at most twice as many. A page and the beginning of a stream have at most 200
 * events, the first or the newest ones, so an id that is forgotten does not come back. The UUIDs of two followers take 8 MB.
 */
const RECENT_IDS = 20_000;
/** Ids of the service have 36 characters. A longer one is remembered by a hash, since it may have millions. */
const MAX_ID_LENGTH = 200;

/**
 * A short key of an id: the id itself, unless it is too long.
 *
 * Somebody can construct a collision of this hash of 53 bits, but would only hide events of their own run.
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
