/**
 * Spans as OTLP in JSON: the body of a request, and a line of the collector's file form.
 *
 * Source: OpenTelemetry, "OTLP specification" 1.10, JSON encoding: ids in hexadecimal, 64-bit numbers as texts, enumerations as numbers.
 *
 * @module
 */
import { isObject } from "../lookup.ts";
import { jsonText } from "../text/escape/json.ts";
import { VERSION } from "../version.ts";
import { SCHEMA_URL } from "./names.ts";
import type { TraceContext } from "./trace_context.ts";

/** Attributes by name. Null ones are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** Something that happened at one time within a span. */
export interface SpanEvent {
  /** Its name. */
  name: string;
  /** Milliseconds since 1970. */
  atMs: number;
  /** What is known of it. */
  attributes: Attributes;
}

/** A span. */
export interface Span {
  /** 16 hex digits. */
  spanId: string;
  /** Id of the span above it; null for none. */
  parentSpanId: string | null;
  /** Whether the span above belongs to another process. @default {false} */
  remoteParent?: boolean;
  /** Its name, with few different values. */
  name: string;
  /** `client` for what another program does for us. */
  kind: "internal" | "client";
  /** Milliseconds since 1970. */
  startMs: number;
  /** Milliseconds since 1970; an end before the start counts as the start. */
  endMs: number;
  /** What is known of it. */
  attributes: Attributes;
  /** What happened within it. @default {[]} */
  events?: readonly SpanEvent[];
  /** Other spans that it belongs with, as places in their traces. @default {[]} */
  links?: readonly Pick<TraceContext, "traceId" | "spanId">[];
  /** A word for what went wrong; null when nothing did. */
  error: string | null;
}

const KINDS = { internal: 1, client: 3 } as const;
const STATUS_ERROR = 2;
// Source: opentelemetry-proto, `SpanFlags`: sampled, and whether the parent is remote.
const FLAGS_SAMPLED = 0x101;
const FLAG_REMOTE = 0x200;

function valueOf(value: string | number | boolean) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function keyValues(attributes: Attributes) {
  return Object.entries(attributes)
    .filter(([, value]) => value !== null && (typeof value !== "number" || Number.isFinite(value)))
    .map(([key, value]) => ({ key, value: valueOf(value ?? "") }));
}

/** Nanoseconds since 1970. */
function nanos(ms: number): string {
  return `${BigInt(Math.max(0, Math.round(ms * 1_000)) || 0) * 1_000n}`;
}

function spanOf(traceId: string, span: Span) {
  const {
    spanId,
    parentSpanId,
    remoteParent = false,
    name,
    kind,
    startMs,
    attributes,
    events = [],
    links = [],
    error,
  } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    flags: FLAGS_SAMPLED | (remoteParent ? FLAG_REMOTE : 0),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(Math.max(startMs, span.endMs)),
    attributes: keyValues(attributes),
    ...(events.length === 0 ? {} : {
      events: events.map((event) => ({
        timeUnixNano: nanos(event.atMs),
        name: event.name,
        attributes: keyValues(event.attributes),
      })),
    }),
    ...(links.length === 0 ? {} : { links: links.map((link) => ({ ...link, attributes: [], flags: FLAGS_SAMPLED })) }),
    ...(error === null ? {} : { status: { code: STATUS_ERROR, message: error } }),
  };
}

/** One batch of spans, in one line without its line break. @param resource Attributes of the program that made them. */
export function renderBatch(traceId: string, resource: Attributes, spans: readonly Span[]): string {
  return jsonText({
    resourceSpans: [{
      resource: { attributes: keyValues(resource) },
      scopeSpans: [{
        scope: { name: "mogplex-ci", version: VERSION },
        spans: spans.map((span) => spanOf(traceId, span)),
        schemaUrl: SCHEMA_URL,
      }],
      schemaUrl: SCHEMA_URL,
    }],
  });
}

/** What a collector refused although it answered with success; undefined when it took everything. @param answer JSON, if it is some. */
export function refusedSpans(answer: unknown): string | undefined {
  const partial = isObject(answer) ? answer.partialSuccess : undefined;
  const count = isObject(partial) ? Number(partial.rejectedSpans ?? 0) : 0;
  return count > 0 ? `${count} of the spans` : undefined;
}
