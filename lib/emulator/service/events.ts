/**
 * The event table: writing, and reading in either of the two windows.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { formatTimestamp, storeJson, storeText } from "../state/postgres.ts";
import type { EventRow } from "../state/rows.ts";
import { cleanForReading, cleanForStorage } from "./sanitise.ts";
import type { World } from "../state/world.ts";

/** Types that the table allows. Source: API reference, "Event types". */
export const EVENT_TYPES = [
  "started",
  "status_changed",
  "tool_started",
  "tool_finished",
  "cancel_requested",
  "cancelled",
  "finished",
  "failed",
  "log",
] as const;

/** An event to be written. */
export interface NewEvent {
  /** One of {@linkcode EVENT_TYPES}. */
  type: string;
  /** Tool that it speaks of. @default {null} */
  toolName?: string | null | undefined;
  /** Text for people. @default {null} */
  message?: string | null | undefined;
  /** Further fields. @default {{}} */
  payload?: unknown;
  /** Microseconds since 1970. @default now */
  createdAt?: number | undefined;
}

/** Whether an event ends its call, and with it every stream. */
export function isTerminalEvent({ event_type }: Pick<EventRow, "event_type">): boolean {
  return event_type === "finished" || event_type === "failed" || event_type === "cancelled";
}

function present(row: Omit<EventRow, "json">): RunEvent {
  return {
    id: row.id,
    type: row.event_type,
    toolName: row.tool_name,
    message: row.message,
    payload: cleanForReading(row.payload),
    createdAt: formatTimestamp(row.created_at),
  };
}

/**
 * Stores an event as it is, in its place by time.
 *
 * @param callId Call that it belongs to.
 * @throws {DatabaseError} for a text that the database cannot hold, or an injected failure.
 */
export function insertEvent(world: World, callId: string, event: NewEvent): EventRow {
  world.store.guard("insert", "ai_call_events");
  const row = {
    id: crypto.randomUUID(),
    call_id: callId,
    event_type: event.type,
    tool_name: storeText(event.toolName ?? null),
    message: storeText(event.message ?? null),
    payload: storeJson(event.payload ?? {}),
    created_at: event.createdAt ?? world.clock.stamp(),
  };
  const stored: EventRow = { ...row, json: JSON.stringify(present(row)) };
  const rows = world.store.events.get(callId) ?? [];
  let at = rows.length;
  while (at > 0 && (rows[at - 1]?.created_at ?? 0) > row.created_at) at--;
  // A new array, since answers are cached by it.
  world.store.events.set(callId, [...rows.slice(0, at), stored, ...rows.slice(at)]);
  world.feed.publish(stored);
  return stored;
}

/** Writes an event the way the service itself does: the payload is cleaned first, and a failure is swallowed. */
export function writeEvent(world: World, callId: string, event: NewEvent): void {
  try {
    insertEvent(world, callId, { ...event, payload: cleanForStorage(event.payload) });
  } catch {
    // The service logs it and goes on. Source: conformance, action "failStore" on "ai_call_events".
  }
}

/** The events that one read shows: the first `limit`, or the newest in later revisions; oldest first in both. */
export function eventWindow(world: World, callId: string, limit: number): readonly EventRow[] {
  const rows = world.store.events.get(callId) ?? [];
  return world.revision.tailWindow ? rows.slice(-limit) : rows.slice(0, limit);
}
