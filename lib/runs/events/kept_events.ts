/**
 * The events of a run that stay in memory: the newest ones, and those that tell what became of it.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { isGitEvent } from "../../result/run_facts.ts";
import { beginsPhase } from "../../result/run_phases.ts";

/** Most events of a kind that are kept. */
const MAX_COUNT = 200;
/** Most bytes of the newest events: 200 of the service's largest fit. */
const NEWEST_BYTES = 8 * 1024 * 1024;
/** Most bytes of the earlier ones that matter. */
const MATTERING_BYTES = 2 * 1024 * 1024;

/** Whether an old event is still of use: it shows a phase, the branch, the pull request or the reason. */
function matters(event: RunEvent): boolean {
  const { type } = event;
  return type === "started" || type === "status_changed" || isGitEvent(event) || beginsPhase(event) !== undefined;
}

/** Where the text of an event is, and whether the event matters. */
interface Entry {
  readonly from: number;
  readonly to: number;
  readonly matters: boolean;
}

/**
 * A queue of events within limits: JSON in one block of bytes, which is written round and round. Objects would outlive the young
 * generation of the garbage collector, and 200 large ones then make the heap of Node grow by 40 MB.
 */
class EventRing {
  readonly #bytes: Uint8Array;
  readonly #entries: Entry[] = [];
  #scratch = new Uint8Array(4_096);
  #end = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  get events(): RunEvent[] {
    return this.#entries.map((entry) => this.#read(entry));
  }

  /** Adds an event unless it is too large. @returns The events that it displaced, as far as they matter. */
  add(event: RunEvent): RunEvent[] {
    const bytes = this.#bytes;
    const text = this.#encode(JSON.stringify(event));
    if (text === undefined) return [];
    const wraps = text.length > bytes.length - this.#end;
    const from = wraps ? 0 : this.#end;
    const to = from + text.length;
    const displaced: RunEvent[] = [];
    for (let oldest = this.#entries[0]; oldest !== undefined; oldest = this.#entries[0]) {
      const isLost = wraps && oldest.from >= this.#end || oldest.from < to && oldest.to > from;
      if (!isLost && this.#entries.length < MAX_COUNT) break;
      if (oldest.matters) displaced.push(this.#read(oldest));
      this.#entries.shift();
    }
    bytes.set(text, from);
    this.#entries.push({ from, to, matters: matters(event) });
    this.#end = to;
    return displaced;
  }

  /** The bytes of a text, until the next call; undefined when it is too large for the block. */
  #encode(text: string): Uint8Array | undefined {
    // A code unit takes three bytes at most.
    const most = Math.min(text.length * 3, this.#bytes.length);
    if (this.#scratch.length < most) this.#scratch = new Uint8Array(most);
    const { read, written } = new TextEncoder().encodeInto(text, this.#scratch);
    return read === text.length ? this.#scratch.subarray(0, written) : undefined;
  }

  #read({ from, to }: Entry): RunEvent {
    return JSON.parse(new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#bytes.subarray(from, to)));
  }
}

/** Gets all events of a run and keeps some of them. */
export class KeptEvents {
  readonly #newest = new EventRing(NEWEST_BYTES);
  readonly #mattering = new EventRing(MATTERING_BYTES);
  #seen = 0;

  /** How many events were added. */
  get seen(): number {
    return this.#seen;
  }

  /** The kept events, in the order in which they were added. */
  get events(): RunEvent[] {
    return [...this.#mattering.events, ...this.#newest.events];
  }

  /** Adds the next event. */
  add(event: RunEvent): void {
    this.#seen++;
    for (const displaced of this.#newest.add(event)) this.#mattering.add(displaced);
  }
}
