import { expect, test } from "bun:test";
import { gitlab } from "../../../lib/ci/gitlab.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { InterruptedError, type InterruptSignal } from "../../../lib/errors.ts";
import { interruptible } from "../../../lib/run/interrupts.ts";
import type { CallOptions } from "../../../lib/service/client.ts";
import { runJob } from "./detecting.ts";
import {
  aRun,
  cancelled,
  fakeClient,
  limited,
  lost,
  page,
  REQUEST,
  RUN_ID,
  someEvents,
  started,
  unavailable,
} from "./fake_client.ts";
import { fakeProcess, memoryFiles } from "./memory_files.ts";
import { conflict, finished, PATH, TOKEN, type Trial, tried } from "./trial.ts";

const live = { start: [started("pending")], events: [page("streaming", someEvents(1, 2))] };

test.each<[InterruptSignal, number]>([["SIGINT", 130], ["SIGTERM", 143]])(
  "runJob() cancels its own run at once on %s",
  async (signal, exitCode) => {
    const { result, error, state, heard, clock } = await tried({ ...live, cancel: [cancelled("cancelled")] }, {
      signals: [[2_000, signal]],
    });
    expect(error).toBeInstanceOf(InterruptedError);
    expect(result).toMatchObject({ outcome: "interrupted", exitCode, status: "cancelled" });
    expect(result.reason).toBe(`Stopped by ${signal}; the run was cancelled`);
    expect(result.error?.why).toBe(`Stopped by ${signal}; the run was cancelled`);
    expect(heard.at(-1)).toEqual({ at: 2_000, what: "cancel", with: RUN_ID });
    expect(state).toMatchObject({ left: "ended", status: "cancelled" });
    expect(clock.now()).toBeLessThan(7_000);
  },
);

test("runJob() says in the state that it is cancelling before it cancels", async () => {
  const { states } = await tried({ ...live, cancel: [cancelled("cancelled")] }, { signals: [[2_000, "SIGTERM"]] });
  expect(states.slice(-2).map(({ left }) => left)).toEqual(["cancelling", "ended"]);
});

test("runJob() reports success when the run succeeded in the moment of the signal; the code is the signal's", async () => {
  const { result, state } = await tried({
    start: [started("pending")],
    events: [page("streaming"), page("streaming"), page("success", [finished])],
    cancel: [cancelled("success")],
  }, { signals: [[1_500, "SIGTERM"]] });
  expect(result).toMatchObject({ outcome: "success", exitCode: 143, status: "success", eventCount: { seen: 1 } });
  expect(state).toMatchObject({ left: "ended" });
});

test("runJob() tries a 409 once more, then reads the run", async () => {
  const again = await tried({ ...live, cancel: [conflict, cancelled("cancelled")] }, { signals: [[2_000, "SIGTERM"]] });
  expect(again.heard.filter(({ what }) => what === "cancel").map(({ at }) => at)).toEqual([2_000, 2_300]);
  expect(again.result.status).toBe("cancelled");
  const read = await tried({ ...live, cancel: [conflict], run: [aRun("success")] }, { signals: [[2_000, "SIGTERM"]] });
  expect(read.calls.filter((what) => what !== "events")).toEqual(["start", "cancel", "cancel", "run"]);
  expect(read.result).toMatchObject({ outcome: "success", exitCode: 143 });
});

test("runJob() leaves a cancel that does not work to cleanup", async () => {
  for (const error of [conflict, limited(), unavailable(500), lost()]) {
    const { result, state } = await tried({ ...live, cancel: [error], run: [aRun("streaming")] }, {
      signals: [[2_000, "SIGTERM"]],
    });
    expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143, status: "streaming" });
    expect(result.reason).toContain("could not be cancelled");
    expect(state).toMatchObject({ left: "cancelling" });
  }
});

test("runJob() gives the cancel four seconds in all", async () => {
  let limits: CallOptions = {};
  const { clock } = await tried({
    ...live,
    cancel: [(call) => {
      limits = call;
      return cancelled("cancelled");
    }],
  }, { signals: [[2_000, "SIGTERM"]] });
  expect(limits).toMatchObject({ deadline: 6_000, requestTimeoutMs: 4_000 });
  expect(clock.now()).toBeLessThan(6_000);
});

test("runJob() repeats a cancel that gets no answer until its time is over, which is longer on GitLab", async () => {
  const signals: Trial["signals"] = [[2_000, "SIGTERM"]];
  const triesOf = ({ heard }: Awaited<ReturnType<typeof tried>>) =>
    heard.filter(({ what }) => what === "cancel").map(({ at }) => at - 2_000);
  const tries = { ...live, cancel: [unavailable(503)], run: [aRun("streaming")] };
  expect(triesOf(await tried(tries, { signals }))).toEqual([0, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500]);
  const onGitlab = await tried(tries, { signals, platform: gitlab });
  expect(triesOf(onGitlab)).toEqual([...Array(12).keys()].map((index) => index * 500));
  expect(onGitlab.clock.now()).toBeLessThan(2_000 + 6_500);
  const lateAnswer = { ...live, cancel: [...Array(10).fill(lost()), cancelled("cancelled")] };
  expect((await tried(lateAnswer, { signals, platform: gitlab })).result).toMatchObject({ status: "cancelled" });
});

test("runJob() on GitLab gives the first cancel half of its time, and ends within five seconds when it is answered", async () => {
  let limits: CallOptions = {};
  const { clock } = await tried({
    ...live,
    cancel: [(call) => {
      limits = call;
      return cancelled("success");
    }],
  }, { signals: [[2_000, "SIGTERM"]], platform: gitlab });
  expect(limits).toMatchObject({ deadline: 8_000, requestTimeoutMs: 3_000 });
  expect(clock.now()).toBeLessThan(2_000 + 5_000);
});

test("runJob() lets the run go on when a person watches, when asked, or when another job owns it", async () => {
  const signals: Trial["signals"] = [[2_000, "SIGINT"]];
  const other = { ...live, start: [started("streaming", true, { createdAt: "2026-08-31T00:00:00+00:00" })] };
  const trials = [
    await tried(live, { signals, terminal: true }),
    await tried(live, { signals, onInterrupt: "detach" }),
    await tried(other, { signals, idempotencyKey: "shared" }),
  ];
  for (const { result, state, calls } of trials) {
    expect(calls).not.toContain("cancel");
    expect(state).toMatchObject({ left: "detached" });
    expect(result).toMatchObject({ outcome: "interrupted", exitCode: 130, resume: `mogplex.attach("${RUN_ID}")` });
  }
});

test("runJob() cancels a run of another job when asked", async () => {
  const other = { ...live, start: [started("streaming", true, { createdAt: "2026-08-31T00:00:00+00:00" })] };
  const { calls } = await tried({ ...other, cancel: [cancelled("cancelled")] }, {
    signals: [[2_000, "SIGTERM"]],
    idempotencyKey: "shared",
    onInterrupt: "cancel",
  });
  expect(calls).toContain("cancel");
});

/** A start whose answer never comes; the request may have arrived. */
const hanging = ({ signal }: CallOptions) =>
  new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

test("runJob() finds the run of a start whose answer the signal cut off, by the same key, and cancels it", async () => {
  const ids: string[] = [];
  const { heard, result, state } = await tried({
    start: [hanging, started("pending", true)],
    cancel: [cancelled("cancelled")],
  }, { signals: [[500, "SIGTERM"]], idempotencyKey: "weekly", onStarted: ({ runId }) => ids.push(runId) });
  expect(heard).toEqual([
    { at: 0, what: "start", with: "weekly" },
    { at: 500, what: "start", with: "weekly" },
    { at: 500, what: "cancel", with: RUN_ID },
  ]);
  expect(result).toMatchObject({ runId: RUN_ID, outcome: "interrupted", exitCode: 143, status: "cancelled" });
  expect(state).toMatchObject({ phase: "started", left: "ended" });
  expect(ids).toEqual([RUN_ID]);
});

test("runJob() does not take the dead run of an earlier attempt for its own when a signal cuts off its start", async () => {
  const identity = {
    server: "https://gitlab.example",
    project: "42",
    pipeline: "1001",
    job: "agent",
    node: "",
    attempt: "2",
    date: null,
    schedule: "",
  };
  const dead = started("failed", true, { createdAt: "2026-08-31T00:00:00+00:00" });
  const { calls, result, state } = await tried({ start: [hanging, dead] }, { signals: [[500, "SIGTERM"]], identity });
  expect(calls).toEqual(["start", "start"]);
  expect(result).toMatchObject({ runId: null, outcome: "interrupted", exitCode: 143 });
  expect(state).toMatchObject({ phase: "starting", left: "ended" });
});

test("runJob() writes no state when the signal comes before the key is there", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {});
  const files = memoryFiles();
  const { io, send } = fakeProcess();
  const { result } = await interruptible({ io, clock }, async (interrupts) => {
    const job = runJob(REQUEST, { client, token: TOKEN, clock, identity: null }, {
      interrupts,
      files,
      statePath: PATH,
    });
    send("SIGTERM");
    return await job;
  });
  expect(client.heard).toEqual([]);
  expect(files.files.get(PATH)).toBeUndefined();
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143 });
});

test("runJob() leaves a start that it cannot find again to cleanup", async () => {
  const { result, state } = await tried({ start: [hanging, limited()] }, { signals: [[500, "SIGTERM"]] });
  expect(result).toMatchObject({ runId: null, outcome: "interrupted", exitCode: 143 });
  expect(state).toMatchObject({ phase: "starting", left: "cancelling", request: REQUEST });
});

test("runJob() sends nothing when the signal comes while it waits for a slot, and nothing was started", async () => {
  const { calls, state, result } = await tried({ start: [limited(60_000)] }, { signals: [[500, "SIGTERM"]] });
  expect(calls).toEqual(["start"]);
  expect(state).toMatchObject({ left: "ended" });
  expect(result.reason).toBe("Stopped by SIGTERM; no run was started");
});

test("runJob() looks for the run when the signal comes while it waits after a lost answer", async () => {
  const { calls } = await tried({
    start: [lost(), started("pending", true)],
    cancel: [cancelled("cancelled")],
  }, { signals: [[500, "SIGTERM"]] });
  expect(calls).toEqual(["start", "start", "cancel"]);
});

test("runJob() lets a start go on when a person watches at a terminal", async () => {
  const { calls, state } = await tried({ start: [hanging] }, { signals: [[500, "SIGINT"]], terminal: true });
  expect(calls).toEqual(["start"]);
  expect(state).toMatchObject({ phase: "starting", left: "detached" });
});

test("runJob() leaves the run alone when the caller's own signal aborts", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, live);
  const stop = new AbortController();
  const reason = new Error("enough");
  const { error, result } = await runJob(REQUEST, {
    client,
    clock,
    identity: null,
    signal: stop.signal,
    onItem: () => stop.abort(reason),
  });
  expect(error).toBe(reason);
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 130 });
  expect(client.heard.map(({ what }) => what)).not.toContain("cancel");
});
