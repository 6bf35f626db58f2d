/**
 * Turns a recorded run into a scenario that plays it again, with its own times.
 *
 * @module
 */
import { stringify } from "yaml";
import type { Scenario, ScenarioEvent, ScenarioStep } from "../scenario_schema.ts";
import type { RecordedEvent, Recording } from "./recording.ts";

type Step = Partial<ScenarioStep> & { after: number };
type RecordedResult = Extract<Recording, { kind: "result" }>;
type End = "success" | "failed" | "cancelled";

/** Time from the last event to the ends of call and run, in seconds: recordings do not tell it. */
const CALL_S = 0.2;
const STATUS_S = 1;

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

/** The same texts, in which nothing stands for something else. */
function literal<T>(value: T): T {
  if (typeof value === "string") return value.replace(/\$\{[^}]*\}/g, (found) => `$${found}`) as T;
  if (Array.isArray(value)) return value.map(literal) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, literal(each)])) as T;
}

const seconds = (ms: number) => Math.max(0, Math.round(ms) / 1_000);

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

function errorOf({ payload, message }: RecordedEvent): string | null {
  return literal(typeof payload.error === "string" ? payload.error : message);
}

function endSteps(end: End, status: NonNullable<ScenarioStep["status"]>, error: string | null): Step[] {
  const why = end === "failed" ? { error } : {};
  return [{ after: CALL_S, call: end, ...why }, { after: STATUS_S, status, ...why }];
}

/** What a run's result says of its end; undefined when it went on. */
function endOfResult({ status, endMs, reason }: RecordedResult, lastMs: number): Step[] {
  const known = STATUSES.find((each) => each === status);
  if (known === undefined || known === "pending" || known === "streaming") return [];
  const call = known === "awaiting_input" ? "success" : known;
  const why = known === "failed" ? { error: literal(reason) } : {};
  return [{ after: endMs === undefined ? STATUS_S : seconds(endMs - lastMs), call, status: known, ...why }];
}

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
  // Without an end it is a run that nobody saw end: it plays like that.
  return last === undefined || end === undefined ? steps : [...steps, ...endSteps(end, end, errorOf(last))];
}

function event(type: ScenarioEvent["type"], message: string, payload: Record<string, unknown>): Partial<ScenarioStep> {
  return { event: { type, message, payload: literal(payload), verbatim: false } };
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
