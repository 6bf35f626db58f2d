import { expect, test } from "bun:test";
import { builtInScenario } from "../../../../lib/emulator/agents/scenario.ts";
import { nativeEvent } from "../../../../lib/emulator/agents/native_events.ts";
import { arrange } from "../arrange.ts";

async function story(harness: string, nativeEvents: boolean) {
  const revision = { mogplexHarness: true, nativeEvents };
  const { clock, start, call } = arrange({ scenarios: [builtInScenario("agent-progress")], revision });
  const runId = await start("k", { harness });
  clock.advance(3_600_000);
  const { json } = await call("GET", `/runs/${runId}/events?limit=200`);
  return json.data.events as { type: string; message: string; payload: Record<string, unknown> }[];
}

test("the harness mogplex writes its own events in later revisions", async () => {
  const events = await story("mogplex", true);
  const messages = events.map(({ message }) => message);
  expect(messages).toContain("Mogplex agent run started");
  expect(events.filter(({ payload }) => payload.stage === "git_delivery")).toEqual([]);
  expect(events.filter(({ type }) => type.startsWith("tool_")).map(({ payload }) => payload)).toEqual([
    { input: { command: "npm test" }, toolCallId: "call_1" },
    { output: "12 passed", toolCallId: "call_1" },
  ]);
  expect(events.filter(({ payload }) => payload.kind === "run_progress").map(({ message }) => message)).toEqual([
    "I look at the tests.\n",
    "All tests pass.\n",
  ]);
  expect(events.at(-1)).toMatchObject({ type: "finished", payload: {} });
});

test("other harnesses, and the harness mogplex without the switch, keep their events", async () => {
  for (const [harness, nativeEvents] of [["codex", true], ["mogplex", false]] as const) {
    const events = await story(harness, nativeEvents);
    expect(events.map(({ message }) => message)).toContain(`Harness run started: ${harness}`);
    expect(events.some(({ payload }) => payload.stage === "git_delivery")).toBe(true);
    expect(events.some(({ payload }) => payload.kind === "tool")).toBe(true);
    expect(events.at(-1)?.payload).toMatchObject({ exit_code: 0 });
  }
});

test("nativeEvent() makes the error of a failure its message", () => {
  const failed = (message: string, payload: unknown) => nativeEvent({ type: "failed", message, payload })?.message;
  expect([
    failed("Harness run failed", { exit_code: 3, failure_code: "command_failed" }),
    failed("Harness stream failed", { error: "stream closed" }),
    failed("Harness execution failed", null),
    failed("External Mogplex run failed", { error: "gave up" }),
  ]).toEqual([
    "Agent run exited with code 3.",
    "stream closed",
    "Harness execution failed",
    "External Mogplex run failed",
  ]);
});
