/**
 * What the messages of a stream add to what is known: each event once, in order, whatever is repeated or mixed up.
 *
 * @module
 */
import { isUuid } from "../../api/contract/rules.ts";
import type { StreamItem } from "../../api/stream.ts";
import type { Run, RunEvent } from "../../model.ts";
import { SeenIds } from "./seen_ids.ts";

/** What some messages came to. */
export interface FeedStep {
  /** The run, when a message told of it. */
  run: Run | undefined;
  /** Events not seen before, oldest first. */
  fresh: RunEvent[];
  /** Whether there was one that could not be read. */
  cut: boolean;
}

/** A time as milliseconds and what its text says below them. The service writes up to six digits. */
function timeOf(text: string): [ms: number, below: number] {
  return [Date.parse(text), Number(/\.\d{3}(\d{1,6})/.exec(text)?.[1]?.padEnd(6, "0") ?? 0)];
}

/** By time where all times can be read, else as they came. */
function ordered(events: readonly RunEvent[]): RunEvent[] {
  const timed = events.map((event) => ({ event, time: timeOf(event.createdAt) }));
  if (timed.some(({ time: [ms] }) => Number.isNaN(ms))) return [...events];
  timed.sort(({ time: a }, { time: b }) => a[0] - b[0] || a[1] - b[1]);
  return timed.map(({ event }) => event);
}

/** What has been seen of one run's events, and where its stream goes on. */
export class StreamFeed {
  readonly #runId: string;
  readonly #seen = new SeenIds();
  #lastId: string | undefined;

  /** @param runId UUID of the run; what speaks of another one is passed over. */
  constructor(runId: string) {
    this.#runId = runId;
  }

  /** Event after which a stream goes on; undefined to begin with the newest. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** The service does not know the last event any more. */
  startOver(): void {
    this.#lastId = undefined;
  }

  /** Takes in messages of a stream. */
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

  /** Takes in events from elsewhere. @returns Those not seen before. */
  keep(events: readonly RunEvent[]): RunEvent[] {
    return events.filter((event) => this.#add(event.id));
  }

  /**
   * Whether a page of the events route joins what was seen before to what a stream began with, so that nothing lies between.
   *
   * @param page Events that have not been taken in.
   * @param limit How many were asked for.
   * @param began Events that the stream began with; they have been taken in.
   */
  joins(page: readonly RunEvent[], limit: number, began: readonly RunEvent[]): boolean {
    if (page.length < limit) return true;
    const ids = new Set(began.map((event) => event.id));
    if (!page.some((event) => ids.has(event.id))) return false;
    return page[0]?.type === "started" || page.some(({ id }) => this.#seen.has(id) && !ids.has(id));
  }

  /** @returns Whether it is new. */
  #add(id: string): boolean {
    if (!this.#seen.add(id)) return false;
    // A foreign text must not become a header.
    if (isUuid(id)) this.#lastId = id;
    return true;
  }
}
