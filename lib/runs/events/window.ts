/**
 * What a page of events shows, and what it hides: the feed has no cursor and never more than 200 entries, either the first
 * or the newest ones.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { idKey, SeenIds } from "./seen_ids.ts";

/** What is known of the feed so far. */
export interface WindowState {
  /** Ids of events seen. */
  readonly seen: SeenIds;
  /** Whether an event left the page while a newer one came: the window slides, so it shows the newest events. */
  readonly slides: boolean;
  /** How often in a row a full page came without anything new. */
  readonly still: number;
  /** Keys of the ids of the last page. */
  readonly last: readonly string[];
  /** Whether events went by unseen. */
  readonly missed: boolean;
  /** Whether the feed shows its first events for ever, so that later ones cannot be seen. */
  readonly full: boolean;
}

/** A page of the feed. */
export interface EventPage {
  /** Its events, oldest first. */
  readonly events: readonly RunEvent[];
  /** How many were asked for. */
  readonly limit: number;
  /** Whether the run has ended. */
  readonly ended: boolean;
}

/** What a page adds. */
export interface WindowStep {
  /** The state afterwards. */
  readonly state: WindowState;
  /** Events not seen before, oldest first. */
  readonly fresh: RunEvent[];
}

const TERMINAL_TYPES: readonly string[] = ["finished", "failed", "cancelled"];
/**
 * Full pages without anything new until the feed counts as full: a window that slides can stand still for a moment, too, but
 * then an agent has to pause after exactly as many events as a page holds.
 */
const STILL_PAGES = 2;

/** Whether events of this type come at the end of a run. None of them proves that the run has ended. */
export function isTerminalType(type: string): boolean {
  return TERMINAL_TYPES.includes(type);
}

/** The state before the first page. */
export function emptyWindow(): WindowState {
  return { seen: new SeenIds(), slides: false, still: 0, last: [], missed: false, full: false };
}

/** Marks the feed: events were missed. */
export function withMissed(state: WindowState): WindowState {
  return { ...state, missed: true };
}

/** Takes in the events of a stream. They are not a page of the feed, so they say nothing about hidden events. */
export function add(state: WindowState, events: readonly RunEvent[]): WindowStep {
  return { fresh: events.filter((event) => state.seen.add(event.id)), state };
}

/** Whether a full page begins after events that were not seen. */
function jumped(state: WindowState, events: readonly RunEvent[]): boolean {
  // The first event of every run is `started`, written before the start is answered.
  if (state.seen.empty) return events[0]?.type !== "started";
  return events.every((event) => !state.seen.has(event.id));
}

/**
 * Takes in a page.
 *
 * Events are told apart by id. A full page without any known event, after the first page, means that events were missed; a
 * full page that does not change while the run goes on, or that ends without the end of a run that has ended, means that the
 * feed is full.
 *
 * @param state What was known.
 * @param page What was read.
 */
export function observe(state: WindowState, page: EventPage): WindowStep {
  const { events, limit, ended } = page;
  const last = events.map((event) => idKey(event.id));
  const isFull = events.length >= limit;
  const isFirst = state.seen.empty;
  const missed = state.missed || isFull && jumped(state, events);
  const { fresh } = add(state, events);
  const onPage = new Set(last);
  const slides = state.slides ||
    isFull && fresh.length > 0 && state.last.length > 0 && state.last.some((id) => !onPage.has(id)) ||
    isFull && isFirst && events[0]?.type !== "started";
  const still = isFull && fresh.length === 0 ? state.still + 1 : 0;
  const cut = ended && !events.some((event) => isTerminalType(event.type));
  return {
    fresh,
    state: {
      ...state,
      slides,
      still,
      last,
      missed,
      full: !slides && isFull && (state.full || still >= STILL_PAGES || cut),
    },
  };
}
