/**
 * Reads an HTTP answer whole, within a size limit, and describes it for messages.
 *
 * @module
 */
import type { AnswerFacts } from "../errors.ts";
import { hasMoreValues } from "./json_size.ts";
import { parseHttpDate, parseRetryAfter } from "./retry_after.ts";

/** An answer with its body read. */
export interface Answer {
  /** HTTP status. */
  status: number;
  /** Headers as they came. */
  headers: Headers;
  /** Body as text. The body of an error is cut at 64 KiB. */
  text: string;
  /** Milliseconds that `Retry-After` asks for, or null. */
  retryAfterMs: number | null;
  /** The sender's wall time from its `Date` header, in milliseconds since 1970; null without that header. */
  dateMs: number | null;
}

/** The body would take too much memory; the message says why. */
export class TooLarge extends Error {}

/** Largest body that is read, in bytes: eight times 200 events of 20 000 characters with their messages. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** How much of an error's body is read, in bytes. The API's own errors have a few hundred. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Most JSON values in an answer. 200 events of the service have some thousands. A value takes 64 bytes of memory, some objects 300. */
const MAX_VALUES = 500_000;

async function readText(response: Response, limit: number, cut: boolean): Promise<string> {
  const declared = Number(response.headers.get("content-length"));
  const tooLarge = `the answer is larger than ${limit} bytes`;
  if (!cut && declared > limit) {
    await response.body?.cancel();
    throw new TooLarge(tooLarge);
  }
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  for (let size = 0;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    text += decoder.decode(value, { stream: true });
    if (size <= limit) continue;
    // Do not await: a sender that never stops may never confirm.
    reader.cancel().catch(() => {});
    if (cut) return text.slice(0, limit);
    throw new TooLarge(tooLarge);
  }
}

/**
 * Reads an answer to its end, so that its connection can be used again.
 *
 * @param limit Largest body in bytes.
 * @param wallMs Wall time, in milliseconds since 1970.
 * @throws {TooLarge} when the body is larger than the limit.
 * @throws what reading throws when the connection breaks.
 */
export async function readAnswer(response: Response, limit: number, wallMs: number): Promise<Answer> {
  const { status, headers } = response;
  const text = response.ok ? await readText(response, limit, false) : await readText(response, MAX_ERROR_BYTES, true);
  if (hasMoreValues(text, MAX_VALUES)) throw new TooLarge(`the answer has more than ${MAX_VALUES} values`);
  // A date in `Retry-After` is a time on the sender's clock, which may differ from ours.
  const dateMs = parseHttpDate(headers.get("date") ?? "", wallMs);
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), dateMs ?? wallMs);
  return { status, headers, text, retryAfterMs, dateMs };
}

/**
 * Makes untrusted text fit for a message: one line, no control or formatting characters, secrets masked, cut to a length.
 *
 * @param redact Masks secrets.
 * @param limit Most characters, before the `…` that marks a cut.
 */
export function excerpt(text: string, redact: (text: string) => string, limit = 160): string {
  const head = text.length > 4096 ? text.slice(0, 4096).replace(/\S{1,512}$/, "") : text;
  const clean = redact(head.replace(/[\p{C}\p{Z}\s]+/gu, " ").trim());
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

/** Headers that say who answered, when, and when to come again. */
const HELPFUL = /^(?:content-type|date|location|retry-after|server|via|cf-ray|x-ratelimit-[a-z-]+|x-([a-z0-9-]+-)?id)$/;

/** Value of the first `x-*-id` header, masked; null when there is none. */
export function requestIdOf(headers: Headers, redact: (text: string) => string): string | null {
  for (const [name, value] of headers) {
    const id = /^x-([a-z0-9-]+-)?id$/.test(name) && excerpt(value, redact, 120);
    if (id) return id;
  }
  return null;
}

/** The facts of an answer that an error carries. */
export function factsOf(answer: Answer, code: string | null, redact: (text: string) => string): AnswerFacts {
  const helpful = [...answer.headers].filter(([name]) => HELPFUL.test(name));
  const headers = Object.fromEntries(helpful.map(([name, value]) => [name, excerpt(value, redact, 120)]));
  const requestId = requestIdOf(answer.headers, redact);
  return { status: answer.status, code, requestId, retryAfterMs: answer.retryAfterMs, headers };
}

/** `HTTP 502, content type "text/html", request id "fra1::x"`; with the code of the service, `HTTP 403 FORBIDDEN`. */
export function describeAnswer(answer: Answer, facts: AnswerFacts, redact: (text: string) => string): string {
  const parts = [`HTTP ${answer.status}${facts.code === null ? "" : ` ${facts.code}`}`];
  const type = answer.headers.get("content-type");
  if (facts.code === null) {
    parts.push(type === null ? "no content type" : `content type "${excerpt(type, redact, 60)}"`);
  }
  if (facts.requestId !== null) parts.push(`request id "${facts.requestId}"`);
  return parts.join(", ");
}
