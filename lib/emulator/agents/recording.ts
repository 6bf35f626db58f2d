/**
 * A recorded run as a scenario that plays it again: reads its events (`events.ndjson`) or its result (`result.json`), and turns them into
 * steps with their own times.
 *
 * @module
 */
import { stringify } from "yaml";
import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { isObject } from "../../lookup.ts";
import { EVENT_TYPES } from "../service/runs.ts";
import type { Scenario, ScenarioEvent, ScenarioStep } from "./scenario.ts";

export interface EventRecording {
  kind: "events";
  events: RecordedEvent[];
  /** Id of the run, as its first event says; null when that was not seen. */
  runId: string | null;
}

interface RecordedEvent {
  type: typeof EVENT_TYPES[number];
  toolName: string | null;
  message: string | null;
  payload: Record<string, unknown>;
  /** Milliseconds since 1970. */
  atMs: number;
}

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

interface RecordedPhase {
  name: string;
  /** Milliseconds since 1970. */
  startMs: number;
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
  if (!isObject(whole)) throw problem(name, "it is not a recording");
  const isResult = typeof whole.kind === "string" && "exitCode" in whole;
  return isResult ? readResult(whole, name) : readEvents(text, name);
}

/** Largest file that is read, in bytes. */
export const MAX_RECORDING_BYTES = 64 * 1024 * 1024;
const MAX_EVENTS = 100_000;
/** Deeper than the service's own limit of 4. */
const MAX_DEPTH = 24;
/** Longest time that a run takes, in milliseconds: 31 days. */
const MAX_SPAN_MS = 31 * 86_400_000;

function readEvents(text: string, name: string): Recording {
  const events: RecordedEvent[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      // The last line of a job that was killed may be cut by the disk.
      throw problem(`${name}:${index + 1}`, `it is not an event: ${messageOf(error)}`);
    }
    const event = eventOf(value);
    if (typeof event === "string") throw problem(`${name}:${index + 1}`, `it is not an event: ${event}`);
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

function problem(name: string, why: string): UsageError {
  return new UsageError({
    attempted: "read recording",
    why: `${name}: ${why}`,
    advice: "give the events.ndjson or the result.json of a job",
  });
}

/** An event; a text that says what is wrong with it otherwise. */
function eventOf(value: unknown): RecordedEvent | string {
  if (!isObject(value)) return "it is not an object";
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

/** A text or null; undefined for everything else. */
function textOf(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : undefined;
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function isDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth > MAX_DEPTH || Object.values(value).some((each) => isDeep(each, depth + 1));
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

// Turns a recorded run into a scenario that plays it again, with its own times.

const ENDS = new Map<string, End>([["finished", "success"], ["failed", "failed"], ["cancelled", "cancelled"]]);
const STATUSES: readonly NonNullable<ScenarioStep["status"]>[] = [
  "pending",
  "streaming",
  "success",
  "failed",
  "cancelled",
  "awaiting_input",
];
const AUTOMATION_STATUSES = ["pending", "running", "success", "failed", "cancelled"] as const;

/**
 * The scenario of a recorded run.
 *
 * @param name Name of the scenario.
 * @param result The result of the same run, for events: they do not always tell how it ended. @default {undefined}
 */
export function scenarioOf(recording: Recording, name: string, result?: Recording): Scenario {
  const steps = recording.kind === "events"
    ? stepsOfEvents(recording.events, result?.kind === "result" ? result : undefined)
    : recording.kind === "result"
    ? stepsOfResult(recording)
    : [];
  const status = recording.kind === "automation"
    ? AUTOMATION_STATUSES.find((each) => each === recording.status)
    : undefined;
  return {
    name,
    description: "A recorded run",
    match: {},
    speed: 1,
    steps: steps.map((step) => ({ repeat: 1, every: 0, ...step })),
    ...(recording.kind === "automation" && {
      automation: {
        steps: status === undefined || status === "pending" || status === "running" ? [] : [{
          after: seconds(recording.durationMs),
          status,
          error: status === "failed" ? recording.reason : null,
        }],
      },
    }),
  };
}

type RecordedResult = Extract<Recording, { kind: "result" }>;

type Step = Partial<ScenarioStep> & { after: number };

function stepsOfEvents(events: readonly RecordedEvent[], result: RecordedResult | undefined): Step[] {
  const steps: Step[] = [];
  let lastMs = events[0]?.atMs ?? 0;
  let booted = false;
  for (const event of events) {
    if (isAccepted(event)) continue;
    const boots: boolean = !booted && needsSandbox(event);
    booted ||= boots;
    steps.push(eventStep(event, seconds(event.atMs - lastMs), boots));
    lastMs = Math.max(lastMs, event.atMs);
  }
  if (result !== undefined) return [...steps, ...endOfResult(result, lastMs)];
  const last = events.findLast(({ type }) => ENDS.has(type));
  const end = ENDS.get(last?.type ?? "");
  // Without an end in the recording, the run does not end when it is played.
  return last === undefined || end === undefined ? steps : [...steps, ...endSteps(end, end, errorOf(last))];
}

function event(type: ScenarioEvent["type"], message: string, payload: Record<string, unknown>): Partial<ScenarioStep> {
  return { event: { type, message, payload: literal(payload), verbatim: false } };
}

/** A value whose texts are played as they are: `${NAME}` in them is no placeholder. */
function literal<T>(value: T): T {
  if (typeof value === "string") return value.replace(/\$\{[^}]*\}/g, (found) => `$${found}`) as T;
  if (Array.isArray(value)) return value.map(literal) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, literal(each)])) as T;
}

/** Whether the service itself writes an event when it takes a start. */
function isAccepted({ type, payload }: RecordedEvent): boolean {
  return type === "started" && payload.external_run_id !== undefined;
}

/** Whether the sandbox was up at the time of an event. */
function needsSandbox({ type, payload }: RecordedEvent): boolean {
  return type === "started" || (type === "status_changed" && payload.to === "streaming");
}

function eventStep(event: RecordedEvent, after: number, boots: boolean): Step {
  const { type, toolName, message, payload } = event;
  const command = type === "status_changed" ? payload.runtime_command_id : undefined;
  const to = type === "status_changed" && payload.to !== "streaming" ? payload.to : undefined;
  const status = STATUSES.find((each) => each === to);
  return {
    after,
    ...(boots && { sandbox: "up" as const }),
    ...(typeof command === "string" && { command: literal(command) }),
    event: { type, toolName: literal(toolName), message: literal(message), payload: literal(payload), verbatim: true },
    ...(status !== undefined && { status }),
  };
}

const seconds = (ms: number) => Math.max(0, Math.round(ms) / 1_000);

/** Time from the last event to the ends of call and run, in seconds: recordings do not tell it. */
const CALL_S = 0.2;
const STATUS_S = 1;

/** What a run's result says of its end; undefined when it went on. */
function endOfResult({ status, endMs, reason }: RecordedResult, lastMs: number): Step[] {
  const known = STATUSES.find((each) => each === status);
  if (known === undefined || known === "pending" || known === "streaming") return [];
  const call = known === "awaiting_input" ? "success" : known;
  const why = known === "failed" ? { error: literal(reason) } : {};
  return [{ after: endMs === undefined ? STATUS_S : seconds(endMs - lastMs), call, status: known, ...why }];
}

type End = "success" | "failed" | "cancelled";

function endSteps(end: End, status: NonNullable<ScenarioStep["status"]>, error: string | null): Step[] {
  const why = end === "failed" ? { error } : {};
  return [{ after: CALL_S, call: end, ...why }, { after: STATUS_S, status, ...why }];
}

function errorOf({ payload, message }: RecordedEvent): string | null {
  return literal(typeof payload.error === "string" ? payload.error : message);
}

/** A run is made up of the phases that a result has: it has no events. */
function stepsOfResult(recording: RecordedResult): Step[] {
  const { status, phases, endMs, reason, failureCode, changed, branch, pullRequest } = recording;
  const began = (name: string) => phases.find((phase) => phase.name === name)?.startMs;
  const steps: Step[] = [];
  let lastMs = phases[0]?.startMs ?? endMs ?? 0;
  const add = (atMs: number | undefined, ...each: Partial<ScenarioStep>[]) => {
    if (atMs === undefined) return;
    each.forEach((step, index) => steps.push({ after: index === 0 ? seconds(atMs - lastMs) : 0, ...step }));
    lastMs = Math.max(lastMs, atMs);
  };
  const started = event("started", "Harness run started: ${harness}", {});
  add(began("prepare") ?? began("agent"), { sandbox: "up" as const }, { ...started });
  const command = "cmd_agent";
  const streaming = { from: "pending", to: "streaming", runtime_command_id: command };
  add(began("agent"), { command, ...event("status_changed", "Harness run streaming", streaming) });
  const delivery = {
    stage: "git_delivery",
    changed,
    pull_request_url: pullRequest,
    base_branch: branch.base,
    working_branch: branch.pushed,
    auto_committed_files: [],
  };
  if (changed !== null) add(began("deliver"), event("log", "Delivery", delivery));
  const end = [...ENDS].find(([, each]) => each === status);
  const failedInDelivery = status === "failed" && changed === null && began("deliver") !== undefined;
  if (status === "awaiting_input") {
    add(endMs, event("finished", "Harness run finished", { exit_code: 0, failure_code: null }));
    return [...steps, ...endSteps("success", "awaiting_input", null)];
  }
  if (end === undefined) return steps;
  const [type, outcome] = end;
  const payload = outcome === "success"
    ? { exit_code: 0, failure_code: null }
    : outcome === "cancelled"
    ? { runtime_command_id: null }
    : {
      failure_code: failureCode,
      error: reason,
      ...(failedInDelivery || began("agent") === undefined ? {} : { exit_code: 1 }),
    };
  add(endMs, event(type as ScenarioEvent["type"], `Harness run ${type}`, payload));
  return [...steps, ...endSteps(outcome, outcome, literal(reason))];
}

/** A scenario as a file, without what its fields are by default. */
export function renderScenario({ name, description, steps, automation }: Scenario): string {
  const written = steps.map(({ repeat: _repeat, every: _every, ...step }) => step);
  return stringify({
    name,
    description,
    ...(steps.length > 0 && { steps: written }),
    ...(automation && { automation }),
  }, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
