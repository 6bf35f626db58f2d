import { expect, test } from "bun:test";
import { virtualClock } from "../../lib/clock.ts";
import { DeadlineError, exitCodeFor, InterruptedError, UnauthorizedError, UsageError } from "../../lib/errors.ts";
import { AwaitingInputError, RunCancelledError, RunFailedError, RunVerdictError } from "../../lib/runs/errors.ts";
import { attach, run, type RunOptions } from "../../lib/runs/run.ts";
import { anEvent, fakeClient, limited, page, REQUEST, RUN_ID, started } from "./fake_client.ts";

function ended(status: string, options: RunOptions = {}): RunOptions {
  const clock = virtualClock();
  const client = fakeClient(clock, { start: [started("pending")], events: [page(status, [anEvent("f", "finished")])] });
  return { client, clock, identity: null, ...options };
}

test("run() returns the result of a run that succeeded", async () => {
  expect(await run(REQUEST, ended("success"))).toMatchObject({ outcome: "success", exitCode: 0, runId: RUN_ID });
});

test.each([
  ["failed", RunFailedError, 1],
  ["cancelled", RunCancelledError, 3],
  ["awaiting_input", AwaitingInputError, 4],
])("run() throws the verdict %s, with the result and its exit code", async (status, Class, code) => {
  const error = await run(REQUEST, ended(status)).catch((error) => error);
  expect(error).toBeInstanceOf(Class);
  expect(error).toBeInstanceOf(RunVerdictError);
  expect(error.name).toBe(Class.name);
  expect(error.result).toMatchObject({ outcome: status, exitCode: code });
  expect(exitCodeFor(error)).toBe(code);
});

test("run() returns every verdict with throwOnFailure false", async () => {
  for (const status of ["failed", "cancelled", "awaiting_input"]) {
    expect((await run(REQUEST, ended(status, { throwOnFailure: false }))).outcome as string).toBe(status);
  }
});

test("run() throws DeadlineError when the time is over, and returns the unfinished result with throwOnFailure false", async () => {
  await expect(run(REQUEST, ended("streaming", { timeoutMs: 5_000 }))).rejects.toBeInstanceOf(DeadlineError);
  const result = await run(REQUEST, ended("streaming", { throwOnFailure: false, timeoutMs: 5_000 }));
  expect(result).toMatchObject({ runId: RUN_ID, status: "streaming", outcome: "deadline", exitCode: 124 });
});

test("run() throws the reason of its signal also with throwOnFailure false, when it is an error of ours", async () => {
  const stop = new AbortController();
  const reason = new InterruptedError("SIGTERM");
  const options = { throwOnFailure: false, signal: stop.signal, onItem: () => stop.abort(reason) };
  expect(await run(REQUEST, ended("streaming", options)).catch((error) => error)).toBe(reason);
});

test("run() tells of the start before the first look, and of every item", async () => {
  const told: string[] = [];
  await run(REQUEST, {
    ...ended("success"),
    onStarted: ({ runId }) => told.push(`started ${runId}`),
    onItem: (item) => told.push(item.type),
  });
  expect(told).toEqual([`started ${RUN_ID}`, "status", "event", "end"]);
});

test("run() refuses options that are out of range before anything is sent", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {});
  const bad: RunOptions[] = [
    { timeoutMs: 0 },
    { timeoutMs: NaN },
    { tokenShare: 0 },
    { onTimeout: "stop" as "cancel" },
    { keyScope: "week" as "day" },
  ];
  for (const options of bad) {
    await expect(run(REQUEST, { client, clock, identity: null, ...options })).rejects.toBeInstanceOf(UsageError);
  }
  expect(client.requests).toBe(0);
});

test("run() throws UnauthorizedError when there is no token", async () => {
  await expect(run(REQUEST, { env: () => undefined })).rejects.toBeInstanceOf(UnauthorizedError);
});

test("run() sends the token to the given origin, and says that it is not the usual one", async () => {
  const sent: [string, string | null][] = [];
  const notices: unknown[] = [];
  const options: RunOptions = {
    token: "mog_secret",
    url: "https://mogplex.example",
    env: () => undefined,
    clock: virtualClock(),
    onNotice: (notice) => notices.push(notice),
    fetch(url, init) {
      sent.push([url, new Headers(init.headers).get("authorization")]);
      return new Response(JSON.stringify({ ok: false, error: { code: "FORBIDDEN", message: "no" } }), { status: 403 });
    },
  };
  const error = await run(REQUEST, options).catch((error) => error);
  expect(exitCodeFor(error)).toBe(65);
  expect(sent).toEqual([["https://mogplex.example/api/v1/mogplex/runs", "Bearer mog_secret"]]);
  expect(notices[0]).toMatchObject({ kind: "text", message: expect.stringContaining("https://mogplex.example") });
});

test("attach() follows a run that exists and throws its verdict", async () => {
  expect(await attach(RUN_ID, ended("success"))).toMatchObject({ outcome: "success", replayed: null });
  await expect(attach(RUN_ID, ended("failed"))).rejects.toBeInstanceOf(RunFailedError);
  await expect(attach("x", ended("success"))).rejects.toBeInstanceOf(UsageError);
});

test("attach() adds up its waits", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {
    events: [limited(20_000), limited(30_000), page("success", [anEvent("f", "finished")])],
  });
  const { waits, durationMs } = await attach(RUN_ID, { client, clock });
  expect(waits).toEqual([{ cause: "rate_limit", count: 2, totalMs: durationMs }]);
  // What the service named, and a spread of our own.
  expect(durationMs).toBeGreaterThanOrEqual(50_000);
});
