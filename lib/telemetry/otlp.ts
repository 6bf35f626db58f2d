/**
 * Spans, their OTLP form in JSON, and their export to a collector or a file. Written by hand, because the SDK is 245 KB. The tests compare the
 * output with the SDK's. Source: OpenTelemetry, "OTLP specification" 1.10, JSON encoding: ids in hexadecimal, 64-bit numbers as texts, enumerations
 * as numbers.
 * @module
 */
import type { Platform, ReadEnv } from "../ci/platform.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../error_sentence.ts";
import { ApiError, RateLimitedError, UnavailableError } from "../errors.ts";
import type { Io } from "../io.ts";
import { isObject, parseJson } from "../lookup.ts";
import type { Notice } from "../notice.ts";
import { type Answer, factsOf } from "../service/answer.ts";
import { post } from "../service/post.ts";
import { callWithin } from "../service/retry.ts";
import { newTokenMemory } from "../service/memory.ts";
import { type Fetch, type RequestReport, userAgent } from "../service/transport.ts";
import { jsonText } from "../text/escape.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { VERSION } from "../version.ts";
import { type Endpoint, newId, type TraceContext } from "./settings.ts";

// All attribute names are here, because the next version of the conventions may change them. Source: OpenTelemetry, semantic conventions 1.44.
// `cicd.*`, `vcs.*` and `gen_ai.*` are still in development.

export const SEMCONV = {
  taskName: "cicd.pipeline.task.name",
  taskRunId: "cicd.pipeline.task.run.id",
  taskRunUrl: "cicd.pipeline.task.run.url.full",
  taskResult: "cicd.pipeline.task.run.result",
  pipelineRunId: "cicd.pipeline.run.id",
  pipelineRunUrl: "cicd.pipeline.run.url.full",
  repositoryUrl: "vcs.repository.url.full",
  repositoryName: "vcs.repository.name",
  ownerName: "vcs.owner.name",
  headName: "vcs.ref.head.name",
  headType: "vcs.ref.head.type",
  baseName: "vcs.ref.base.name",
  baseType: "vcs.ref.base.type",
  changeId: "vcs.change.id",
  changeState: "vcs.change.state",
  operation: "gen_ai.operation.name",
  agentName: "gen_ai.agent.name",
  conversation: "gen_ai.conversation.id",
  provider: "gen_ai.provider.name",
  method: "http.request.method",
  resend: "http.request.resend_count",
  status: "http.response.status_code",
  server: "server.address",
  port: "server.port",
  url: "url.full",
  errorType: "error.type",
  serviceName: "service.name",
  serviceVersion: "service.version",
} as const;

export const OWN = {
  kind: "mogplex.kind",
  outcome: "mogplex.outcome",
  exitCode: "mogplex.exit_code",
  replayed: "mogplex.replayed",
  requests: "mogplex.requests",
  polls: "mogplex.requests.polls",
  unshown: "mogplex.requests.unshown",
  eventsSeen: "mogplex.events.seen",
  eventsMissed: "mogplex.events.missed",
  changed: "mogplex.changed",
  files: "mogplex.files",
  phase: "mogplex.phase",
  open: "mogplex.open",
  runStatus: "mogplex.run.status",
  automation: "mogplex.automation.id",
  requestId: "mogplex.request.id",
  waitCause: "mogplex.wait.cause",
  waitMs: "mogplex.wait.duration_ms",
  waitAttempt: "mogplex.wait.attempt",
} as const;

/** Attributes with the value `null` are omitted. */
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

export interface Span {
  spanId: string;
  parentSpanId: string | null;
  remoteParent?: boolean;
  /** The name must have low cardinality. */
  name: string;
  kind: "internal" | "client";
  /** Milliseconds since 1970. */
  startMs: number;
  endMs: number;
  attributes: Attributes;
  events?: readonly SpanEvent[];
  links?: readonly Pick<TraceContext, "traceId" | "spanId">[];
  error: string | null;
}

interface SpanEvent {
  name: string;
  /** Milliseconds since 1970. */
  atMs: number;
  attributes: Attributes;
}

const SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0";

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

function keyValues(attributes: Attributes) {
  return Object.entries(attributes)
    .filter(([, value]) => value !== null && (typeof value !== "number" || Number.isFinite(value)))
    .map(([key, value]) => ({ key, value: valueOf(value ?? "") }));
}

function valueOf(value: string | number | boolean) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

const KINDS = { internal: 1, client: 3 } as const;
const STATUS_ERROR = 2;
// Source: opentelemetry-proto, `SpanFlags`: sampled, and whether the parent is remote.
const FLAGS_SAMPLED = 0x101;
const FLAG_REMOTE = 0x200;

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

function nanos(ms: number): string {
  return `${BigInt(Math.max(0, Math.round(ms * 1_000)) || 0) * 1_000n}`;
}

function refusedSpans(answer: unknown): string | undefined {
  const partial = isObject(answer) ? answer.partialSuccess : undefined;
  const count = isObject(partial) ? Number(partial.rejectedSpans ?? 0) : 0;
  return count > 0 ? `${count} of the spans` : undefined;
}

// Export errors never change the result of a job, so these functions do not throw.

interface ExportOptions {
  fetch?: Fetch | undefined;
  clock: Clock;
  limitMs: number;
  redact: (text: string) => string;
  random?: (() => number) | undefined;
}

/** Maximum time for which an export delays the end of a job. */
export const EXPORT_MS = 2_000;
/** The limit after a signal, because the CI system is about to kill the process. */
export const HURRIED_MS = 500;
const MAX_ANSWER_BYTES = 64 * 1024;
const BACKOFF_MS = 200;

/** @returns What went wrong, as a sentence; `undefined` if the collector accepted everything. */
export async function sendSpans(
  { url, headers, timeoutMs, gzip }: Endpoint,
  body: string,
  { fetch, clock, limitMs, redact, random = Math.random }: ExportOptions,
): Promise<string | undefined> {
  const what = "send the trace";
  const deadline = clock.now() + limitMs;
  const world = { clock, onNotice: undefined, random, memory: newTokenMemory() };
  const limits = { deadline, requestTimeoutMs: Math.min(timeoutMs, limitMs) };
  try {
    const request = {
      what,
      url,
      headers: {
        ...headers,
        "Content-Type": "application/json",
        ...(gzip && { "Content-Encoding": "gzip" }),
        "User-Agent": userAgent(),
        // Without this header, runtimes wait for the open connection before they exit.
        Connection: "close",
      },
      body: gzip ? await compressed(body) : body,
      maxBytes: MAX_ANSWER_BYTES,
    };
    const answer = await callWithin(world, { what, options: limits, baseMs: BACKOFF_MS }, async ({ limitMs }) => {
      const leftMs = Math.max(1, Math.min(limitMs, deadline - clock.now()));
      const answer = await post(request, { fetch, clock, limitMs: leftMs, redact });
      judge(what, answer, redact);
      return answer;
    });
    const refused = refusedSpans(parseJson(answer.text));
    return refused === undefined ? undefined : `Cannot ${what} completely: the collector refused ${refused}`;
  } catch (error) {
    return messageOf(error);
  }
}

async function compressed(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function judge(what: string, answer: Answer, redact: (text: string) => string): void {
  const { status } = answer;
  if (status >= 200 && status < 300) return;
  const facts = factsOf(answer, null, redact);
  const problem = { attempted: what, why: `the collector answered HTTP ${status}` };
  // Source: OpenTelemetry, OTLP over HTTP, "Retryable response codes".
  if (status === 429) throw new RateLimitedError(problem, "rateLimited", facts);
  if ([502, 503, 504].includes(status)) throw new UnavailableError(problem, "unavailable", facts);
  throw new ApiError(problem, "unavailable", facts);
}

/**
 * Appends a line in the format that the collector's file exporter writes and its file receiver reads.
 * @returns What went wrong, as a sentence; `undefined` if the whole line was written.
 */
export function writeSpans(path: string, batch: string, io: Pick<Io, "appendFile">): string | undefined {
  try {
    // The path was checked before the job, but the agent may have created a link there since then.
    io.appendFile(path, `${batch}\n`, "refuse");
  } catch (error) {
    return `Cannot write the trace to ${JSON.stringify(path)}: ${messageOf(error)}`;
  }
  return undefined;
}

// Maximum number of requests and of waits that are kept. Other requests are only counted.

const MAX_KEPT = 200;

export class RequestLog {
  readonly #requests: (RequestReport & { endMs: number })[] = [];
  readonly #waits: SpanEvent[] = [];
  count = 0;
  polls = 0;
  unshown = 0;

  add(request: RequestReport, wallMs: number): void {
    this.count++;
    const { status, attempt, method, path } = request;
    // A service without event streams answers the first request for a stream with one of these statuses. Source: contract, section 12.
    const isProbe = method === "GET" && path.endsWith("/events/stream") && (status === 404 || status === 405);
    const failed = status === null || status >= 400 && !isProbe;
    if (!failed && attempt === 1 && method === "GET") this.polls++;
    else if (this.#requests.length >= MAX_KEPT) this.unshown++;
    else this.#requests.push({ ...request, endMs: wallMs });
  }

  notice(notice: Notice, wallMs: number): void {
    if (notice.kind !== "wait" || this.#waits.length >= MAX_KEPT) return;
    const { cause, delayMs, attempt } = notice;
    const attributes = { [OWN.waitCause]: cause, [OWN.waitMs]: Math.round(delayMs), [OWN.waitAttempt]: attempt };
    this.#waits.push({ name: "mogplex.wait", atMs: wallMs, attributes });
  }

  get waits(): readonly SpanEvent[] {
    return this.#waits;
  }

  spans(origin: string, parentSpanId: string): Span[] {
    const server = URL.canParse(origin) ? new URL(origin) : undefined;
    return this.#requests.map(({ method, path, status, attempt, durationMs, requestId, endMs }) => ({
      spanId: newId(8),
      parentSpanId,
      name: `${method} ${path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "{id}")}`,
      kind: "client",
      startMs: endMs - durationMs,
      endMs,
      attributes: {
        [SEMCONV.method]: method,
        [SEMCONV.url]: server === undefined ? null : server.origin + path,
        [SEMCONV.server]: server?.hostname ?? null,
        [SEMCONV.port]: server === undefined ? null : Number(server.port) || (server.protocol === "http:" ? 80 : 443),
        [SEMCONV.status]: status,
        [SEMCONV.resend]: attempt > 1 ? attempt - 1 : null,
        [OWN.requestId]: requestId,
        [SEMCONV.errorType]: status === null ? "network" : status >= 400 ? String(status) : null,
      },
      error: status === null ? "no answer" : status >= 400 ? `HTTP ${status}` : null,
    }));
  }
}

const MAX_TEXT = 500;

export function cleanAttributes(attributes: Attributes, redact: (text: string) => string): Attributes {
  const clean = (text: string) => cutText(redact(plainText(text)), MAX_TEXT);
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [
      clean(key),
      typeof value === "string" ? clean(value) || null : value,
    ]),
  );
}

interface CiPlace {
  platform: Platform;
  env: ReadEnv;
}

/** @param ownAttributes Attributes that the user sets. They override all other attributes. */
export function resourceAttributes({ platform, env }: CiPlace, ownAttributes: ReadonlyMap<string, string>): Attributes {
  const links = platform.links(env);
  return {
    [SEMCONV.serviceName]: "mogplex-ci",
    [SEMCONV.serviceVersion]: VERSION,
    [SEMCONV.pipelineRunId]: platform.identity(env)?.pipeline ?? null,
    [SEMCONV.pipelineRunUrl]: links.pipeline ?? null,
    [SEMCONV.repositoryUrl]: withoutUser(platform.remote(env)),
    ...Object.fromEntries(ownAttributes),
  };
}

/** The user information is omitted because it may contain a token. */
function withoutUser(address: string | undefined): string | null {
  return address?.replace(/\.git$/, "").replace(/^(https?:\/\/)[^/]*@/i, "$1") ?? null;
}

export function taskAttributes({ platform, env }: CiPlace, spanId: string): Attributes {
  const { job = null, node = "", attempt = null } = platform.identity(env) ?? {};
  const links = platform.links(env);
  // On GitLab, the attempt is the id of the job.
  const parts = platform.name === "gitlab" ? [attempt] : [job, node, attempt];
  const id = parts.filter((part) => part !== null && part !== "").join("/");
  return {
    [SEMCONV.taskName]: job ?? "mogplex-ci",
    [SEMCONV.taskRunId]: id || spanId,
    [SEMCONV.taskRunUrl]: links.job ?? links.pipeline ?? null,
  };
}
