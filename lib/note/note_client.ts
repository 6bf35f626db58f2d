/**
 * Calls the API of the system that holds a note: sends, judges and repeats.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { ApiError, type MogplexError, RateLimitedError, UnavailableError } from "../errors.ts";
import { type Answer, describeAnswer, factsOf, parseJson } from "../http/answer.ts";
import { createTransport, type Fetch, type Verdict } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import type { CallOptions } from "../retry/call_options.ts";
import { callWithin } from "../retry/calls.ts";
import { newTokenMemory } from "../retry/token_memory.ts";
import type { Redactor } from "../text/redact.ts";
import type { NotePlace } from "./note_place.ts";

/** Options of {@linkcode createNoteClient}. */
export interface NoteClientOptions {
  /** Access token of the system. It is sent to the host of the API and nowhere else. */
  token: string;
  /** Where the token was found, for messages: `variable GITLAB_TOKEN`. */
  tokenSource: string;
  /** Sends requests. @default the global `fetch` */
  fetch?: Fetch | undefined;
  /** Time. */
  clock: Clock;
  /** Limits of every call. */
  limits: CallOptions;
  /** Random numbers from 0 up to 1, for jitter. @default {Math.random} */
  random?: (() => number) | undefined;
}

/** One request. */
export interface NoteCall<T> {
  /** What is attempted, after "Cannot". */
  what: string;
  /** `GET`, `PUT`, `PATCH` or `POST`. */
  method: string;
  /** Path and query below the API, with a slash at its start. */
  path: string;
  /** Body, sent as JSON. @default {undefined} (no body) */
  body?: unknown;
  /** Reads the value from the JSON of a 2xx answer; undefined if it is not an answer of the API. */
  read(value: unknown, answer: Answer): T | undefined;
  /** Called after each failed attempt. If it throws, the call ends with that error. */
  onFailure?: (error: MogplexError) => Promise<void>;
}

/** Calls one server. */
export interface NoteClient {
  /**
   * Sends a request, and repeats it as long as that can help.
   *
   * @throws {ApiError | NetworkError | BodyTooLargeError} when the last attempt failed; `signal.reason` if the signal in the limits
   * aborts.
   */
  call<T>(call: NoteCall<T>): Promise<T>;
}

/** The error class for an answer, by which `setbackOf` decides on a retry. A 401 is not retried: there is little time. */
function errorClass(answer: Answer, place: NotePlace): typeof ApiError {
  if (place.isLimit(answer)) return RateLimitedError;
  const { status } = answer;
  const passing = status < 300 || status >= 500 || status === 408 || status === 425;
  return passing ? UnavailableError : ApiError;
}

/** Makes the client of a place's API. */
export function createNoteClient(place: NotePlace, options: NoteClientOptions): NoteClient {
  const { token, tokenSource, fetch, clock, limits, random = Math.random } = options;
  const { api, tokenHeader, agent } = place;
  const origin = new URL(api).origin;
  const transport = createTransport({ token, tokenHeader, origin, fetch, clock, userAgent: userAgent(agent) });
  const world = { clock, onNotice: undefined, random, memory: newTokenMemory() };

  function judge<T>({ what, read }: NoteCall<T>, answer: Answer, redact: Redactor): Verdict<T> {
    const good = answer.status >= 200 && answer.status < 300;
    const value = good ? read(parseJson(answer.text), answer) : undefined;
    if (value !== undefined) return { ok: true, value };
    const facts = factsOf(answer, null, redact);
    const reason = place.explain(answer, `the token in ${tokenSource}`);
    const why = `${reason} (${describeAnswer(answer, facts, redact)})`;
    return { ok: false, error: new (errorClass(answer, place))({ attempted: what, why }, "unavailable", facts) };
  }

  return {
    call: (call) =>
      callWithin(world, { what: call.what, limits, onFailure: call.onFailure }, (limitMs) =>
        transport.call({
          what: call.what,
          send: (send) =>
            send(api + call.path, {
              method: call.method,
              // Close each connection: Deno repeats a request, even a POST, if a reused connection is lost (measured on 2.9).
              headers: { Connection: "close", ...(call.body !== undefined && { "Content-Type": "application/json" }) },
              body: call.body === undefined ? null : JSON.stringify(call.body),
            }),
          judge: (answer) => judge(call, answer, transport.redact),
        }, { limitMs, signal: limits.signal })),
  };
}
