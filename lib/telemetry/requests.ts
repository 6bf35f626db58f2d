/**
 * The requests and waits of a job: those worth a span are kept, all others are counted.
 *
 * @module
 */
import type { RequestReport } from "../http/transport.ts";
import type { Notice } from "../notice.ts";
import { OWN, SEMCONV } from "./names.ts";
import type { Span, SpanEvent } from "./otlp.ts";
import { newId } from "./trace_context.ts";

/** Most requests with a span of their own, and most waits with an event. */
const MAX_KEPT = 200;

interface Kept extends RequestReport {
  endMs: number;
}

/** Takes the requests of a job as the hooks report them. */
export class RequestLog {
  readonly #requests: Kept[] = [];
  readonly #waits: SpanEvent[] = [];
  /** Requests so far. */
  count = 0;
  /** Looks at the run that worked at once. */
  polls = 0;
  /** Requests worth a span for which there was no room. */
  unshown = 0;

  /** Takes a request. @param wallMs Wall time now, in milliseconds since 1970. */
  add(request: RequestReport, wallMs: number): void {
    this.count++;
    const { status, attempt, method, path } = request;
    // A service without event streams answers so to each job that asks for one. Source: contract, section 12.
    const isProbe = method === "GET" && path.endsWith("/events/stream") && (status === 404 || status === 405);
    const failed = status === null || status >= 400 && !isProbe;
    if (!failed && attempt === 1 && method === "GET") this.polls++;
    else if (this.#requests.length >= MAX_KEPT) this.unshown++;
    else this.#requests.push({ ...request, endMs: wallMs });
  }

  /** Takes a notice: waits become events of the job's span. */
  notice(notice: Notice, wallMs: number): void {
    if (notice.kind !== "wait" || this.#waits.length >= MAX_KEPT) return;
    const { cause, delayMs, attempt } = notice;
    const attributes = { [OWN.waitCause]: cause, [OWN.waitMs]: Math.round(delayMs), [OWN.waitAttempt]: attempt };
    this.#waits.push({ name: "mogplex.wait", atMs: wallMs, attributes });
  }

  /** The waits so far. */
  get waits(): readonly SpanEvent[] {
    return this.#waits;
  }

  /** A span for each request that is kept: starts, cancels, failures and retries. @param origin Of the service. */
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
