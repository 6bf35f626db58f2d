import { createHash } from "node:crypto";
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { newId, openTrace, type Sampler } from "../../../lib/telemetry/settings.ts";

const ALWAYS: Sampler = { byParent: true, root: "on", share: 1 };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const VALID = `00-${TRACE}-${SPAN}-01`;
const sevens = (count: number) => new Uint8Array(count).fill(0x77);

function open(env: Record<string, string>, platform = "none", sampler = ALWAYS) {
  return openTrace((name) => new Map(Object.entries(env)).get(name), platform, sampler, sevens);
}

test("openTrace() takes every TRACEPARENT that the recommendation permits", () => {
  const placed = (TRACEPARENT: string) => {
    const { traceId, parentSpanId, sampled } = open({ TRACEPARENT });
    return [traceId, parentSpanId, sampled];
  };
  expect(placed(VALID)).toEqual([TRACE, SPAN, true]);
  expect(placed(`00-${TRACE}-${SPAN}-02`)).toEqual([TRACE, SPAN, false]);
  expect(placed(`cc-${TRACE}-${SPAN}-01-what-the-future-brings`)).toEqual([TRACE, SPAN, true]);
});

test("openTrace() begins a new trace when TRACEPARENT is anything else", () => {
  const wrong = [
    "",
    "x",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    VALID.toUpperCase(),
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    `0-${TRACE}-${SPAN}-01`,
  ];
  for (const text of wrong) {
    const { traceId, parentSpanId } = open({ TRACEPARENT: text });
    expect([text, traceId, parentSpanId]).toEqual([text, "7".repeat(32), null]);
  }
});

test("openTrace() puts the job below TRACEPARENT when it is valid", async () => {
  const found = await open({ TRACEPARENT: VALID, CI_PIPELINE_ID: "7" }, "gitlab");
  expect(found).toEqual({
    traceId: TRACE,
    spanId: "7".repeat(16),
    parentSpanId: SPAN,
    sampled: true,
    traceparent: `00-${TRACE}-${"7".repeat(16)}-01`,
  });
});

test("openTrace() makes the trace of a pipeline of its id on GitLab, and of run and attempt on GitHub", async () => {
  expect((await open({ CI_PIPELINE_ID: "1234567" }, "gitlab")).traceId).toBe("0000000000000000000000000012d687");
  expect((await open({ CI_PIPELINE_ID: "0" }, "gitlab")).traceId).toBe("7".repeat(32));
  const github = await open({ GITHUB_RUN_ID: "15", GITHUB_RUN_ATTEMPT: "2" }, "github");
  expect(github.traceId).toBe(createHash("sha256").update("152t").digest("hex").slice(0, 32));
  expect((await open({ GITHUB_RUN_ID: "15; x" }, "github")).traceId).toBe("7".repeat(32));
  expect((await open({ CI_PIPELINE_ID: "7" }, "jenkins")).traceId).toBe("7".repeat(32));
});

test("openTrace() follows the sampler: the span above, all, none, or a share of the traces", async () => {
  const isSampled = async (sampler: Sampler, env: Record<string, string> = {}) =>
    (await open(env, "none", sampler)).sampled;
  const unsampled = { TRACEPARENT: `00-${TRACE}-${SPAN}-00` };
  expect(await isSampled(ALWAYS, unsampled)).toBe(false);
  expect(await isSampled({ byParent: false, root: "on", share: 1 }, unsampled)).toBe(true);
  expect(await isSampled({ byParent: true, root: "off", share: 1 })).toBe(false);
  // 0x77… is at 46.6 % of all ids.
  expect(await isSampled({ byParent: true, root: "share", share: 0.46 })).toBe(false);
  expect(await isSampled({ byParent: true, root: "share", share: 0.47 })).toBe(true);
});

test("newId() is never zero, as zero is no id", () => {
  expect(newId(8, (count) => new Uint8Array(count))).toBe("0000000000000001");
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    expect(newId(16, () => bytes)).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
  }));
});
