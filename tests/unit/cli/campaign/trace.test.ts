import { expect, test } from "bun:test";
import { readBatch, valuesOf } from "../../telemetry/receiver.ts";
import { cliWorld } from "./world.ts";

const TRACE = ["--otel-file", "trace.jsonl"];

/** The spans of one command. */
function spansOf(text = "") {
  return text.trimEnd().split("\n").flatMap((line) => readBatch(line).spans);
}

test("campaign run makes one span for each wave, and one for each item when its run has ended", async () => {
  const world = cliWorld({ count: 3 });
  const { code, io } = await world.campaign("run", TRACE);
  expect(code).toBe(0);
  const spans = spansOf(io.files.get("trace.jsonl"));
  const [job] = spans.filter(({ name }) => name === "mogplex campaign");
  const waves = spans.filter(({ name }) => name === "wave");
  const items = spans.filter(({ name }) => name === "invoke_agent");
  expect(waves.length).toBeGreaterThan(0);
  expect(items).toHaveLength(3);
  expect(waves.every(({ parentSpanId }) => parentSpanId === job?.spanId)).toBe(true);
  const ids = waves.map(({ spanId }) => spanId);
  expect(items.every(({ parentSpanId }) => ids.includes(parentSpanId ?? ""))).toBe(true);
  expect(items.map(({ attributes }) => valuesOf(attributes).get("mogplex.campaign.verdict"))).toEqual(
    ["succeeded", "succeeded", "succeeded"],
  );
  const facts = valuesOf(job?.attributes ?? []);
  expect(facts.get("cicd.pipeline.task.run.result")).toBe("success");
  expect(Number(facts.get("mogplex.requests"))).toBeGreaterThan(3);
});

test("campaign advance traces the items whose end it sees, and a campaign that goes on is a success", async () => {
  const world = cliWorld({ count: 2 });
  const first = await world.campaign("advance", [...TRACE, "--exit-status"]);
  expect(first.code).toBe(75);
  const begun = spansOf(first.io.files.get("trace.jsonl"));
  expect(begun.map(({ name }) => name)).toEqual(["mogplex campaign", "wave"]);
  expect(valuesOf(begun[0]?.attributes ?? []).get("cicd.pipeline.task.run.result")).toBe("success");
  await world.clock.sleep(30 * 60_000);
  const { io } = await world.campaign("advance", TRACE);
  expect(spansOf(io.files.get("trace.jsonl")).filter(({ name }) => name === "invoke_agent")).toHaveLength(2);
});
