import { expect, test } from "bun:test";
import {
  ApiError,
  BodyTooLargeError,
  ConflictError,
  DeadlineError,
  ForbiddenError,
  MogplexError,
  NetworkError,
  NotFoundError,
  RateLimitedError,
  StartUnknownError,
  UnauthorizedError,
  UnavailableError,
  UsageError,
} from "../../../lib/errors.ts";
import { failureOf, isAmbiguous, laterFailure } from "../../../lib/service/retry.ts";
import { bad, html, RUN_ID, scripted, thrown } from "./answers.ts";

type Meaning = "lasts" | "network" | "unavailable" | "invalid_answer" | "rate_limit" | "start_limit" | "unauthorized";

const answer = (status: number, retryAfterMs: number | null = null, code: string | null = null) => ({
  status,
  code,
  requestId: null,
  retryAfterMs,
});
const unavailable = (status: number) => new UnavailableError(`HTTP ${status}`, "unavailable", answer(status));
const limited = (ms: number | null) => new RateLimitedError("HTTP 429", "rateLimited", answer(429, ms));

/** Each status, what it means while the token has never worked, and once it has; whether it may have been carried out. */
const STATUSES: readonly [status: number, first: Meaning, later: Meaning, ambiguous: boolean][] = [
  [200, "invalid_answer", "invalid_answer", true],
  [202, "invalid_answer", "invalid_answer", true],
  [302, "lasts", "invalid_answer", false],
  [404, "lasts", "invalid_answer", false],
  [405, "lasts", "invalid_answer", false],
  [408, "unavailable", "unavailable", true],
  [425, "unavailable", "unavailable", false],
  [500, "unavailable", "unavailable", true],
  [501, "lasts", "lasts", false],
  [502, "unavailable", "unavailable", true],
  [503, "unavailable", "unavailable", false],
  [504, "unavailable", "unavailable", true],
  [505, "lasts", "lasts", false],
  [520, "unavailable", "unavailable", true],
];

test.each(STATUSES)("failureOf() gives %i one meaning wherever it is met", (status, first, later, ambiguous) => {
  for (const starts of [false, true]) {
    const meaning = (worked: boolean) => failureOf(unavailable(status), { worked, starts })?.cause ?? "lasts";
    expect([meaning(false), meaning(true)]).toEqual([first, later]);
  }
  expect(isAmbiguous(unavailable(status))).toBe(ambiguous);
  const failure = failureOf(unavailable(status), { worked: true });
  if (failure !== undefined) expect(failure.refused).toBe(!ambiguous);
  const start = new StartUnknownError("unknown", "key", { cause: unavailable(status) });
  // A start whose outcome is not known is repeated even when its cause lasts: only that tells.
  expect(failureOf(start, { worked: true })?.cause).toBe(later === "lasts" ? "network" : later);
});

test("failureOf() lets a 401 pass only once the token has worked", () => {
  for (const error of [new UnauthorizedError("no"), new MogplexError("no", "unauthorized")]) {
    expect(failureOf(error, { worked: false })).toBeUndefined();
    expect(failureOf(error, { worked: true })).toMatchObject({ cause: "unauthorized", refused: true });
  }
});

test("failureOf() tells the limit of starts from the limit of requests by the named delay", () => {
  const cause = (ms: number | null, starts: boolean) => failureOf(limited(ms), { worked: false, starts })?.cause;
  expect([cause(30_000, true), cause(30_000, false)]).toEqual(["start_limit", "rate_limit"]);
  expect([cause(60_000, true), cause(null, true)]).toEqual(["rate_limit", "rate_limit"]);
  expect(failureOf(limited(0), { worked: true })?.namedMs).toBeNull();
});

test("failureOf() finds nothing to wait for in what lasts, and in bugs", () => {
  const facts = answer(400, 5_000, "INVALID");
  const lasting = [
    new ApiError("no", "usage", facts),
    new ConflictError("no", "usage", facts),
    new ForbiddenError("no", "forbidden", facts),
    new NotFoundError("no", "usage", facts),
    new BodyTooLargeError("no"),
    new DeadlineError("no"),
    new UsageError("no"),
    new TypeError("a bug"),
    undefined,
  ];
  for (const error of lasting) expect(failureOf(error, { worked: true, starts: true })).toBeUndefined();
});

test("failureOf() shows what happened and what to do apart", () => {
  const error = new NetworkError({
    attempted: "read run",
    why: "the network failed",
    advice: "set NODE_USE_ENV_PROXY=1",
  });
  expect(failureOf(error, { worked: false })).toEqual({
    cause: "network",
    detail: "the network failed",
    advice: "set NODE_USE_ENV_PROXY=1",
    namedMs: null,
    refused: false,
  });
});

test("a client call and a look agree on 408, 425, 501, 505 and 401 when each is met", async () => {
  for (const [status, again] of [[408, true], [425, true], [501, false], [505, false]] as const) {
    for (const body of [html(status), bad(status, "X")]) {
      const { client, sent } = scripted([body]);
      await thrown(client.getRun(RUN_ID, { maxAttempts: 2 }));
      expect([status, sent.length]).toEqual([status, again ? 2 : 1]);
    }
  }
  const { client, sent } = scripted([bad(401, "UNAUTHORIZED")]);
  await thrown(client.getRun(RUN_ID));
  expect(sent.length).toBe(1);
});

test("laterFailure() judges as for a token that has worked, unless the token is refused", () => {
  const refused = new UnauthorizedError("HTTP 401");
  expect([failureOf(refused, { worked: true })?.cause, laterFailure(refused)]).toEqual(["unauthorized", undefined]);
  for (const error of [unavailable(404), unavailable(501), limited(5_000), new Error("x")]) {
    expect(laterFailure(error)).toEqual(failureOf(error, { worked: true }));
  }
});
