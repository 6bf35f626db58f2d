/**
 * Sends spans to a collector, and writes them to a file. Neither throws: a trace is never a reason for another verdict.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { messageOf } from "../error_sentence.ts";
import { ApiError, RateLimitedError, UnavailableError } from "../errors.ts";
import { type Answer, factsOf } from "../http/answer.ts";
import { post } from "../http/post.ts";
import type { Fetch } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import { parseJson } from "../lookup.ts";
import type { Io } from "../io.ts";
import { callWithin } from "../retry/calls.ts";
import { newTokenMemory } from "../retry/token_memory.ts";
import { refusedSpans } from "./otlp.ts";
import type { Endpoint } from "./settings.ts";

/** Spans in one request, and in one line of a file. */
export const BATCH = 500;
/** Longest time that an export delays the end of a job, in milliseconds. */
export const EXPORT_MS = 2_000;
/** The same after a signal, when the system is about to kill the process. */
export const HURRIED_MS = 500;
/** Largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;
const BACKOFF_MS = 200;

/** How to export. */
export interface ExportOptions {
  /** Sends requests. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Longest time of all of it, in milliseconds. */
  limitMs: number;
  /** Removes secrets from messages. */
  redact: (text: string) => string;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

async function compressed(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Turns an answer that is no success into an error, whose class decides on a retry. */
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
 * Sends batches one after the other, each again after a failure that a retry can mend, until the time is over.
 *
 * @returns What went wrong, as a sentence; undefined when everything has arrived.
 */
export async function sendSpans(
  { url, headers, timeoutMs, gzip }: Endpoint,
  batches: readonly string[],
  { fetch, clock, limitMs, redact, random = Math.random }: ExportOptions,
): Promise<string | undefined> {
  const what = "send the trace";
  const deadline = clock.now() + limitMs;
  const world = { clock, onNotice: undefined, random, memory: newTokenMemory() };
  const limits = { deadline, requestTimeoutMs: Math.min(timeoutMs, limitMs) };
  try {
    for (const batch of batches) {
      if (clock.now() >= deadline) return `Cannot ${what}: there is no time for all of it`;
      const request = {
        what,
        url,
        headers: {
          ...headers,
          "Content-Type": "application/json",
          ...(gzip && { "Content-Encoding": "gzip" }),
          "User-Agent": userAgent(),
          // Otherwise runtimes wait for the connection before they end.
          Connection: "close",
        },
        body: gzip ? await compressed(batch) : batch,
        maxBytes: MAX_ANSWER_BYTES,
      };
      const answer = await callWithin(world, { what, limits, backoffBaseMs: BACKOFF_MS }, async (attemptMs) => {
        const leftMs = Math.max(1, Math.min(attemptMs, deadline - clock.now()));
        const answer = await post(request, { fetch, clock, limitMs: leftMs, redact });
        judge(what, answer, redact);
        return answer;
      });
      const refused = refusedSpans(parseJson(answer.text));
      if (refused !== undefined) return `Cannot ${what} whole: the collector refused ${refused}`;
    }
  } catch (error) {
    return messageOf(error);
  }
  return undefined;
}

/**
 * Appends batches to a file, each a line: the form that the collector's file exporter writes and its file receiver reads.
 *
 * @returns What went wrong, as a sentence; undefined when everything is in the file.
 */
export function writeSpans(path: string, batches: readonly string[], io: Pick<Io, "appendFile">): string | undefined {
  try {
    // It was checked before the job, and an agent may have put a link there since.
    io.appendFile(path, batches.map((batch) => `${batch}\n`).join(""), "refuse");
  } catch (error) {
    return `Cannot write the trace to ${JSON.stringify(path)}: ${messageOf(error)}`;
  }
  return undefined;
}
