import { expect, test } from "bun:test";
import { ForbiddenError, InterruptedError, MogplexError, UnauthorizedError, UsageError } from "../../../lib/errors.ts";
import { reasonOf, resultError, resultSentence } from "../../../lib/run/result.ts";

const PARTS = {
  attempted: "retry",
  why: "'jitter' must be between 0 and 1",
  value: "2",
  advice: "leave it out for the default",
};

test("resultError() has the parts of an error, and null for each that it lacks", () => {
  expect(resultError(new UsageError(PARTS))).toEqual({ ...PARTS, code: null });
  expect(resultError(new InterruptedError("SIGTERM")))
    .toEqual({ attempted: null, why: "Stopped by SIGTERM", value: null, advice: null, code: null });
  expect(resultError(new MogplexError("The service is away", "unavailable")))
    .toEqual({ attempted: null, why: "The service is away", value: null, advice: null, code: null });
});

test("resultError() has the code of the service, and none of ours", () => {
  const facts = { status: 403, code: "FORBIDDEN", requestId: null, retryAfterMs: null };
  expect(resultError(new ForbiddenError(PARTS, "forbidden", facts)).code).toBe("FORBIDDEN");
  expect(resultError(new ForbiddenError(PARTS, "forbidden", { ...facts, code: null })).code).toBeNull();
  expect(resultError(new UnauthorizedError(PARTS, { serviceCode: "UNAUTHORIZED" })).code).toBe("UNAUTHORIZED");
  expect(resultError(new UnauthorizedError(PARTS)).code).toBeNull();
});

test("resultError() and reasonOf() say of a bug only that it is a bug", () => {
  for (const bug of [new TypeError("secret of the machine"), "thrown text", undefined]) {
    expect(resultError(bug)).toEqual({
      attempted: null,
      why: "the toolkit failed",
      value: null,
      advice: null,
      code: null,
    });
    expect(reasonOf(bug)).toBe("the toolkit failed");
  }
});

test("resultSentence() is the message of the error, whatever parts it has", () => {
  const { attempted, why } = PARTS;
  const problems = [
    PARTS,
    { attempted, why },
    { ...PARTS, advice: undefined },
    { ...PARTS, value: undefined },
    "no parts",
  ];
  for (const problem of problems) {
    const error = new UsageError(problem);
    expect(resultSentence(resultError(error))).toBe(error.message);
    expect(reasonOf(error)).toBe(error.message);
  }
});
