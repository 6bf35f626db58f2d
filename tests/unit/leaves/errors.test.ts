import { expect, test } from "bun:test";
import * as errors from "../../../lib/errors.ts";

const facts = (status: number) => ({ status, code: null, requestId: null, retryAfterMs: null });

/** Each error with its toolkit code and its drop-in code. */
const TABLE: [Error, number, number][] = [
  [new errors.UsageError("x"), 2, 2],
  [new errors.UnauthorizedError("x"), 64, 64],
  [new errors.ForbiddenError("x", "forbidden", facts(403)), 65, 65],
  [new errors.ApiError("x", "usage", facts(400)), 2, 1],
  [new errors.NotFoundError("x", "usage", facts(404)), 2, 1],
  [new errors.ConflictError("x", "usage", facts(409)), 2, 1],
  [new errors.RateLimitedError("x", "rateLimited", facts(429)), 75, 75],
  [new errors.UnavailableError("x", "unavailable", facts(503)), 69, 69],
  [new errors.UnavailableError("x", "unavailable", facts(500)), 69, 1],
  [new errors.UnavailableError("x", "unavailable", facts(502)), 69, 1],
  [new errors.UnavailableError("x", "unavailable", facts(504)), 69, 1],
  [new errors.UnavailableError("x", "unavailable", facts(200)), 69, 1],
  [new errors.NetworkError("x"), 69, 1],
  [new errors.BodyTooLargeError("x"), 69, 1],
  [new errors.StartUnknownError("x", "key"), 69, 1],
  [new errors.DeadlineError("x"), 124, 1],
  [new errors.AbortedError("x", new DOMException("late", "TimeoutError")), 124, 1],
  [new errors.AbortedError("x", "no error"), 130, 130],
  [new DOMException("late", "TimeoutError"), 124, 1],
  [new DOMException("away", "AbortError"), 130, 1],
  [new errors.InterruptedError("SIGINT"), 130, 130],
  [new errors.InterruptedError("SIGTERM"), 143, 143],
  [new TypeError("a bug"), 70, 1],
];

test("exitCodeFor() and dropInExitCode() give the documented code for each error", () => {
  expect(TABLE.map(([error]) => [error.name, errors.exitCodeFor(error), errors.dropInExitCode(error)])).toEqual(
    TABLE.map(([error, toolkit, dropIn]) => [error.name, toolkit, dropIn]),
  );
});

test("exitCodeFor() and dropInExitCode() have a code for thrown values that are not errors", () => {
  for (const value of [undefined, null, "text", { exitCode: 0 }]) {
    expect([errors.exitCodeFor(value), errors.dropInExitCode(value)]).toEqual([70, 1]);
  }
});

test("every error has the name of its class, keeps its cause and is a MogplexError", () => {
  const classes = Object.entries(errors).filter(([name]) => name.endsWith("Error"));
  const named = new Set(TABLE.map(([error]) => error.name));
  for (const [name] of classes) if (name !== "MogplexError") expect(named).toContain(name);
  for (
    const [error] of TABLE.filter(([each]) =>
      named.has(each.name) && /^[A-Z]\w+Error$/.test(each.name) && each.name in errors
    )
  ) expect(error).toBeInstanceOf(errors.MogplexError);
  expect(new errors.NetworkError("x", { cause: 7 }).cause).toBe(7);
});

test("MogplexError composes its message from its parts, and keeps them", () => {
  const error = new errors.UsageError({
    attempted: "use mode",
    why: "it must be one of SAFE, AUTO",
    value: '"FAST"',
    advice: "see the help",
  });
  expect(error).toMatchObject({
    message: 'Cannot use mode because it must be one of SAFE, AUTO: "FAST"; see the help',
    attempted: "use mode",
    why: "it must be one of SAFE, AUTO",
    value: '"FAST"',
    advice: "see the help",
  });
  const bare = new errors.NetworkError({ attempted: "start run", why: "the connection was reset" });
  expect(bare).toMatchObject({ message: "Cannot start run: the connection was reset", value: null, advice: null });
  expect(new errors.DeadlineError("too late")).toMatchObject({ message: "too late", attempted: null, why: "too late" });
});

test("lines of an error are its message when it lists no mistakes", () => {
  expect(new errors.UsageError({ attempted: "start", why: "no\nfile" }).lines).toEqual(["Cannot start: no\nfile"]);
});
