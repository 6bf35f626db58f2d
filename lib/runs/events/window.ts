/**
 * Finds out which events a page hides. The events route has no cursor and returns at most 200 events: on some revisions of the
 * service the first ones, on others the newest.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { isTerminalType } from "../../result/run_phases.ts";
import { idKey, SeenIds } from "./seen_ids.ts";

/** The events seen so far, and what they show about the events route. */
export interface WindowState {
  /** Ids of events seen. It is changed in place, since a stream adds thousands of them one by one. */
  readonly seen: SeenIds;
  /** Whether the page shows the newest events: an event left it as a newer one came. */
  readonly slides: boolean;
  /** Number of full pages in a row without a new event. */
  readonly still: number;
  /** Keys of the ids of the last page. */
  readonly last: readonly string[];
  /** Whether events were missed. */
  readonly missed: boolean;
  /** Whether the page shows the first events for ever, so that later ones cannot be seen. */
  readonly full: boolean;
}

/** A page of events. */
export interface EventPage {
  /** Its events, oldest first. */
  readonly events: readonly RunEvent[];
  /** How many events the request asked for. */
  readonly limit: number;
  /** Whether the run has ended. */
  readonly ended: boolean;
}

/** The outcome of adding events. */
export interface WindowStep {
  /** The state afterwards. */
  readonly state: WindowState;
  /** Events not seen before, oldest first. */
  readonly fresh: RunEvent[];
}

/**
 * Full pages without a new event after which the page counts as full. A page of the newest events can also stay the same, but only
 * if the agent pauses after exactly as many events as a page holds.
 */
const STILL_PAGES = 2;

/** The state before the first page. */
export function emptyWindow(): WindowState {
  return { seen: new SeenIds(), slides: false, still: 0, last: [], missed: false, full: false };
}

/** The state with `missed` set. */
export function withMissed(state: WindowState): WindowState {
  return { ...state, missed: true };
}

/** Adds the events of a stream. They are not a page, so they say nothing about hidden events. */
export function add(state: WindowState, events: readonly RunEvent[]): WindowStep {
  return { fresh: events.filter((event) => state.seen.add(event.id)), state };
}

/** Whether events before a full page were missed. */
function jumped(state: WindowState, events: readonly RunEvent[]): boolean {
  // The first event of every run is `started`, written before the start is answered.
  if (state.seen.empty) return events[0]?.type !== "started";
  return events.every((event) => !state.seen.has(event.id));
}

/**
 * Adds a page.
 *
 * Events are identified by id. After the first page, a full page without any known event means that events were missed. A full page
 * that stays the same while the run goes on, or that lacks the last event of a run that has ended, means that later events cannot be
 * seen.
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
