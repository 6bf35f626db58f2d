import { expect, test } from "bun:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import { virtualClock } from "../../../lib/clock.ts";
import type { WaitCause } from "../../../lib/notice.ts";
import { renderJson } from "../../../lib/report/json.ts";
import {
  type AutomationOutcome,
  type AutomationResult,
  emptyAutomationResult,
  emptyRunResult,
  type Outcome,
  type ResultError,
  type RunResult,
} from "../../../lib/run/result.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { AUTOMATION, automationWorld, REQUEST } from "../run/automations.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { anEvent, fakeClient, page, RUN_ID, someEvents } from "../run/fake_client.ts";
import { sampleResult } from "./sample.ts";
import { attach, runAutomationJob } from "../run/detecting.ts";

interface Schema {
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  description?: string;
}

function read(name: string): { schema: Schema; validate: ValidateFunction } {
  const schema = JSON.parse(readFileSync(`${import.meta.dirname}/../../../schema/${name}`, "utf8"));
  return { schema, validate: new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema) };
}

const ofRun = read("result.schema.json");
const ofAutomation = read("automation-result.schema.json");

// The compiler demands every field of the types here, and refuses every other one.
type Fields<T> = Record<keyof T, true>;
const RESULT: Fields<Omit<RunResult, "events">> = {
  schemaVersion: true,
  kind: true,
  runId: true,
  repoId: true,
  repository: true,
  task: true,
  harness: true,
  status: true,
  outcome: true,
  exitCode: true,
  reason: true,
  error: true,
  failureCode: true,
  replayed: true,
  idempotencyKey: true,
  mayExist: true,
  keysUsedUp: true,
  branch: true,
  pullRequest: true,
  changed: true,
  files: true,
  finalMessage: true,
  value: true,
  resultFile: true,
  createdAt: true,
  updatedAt: true,
  phases: true,
  eventCount: true,
  requests: true,
  waits: true,
  durationMs: true,
  origin: true,
  resume: true,
  resumeIsCommand: true,
  eventsOmitted: true,
};
const AUTOMATION_RESULT: Fields<AutomationResult> = {
  schemaVersion: true,
  kind: true,
  automationId: true,
  runId: true,
  repoId: true,
  repository: true,
  status: true,
  outcome: true,
  exitCode: true,
  reason: true,
  error: true,
  replayed: true,
  idempotencyKey: true,
  mayExist: true,
  createdAt: true,
  startedAt: true,
  completedAt: true,
  runDurationMs: true,
  requests: true,
  waits: true,
  durationMs: true,
  origin: true,
  resume: true,
  resumeIsCommand: true,
};
// The value in the file is the field `value` of result.json.
const RESULT_FILE: Fields<Omit<NonNullable<RunResult["resultFile"]>, "value">> = {
  path: true,
  branch: true,
  commit: true,
  blob: true,
  cause: true,
  mistakes: true,
  outputs: true,
};
const BRANCH: Fields<RunResult["branch"]> = { base: true, requested: true, pushed: true };
const PULL_REQUEST: Fields<RunResult["pullRequest"]> = { state: true, url: true };
const EVENT_COUNT: Fields<RunResult["eventCount"]> = { seen: true, missed: true, windowFull: true };
const PHASE: Fields<RunResult["phases"][number]> = { name: true, startedAt: true, durationMs: true };
const WAIT: Fields<RunResult["waits"][number]> = { cause: true, count: true, totalMs: true };
const ERROR: Fields<ResultError> = { attempted: true, why: true, value: true, advice: true, code: true };
const OUTCOMES: Record<Outcome, true> = {
  success: true,
  failed: true,
  cancelled: true,
  awaiting_input: true,
  deadline: true,
  interrupted: true,
  started: true,
  error: true,
};
const AUTOMATION_OUTCOMES: Record<AutomationOutcome, true> = {
  success: true,
  failed: true,
  cancelled: true,
  deadline: true,
  suppressed: true,
  interrupted: true,
  error: true,
};
const CAUSES: Record<WaitCause, true> = {
  rate_limit: true,
  unavailable: true,
  network: true,
  start_limit: true,
  invalid_answer: true,
  unauthorized: true,
};
const STATES: Record<RunResult["pullRequest"]["state"], true> = { open: true, none: true, unknown: true };

test.each<[string, Schema, Record<string, true>]>([
  ["result.schema.json", ofRun.schema, RESULT],
  ["automation-result.schema.json", ofAutomation.schema, AUTOMATION_RESULT],
])(
  "%s has every field of its result, described and required, and no other",
  (_name, schema, fields) => {
    const { properties = {} } = schema;
    expect(Object.keys(properties)).toEqual(Object.keys(fields));
    expect(schema.required).toEqual(Object.keys(fields));
    for (const [name, field] of Object.entries(properties)) {
      if (field.properties === undefined) expect([name, typeof field.description]).toEqual([name, "string"]);
    }
  },
);

test.each<[string, Schema | undefined, Record<string, true>]>([
  ["branch", ofRun.schema.properties?.branch, BRANCH],
  ["pullRequest", ofRun.schema.properties?.pullRequest, PULL_REQUEST],
  ["eventCount", ofRun.schema.properties?.eventCount, EVENT_COUNT],
  ["phases", ofRun.schema.properties?.phases?.items, PHASE],
  ["waits", ofRun.schema.properties?.waits?.items, WAIT],
  ["error", ofRun.schema.properties?.error, ERROR],
  ["resultFile", ofRun.schema.properties?.resultFile, RESULT_FILE],
  ["an automation's waits", ofAutomation.schema.properties?.waits?.items, WAIT],
  ["an automation's error", ofAutomation.schema.properties?.error, ERROR],
])("the schemas have every field of %s, described and required", (_name, schema, fields) => {
  expect(Object.keys(schema?.properties ?? {})).toEqual(Object.keys(fields));
  expect(schema?.required).toEqual(Object.keys(fields));
  for (const [name, field] of Object.entries(schema?.properties ?? {})) {
    if (field.enum === undefined) expect([name, typeof field.description]).toEqual([name, "string"]);
  }
});

test("the schemas list the same outcomes, states and causes as the code", () => {
  const run = ofRun.schema.properties ?? {};
  const automation = ofAutomation.schema.properties ?? {};
  expect(run.outcome?.enum).toEqual(Object.keys(OUTCOMES));
  expect(automation.outcome?.enum).toEqual(Object.keys(AUTOMATION_OUTCOMES));
  expect(run.pullRequest?.properties?.state?.enum).toEqual(Object.keys(STATES));
  expect(run.waits?.items?.properties?.cause?.enum).toEqual(Object.keys(CAUSES));
  expect(automation.waits?.items?.properties?.cause?.enum).toEqual(Object.keys(CAUSES));
});

function problems(result: RunResult | AutomationResult) {
  const { validate } = result.kind === "run" ? ofRun : ofAutomation;
  validate(JSON.parse(renderJson(cleanResult(result, (text) => text, (text) => text))));
  return validate.errors ?? [];
}

test("renderJson() keeps to the schema for a success, an early failure, and hostile texts", () => {
  expect(problems(sampleResult())).toEqual([]);
  const error = { attempted: "start run", why: "connection refused", value: null, advice: null, code: null };
  const early = { exitCode: 69, reason: "Cannot start run: connection refused", error };
  expect(problems({ ...emptyRunResult(), ...early })).toEqual([]);
  expect(problems({ ...emptyAutomationResult(), ...early })).toEqual([]);
  for (const { text } of CORPUS) {
    const parts = { attempted: text, why: text, value: text, advice: text, code: null };
    const hostile = { reason: text, error: parts, status: text };
    expect(problems(sampleResult({ ...hostile, pullRequest: { state: "open", url: text } }))).toEqual([]);
    expect(problems({ ...emptyAutomationResult(), ...hostile, automationId: text })).toEqual([]);
  }
});

test("renderJson() keeps to the schema for what attach() returns", async () => {
  const resultOf = (script: Parameters<typeof fakeClient>[1], timeoutMs?: number) => {
    const clock = virtualClock();
    return attach(RUN_ID, { client: fakeClient(clock, script), clock, timeoutMs, throwOnFailure: false });
  };
  const success = await resultOf({ events: [page("success", [...someEvents(1, 3), anEvent("f", "finished")])] });
  const failed = await resultOf({ events: [page("failed", [anEvent("f", "failed")], { error: "out of memory" })] });
  const late = await resultOf({ events: [page("streaming", someEvents(1, 3))] }, 20_000);
  expect([success, failed, late].map(({ outcome }) => outcome)).toEqual(["success", "failed", "deadline"]);
  expect([success, failed, late].map(({ error }) => error === null)).toEqual([true, true, false]);
  expect([success, failed, late].flatMap(problems)).toEqual([]);
});

test("renderJson() keeps to the schema for what runAutomationJob() returns", async () => {
  const ends = [];
  for (const name of ["success", "agent-failure", "automation-stuck", "automation-suppressed"]) {
    const { result } = await runAutomationJob(AUTOMATION, REQUEST, automationWorld(name).options());
    ends.push([result.outcome, result.error === null, result.resume === null]);
    expect(problems(result)).toEqual([]);
  }
  expect(ends).toEqual([
    ["success", true, true],
    ["failed", true, true],
    ["deadline", false, false],
    ["suppressed", false, true],
  ]);
});

test("the schemas refuse a wrong type, a missing field, an unknown outcome and the other kind", () => {
  const run = JSON.parse(renderJson(sampleResult()));
  const automation = JSON.parse(renderJson(emptyAutomationResult()));
  for (const [{ validate }, good, other] of [[ofRun, run, automation], [ofAutomation, automation, run]]) {
    const { runId: _runId, ...missing } = good;
    const changed = [{ exitCode: "0" }, { outcome: "great" }, { schemaVersion: 2 }, { kind: other.kind }, {
      error: { why: "no more" },
    }];
    for (const bad of [...changed.map((fields) => ({ ...good, ...fields })), missing, other]) {
      expect(validate(bad)).toBe(false);
    }
    expect(validate(good)).toBe(true);
  }
});

test("renderJson() leaves out the events, which have a file of their own", () => {
  expect(Object.keys(JSON.parse(renderJson(sampleResult())))).toEqual(Object.keys(RESULT));
  expect(Object.keys(JSON.parse(renderJson(emptyAutomationResult())))).toEqual(Object.keys(AUTOMATION_RESULT));
});
