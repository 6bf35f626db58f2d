/** Secrets in everything that a result or an error prints by itself. On the runtimes: tests/matrix/runtimes/printing.test.ts. */
import { expect, test } from "bun:test";
import { emptyRunResult } from "../../../lib/run/result.ts";
import { createMogplex, mask, render, RunFailedError, type RunResult } from "../../../mod.ts";
import { createEmulator } from "../../../testing.ts";

/** It has the shape of a secret. */
const SHAPED = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
const RESULT: RunResult = { ...emptyRunResult(), outcome: "failed", exitCode: 1, reason: `leaked ${SHAPED}` };

test("a result whose printing is masked is an ordinary object for everything else", () => {
  const plain = { ...RESULT };
  const { result } = new RunFailedError({ ...RESULT });
  expect(result).toEqual(plain);
  expect({ ...result }).toEqual(plain);
  expect(structuredClone(result)).toEqual(plain);
  expect(Object.keys(result)).toEqual(Object.keys(plain));
  const changed = Object.assign(result, { reason: "other" });
  expect([changed.reason, JSON.parse(JSON.stringify(changed)).reason]).toEqual(["other", "other"]);
});

test("an error that a script makes of its own result masks it as well", () => {
  const error = new RunFailedError({ ...RESULT });
  expect(error.result.reason).toContain(SHAPED);
  expect(JSON.stringify(error) + Bun.inspect(error) + Bun.inspect(error.result)).not.toContain(SHAPED);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({
    ...{ name: "RunFailedError", code: "RUN_FAILED", exitCode: 1, isRetryable: false, runId: null, cause: null },
    result: { reason: "leaked [redacted]" },
  });
});

test("mask() and render() mask the token, secrets of the environment and given texts", () => {
  const env = (name: string) => name === "GITHUB_TOKEN" ? "environment-secret-1" : undefined;
  const token = "mog_verySecretToken1";
  const result = { ...RESULT, reason: `${token} environment-secret-1 given-secret-22 ${SHAPED}` };
  const options = { token, env, secrets: ["given-secret-22"] };
  const masked = mask(result, options);
  expect(masked.reason).toBe("[redacted] [redacted] [redacted] [redacted]");
  for (const format of ["json", "markdown", "junit", "dotenv", "ndjson", "openmetrics", "annotations"] as const) {
    const text = render(result, format, options);
    expect(text).not.toMatch(/verySecret|environment-secret|given-secret|ghp_/);
  }
  expect(() => render(result, "yaml" as never, options)).toThrow("format");
});

test("errors of the service tell what helps: code, whether and when to try again, id of the request, headers", async () => {
  const service = createEmulator();
  const { clock, env, token, url } = service.options;
  const headers = {
    "retry-after": "7",
    "x-vercel-id": "fra1::abc",
    server: "edge",
    "content-type": "application/json",
  };
  const body = JSON.stringify({ ok: false, error: { code: "RATE_LIMITED", message: "slow down" } });
  const fetch = () => new Response(body, { status: 429, headers });
  const error = await createMogplex({ token, url, clock, env, fetch }).api.listRepos({}, { maxAttempts: 1 }).catch((
    e,
  ) => e);
  expect(error).toMatchObject({
    ...{ name: "RateLimitedError", code: "RATE_LIMITED", status: 429, exitCode: 75 },
    ...{ isRetryable: true, retryAfterMs: 7_000, requestId: "fra1::abc" },
    headers: { server: "edge", "retry-after": "7" },
  });
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ message: error.message, retryAfterMs: 7_000, status: 429 });
  expect(await createMogplex({ env: null }).start({ repoId: "x", prompt: "y" }).catch((e) => [e.code, e.isRetryable]))
    .toEqual(
      ["UNAUTHORIZED", false],
    );
});
