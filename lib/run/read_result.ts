import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { isObject, lookup, parseJson } from "../lookup.ts";
import type { RunEvent } from "../model.ts";
import { cutText } from "../text/plain_text.ts";
import {
  type AnyResult,
  emptyAutomationResult,
  emptyRunResult,
  endOfRun,
  factsFromEvents,
  type Outcome,
  phasesFromEvents,
  type ResultCause,
  type RunResult,
} from "./result.ts";
import { kindWords, WAIT_CAUSES } from "./result_view.ts";

interface ReadFile {
  readonly path: string;
  readonly text: string;
}

type Fields = Record<string, unknown>;

const isText = (value: unknown) => value === null || typeof value === "string";
const isNumber = (value: unknown) => typeof value === "number" && Number.isFinite(value);
const isAll = (check: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(check);

function has(value: unknown, checks: Readonly<Record<string, (value: unknown) => boolean>>): boolean {
  return isObject(value) && Object.entries(checks).every(([name, check]) => check(value[name]));
}

const isNumberOrNull = (value: unknown) => value === null || isNumber(value);
const isPhase = (value: unknown) =>
  has(value, { name: (name) => typeof name === "string", startedAt: isText, durationMs: isNumberOrNull });
const isWait = (value: unknown) =>
  has(value, {
    cause: (cause) => typeof cause === "string" && lookup(WAIT_CAUSES, cause) !== undefined,
    count: isNumber,
    totalMs: isNumber,
  });

const CAUSES: readonly unknown[] = [
  null,
  "result-missing",
  "result-not-json",
  "result-invalid",
  "result-unreadable",
] satisfies (ResultCause | null)[];

const RESULT_FILE = {
  path: (path: unknown) => typeof path === "string",
  branch: isText,
  commit: isText,
  blob: isText,
  cause: (cause: unknown) => CAUSES.includes(cause),
  mistakes: isAll((mistake) => typeof mistake === "string"),
  outputs: (outputs: unknown) =>
    isObject(outputs) &&
    Object.values(outputs).every((value) => ["string", "number", "boolean"].includes(typeof value)),
};

const CHECKS: ReadonlyMap<string, (value: unknown) => boolean> = new Map<string, (value: unknown) => boolean>([
  [
    "error",
    (value) =>
      value === null ||
      has(value, { attempted: isText, why: isText, value: isText, advice: isText, code: isText }),
  ],
  ["branch", (value) => has(value, { base: isText, requested: isText, pushed: isText })],
  ["pullRequest", (value) => has(value, { state: isText, url: isText })],
  ["eventCount", (value) => has(value, { seen: isNumber })],
  ["phases", isAll(isPhase)],
  ["waits", isAll(isWait)],
  ["events", isAll(isEvent)],
  ["replayed", (value) => value === null || typeof value === "boolean"],
  ["mayExist", (value) => typeof value === "boolean"],
  ["keysUsedUp", (value) => typeof value === "boolean"],
  ["resumeIsCommand", (value) => typeof value === "boolean"],
  ["changed", (value) => value === null || typeof value === "boolean"],
  ["exitCode", (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255],
  ["runDurationMs", isNumberOrNull],
  ["repository", isText],
  ["task", isText],
  ["finalMessage", isText],
  ["files", (value) => value === null || isAll((file) => typeof file === "string")(value)],
  ["value", (value) => value !== undefined],
  ["resultFile", (value) => value === null || has(value, RESULT_FILE)],
]);

function isEvent(value: unknown): value is RunEvent {
  return has(value, {
    id: (id) => typeof id === "string",
    type: (type) => typeof type === "string",
    toolName: isText,
    message: isText,
    payload: isObject,
    createdAt: (time) => typeof time === "string",
  });
}

const MAX_SHOWN = 100;

/** Not every object can be converted to text. For example, `{"toString":1}` cannot. */
function shown(value: unknown): string {
  return typeof value === "object" && value !== null ? "an object" : cutText(String(value), MAX_SHOWN);
}

function refuse({ path }: ReadFile, why: string, value?: string): never {
  const advice = "use a job's result.json or events.ndjson";
  throw new UsageError({ attempted: `read "${path}"`, why, value, advice });
}

/** The result must have all fields of this version. Fields of later versions may have any value. */
function resultIn(file: ReadFile, content: Fields): AnyResult {
  const fields: Fields = content.kind === "run" ? { events: [], ...content } : content;
  if (fields.schemaVersion === undefined) refuse(file, "it has no schemaVersion");
  if (fields.schemaVersion !== 1) refuse(file, "its schemaVersion must be 1", shown(fields.schemaVersion));
  const { kind } = fields;
  if (kind !== "run" && kind !== "automation-run") refuse(file, "its kind is unknown", shown(kind));
  const empty = kind === "run" ? emptyRunResult() : emptyAutomationResult();
  for (const [name, usual] of Object.entries(empty)) {
    const check = CHECKS.get(name) ?? (typeof usual === "number" ? isNumber : isText);
    if (!check(fields[name])) refuse(file, `the field "${name}" is missing or has the wrong type`);
  }
  const outcomes: readonly unknown[] = kindWords(empty).outcomes;
  if (!outcomes.includes(fields.outcome)) refuse(file, "its outcome is unknown", shown(fields.outcome));
  const { resultFile } = fields;
  if (isObject(resultFile)) fields.resultFile = { ...resultFile, value: fields.value };
  return fields as unknown as AnyResult;
}

function eventsIn(file: ReadFile): RunEvent[] {
  return file.text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const event = parseJson(line);
    if (!isEvent(event)) refuse(file, `line ${index + 1} is not ${event === undefined ? "valid JSON" : "an event"}`);
    return [event];
  });
}

/** Events alone do not prove how the run ended, so the reason says where the outcome comes from. */
function ending(events: readonly RunEvent[]): Pick<RunResult, "outcome" | "exitCode" | "reason"> {
  const ends = new Map<string, [Outcome, number]>([
    ["finished", ["success", EXIT.success]],
    ["failed", ["failed", EXIT.failed]],
    ["cancelled", ["cancelled", EXIT.cancelled]],
  ]);
  const last = events.findLast(({ type }) => ends.has(type));
  const { firstEnd, failureError, failureMessage } = factsFromEvents(events);
  const type = last?.type === "failed" ? endOfRun("failed", { firstEnd }) : last?.type;
  const [outcome, exitCode] = ends.get(type ?? "") ?? ["deadline" as const, EXIT.deadline];
  if (outcome === "failed") return { outcome, exitCode, reason: failureError ?? failureMessage };
  const reason = last === undefined
    ? "No event shows how the run ended"
    : "This outcome comes from the run's events; its status was not read";
  return { outcome, exitCode, reason };
}

function resultOfEvents(events: readonly RunEvent[]): RunResult {
  const { pushedBranch, workingBranch, pullRequest, changed, failureCode } = factsFromEvents(events);
  const payload = (name: string) => {
    const text = events.map((event) => event.payload[name]).find((value) => typeof value === "string");
    return typeof text === "string" ? text : null;
  };
  return {
    ...emptyRunResult(),
    ...ending(events),
    runId: payload("external_run_id"),
    mayExist: true,
    harness: payload("harness_id"),
    branch: { base: payload("base_branch"), requested: workingBranch, pushed: pushedBranch },
    pullRequest,
    changed,
    failureCode,
    phases: phasesFromEvents(events),
    createdAt: events[0]?.createdAt ?? null,
  };
}

export function readResult(files: readonly ReadFile[]): AnyResult {
  let result: AnyResult | undefined;
  let events: RunEvent[] | undefined;
  for (const file of files) {
    // An events file with several lines is not one JSON value.
    const value = parseJson(file.text);
    const isResult = isObject(value) && !isEvent(value);
    if ((isResult ? result : events) !== undefined) refuse(file, "two files of the same kind were given");
    if (isResult) result = resultIn(file, value);
    else events = eventsIn(file);
  }
  if (result !== undefined && result.kind === "automation-run") return result;
  const list = events ?? [];
  const { eventCount, ...rest } = result ?? resultOfEvents(list);
  if (events === undefined) return { ...rest, eventCount };
  return { ...rest, events: list, eventsOmitted: 0, eventCount: { ...eventCount, seen: list.length } };
}
