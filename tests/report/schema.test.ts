import { expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import type { WaitCause } from "../../lib/notice.ts";
import { cleanResult } from "../../lib/result/clean.ts";
import { renderJson } from "../../lib/report/json.ts";
import type { Outcome, RunResult } from "../../lib/result/run_result.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { sampleResult } from "./sample.ts";

interface Schema {
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  enum?: unknown[];
  description?: string;
}

const schema: Schema = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../schema/result.schema.json`, "utf8"),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

// The compiler demands every field of the types here, and refuses every other one.
type Fields<T> = Record<keyof T, true>;
const RESULT: Fields<Omit<RunResult, "events">> = {
  schemaVersion: true,
  runId: true,
  repoId: true,
  harness: true,
  status: true,
  outcome: true,
  exitCode: true,
  reason: true,
  failureCode: true,
  replayed: true,
  idempotencyKey: true,
  branch: true,
  pullRequest: true,
  changed: true,
  createdAt: true,
  updatedAt: true,
  phases: true,
  eventCount: true,
  requests: true,
  waits: true,
  durationMs: true,
  origin: true,
  resume: true,
};
const BRANCH: Fields<RunResult["branch"]> = { base: true, requested: true, pushed: true };
const PULL_REQUEST: Fields<RunResult["pullRequest"]> = { state: true, url: true };
const EVENT_COUNT: Fields<RunResult["eventCount"]> = { seen: true, missed: true, windowFull: true };
const PHASE: Fields<RunResult["phases"][number]> = { name: true, startedAt: true, durationMs: true };
const WAIT: Fields<RunResult["waits"][number]> = { cause: true, count: true, totalMs: true };
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
const CAUSES: Record<WaitCause, true> = {
  rate_limit: true,
  unavailable: true,
  network: true,
  start_limit: true,
  invalid_answer: true,
  unauthorized: true,
};
const STATES: Record<RunResult["pullRequest"]["state"], true> = { open: true, none: true, unknown: true };

test("result.schema.json has every field of RunResult, all required and described, and no other", () => {
  const { properties = {} } = schema;
  const parts: [Schema | undefined, Record<string, true>][] = [
    [schema, RESULT],
    [properties.branch, BRANCH],
    [properties.pullRequest, PULL_REQUEST],
    [properties.eventCount, EVENT_COUNT],
    [properties.phases?.items, PHASE],
    [properties.waits?.items, WAIT],
  ];
  for (const [part, fields] of parts) {
    expect(Object.keys(part?.properties ?? {})).toEqual(Object.keys(fields));
    expect(part?.required).toEqual(Object.keys(fields));
    for (const [name, field] of Object.entries(part?.properties ?? {})) {
      if (field.properties === undefined) expect([name, typeof field.description]).toEqual([name, "string"]);
    }
  }
});

test("result.schema.json lists the same outcomes, states and causes as the code", () => {
  const { properties = {} } = schema;
  expect(properties.outcome?.enum).toEqual(Object.keys(OUTCOMES));
  expect(properties.pullRequest?.properties?.state?.enum).toEqual(Object.keys(STATES));
  expect(properties.waits?.items?.properties?.cause?.enum).toEqual(Object.keys(CAUSES));
});

function problems(result: RunResult) {
  validate(JSON.parse(renderJson(cleanResult(result, (text) => text))));
  return validate.errors ?? [];
}

test("renderJson() keeps to the schema for a success, an early failure, and hostile texts", () => {
  expect(problems(sampleResult())).toEqual([]);
  const nothing = sampleResult({
    runId: null,
    repoId: null,
    harness: null,
    status: null,
    outcome: "error",
    exitCode: 69,
    reason: "Cannot start run: connection refused",
    replayed: null,
    idempotencyKey: null,
    branch: { base: null, requested: null, pushed: null },
    pullRequest: { state: "unknown", url: null },
    changed: null,
    createdAt: null,
    updatedAt: null,
    phases: [],
    waits: [],
    resume: null,
    events: [],
  });
  expect(problems(nothing)).toEqual([]);
  for (const { text } of CORPUS) {
    const hostile = sampleResult({ reason: text, pullRequest: { state: "open", url: text }, status: text });
    expect(problems(hostile)).toEqual([]);
  }
});

test("result.schema.json refuses a wrong type, a missing field and an unknown outcome", () => {
  const good = JSON.parse(renderJson(sampleResult()));
  const { runId: _runId, ...missing } = good;
  for (
    const bad of [{ ...good, exitCode: "0" }, missing, { ...good, outcome: "great" }, { ...good, schemaVersion: 2 }]
  ) {
    expect(validate(bad)).toBe(false);
  }
});

test("renderJson() leaves out the events, which have a file of their own", () => {
  expect(Object.keys(JSON.parse(renderJson(sampleResult())))).toEqual(Object.keys(RESULT));
});
