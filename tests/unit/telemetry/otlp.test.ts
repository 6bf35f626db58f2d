import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { OWN, renderBatch, RequestLog, SEMCONV, type Span } from "../../../lib/telemetry/otlp.ts";
import { VERSION } from "../../../lib/version.ts";
import { readBatch } from "./receiver.ts";
import { propertyRuns } from "../../property_runs.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

function span(more: Partial<Span> = {}): Span {
  return {
    spanId: "00f067aa0ba902b7",
    parentSpanId: null,
    name: "run",
    kind: "internal",
    startMs: 1_790_000_000_000,
    endMs: 1_790_000_001_500.25,
    attributes: {},
    error: null,
    ...more,
  };
}

/** The same without what is the default of its field, and with numbers as texts. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    if (key.startsWith("dropped")) return [];
    if (key === "intValue") return [[key, String(inner)]];
    if ((key === "links" || key === "events") && (inner as unknown[]).length === 0) return [];
    // The package repeats the address of the schema in the resource, where the protocol has no such field.
    if (key === "resource") return [[key, { attributes: plain((inner as { attributes: unknown }).attributes) }]];
    if (key === "status" && (inner as { code: number }).code === 0) return [];
    return inner === undefined ? [] : [[key, plain(inner)]];
  });
  return Object.fromEntries(entries);
}

const SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0";

const time = (ms: number): [number, number] => [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1e6)];

/** The batch as OpenTelemetry's own package writes it. */
function theirs(resource: Record<string, string | number | boolean>, spans: readonly Span[]): unknown {
  const shared = { attributes: resource, schemaUrl: SCHEMA_URL, merge: () => shared, getRawAttributes: () => [] };
  const readable = spans.map((each) => ({
    name: each.name,
    kind: each.kind === "client" ? 2 : 0,
    spanContext: () => ({ traceId: TRACE, spanId: each.spanId, traceFlags: 1 }),
    parentSpanContext: each.parentSpanId === null
      ? undefined
      : { traceId: TRACE, spanId: each.parentSpanId, traceFlags: 1, isRemote: each.remoteParent === true },
    startTime: time(each.startMs),
    endTime: time(each.endMs),
    status: each.error === null ? { code: 0 } : { code: 2, message: each.error },
    attributes: each.attributes,
    links: (each.links ?? []).map((link) => ({ context: { ...link, traceFlags: 1 }, attributes: {} })),
    events: (each.events ?? []).map(({ name, atMs, attributes }) => ({ name, time: time(atMs), attributes })),
    duration: time(0),
    ended: true,
    resource: shared,
    instrumentationScope: { name: "mogplex-ci", version: VERSION, schemaUrl: SCHEMA_URL },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }));
  const bytes = JsonTraceSerializer.serializeRequest(readable as never);
  return JSON.parse(new TextDecoder().decode(bytes));
}

test("renderBatch() writes what OpenTelemetry's own package writes when it gets the same spans", () => {
  const resource = { "service.name": "mogplex-ci", "answer": 42, "good": true };
  const spans = [
    span({ attributes: { text: "a\u2028b", whole: 7, part: 0.5, yes: true, no: false } }),
    span({ spanId: "00f067aa0ba902b0", links: [{ traceId: TRACE, spanId: "10f067aa0ba902b7" }] }),
    span({ spanId: "00f067aa0ba902b8", parentSpanId: "00f067aa0ba902b7", kind: "client", error: "failed" }),
    span({
      spanId: "00f067aa0ba902b9",
      parentSpanId: "10f067aa0ba902b7",
      remoteParent: true,
      events: [{ name: "wait", atMs: 1_790_000_000_500, attributes: { cause: "network" } }],
    }),
  ];
  expect(plain(JSON.parse(renderBatch(TRACE, resource, spans)))).toEqual(plain(theirs(resource, spans)) as object);
});

test("renderBatch() makes one line that a strict receiver takes when texts, times and numbers are of any kind", () => {
  const value = fc.oneof(fc.string({ unit: "binary" }), fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
  const attributes = fc.dictionary(fc.string({ minLength: 1 }), value);
  const times = fc.double({ min: 1_600_000_000_000, max: 1_900_000_000_000, noNaN: true });
  fc.assert(
    fc.property(attributes, fc.string({ minLength: 1 }), times, times, (each, name, startMs, endMs) => {
      const text = renderBatch(TRACE, each, [span({ attributes: each, name, startMs, endMs })]);
      expect(text).not.toMatch(/[\r\n]/);
      const { spans: [read] } = readBatch(text);
      expect(read?.name).toBe(name.toWellFormed());
    }),
    { numRuns: propertyRuns(200) },
  );
});

test("renderBatch() leaves out attributes whose value is null or no number", () => {
  const { spans } = readBatch(renderBatch(TRACE, {}, [span({ attributes: { a: null, b: NaN, c: 1 } })]));
  expect(spans[0]?.attributes).toEqual([{ key: "c", value: { intValue: "1" } }]);
});

test("readBatch() refuses what the specification does not know", () => {
  const good = renderBatch(TRACE, {}, [span()]);
  const spoil = (change: (span: Record<string, unknown>) => void) => {
    const value = JSON.parse(good);
    change(value.resourceSpans[0].scopeSpans[0].spans[0]);
    return () => readBatch(JSON.stringify(value));
  };
  expect(spoil((each) => each.traceID = each.traceId)).toThrow("unknown field");
  expect(spoil((each) => each.spanId = "00f067")).toThrow("no id of 16 hex digits");
  expect(spoil((each) => each.startTimeUnixNano = 1_790_000_000_000_000_000)).toThrow("no nanoseconds");
  expect(spoil((each) => each.endTimeUnixNano = "1600000000000000000")).toThrow("ends before");
  expect(spoil((each) => each.kind = "SPAN_KIND_CLIENT")).toThrow("no such number");
  expect(spoil((each) => each.attributes = { a: 1 })).toThrow("no list");
});

test("SEMCONV has names of the conventions alone, and OWN none of them", () => {
  const known = new Set<unknown>(Object.values(conventions));
  expect(Object.values(SEMCONV).filter((name) => !known.has(name))).toEqual([]);
  expect(Object.values(OWN).filter((name) => known.has(name) || !name.startsWith("mogplex."))).toEqual([]);
});

test("RequestLog.spans() name the port of the server, also the one that an address leaves out", () => {
  const log = new RequestLog();
  log.add({ method: "POST", path: "/runs", status: 202, attempt: 1, durationMs: 5, requestId: null }, 10);
  const port = (origin: string) =>
    log.spans(origin, "00f067aa0ba902b7").map(({ attributes }) => attributes["server.port"]);
  const origins = ["https://mogplex.com", "http://127.0.0.1", "http://127.0.0.1:4100", "no address"];
  expect(origins.map(port)).toEqual([[443], [80], [4100], [null]]);
});
