import { expect, test } from "bun:test";
import { virtualClock } from "../../lib/clock.ts";
import {
  ConflictError,
  DeadlineError,
  ForbiddenError,
  InterruptedError,
  type InterruptSignal,
  StartUnknownError,
  UnavailableError,
} from "../../lib/errors.ts";
import type { CallOptions } from "../../lib/api/client.ts";
import { interruptible, type OnInterrupt } from "../../lib/job/interrupt.ts";
import type { JobEnd } from "../../lib/job/job.ts";
import type { RunResult } from "../../lib/result/run_result.ts";
import { attachJob, lookJob, runJob, type RunOptions } from "../../lib/runs/run.ts";
import type { RunState } from "../../lib/runs/state.ts";
import {
  anEvent,
  aRun,
  cancelled,
  fakeClient,
  limited,
  lost,
  page,
  refusal,
  REQUEST,
  RUN_ID,
  type Script,
  someEvents,
  started,
  unavailable,
} from "../runs/fake_client.ts";
import { fakeProcess, memoryFiles } from "../runs/memory_files.ts";

const PATH = "out/run.json";
const finished = anEvent("f", "finished");
const conflict = refusal(ConflictError, "usage", 409);

interface Trial extends RunOptions {
  onInterrupt?: OnInterrupt;
  terminal?: boolean;
  /** Signal and when it comes. */
  signals?: [at: number, signal: InterruptSignal][];
  attachTo?: string;
}

async function tried(script: Script, trial: Trial = {}) {
  const { onInterrupt, terminal, signals = [], attachTo, ...options } = trial;
  const clock = virtualClock();
  const client = fakeClient(clock, script);
  const files = memoryFiles();
  const { io, send } = fakeProcess(terminal);
  const all: RunOptions = { client, clock, identity: null, ...options };
  const work = interruptible({ io, clock }, async (interrupts): Promise<JobEnd<RunResult>> => {
    const more = { interrupts, onInterrupt, files, statePath: PATH };
    return attachTo === undefined ? await runJob(REQUEST, all, more) : await attachJob(attachTo, all, more);
  });
  for (const [at, signal] of signals) {
    void (async () => {
      await clock.sleep(at - clock.now());
      send(signal);
    })();
  }
  const { result, error } = await work;
  const content = files.files.get(PATH);
  const state = content === undefined ? undefined : JSON.parse(content) as RunState;
  const states = files.written.filter((text) => text !== "").map((text) => JSON.parse(text) as RunState);
  const calls = client.heard.map(({ what }) => what);
  return { result, error, state, states, calls, heard: client.heard, clock };
}

test("runJob() puts everything that is known into the result", async () => {
  const delivery = anEvent("d", "log", {
    payload: {
      stage: "git_delivery",
      changed: true,
      pull_request_url: "https://github.com/acme/web/pull/7",
      working_branch: "mogplex/agent-1",
    },
    createdAt: "2026-09-01T00:00:08+00:00",
  });
  const { result, error } = await tried({
    start: [limited(30_000), started("pending")],
    events: [page("pending", someEvents(1, 1)), page("success", [...someEvents(1, 1), delivery, finished])],
  }, { idempotencyKey: "weekly" });
  expect(error).toBeUndefined();
  expect(result).toMatchObject({
    schemaVersion: 1,
    kind: "run",
    runId: RUN_ID,
    repoId: REQUEST.repoId,
    harness: "codex",
    status: "success",
    outcome: "success",
    exitCode: 0,
    reason: null,
    error: null,
    failureCode: null,
    replayed: false,
    idempotencyKey: "weekly",
    branch: { base: "main", requested: "mogplex/external/1", pushed: "mogplex/agent-1" },
    pullRequest: { state: "open", url: "https://github.com/acme/web/pull/7" },
    changed: true,
    eventCount: { seen: 3, missed: false, windowFull: false },
    requests: 5,
    waits: [{ cause: "start_limit", count: 1, totalMs: 30_000 }],
    origin: "https://mogplex.example",
    resume: null,
  });
  // The second look comes after a second, give or take its jitter.
  expect(Math.abs(result.durationMs - 31_000)).toBeLessThanOrEqual(60);
  expect(result.events.map((event) => event.id)).toEqual(["e1", "d", "f"]);
  expect(result.phases[0]).toMatchObject({ name: "queue" });
});

test.each([
  ["success", 0, null],
  ["failed", 1, "Agent run exited with code 1."],
  ["cancelled", 3, null],
  ["awaiting_input", 4, "the run waits for a person: answer it in the app, or cancel it"],
])("runJob() ends with the code of %s", async (status, exitCode, reason) => {
  const error = status === "failed" ? reason : null;
  const { result } = await tried({ start: [started("pending")], events: [page(status, [finished], { error })] });
  expect(result).toMatchObject({ outcome: status, exitCode, reason });
});

test("runJob() takes the reason from the last failed event when the run has none", async () => {
  const failed = anEvent("x", "failed", {
    payload: { error: "Sandbox launch failed", failure_code: "command_failed" },
  });
  const { result } = await tried({ start: [started("pending")], events: [page("failed", [failed])] });
  expect(result).toMatchObject({ reason: "Sandbox launch failed", failureCode: "command_failed" });
});

test("runJob() calls a pull request unknown that the window hides (trap 25)", async () => {
  const { result } = await tried({ start: [started("pending")], events: [page("success", someEvents(1, 200))] });
  expect(result).toMatchObject({
    pullRequest: { state: "unknown", url: null },
    eventCount: { seen: 200, missed: false, windowFull: true },
  });
});

test("runJob() writes the state before the start, at once after it, and at the end", async () => {
  const { states } = await tried({
    start: [started("pending")],
    events: [page("streaming", someEvents(1, 2)), page("success", [...someEvents(1, 2), finished])],
  }, { idempotencyKey: "weekly" });
  const short = states.map(({ phase, runId, status, lastEventId, left, request }) =>
    [phase, runId !== null, status, lastEventId, left, request !== null].join(" ")
  );
  expect(short).toEqual([
    "starting false   following true",
    "started true pending  following false",
    "started true streaming e2 following false",
    "started true success f following false",
    "started true success f ended false",
  ]);
});

test("runJob() leaves the state detached when the deadline passes, and ends with 124", async () => {
  const { result, error, state, calls } = await tried({ start: [started("pending")], events: [page("streaming")] }, {
    timeoutMs: 5_000,
  });
  expect(error).toBeInstanceOf(DeadlineError);
  expect(result).toMatchObject({
    outcome: "deadline",
    exitCode: 124,
    status: "streaming",
    resume: `mogplex-ci follow ${RUN_ID}`,
  });
  expect(state).toMatchObject({ left: "detached" });
  expect(calls).not.toContain("cancel");
});

test("runJob() counts the start into the whole wait", async () => {
  const { clock } = await tried({ start: [limited(50_000), started("pending")], events: [page("streaming")] }, {
    timeoutMs: 60_000,
  });
  expect(clock.now()).toBe(60_000);
});

test("runJob() cancels at the deadline with onTimeout cancel, and still ends with 124", async () => {
  const script = { start: [started("pending")], events: [page("streaming")], cancel: [cancelled("cancelled")] };
  const { result, state } = await tried(script, { timeoutMs: 5_000, onTimeout: "cancel" });
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  expect(result.reason).toBe(
    `Cannot wait for run "${RUN_ID}" any longer: it is "streaming" after 5 seconds; the run was cancelled`,
  );
  expect(state).toMatchObject({ left: "ended", status: "cancelled" });
});

test.each([
  ["success", 0, false],
  ["success", 0, true],
  ["failed", 1, true],
  ["cancelled", 3, true],
])(
  "runJob() takes the verdict when the cancel at the deadline finds the run %s",
  async (status, exitCode, terminal) => {
    const { result, error, state } = await tried({
      start: [started("pending")],
      events: [page("streaming", someEvents(1, 1))],
      cancel: [cancelled(status, terminal)],
    }, { timeoutMs: 5_000, onTimeout: "cancel" });
    expect(error).toBeUndefined();
    expect(result).toMatchObject({ outcome: status, exitCode, status });
    expect(state).toMatchObject({ left: "ended" });
  },
);

test("runJob() ends with 124 and says why when the cancel at the deadline does not work", async () => {
  const { result, state } = await tried({
    start: [started("pending")],
    events: [page("streaming")],
    cancel: [unavailable(500)],
  }, { timeoutMs: 5_000, onTimeout: "cancel" });
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "streaming" });
  expect(result.reason).toContain("HTTP 500");
  expect(state).toMatchObject({ left: "cancelling" });
});

test("runJob() cancels at the deadline when asked although the last look did not work", async () => {
  const script = { start: [started("pending")], events: [page("streaming"), limited()] };
  const options = { timeoutMs: 5_000, onTimeout: "cancel" } as const;
  const works = await tried({ ...script, cancel: [cancelled("cancelled")] }, options);
  expect(works.result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  const fails = await tried({ ...script, cancel: [limited()] }, options);
  expect(fails.result).toMatchObject({ outcome: "error", exitCode: 75, status: "streaming" });
  expect(fails.state).toMatchObject({ left: "cancelling" });
});

test("runJob() removes an old state file although it starts nothing", async () => {
  const files = memoryFiles({ [PATH]: "old" });
  const clock = virtualClock();
  const options = { client: fakeClient(clock, {}), clock, identity: null };
  const { result } = await runJob({ ...REQUEST, prompt: "" }, options, { files, statePath: PATH });
  expect(result).toMatchObject({ runId: null, exitCode: 2 });
  expect(files.files.has(PATH)).toBe(false);
});

test("runJob() ends with the cause when the look at the deadline does not work", async () => {
  const { result, state } = await tried({ start: [started("pending")], events: [page("streaming"), limited()] }, {
    timeoutMs: 5_000,
  });
  expect(result).toMatchObject({ outcome: "error", exitCode: 75, status: "streaming" });
  expect(state).toMatchObject({ left: "detached" });
});

test("runJob() reports a start that the service refused, and leaves nothing to clean up", async () => {
  const refused = refusal(ForbiddenError, "forbidden", 403);
  const { result, error, state } = await tried({ start: [refused] });
  expect(error).toBe(refused);
  expect(result).toMatchObject({ runId: null, outcome: "error", exitCode: 65, status: null, resume: null });
  expect(state).toMatchObject({ phase: "starting", left: "ended" });
});

test("runJob() leaves an unknown start to the retry", async () => {
  const { result, error, state } = await tried({ start: [lost()] }, { idempotencyKey: "weekly" });
  expect(error).toBeInstanceOf(StartUnknownError);
  expect(result).toMatchObject({ exitCode: 69, idempotencyKey: "weekly" });
  expect(state).toMatchObject({ phase: "starting", left: "detached", idempotencyKey: "weekly" });
});

test("runJob() does not follow a start that failed in the queue", async () => {
  const { error, calls } = await tried({ start: [unavailable(500), started("failed", true)] }, {
    identity: {
      ...{ server: "s", project: "p", pipeline: "1", job: "j", node: "", attempt: "1", date: null, schedule: "" },
    },
  });
  expect(error).toBeInstanceOf(UnavailableError);
  expect(calls).toEqual(["start", "start"]);
});

const live = { start: [started("pending")], events: [page("streaming", someEvents(1, 2))] };

test.each<[InterruptSignal, number]>([["SIGINT", 130], ["SIGTERM", 143]])(
  "runJob() cancels its own run at once on %s",
  async (signal, exitCode) => {
    const { result, error, state, heard, clock } = await tried({ ...live, cancel: [cancelled("cancelled")] }, {
      signals: [[2_000, signal]],
    });
    expect(error).toBeInstanceOf(InterruptedError);
    expect(result).toMatchObject({ outcome: "interrupted", exitCode, status: "cancelled" });
    expect(result.reason).toBe(`Cannot go on: ${signal} received; the run was cancelled`);
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

test("runJob() lets the run go on when somebody watches, when asked, or when another job owns it", async () => {
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
    expect(result).toMatchObject({ outcome: "interrupted", exitCode: 130, resume: `mogplex-ci follow ${RUN_ID}` });
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
    const job = runJob(REQUEST, { client, clock, identity: null }, { interrupts, files, statePath: PATH });
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
  expect(result.reason).toBe("Cannot go on: SIGTERM received; no run was started");
});

test("runJob() looks for the run when the signal comes while it waits after a lost answer", async () => {
  const { calls } = await tried({
    start: [lost(), started("pending", true)],
    cancel: [cancelled("cancelled")],
  }, { signals: [[500, "SIGTERM"]] });
  expect(calls).toEqual(["start", "start", "cancel"]);
});

test("runJob() lets a start go on when somebody watches at a terminal", async () => {
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
  expect(result).toMatchObject({ outcome: "error", exitCode: 70 });
  expect(client.heard.map(({ what }) => what)).not.toContain("cancel");
});

test("attachJob() follows a run, and leaves it alone on a signal", async () => {
  const { result, calls } = await tried({ events: [page("streaming")] }, {
    attachTo: RUN_ID,
    signals: [[2_000, "SIGTERM"]],
  });
  expect(result).toMatchObject({
    runId: RUN_ID,
    outcome: "interrupted",
    exitCode: 143,
    replayed: null,
    idempotencyKey: null,
  });
  expect(calls).not.toContain("cancel");
});

test("attachJob() cancels on a signal when asked", async () => {
  const { result } = await tried({ events: [page("streaming")], cancel: [cancelled("cancelled")] }, {
    attachTo: RUN_ID,
    signals: [[2_000, "SIGTERM"]],
    onInterrupt: "cancel",
  });
  expect(result).toMatchObject({ status: "cancelled", exitCode: 143 });
});

test("lookJob() looks once: the verdict, or 124 when the run has not ended", async () => {
  const clock = virtualClock();
  const done = fakeClient(clock, { events: [page("failed", [anEvent("f", "failed")], { error: "exit 1" })] });
  expect((await lookJob(RUN_ID, { client: done, clock })).result).toMatchObject({
    outcome: "failed",
    reason: "exit 1",
  });
  expect(done.requests).toBe(1);
  const busy = fakeClient(clock, { events: [page("streaming", someEvents(1, 3))] });
  const { result, error } = await lookJob(RUN_ID, { client: busy, clock });
  expect(error).toBeInstanceOf(DeadlineError);
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "streaming", eventCount: { seen: 3 } });
  // The events, then the run itself.
  expect(busy.heard.map(({ what }) => what)).toEqual(["events", "run"]);
});
