/**
 * Reads what a job has recorded of a run: its events (`events.ndjson`), or its result (`result.json`).
 *
 * @module
 */
import { messageOf } from "../../../error_sentence.ts";
import { UsageError } from "../../../errors.ts";
import { isObject } from "../../../lookup.ts";
import { EVENT_TYPES } from "../../service/events.ts";

/** An event as it was recorded. */
export interface RecordedEvent {
  type: typeof EVENT_TYPES[number];
  toolName: string | null;
  message: string | null;
  payload: Record<string, unknown>;
  /** Milliseconds since 1970. */
  atMs: number;
}

/** A phase of a recorded run. */
export interface RecordedPhase {
  name: string;
  /** Milliseconds since 1970. */
  startMs: number;
}

/** The events of a run. */
export interface EventRecording {
  kind: "events";
  events: RecordedEvent[];
  /** Id of the run, as its first event says; null when that was not seen. */
  runId: string | null;
}

/** A recorded run. */
export type Recording =
  | EventRecording
  | {
    kind: "result";
    /** Id of the run; null when there was none. */
    runId: string | null;
    /** Last status that was seen; null when none was. */
    status: string | null;
    phases: RecordedPhase[];
    /** Milliseconds since 1970; undefined when the end was not seen. */
    endMs: number | undefined;
    reason: string | null;
    failureCode: string | null;
    /** Whether the agent changed anything; null when that is not known. */
    changed: boolean | null;
    branch: { base: string | null; pushed: string | null };
    pullRequest: string | null;
  }
  | { kind: "automation"; status: string; durationMs: number; reason: string | null };

/** Largest file that is read, in bytes. */
export const MAX_RECORDING_BYTES = 64 * 1024 * 1024;
const MAX_EVENTS = 100_000;
/** Deeper than the service's own limit of 4. */
const MAX_DEPTH = 24;
/** Longest time that a run takes, in milliseconds: 31 days. */
const MAX_SPAN_MS = 31 * 86_400_000;

function problem(name: string, why: string): UsageError {
  return new UsageError({
    attempted: "read recording",
    why: `${name}: ${why}`,
    advice: "give the events.ndjson or the result.json of a job",
  });
}

function isDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth > MAX_DEPTH || Object.values(value).some((each) => isDeep(each, depth + 1));
}

/** A text or null; undefined for everything else. */
function textOf(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : undefined;
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** An event; a text that says what is wrong with it otherwise. */
function eventOf(value: unknown): RecordedEvent | string {
  if (!isObject(value)) return "it is no object";
  const type = EVENT_TYPES.find((each) => each === value.type);
  if (type === undefined) return `"type" must be one of ${EVENT_TYPES.join(", ")}`;
  const { payload = {} } = value;
  const [toolName, message, atMs] = [textOf(value.toolName), textOf(value.message), timeOf(value.createdAt)];
  if (toolName === undefined) return '"toolName" must be a text or null';
  if (message === undefined) return '"message" must be a text or null';
  if (!isObject(payload)) return '"payload" must be an object';
  if (isDeep(payload)) return "it is nested too deeply";
  if (atMs === undefined) return '"createdAt" must be a time';
  return { type, toolName, message, payload, atMs };
}

function readEvents(text: string, name: string): Recording {
  const events: RecordedEvent[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      // The last line of a job that was killed may be cut by the disk.
      throw problem(`${name}:${index + 1}`, `it is no event: ${messageOf(error)}`);
    }
    const event = eventOf(value);
    if (typeof event === "string") throw problem(`${name}:${index + 1}`, `it is no event: ${event}`);
    if (events.length >= MAX_EVENTS) throw problem(name, `it has more than ${MAX_EVENTS} events`);
    const first = events[0];
    if (first !== undefined && Math.abs(event.atMs - first.atMs) > MAX_SPAN_MS) {
      throw problem(`${name}:${index + 1}`, "it is more than 31 days from the first event");
    }
    events.push(event);
  }
  if (events.length === 0) throw problem(name, "it has no event");
  const ids = events.map(({ payload }) => payload.external_run_id).filter((id) => typeof id === "string");
  return { kind: "events", events, runId: ids[0] ?? null };
}

function phasesOf(value: unknown, name: string): RecordedPhase[] {
  if (!Array.isArray(value) || value.length > 20) throw problem(name, '"phases" must be a list of at most 20 phases');
  return value.map((each) => {
    const startMs = isObject(each) ? timeOf(each.startedAt) : undefined;
    if (!isObject(each) || typeof each.name !== "string" || startMs === undefined) {
      throw problem(name, "a phase must have a name and the time of its start");
    }
    return { name: each.name, startMs };
  });
}

function readResult(value: Record<string, unknown>, name: string): Recording {
  const field = (key: string, from: Record<string, unknown> = value) => {
    const text = textOf(from[key]);
    if (text === undefined) throw problem(name, `"${key}" must be a text or null`);
    return text;
  };
  const [status, reason] = [field("status"), field("reason")];
  if (value.kind === "automation-run") {
    const ms = value.runDurationMs ?? value.durationMs;
    if (status === null || typeof ms !== "number" || !(ms >= 0) || ms > MAX_SPAN_MS) {
      throw problem(name, "it does not say how the run ended, and in what time");
    }
    return { kind: "automation", status, durationMs: ms, reason };
  }
  const phases = phasesOf(value.phases, name);
  const endMs = timeOf(value.updatedAt);
  const times = [...phases.map(({ startMs }) => startMs), endMs ?? NaN].filter((ms) => !Number.isNaN(ms));
  if (Math.max(...times) - Math.min(...times) > MAX_SPAN_MS) throw problem(name, "its times span more than 31 days");
  const branch = isObject(value.branch) ? value.branch : {};
  const pull = isObject(value.pullRequest) ? value.pullRequest : {};
  return {
    kind: "result",
    runId: field("runId"),
    status,
    phases,
    endMs,
    reason,
    failureCode: field("failureCode"),
    changed: typeof value.changed === "boolean" ? value.changed : null,
    branch: { base: field("base", branch), pushed: field("pushed", branch) },
    pullRequest: field("url", pull),
  };
}

/**
 * Reads a recording.
 *
 * @param text Content of the file.
 * @param name Name of the file in messages.
 * @throws {UsageError} with the line of the first problem.
 */
export function readRecording(text: string, name: string): Recording {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    return readEvents(text, name);
  }
  if (!isObject(whole)) throw problem(name, "it is no recording");
  const isResult = typeof whole.kind === "string" && "exitCode" in whole;
  return isResult ? readResult(whole, name) : readEvents(text, name);
}
