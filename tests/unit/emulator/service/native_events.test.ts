import { expect, test } from "bun:test";
import { arrange } from "../arrange.ts";
import { builtInScenario, parseScenario } from "../scenarios.ts";

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

test("the harness mogplex makes the error of a failure its message", async () => {
  const failures = [
    { message: "Harness run failed", payload: { exit_code: 3, failure_code: "command_failed" } },
    { message: "Harness stream failed", payload: { error: "stream closed" } },
    { message: "Harness execution failed" },
    { message: "External Mogplex run failed", payload: { error: "gave up" } },
  ];
  const steps = failures.map((failure) => ({ event: { type: "failed", ...failure } }));
  const scenario = parseScenario(JSON.stringify({ steps: [{ sandbox: "up" }, ...steps] }), "s");
  const revision = { mogplexHarness: true, nativeEvents: true };
  const { clock, start, look } = arrange({ scenarios: [scenario], revision });
  const runId = await start("k", { harness: "mogplex" });
  clock.advance(60_000);
  expect((await look(runId)).messages.slice(1)).toEqual([
    "Agent run exited with code 3.",
    "stream closed",
    "Harness execution failed",
    "External Mogplex run failed",
  ]);
});
