/**
 * The events of a run that stay in memory: the newest ones, and those that tell what became of it.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { isGitEvent } from "../../result/run_facts.ts";
import { beginsPhase } from "../../result/run_phases.ts";

/** Most events of each kind that are kept, and their most size in UTF-16 units: 200 events of the service have 8 million at most. */
interface Limits {
  readonly count: number;
  readonly size: number;
}

const NEWEST: Limits = { count: 200, size: 8 * 1024 * 1024 };
const MATTERING: Limits = { count: 200, size: 2 * 1024 * 1024 };
/** What a value takes beside its characters, in UTF-16 units. */
const VALUE_SIZE = 32;

/** Whether reports and scripts need an event however old it is: for the phases, the branch, the pull request or the reason. */
function matters(event: RunEvent): boolean {
  const { type } = event;
  return type === "started" || type === "status_changed" || isGitEvent(event) || beginsPhase(event) !== undefined;
}

/** About how much memory a value takes, in UTF-16 units. Its nesting has been limited when it was read. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return VALUE_SIZE + value.length;
  if (typeof value !== "object" || value === null) return VALUE_SIZE;
  if (Array.isArray(value)) return value.reduce((size: number, item) => size + sizeOf(item), VALUE_SIZE);
  return Object.entries(value).reduce((size, [key, item]) => size + key.length + sizeOf(item), VALUE_SIZE);
}

/** A queue within limits. */
class Bounded {
  readonly #limits: Limits;
  readonly #entries: { event: RunEvent; size: number }[] = [];
  #size = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get events(): RunEvent[] {
    return this.#entries.map(({ event }) => event);
  }

  /** Takes an event. @returns The oldest ones, which it displaced, or the event itself when it is too large. */
  add(event: RunEvent): RunEvent[] {
    const size = sizeOf(event);
    if (size > this.#limits.size) return [event];
    const displaced: RunEvent[] = [];
    this.#entries.push({ event, size });
    this.#size += size;
    while (this.#entries.length > this.#limits.count || this.#size > this.#limits.size) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) break;
      this.#size -= oldest.size;
      displaced.push(oldest.event);
    }
    return displaced;
  }
}

/** Takes all events of a run, and keeps some of them. */
export class KeptEvents {
  readonly #newest = new Bounded(NEWEST);
  readonly #mattering = new Bounded(MATTERING);
  #seen = 0;

  /** How many events were added. */
  get seen(): number {
    return this.#seen;
  }

  /** Those that are kept, in the order in which they were added. */
  get events(): RunEvent[] {
    return [...this.#mattering.events, ...this.#newest.events];
  }

  /** Takes the next event. */
  add(event: RunEvent): void {
    this.#seen++;
    for (const displaced of this.#newest.add(event)) {
      if (matters(displaced)) this.#mattering.add(displaced);
    }
  }
}
