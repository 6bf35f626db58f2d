/** A receiver of spans that takes nothing but what the specification of OTLP in JSON says. */
import { gunzipSync } from "node:zlib";

/** A span as it was received. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  flags: number;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  events?: { timeUnixNano: string; name: string; attributes: { key: string; value: Record<string, unknown> }[] }[];
  links?: { traceId: string; spanId: string }[];
  status?: { code: number; message?: string };
}

type Check = (value: unknown, at: string) => void;

function refuse(at: string, why: string): never {
  throw new Error(`${at}: ${why}`);
}

const text: Check = (value, at) => typeof value === "string" || refuse(at, "no text");
const whole = (from: number, to: number): Check => (value, at) =>
  Number.isInteger(value) && (value as number) >= from && (value as number) <= to || refuse(at, "no such number");
const id = (digits: number): Check => (value, at) =>
  typeof value === "string" && new RegExp(`^[0-9a-f]{${digits}}$`).test(value) && !/^0+$/.test(value) ||
  refuse(at, `no id of ${digits} hex digits`);
const nanos: Check = (value, at) =>
  typeof value === "string" && /^[1-9]\d{17,18}$/.test(value) || refuse(at, "no nanoseconds of this century as a text");

const list = (each: Check, least = 0): Check => (value, at) => {
  if (!Array.isArray(value) || value.length < least) refuse(at, "no list, or too short");
  (value as unknown[]).forEach((item, index) => each(item, `${at}[${index}]`));
};

function object(required: Record<string, Check>, optional: Record<string, Check> = {}): Check {
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(at, "no object");
    const fields = value as Record<string, unknown>;
    for (const key of Object.keys(fields)) {
      if (!Object.hasOwn(required, key) && !Object.hasOwn(optional, key)) refuse(`${at}.${key}`, "unknown field");
    }
    for (const [key, check] of Object.entries(required)) check(fields[key], `${at}.${key}`);
    for (const [key, check] of Object.entries(optional)) {
      if (fields[key] !== undefined) check(fields[key], `${at}.${key}`);
    }
  };
}

const VALUES = new Map<string, Check>([
  ["stringValue", text],
  ["boolValue", (value, at) => typeof value === "boolean" || refuse(at, "no boolean")],
  ["intValue", (value, at) => typeof value === "string" && /^-?\d{1,19}$/.test(value) || refuse(at, "no 64-bit text")],
  ["doubleValue", (value, at) => typeof value === "number" || refuse(at, "no number")],
]);

const anyValue: Check = (value, at) => {
  const entries = Object.entries(value as object);
  if (entries.length !== 1) refuse(at, "not exactly one value");
  const [[kind, inner]] = entries as [[string, unknown]];
  (VALUES.get(kind) ?? refuse(at, `unknown value ${kind}`))(inner, `${at}.${kind}`);
};

const attributes: Check = (value, at) => {
  list(object({ key: text, value: anyValue }))(value, at);
  const keys = (value as { key: string }[]).map(({ key }) => key);
  if (keys.includes("")) refuse(at, "an empty key");
  if (new Set(keys).size < keys.length) refuse(at, "a key twice");
};

const span = object({
  traceId: id(32),
  spanId: id(16),
  flags: whole(0, 0x3ff),
  name: (value, at) => typeof value === "string" && value !== "" || refuse(at, "no name"),
  kind: whole(1, 5),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
}, {
  parentSpanId: id(16),
  events: list(object({ timeUnixNano: nanos, name: text, attributes }), 1),
  links: list(object({ traceId: id(32), spanId: id(16), attributes, flags: whole(0, 0x3ff) }), 1),
  status: object({ code: whole(1, 2) }, { message: text }),
});

const batch = object({
  resourceSpans: list(
    object({
      resource: object({ attributes }),
      scopeSpans: list(
        object({ scope: object({ name: text, version: text }), spans: list(span, 1), schemaUrl: text }),
        1,
      ),
      schemaUrl: text,
    }),
    1,
  ),
});

/** Reads one batch. @throws when something in it is not as the specification says. */
export function readBatch(json: string): { spans: ReceivedSpan[]; resource: Map<string, unknown> } {
  const value = JSON.parse(json);
  batch(value, "batch");
  const spans = value.resourceSpans.flatMap((each: { scopeSpans: { spans: ReceivedSpan[] }[] }) =>
    each.scopeSpans.flatMap((scope) => scope.spans)
  ) as ReceivedSpan[];
  for (const { startTimeUnixNano, endTimeUnixNano, name } of spans) {
    if (BigInt(endTimeUnixNano) < BigInt(startTimeUnixNano)) refuse(name, "it ends before it begins");
  }
  const ids = spans.map(({ spanId }) => spanId);
  if (new Set(ids).size < ids.length) refuse("batch", "an id of a span twice");
  return { spans, resource: valuesOf(value.resourceSpans[0].resource.attributes) };
}

/** Attributes by name. */
export function valuesOf(attributes: ReceivedSpan["attributes"]): Map<string, unknown> {
  return new Map(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

/** A request that a collector got. */
export interface ReceivedRequest {
  url: string;
  headers: Record<string, string>;
  json: string;
}

/** A collector at `http://collector.test:4318`. */
export interface Collector {
  requests: ReceivedRequest[];
  /** All spans so far. @throws as {@linkcode readBatch} does. */
  spans(): ReceivedSpan[];
  /** Answers its requests, and leaves all others to `next`. */
  fetch(url: string, init: RequestInit, next: (url: string, init: RequestInit) => Promise<Response>): Promise<Response>;
}

/** Makes a collector. @param answer Its answer to each request. @default success */
export function collector(answer: () => Response | Promise<Response> = () => Response.json({})): Collector {
  const requests: ReceivedRequest[] = [];
  return {
    requests,
    spans: () => requests.flatMap(({ json }) => readBatch(json).spans),
    async fetch(url, init, next) {
      if (new URL(url).host !== "collector.test:4318") return await next(url, init);
      const headers = Object.fromEntries(new Headers(init.headers));
      const body = init.body as string | Uint8Array;
      const json = headers["content-encoding"] === "gzip"
        ? gunzipSync(body as Uint8Array).toString("utf8")
        : body as string;
      requests.push({ url, headers, json });
      return await answer();
    },
  };
}
