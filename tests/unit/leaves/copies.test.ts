/** Two copies of the package in one process, such as an installed one and one in a bundled plug-in. */
import { expect, test } from "bun:test";
import * as ours from "../../../mod.ts";
import * as base from "../../../lib/errors.ts";
import { VERSION } from "../../../lib/version.ts";

type Errors = typeof base;
const theirs: Errors = await import(`${new URL("../../../lib/errors.ts", import.meta.url).pathname}?copy`);

const facts = { status: 404, code: null, requestId: null, retryAfterMs: null };
const BRAND = Symbol.for("@mogplex/ci.error");

function errorOf(version: string, kinds: readonly string[] = ["UsageError", "MogplexError"]): Error {
  return Object.defineProperty(new Error("the key is wrong"), BRAND, { value: { version, kinds } });
}

test("every exported error has the name of its class, minified too", () => {
  for (const [name, value] of Object.entries(ours)) {
    if (typeof value === "function" && value.prototype instanceof Error) {
      expect((value as unknown as { kind: string }).kind).toBe(name);
    }
  }
});

test("instanceof knows the errors of another copy, by their classes", () => {
  expect(theirs.UsageError === base.UsageError).toBe(false);
  const missing = new theirs.NotFoundError("no such run", "usage", facts);
  for (const known of [base.NotFoundError, base.ApiError, base.MogplexError, Error]) {
    expect(missing).toBeInstanceOf(known);
  }
  for (const other of [base.UsageError, base.ConflictError, TypeError]) expect(missing).not.toBeInstanceOf(other);
  class Own extends base.NotFoundError {}
  expect(missing).not.toBeInstanceOf(Own);
  expect(new Own("mine", "usage", facts)).toBeInstanceOf(theirs.NotFoundError);
  expect(new Own("mine", "usage", facts).name).toBe("NotFoundError");
});

test("exitCodeFor() knows the errors of another copy, and so does what uses them as a cause", () => {
  const late = new theirs.DeadlineError("too late");
  expect(base.exitCodeFor(late)).toBe(124);
  expect(base.dropInExitCode(new theirs.UnauthorizedError("no token"))).toBe(64);
  const aborted = new base.AbortedError("the signal ended the call", late);
  expect([aborted.exitCode, aborted.toJSON().cause]).toEqual([124, late.toJSON()]);
  // What such an error knows of its run stays its own.
  expect(base.MogplexError.tellRun(late, { runId: "x" }).runId).toBeNull();
});

test("exitCodeFor() gives 2 for an error of an incompatible version, and otherVersion() names both", () => {
  const [major = 0, minor = 0, patch = 0] = VERSION.split(".").map(Number);
  const newer = errorOf(`${major}.${minor}.${patch + 7}`);
  expect(newer).toBeInstanceOf(base.UsageError);
  for (const version of ["9.0.0", major === 0 ? `0.${minor + 1}.0` : "99.1.0"]) {
    const error = errorOf(version);
    expect(base.exitCodeFor(error)).toBe(2);
    expect(error).not.toBeInstanceOf(base.MogplexError);
    expect(base.otherVersion(error)).toContain(`@mogplex/ci ${version}, and the caller uses ${VERSION}`);
  }
  for (const thrown of [new Error("x"), null, "text", new base.UsageError("x")]) {
    expect(base.otherVersion(thrown)).toBeUndefined();
  }
});
