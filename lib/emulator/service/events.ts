/**
 * The event table: writes events, and reads one of the two windows of them.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { formatTimestamp, storeJson, storeText } from "../state/postgres.ts";
import type { EventRow } from "../state/rows.ts";
import { cleanForReading, cleanForStorage } from "./sanitise.ts";
import type { World } from "../state/world.ts";

/** Event types that the table allows. Source: API reference, "Event types". */
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

/** An event to write. */
export interface NewEvent {
  /** One of {@linkcode EVENT_TYPES}. */
  type: string;
  /** Name of the tool that the event is about. @default {null} */
  toolName?: string | null | undefined;
  /** Text for the reader. @default {null} */
  message?: string | null | undefined;
  /** Further fields. @default {{}} */
  payload?: unknown;
  /** Microseconds since 1970. @default now */
  createdAt?: number | undefined;
}

/** Whether an event ends its call, and every stream of it. */
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
 * Stores an event unchanged, in order of time.
 *
 * @param callId Call of the event.
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

/** Writes an event as the service does: cleans the payload first, and ignores a failure to store it. */
export function writeEvent(world: World, callId: string, event: NewEvent): void {
  try {
    insertEvent(world, callId, { ...event, payload: cleanForStorage(event.payload) });
  } catch {
    // The service logs the failure and goes on. Source: conformance, action "failStore" on "ai_call_events".
  }
}

/** The events of one read, oldest first: the first `limit` events, or the newest ones in later revisions. */
export function eventWindow(world: World, callId: string, limit: number): readonly EventRow[] {
  const rows = world.store.events.get(callId) ?? [];
  return world.revision.tailWindow ? rows.slice(-limit) : rows.slice(0, limit);
}
