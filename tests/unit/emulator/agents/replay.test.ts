import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { virtualClock } from "../../../../lib/clock.ts";
import { readRecording, renderScenario, scenarioOf } from "../../../../lib/emulator/agents/recording.ts";
import { type Scenario, SCENARIO_NAMES, SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { makeEmulator } from "../../../../lib/emulator/emulator.ts";
import { main } from "../../../../lib/emulator/main.ts";
import { readReplay } from "../../../../lib/emulator/options.ts";
import { parseFixture } from "../../../../lib/emulator/state/fixture.ts";
import { run, type RunEvent, type RunResult } from "../../../../mod.ts";
import fixture from "../../../conformance/fixture.json" with { type: "json" };
import { propertyRuns } from "../../../property_runs.ts";
import { fakeIo } from "../../cli/fake_io.ts";
import { REPO, TOKEN } from "../../cli/world.ts";
import { parseScenario } from "../scenarios.ts";

/** Follows a run that plays a scenario, and keeps all of its events. */
async function follow(scenario: Scenario, harness?: "mogplex") {
  const clock = virtualClock();
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock, scenarios: [scenario] });
  const events: RunEvent[] = [];
  const result = await run({ repo: REPO, prompt: "x", createBranch: true, ...(harness && { harness }) }, {
    token: TOKEN,
    env: () => undefined,
    fetch: emulator.fetch as never,
    clock,
    throwOnFailure: false,
    timeoutMs: 5 * 60_000,
    onItem: (item) => void (item.type === "event" && events.push(item.event)),
  });
  return { result, events };
}

/** What two plays of one run have in common: all but ids and the time of the start. */
function common({ result, events }: { result: RunResult; events: RunEvent[] }) {
  const start = Date.parse(events[0]?.createdAt ?? "");
  return {
    verdict: [
      result.outcome,
      result.exitCode,
      result.failureCode,
      result.changed,
      result.pullRequest,
      result.branch.pushed,
    ],
    phases: result.phases.map(({ name, durationMs }) => [name, Math.round((durationMs ?? -1) / 10_000)]),
    events: events.map(({ type, message, toolName, payload, createdAt }, index) => ({
      type,
      message,
      toolName,
      // The service's own first event names the run.
      payload: index === 0 ? Object.keys(payload) : payload,
      atMs: Date.parse(createdAt) - start,
    })),
  };
}

const PLAYED = SCENARIO_NAMES.filter((name) =>
  !/^(?:automation|stuck-pending|queue-failure|awaiting-input-resumed)/.test(name) &&
  !SCENARIO_TEXTS[name]?.includes("\nscenarios:")
);

/** The scenario that the emulator makes of the files of a run. */
function recordedScenario({ result, events }: { result: RunResult; events: RunEvent[] }, withResult = true): Scenario {
  const { events: _events, ...fields } = result;
  const files = {
    "out/events.ndjson": events.map((event) => `${JSON.stringify(event)}\n`).join(""),
    ...(withResult && { "out/result.json": JSON.stringify(fields, null, 2) }),
  };
  return readReplay(fakeIo({ files }), "out/events.ndjson");
}

for (const name of PLAYED) {
  test(`readReplay() plays the recorded run of ${name} again: same events at the same times, same verdict`, async () => {
    const first = await follow(parseScenario(SCENARIO_TEXTS[name] ?? "", name));
    const scenario = recordedScenario(first);
    expect(common(await follow(scenario))).toEqual(common(first));
    expect(parseScenario(renderScenario(scenario), "printed.yml")).toEqual(scenario);
  });
}

test("readReplay() takes the end of a run from its last event when there is no result of the run beside its events", async () => {
  for (const name of ["success", "agent-failure", "delivery-failure"]) {
    const first = await follow(parseScenario(SCENARIO_TEXTS[name] ?? "", name));
    expect(common(await follow(recordedScenario(first, false)))).toEqual(common(first));
    const other = { ...first.result, runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", status: "cancelled" };
    expect(recordedScenario({ ...first, result: other })).toEqual(recordedScenario(first, false));
  }
});

test("scenarioOf() plays a recorded result again: same verdict, same phases", async () => {
  for (const name of ["success", "no-changes", "agent-failure", "boot-failure", "stuck-streaming", "rate-limited"]) {
    const first = await follow(parseScenario(SCENARIO_TEXTS[name] ?? "", name));
    const { events: _events, ...result } = first.result;
    const scenario = scenarioOf(readRecording(JSON.stringify(result, null, 2), "result.json"), "result.json");
    const again = common(await follow(scenario));
    const { verdict, phases } = common(first);
    expect([name, again.verdict, again.phases]).toEqual([name, verdict, phases]);
    expect(parseScenario(renderScenario(scenario), "printed.yml")).toEqual(scenario);
  }
});

test("scenarioOf() keeps every text as it was recorded, whatever it looks like", async () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("${prompt}", "$${n}", "${ ${n}", "${", "$$${repo}}"),
  );
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 4 }), async (texts) => {
      const lines = texts.map((message, index) => ({
        type: "log",
        message,
        payload: { a: [message] },
        createdAt: at(index),
      }));
      const recorded = [...lines, { type: "finished", message: null, payload: { exit_code: 0 }, createdAt: at(9) }];
      const scenario = scenarioOf(readRecording(recorded.map((line) => JSON.stringify(line)).join("\n"), "e"), "e");
      expect(parseScenario(renderScenario(scenario), "p.yml")).toEqual(scenario);
      const { events } = await follow(scenario);
      const wellFormed = texts.map((each) => each.replaceAll("\0", ""));
      expect(events.slice(1, -1).map(({ message }) => message ?? "")).toEqual(wellFormed);
      expect(events.slice(1, -1).map(({ payload }) => payload.a)).toEqual(wellFormed.map((each) => [each]));
    }),
    { numRuns: propertyRuns(15) },
  );
});

test("scenarioOf() plays the recorded run of an automation", () => {
  const recorded = { kind: "automation-run", exitCode: 1, status: "failed", runDurationMs: 15_000, reason: "no" };
  expect(scenarioOf(readRecording(JSON.stringify(recorded), "r"), "r").automation).toEqual({
    steps: [{ after: 15, status: "failed", error: "no" }],
  });
});

test("readRecording() refuses what is not a recording, and names the line", () => {
  const good = { type: "log", message: "x", payload: {}, createdAt: "2026-01-01T00:00:00Z" };
  const cases: [string, string][] = [
    ["", "r: it has no event"],
    ["steps: []", "r:1: it is not an event: "],
    ["[1]", "r: it is not a recording"],
    ["7", "r: it is not a recording"],
    [`${JSON.stringify(good)}\n{"type":"l`, "r:2: it is not an event: "],
    [JSON.stringify({ ...good, type: "boom" }), `r:1: it is not an event: "type" must be one of`],
    [JSON.stringify({ ...good, message: 7 }), `r:1: it is not an event: "message" must be a text or null`],
    [JSON.stringify({ ...good, payload: [] }), `r:1: it is not an event: "payload" must be an object`],
    [JSON.stringify({ ...good, createdAt: "soon" }), `r:1: it is not an event: "createdAt" must be a time`],
    [
      `${JSON.stringify(good)}\n${JSON.stringify({ ...good, createdAt: "2030-01-01T00:00:00Z" })}`,
      "r:2: it is more than",
    ],
    [
      `${JSON.stringify({ ...good, payload: JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`) })}`,
      "nested too deeply",
    ],
    [JSON.stringify({ kind: "run", exitCode: 0, status: 7, phases: [] }), `r: "status" must be a text or null`],
    [JSON.stringify({ kind: "run", exitCode: 0, phases: "x" }), `r: "phases" must be a list`],
    [JSON.stringify({ kind: "run", exitCode: 0, phases: [{ name: "agent" }] }), "r: a phase must have"],
    [JSON.stringify({ kind: "automation-run", exitCode: 0, status: "success" }), "r: it does not say how"],
    [`${'{"a":'.repeat(100_000)}`, "r:1: it is not an event: "],
  ];
  for (const [text, why] of cases) expect(() => readRecording(text, "r")).toThrow(why);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    expect(() => readRecording(text, "r")).toThrow("Cannot read recording");
  }));
});

test("mogplex-emulator --print-scenario prints the scenario of a recorded run, and refuses other files", async () => {
  const recorded = `{"type":"started","message":"a","payload":{},"createdAt":"2026-01-01T00:00:00Z"}\n`;
  const io = fakeIo({ files: { "events.ndjson": recorded, "x.yml": "steps: []\n" } });
  expect(await main(["--print-scenario", "events.ndjson"], io)).toBe(0);
  expect(parseScenario(io.text.stdout, "printed").steps).toHaveLength(1);
  expect(await main(["--print-scenario", "x.yml"], io)).toBe(2);
  expect(io.text.stderr).toContain("Cannot read recording: x.yml:1: it is not an event");
  expect(await main(["--replay", "gone.ndjson"], io)).toBe(2);
  expect(io.text.stderr).toContain(`Cannot read "gone.ndjson": there is no such file`);
});
