import { type Clock, OVER } from "../clock.ts";
import type { AnswerFacts } from "../errors.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  retryAfterMs: number | null;
  dateMs: number | null;
}

export class TooLarge extends Error {}

/** The limit is eight times the size of 200 events of 20,000 characters. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** The API's own errors have a few hundred bytes. */
const MAX_ERROR_BYTES = 64 * 1024;

/** 200 events have a few thousand JSON values. A value uses 64 bytes of memory, and some objects use 300 bytes. */
const MAX_VALUES = 500_000;

export async function readAnswer(response: Response, limit: number, wallMs: number): Promise<Answer> {
  const { status, headers } = response;
  const text = response.ok ? await readText(response, limit, false) : await readText(response, MAX_ERROR_BYTES, true);
  if (hasMoreValues(text, MAX_VALUES)) throw new TooLarge(`the response has more than ${MAX_VALUES} values`);
  // A date in `Retry-After` is a time on the sender's clock, which may differ from this machine's clock.
  const dateMs = parseHttpDate(headers.get("date") ?? "", wallMs);
  const retryAfterMs = parseRetryAfter(headers.get("retry-after"), dateMs ?? wallMs);
  return { status, headers, text, retryAfterMs, dateMs };
}

async function readText(response: Response, limit: number, cut: boolean): Promise<string> {
  const declared = Number(response.headers.get("content-length"));
  const tooLarge = `the response is larger than ${limit} bytes`;
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
    // The cancellation is not awaited, because it may never finish if the sender never stops.
    reader.cancel().catch(() => {});
    if (cut) return text.slice(0, limit);
    throw new TooLarge(tooLarge);
  }
}

// JSON texts that would use too much memory are rejected before they are parsed. Parsed values use up to 20 times as much memory as their text.

export function hasMoreValues(text: string, limit: number): boolean {
  // A value has at least one character.
  if (text.length <= limit) return false;
  let count = 0;
  for (let at = 0; at < text.length && count <= limit;) {
    const unit = text.charCodeAt(at++);
    if (unit === QUOTE) at = afterString(text, at);
    else if (unit === COMMA || unit === OPEN[0] || unit === OPEN[1]) count++;
  }
  return count > limit;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN = [0x5b, 0x7b];

function afterString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (before >= from && text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end + 1;
  }
  return text.length;
}

/** 30 days, the longest time that a job waits. Much longer delays would lead to invalid dates. */
export const MAX_RETRY_AFTER_MS = 30 * 86_400_000;

export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  const at = parseHttpDate(value, nowMs);
  return at === null ? null : Math.min(Math.max(at - nowMs, 0), MAX_RETRY_AFTER_MS);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
// Source: RFC 9110, section 5.6.7 (IMF-fixdate, then the two obsolete forms that a recipient must accept).
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{5,8}, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/,
];

function parseHttpDate(text: string, nowMs: number): number | null {
  for (const form of HTTP_DATES) {
    const parts = form.exec(text)?.groups;
    if (parts === undefined) continue;
    const month = MONTHS.indexOf(parts.month ?? "");
    const day = Number(parts.day);
    const [hour = 0, minute = 0, second = 0] = (parts.time ?? "").split(":").map(Number);
    let year = Number(parts.year);
    if (parts.year?.length === 2) {
      const thisYear = new Date(nowMs).getUTCFullYear();
      year += thisYear - thisYear % 100;
      if (year > thisYear + 50) year -= 100;
    }
    if (month < 0 || hour > 23 || minute > 59 || second > 60) return null;
    const date = new Date(0);
    date.setUTCFullYear(year, month, day);
    if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return null;
    return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
  }
  return null;
}

/** Makes untrusted text safe for a message: one line, no control or formatting characters, secrets masked, cut to a length. */
export function excerpt(text: string, redact: (text: string) => string, limit = 160): string {
  const head = text.length > 4096 ? text.slice(0, 4096).replace(/\S{1,512}$/, "") : text;
  const clean = redact(head.replace(/[\p{C}\p{Z}\s]+/gu, " ").trim());
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

const HELPFUL = /^(?:content-type|date|location|retry-after|server|via|cf-ray|x-ratelimit-[a-z-]+|x-([a-z0-9-]+-)?id)$/;

export function requestIdOf(headers: Headers, redact: (text: string) => string): string | null {
  for (const [name, value] of headers) {
    const id = /^x-([a-z0-9-]+-)?id$/.test(name) && excerpt(value, redact, 120);
    if (id) return id;
  }
  return null;
}

export function factsOf(answer: Answer, code: string | null, redact: (text: string) => string): AnswerFacts {
  const helpful = [...answer.headers].filter(([name]) => HELPFUL.test(name));
  const headers = Object.fromEntries(helpful.map(([name, value]) => [name, excerpt(value, redact, 120)]));
  const requestId = requestIdOf(answer.headers, redact);
  return { status: answer.status, code, requestId, retryAfterMs: answer.retryAfterMs, headers };
}

/** Messages leave out the content type of normal API errors, because it does not help the reader. */
const IS_JSON = /^application\/(?:[\w.+-]*\+)?json\b/i;

/** Examples: `HTTP 502, content type "text/html", request id "fra1::x"`, or `HTTP 403 FORBIDDEN` if the service sent a code. */
export function describeAnswer(answer: Answer, facts: AnswerFacts, redact: (text: string) => string): string {
  const parts = [`HTTP ${answer.status}${facts.code === null ? "" : ` ${facts.code}`}`];
  const type = answer.headers.get("content-type");
  const isRefusal = answer.status >= 400 && IS_JSON.test(type ?? "");
  if (facts.code === null && !isRefusal) {
    parts.push(type === null ? "no content type" : `content type "${excerpt(type, redact, 60)}"`);
  }
  if (facts.requestId !== null) parts.push(`request id "${facts.requestId}"`);
  return parts.join(", ");
}

/** Wraps an error from `fetch` or from reading a body, so that no later code has to recognize a network failure by its message. */
export class NetworkFailure extends Error {
  constructor(cause: unknown) {
    super("connection lost", { cause });
  }
}

export class TimedOut extends Error {}

interface LimitOptions {
  clock: Clock;
  limitMs: number;
  signal: AbortSignal | undefined;
}

export class TimeLimit {
  readonly #options: LimitOptions;
  readonly #controller = new AbortController();

  constructor(options: LimitOptions) {
    options.signal?.throwIfAborted();
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  until<T>(work: Promise<T>): Promise<T> {
    const { clock, limitMs, signal } = this.#options;
    return new Promise((resolve, reject) => {
      const ended = new AbortController();
      const end = (settle: () => void): void => {
        signal?.removeEventListener("abort", onAbort);
        ended.abort(OVER);
        settle();
      };
      const onAbort = (): void => {
        end(() => reject(signal?.reason));
        this.#controller.abort(OVER);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      clock.sleep(limitMs, { signal: ended.signal, limit: true }).then(() => {
        end(() => reject(new TimedOut()));
        this.#controller.abort(OVER);
      }, () => {});
      work.then((value) => end(() => resolve(value)), (error) => end(() => reject(error)));
    });
  }
}

export async function withLimit<T>(work: (signal: AbortSignal) => Promise<T>, options: LimitOptions): Promise<T> {
  const limit = new TimeLimit(options);
  return await limit.until(work(limit.signal));
}

function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const text = typeof code === "string" && !error.message.includes(code) ? `${error.message} (${code})` : error.message;
  const inner = error.cause === undefined || depth > 2 ? "" : describe(error.cause, depth + 1);
  return inner === "" || text.includes(inner) ? text : `${text}: ${inner}`;
}

/** `cause` is the original error, or a masked copy if a message or stack in its chain of causes contains a secret. */
export function explainLoss(
  lost: NetworkFailure,
  redact: (text: string) => string,
): { detail: string; cause: unknown } {
  const detail = describe(lost.cause);
  const masked = redact(detail);
  let texts = detail;
  for (let error = lost.cause, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++) {
    texts += error.stack ?? "";
  }
  if (redact(texts) === texts) return { detail: masked, cause: lost.cause };
  const copy = new Error(masked);
  copy.stack = `Error: ${masked}`;
  return { detail: masked, cause: copy };
}
