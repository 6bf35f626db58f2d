import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { DeadlineError, exitCodeFor, InterruptedError, UnauthorizedError, UsageError } from "../../../lib/errors.ts";
import type { FollowItem, RunHandleItem } from "../../../lib/run/follow.ts";
import { AwaitingInputError, RunCancelledError, RunFailedError, RunVerdictError } from "../../../lib/run/run.ts";
import { anEvent, drain, fakeClient, limited, page, REQUEST, RUN_ID, someEvents, started } from "./fake_client.ts";
import { attach, follow, run, type RunOptions } from "./detecting.ts";

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

test("run() throws AbortedError also with throwOnFailure false, when the reason of its signal is an error of ours", async () => {
  const stop = new AbortController();
  const reason = new InterruptedError("SIGTERM");
  const options = { throwOnFailure: false, signal: stop.signal, onItem: () => stop.abort(reason) };
  const error = await run(REQUEST, ended("streaming", options)).catch((error) => error);
  expect(error).toMatchObject({ name: "AbortedError", cause: reason, exitCode: 143, runId: RUN_ID });
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
    { cancelOn: ["stop" as "timeout"] },
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

const folder = mkdtempSync(join(tmpdir(), "mogplex-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Options for a run of so many events, the newest 200 of which are shown at each look. */
function longRun(count: number, options: RunOptions = {}): RunOptions {
  const clock = virtualClock();
  const all = [anEvent("first", "started"), ...someEvents(2, count - 1), anEvent("f", "finished")];
  const pages = [];
  for (let shown = 150; shown < count; shown += 150) {
    pages.push(page("streaming", all.slice(Math.max(shown - 200, 0), shown)));
  }
  const client = fakeClient(clock, {
    start: [started("pending")],
    events: [...pages, page("success", all.slice(-200))],
  });
  return { client, clock, identity: null, ...options };
}

test("run() keeps the last 200 events and what mattered, counts the rest, and writes all of them to eventsFile", async () => {
  const eventsFile = join(folder, "all/events.ndjson");
  const heard: string[] = [];
  const onItem = (item: FollowItem | RunHandleItem) => item.type === "event" && heard.push(item.event.id);
  const result = await run(REQUEST, longRun(900, { eventsFile, onItem }));
  expect(heard).toHaveLength(900);
  expect(result.eventCount.seen).toBe(900);
  expect(result.events.map(({ id }) => id)).toEqual(["first", ...heard.slice(-200)]);
  expect(result.eventsOmitted).toBe(699);
  const lines = readFileSync(eventsFile, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).id)).toEqual(heard);
});

test("run() omits no event of a small run", async () => {
  const result = await run(REQUEST, longRun(140));
  expect([result.events.length, result.eventsOmitted]).toEqual([140, 0]);
});

test("follow() and attach() write eventsFile, too, with the token masked", async () => {
  const clock = virtualClock();
  const token = "mog_abcdefghijklmnopqrstuvwx";
  const event = { ...anEvent("f", "finished"), message: `token ${token}` };
  const client = () => fakeClient(clock, { events: [page("success", [event])] });
  for (const name of ["follow", "attach"]) {
    const options = { client: client(), clock, eventsFile: join(folder, `${name}.ndjson`) };
    if (name === "attach") await attach(RUN_ID, options);
    else await drain(follow(RUN_ID, options));
    const written = JSON.parse(readFileSync(options.eventsFile, "utf8"));
    expect([written.id, written.message]).toEqual(["f", "token [redacted]"]);
  }
});

test("run() and follow() refuse an eventsFile that cannot be written before anything is sent", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {});
  const options = { client, clock, identity: null, eventsFile: "/dev/null" };
  const message = 'Cannot write events to "/dev/null": it is not a regular file';
  await expect(run(REQUEST, options)).rejects.toThrow(new UsageError(message));
  expect((await drain(follow(RUN_ID, options))).error).toMatchObject({ name: "UsageError", message });
  expect(client.heard).toEqual([]);
});
