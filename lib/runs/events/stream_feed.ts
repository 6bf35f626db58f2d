/**
 * Collects the events of a stream: each one once and in order, even if the stream repeats or reorders them.
 *
 * @module
 */
import { isUuid } from "../../api/contract/rules.ts";
import type { StreamItem } from "../../api/stream.ts";
import type { Run, RunEvent } from "../../model.ts";
import { SeenIds } from "./seen_ids.ts";

/** What a batch of messages added. */
export interface FeedStep {
  /** The run, if a message contained it. */
  run: Run | undefined;
  /** Events not seen before, oldest first. */
  fresh: RunEvent[];
  /** Whether a new event could not be read. */
  cut: boolean;
}

/** A time as milliseconds since 1970 and microseconds below them: the service writes up to six digits, more than `Date` keeps. */
function timeOf(text: string): [ms: number, below: number] {
  return [Date.parse(text), Number(/\.\d{3}(\d{1,6})/.exec(text)?.[1]?.padEnd(6, "0") ?? 0)];
}

/** Sorts by time if all times can be parsed; else keeps the order. */
function ordered(events: readonly RunEvent[]): RunEvent[] {
  const timed = events.map((event) => ({ event, time: timeOf(event.createdAt) }));
  if (timed.some(({ time: [ms] }) => Number.isNaN(ms))) return [...events];
  timed.sort(({ time: a }, { time: b }) => a[0] - b[0] || a[1] - b[1]);
  return timed.map(({ event }) => event);
}

/** The events of one run that were seen, and the id from which its stream continues. */
export class StreamFeed {
  readonly #runId: string;
  readonly #seen = new SeenIds();
  #lastId: string | undefined;

  /** @param runId UUID of the run, in lower case. Messages about another run are ignored. */
  constructor(runId: string) {
    this.#runId = runId;
  }

  /** Id of the event after which a stream continues; undefined to begin with the newest events. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** Forgets the last id, since the service does not know it any more. Seen events stay seen. */
  startOver(): void {
    this.#lastId = undefined;
  }

  /** Adds messages of a stream. */
  take(items: readonly StreamItem[]): FeedStep {
    let run: Run | undefined;
    let cut = false;
    const events: RunEvent[] = [];
    for (const item of items) {
      if (item.type === "event") events.push(item.event);
      else if (item.type === "unreadable") cut = this.#add(item.id) || cut;
      else if (item.run.runId.toLowerCase() === this.#runId) run = item.run;
    }
    return { run, fresh: this.keep(ordered(events)), cut };
  }

  /** Adds events that were read without the stream. @returns Those not seen before. */
  keep(events: readonly RunEvent[]): RunEvent[] {
    return events.filter((event) => this.#add(event.id));
  }

  /**
   * Whether a page of events closes the gap between the events seen before and those that a new stream began with.
   *
   * @param page Events that were read and not yet added.
   * @param limit How many events the read asked for.
   * @param began The first events of the stream, already added.
   */
  joins(page: readonly RunEvent[], limit: number, began: readonly RunEvent[]): boolean {
    if (page.length < limit) return true;
    const ids = new Set(began.map((event) => event.id));
    if (!page.some((event) => ids.has(event.id))) return false;
    return page[0]?.type === "started" || page.some(({ id }) => this.#seen.has(id) && !ids.has(id));
  }

  /** @returns Whether the event is new. */
  #add(id: string): boolean {
    if (!this.#seen.add(id)) return false;
    // The id is sent back as a header, so it must not be any text.
    if (isUuid(id)) this.#lastId = id;
    return true;
  }
}
