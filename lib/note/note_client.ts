/**
 * Calls the API of the system that holds a note: sends, judges and repeats.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { ApiError, type MogplexError, RateLimitedError, UnavailableError } from "../errors.ts";
import { type Answer, describeAnswer, factsOf } from "../http/answer.ts";
import { createTransport, type Fetch, type Verdict } from "../http/transport.ts";
import { userAgent } from "../http/user_agent.ts";
import { parseJson } from "../lookup.ts";
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
  tokenPlace: string;
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
  /** What is done to the note, for messages. */
  verb: "find" | "update" | "create";
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

/** Why a request failed, as a clause, and the class by which `setbackOf` decides on a retry. A 401 is not retried: there is little time. */
function meaningOf(place: NotePlace, answer: Answer, token: string): [why: string, errorClass: typeof ApiError] {
  const { system, apiVariable } = place;
  const { status } = answer;
  if (status === 429 || place.isLimit?.(answer)) {
    return [`${system} wants fewer requests, for longer than we may wait`, RateLimitedError];
  }
  if (status >= 500) return [`${system} is in trouble`, UnavailableError];
  if (status < 300) {
    return [`the answer is not that of ${system}'s API, check ${apiVariable} and what lies between`, UnavailableError];
  }
  if (status < 400) return ["the answer is a redirect, which would lose the token", ApiError];
  if (status === 401) return [`${system} refuses ${token}, which is unknown, expired or revoked`, ApiError];
  const passes = status === 408 || status === 425;
  return [place.reason(status, token) ?? `${system} refuses the request`, passes ? UnavailableError : ApiError];
}

/** Makes the client of a place's API. */
export function createNoteClient(place: NotePlace, options: NoteClientOptions): NoteClient {
  const { token, tokenPlace, fetch, clock, limits, random = Math.random } = options;
  const { api, system, tokenHeader } = place;
  const transport = createTransport({
    token,
    tokenHeader,
    origin: new URL(api).origin,
    fetch,
    clock,
    userAgent: userAgent(system.toLowerCase()),
  });
  const world = { clock, onNotice: undefined, random, memory: newTokenMemory() };

  function judge<T>({ verb, read }: NoteCall<T>, answer: Answer, redact: Redactor): Verdict<T> {
    const good = answer.status >= 200 && answer.status < 300;
    const value = good ? read(parseJson(answer.text), answer) : undefined;
    if (value !== undefined) return { ok: true, value };
    const facts = factsOf(answer, null, redact);
    const [reason, errorClass] = meaningOf(place, answer, `the token in ${tokenPlace}`);
    const why = `${reason} (${describeAnswer(answer, facts, redact)})`;
    const error = new errorClass(
      { attempted: `${verb} the ${place.noun} on ${place.where}`, why },
      "unavailable",
      facts,
    );
    return { ok: false, error };
  }

  return {
    call(call) {
      const what = `${call.verb} the ${place.noun} on ${place.where}`;
      return callWithin(world, { what, limits, onFailure: call.onFailure }, (limitMs) =>
        transport.call({
          what,
          send: (send) =>
            send(api + call.path, {
              method: call.method,
              // Close each connection: Deno repeats a request, even a POST, if a reused connection is lost (measured on 2.9).
              headers: { Connection: "close", ...(call.body !== undefined && { "Content-Type": "application/json" }) },
              body: call.body === undefined ? null : JSON.stringify(call.body),
            }),
          judge: (answer) => judge(call, answer, transport.redact),
        }, { limitMs, signal: limits.signal }));
    },
  };
}
