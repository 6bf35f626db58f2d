import { expect, test } from "bun:test";
import { readBatch, type ReceivedSpan, valuesOf } from "../../telemetry/receiver.ts";
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

/** Nanoseconds of the start of a span. */
const begin = ({ startTimeUnixNano }: ReceivedSpan) => BigInt(startTimeUnixNano);

test("waves of several commands name campaign and round and are linked, and no span begins before the one above it", async () => {
  const world = cliWorld({ count: 4, file: { round: "2026-12" } });
  let text = "";
  for (let wave = 0; wave < 3; wave++) {
    const { code, io } = await world.campaign("advance", TRACE);
    expect(code).toBe(0);
    text = io.files.get("trace.jsonl") ?? "";
    await world.clock.sleep(15 * 60_000);
  }
  const commands = text.trimEnd().split("\n").map((line) => spansOf(line));
  expect(commands).toHaveLength(3);
  const waves = commands.flatMap((spans) => spans.filter(({ name }) => name === "wave"));
  expect(waves.length).toBeGreaterThan(1);
  expect(waves[0]?.links).toBeUndefined();
  for (const [index, wave] of waves.entries()) {
    const before = waves[index - 1];
    if (before !== undefined) expect(wave.links).toMatchObject([{ traceId: before.traceId, spanId: before.spanId }]);
  }
  for (const spans of commands) {
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      const above = byId.get(span.parentSpanId ?? "");
      if (above !== undefined) expect([span.name, begin(span) >= begin(above)]).toEqual([span.name, true]);
      if (!span.name.startsWith("mogplex") && span.name !== "wave" && span.name !== "invoke_agent") continue;
      const facts = valuesOf(span.attributes);
      expect([facts.get("mogplex.campaign.name"), facts.get("mogplex.campaign.round")]).toEqual([
        "replace-moment",
        "2026-12",
      ]);
    }
  }
  // Their runs were started by an earlier wave: they stand beside the wave that has seen their end.
  const items = commands.flat().filter(({ name }) => name === "invoke_agent");
  expect(items).toHaveLength(4);
  const ids = new Set(waves.map(({ spanId }) => spanId));
  for (const { parentSpanId, links } of items) {
    expect([parentSpanId, ids.has(links?.[0]?.spanId ?? "")]).toEqual([undefined, true]);
  }
});
