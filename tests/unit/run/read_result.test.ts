import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../../lib/errors.ts";
import { renderJson } from "../../../lib/report/json.ts";
import { renderRunPage } from "../../../lib/report/run_page.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { renderNdjson } from "../../../lib/run/event_file.ts";
import { readResult } from "../../../lib/run/read_result.ts";
import { propertyRuns } from "../../property_runs.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "../report/sample.ts";

const JSON_FILE = (text: string) => ({ path: "result.json", text });
const EVENTS = { path: "events.ndjson", text: renderNdjson(sampleResult()) };

test("readResult() gives back what result.json and events.ndjson have, whatever their order", () => {
  const file = JSON_FILE(renderJson(sampleResult()));
  expect(readResult([file, EVENTS])).toEqual(sampleResult());
  expect(readResult([EVENTS, file])).toEqual(sampleResult());
  expect(readResult([file])).toEqual(sampleResult({ events: [], eventCount: sampleResult().eventCount }));
  expect(readResult([JSON_FILE(renderJson(sampleAutomationResult()))])).toEqual(sampleAutomationResult());
});

test("readResult() makes the best of events alone, and says that they are no verdict", () => {
  const result = readResult([EVENTS]);
  const { branch, changed, pullRequest, phases } = sampleResult();
  expect(result).toMatchObject({
    outcome: "success",
    exitCode: 0,
    changed,
    pullRequest,
    status: null,
    harness: "codex",
  });
  expect(result).toMatchObject({
    branch: { base: branch.base, pushed: branch.pushed },
    reason: /* */ expect.stringContaining("was not read"),
  });
  expect((result as ReturnType<typeof sampleResult>).phases.map(({ name }) => name)).toEqual([
    ...phases.map(({ name }) => name),
    "deliver",
  ]);
  const failed = sampleEvent(1, { type: "failed", message: "Harness run failed", payload: { error: "no space left" } });
  expect(readResult([{ path: "e", text: JSON.stringify(failed) }])).toMatchObject({
    outcome: "failed",
    exitCode: 1,
    reason: "no space left",
  });
  expect(readResult([{ path: "e", text: "" }])).toMatchObject({ outcome: "deadline", exitCode: 124 });
});

test("readResult() keeps fields that later versions add, and refuses a result that lacks one of ours or has another kind", () => {
  const result = { ...sampleResult(), later: { a: 1 } };
  expect(readResult([JSON_FILE(JSON.stringify(result))])).toEqual(result);
  // The events are in a file of their own.
  for (const name of Object.keys(sampleResult()).filter((field) => field !== "events")) {
    const rest = Object.fromEntries(Object.entries(result).filter(([key]) => key !== name));
    expect(() => readResult([JSON_FILE(JSON.stringify(rest))])).toThrow(UsageError);
  }
  const other = JSON.stringify({ ...result, kind: "review" });
  expect(() => readResult([JSON_FILE(other)])).toThrow("its kind is unknown: review");
});

test("readResult() reads the result file, and its value, from the text of result.json", () => {
  const resultFile = {
    ...{ path: "a.json", branch: "b", commit: "c", blob: "d", cause: null, mistakes: [], outputs: { ok: true } },
    value: { ok: true, "__proto__": 1 },
  };
  const result = { ...sampleResult(), value: resultFile.value, resultFile };
  const read = readResult([JSON_FILE(renderJson(result))]);
  expect(read).toEqual({ ...result, events: [] });
  const other = JSON.parse(renderJson(result));
  other.resultFile.cause = "result-good";
  expect(() => readResult([JSON_FILE(JSON.stringify(other))])).toThrow(
    'the field "resultFile" is missing or has the wrong type',
  );
});

test("readResult() refuses files that are something else, and two of one kind", () => {
  const bad = [
    [JSON_FILE("{}")],
    [JSON_FILE("nothing")],
    [JSON_FILE('{"schemaVersion":2}')],
    [JSON_FILE(JSON.stringify({ ...sampleResult(), phases: "none" }))],
    [JSON_FILE(JSON.stringify({ ...sampleResult(), waits: [{ cause: 1 }] }))],
    [JSON_FILE(JSON.stringify({ ...sampleResult(), pullRequest: null }))],
    [JSON_FILE(JSON.stringify({ ...sampleResult(), task: 7 }))],
    [EVENTS, EVENTS],
    [JSON_FILE(renderJson(sampleResult())), JSON_FILE(renderJson(sampleResult()))],
  ];
  for (const files of bad) expect(() => readResult(files)).toThrow(UsageError);
});

test("readResult() refuses values that cannot become a text, and puts no long one into its message", () => {
  for (
    const text of [
      '{"schemaVersion":{"toString":1}}',
      `{"schemaVersion":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
      JSON.stringify({ ...sampleResult(), waits: [{ cause: { toString: 1 } }] }),
      JSON.stringify({ schemaVersion: "x".repeat(1_000_000) }),
      JSON.stringify({ ...sampleResult(), outcome: "x".repeat(1_000_000) }),
    ]
  ) {
    const failure = (() => {
      try {
        return readResult([JSON_FILE(text)]);
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as UsageError).message.length).toBeLessThan(300);
  }
});

test("renderRunPage() shows a limited number of phases", () => {
  const phases = Array.from({ length: 5_000 }, () => ({ name: "agent", startedAt: null, durationMs: 1 }));
  const page = renderRunPage(readResult([JSON_FILE(JSON.stringify({ ...sampleResult(), phases }))]));
  expect(page.length).toBeLessThan(200_000);
});

test("readResult() gives a result that a page can be made of, or throws a UsageError, for any JSON", () => {
  const names = Object.keys(sampleResult());
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => {
      try {
        const result = readResult([JSON_FILE(JSON.stringify({ ...sampleResult(), [name]: value }))]);
        expect(renderRunPage(cleanResult(result, (text) => text, (text) => text))).toStartWith("<!DOCTYPE html>");
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
    { numRuns: propertyRuns(300) },
  );
});
