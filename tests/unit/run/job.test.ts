import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { DeadlineError, ForbiddenError, StartUnknownError, UnavailableError } from "../../../lib/errors.ts";
import { runJob } from "./detecting.ts";
import {
  anEvent,
  cancelled,
  fakeClient,
  limited,
  lost,
  page,
  refusal,
  REQUEST,
  RUN_ID,
  someEvents,
  started,
  unavailable,
} from "./fake_client.ts";
import { NO_NEW_RUN } from "../../../lib/run/key.ts";
import { capital } from "../../../lib/text/plain_text.ts";
import { recordedOutcomeOf } from "../../../lib/run/result_view.ts";
import { memoryFiles } from "./memory_files.ts";
import { finished, PATH, TOKEN, tried } from "./trial.ts";

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
  ["awaiting_input", 4, "The agent asked a question and is waiting for an answer."],
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
    resume: `mogplex.attach("${RUN_ID}")`,
    resumeIsCommand: true,
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

test("runJob() cancels at the deadline with cancelOn timeout, and still ends with 124", async () => {
  const script = { start: [started("pending")], events: [page("streaming")], cancel: [cancelled("cancelled")] };
  const { result, state } = await tried(script, { timeoutMs: 5_000, cancelOn: ["timeout"] });
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  expect(result.reason).toBe(
    `Run "${RUN_ID}" was still streaming after 5 seconds; the run was cancelled`,
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
    }, { timeoutMs: 5_000, cancelOn: ["timeout"] });
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
  }, { timeoutMs: 5_000, cancelOn: ["timeout"] });
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "streaming" });
  expect(result.reason).toContain("HTTP 500");
  expect(state).toMatchObject({ left: "cancelling" });
});

test("runJob() cancels at the deadline when asked although the last look did not work", async () => {
  const script = { start: [started("pending")], events: [page("streaming"), limited()] };
  const options = { timeoutMs: 5_000, cancelOn: ["timeout"] } as const;
  const works = await tried({ ...script, cancel: [cancelled("cancelled")] }, options);
  expect(works.result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  const fails = await tried({ ...script, cancel: [limited()] }, options);
  expect(fails.result).toMatchObject({ outcome: "error", exitCode: 75, status: "streaming" });
  expect(fails.state).toMatchObject({ left: "cancelling" });
});

test("runJob() removes an old state file although it starts nothing", async () => {
  const files = memoryFiles({ [PATH]: "old" });
  const clock = virtualClock();
  const options = { client: fakeClient(clock, {}), token: TOKEN, clock, identity: null };
  const { result } = await runJob({ ...REQUEST, prompt: "" }, options, { files, statePath: PATH });
  expect(result).toMatchObject({ runId: null, exitCode: 2 });
  expect(files.files.has(PATH)).toBe(false);
});

for (const [left, cancelOn] of [["cancel", ["timeout"]], ["detach", []]] as const) {
  test(`runJob() leaves a start without an answer to cleanup to ${left} it with cancelOn [${cancelOn}]`, async () => {
    const { result, state } = await tried({ start: [lost()] }, { timeoutMs: 5_000, cancelOn, onInterrupt: "detach" });
    expect(result).toMatchObject({ runId: null, exitCode: 69 });
    expect(state).toMatchObject({ left: left === "cancel" ? "cancelling" : "detached", phase: "starting" });
    expect(state?.request).not.toBeNull();
    // What a signal would have done does not keep cleanup from what the deadline has begun.
    expect(state?.onInterrupt).toBe(left);
  });
}

test("runJob() with cancelOn timeout finds the run of a start without an answer at the deadline, and cancels it", async () => {
  const start = ({ maxAttempts }: { maxAttempts?: number | undefined }) => {
    // The attempts of the start are single ones.
    if (maxAttempts === 1) throw lost();
    return started("pending");
  };
  const { result, state } = await tried({ start: [start], cancel: [cancelled("cancelled")] }, {
    timeoutMs: 5_000,
    cancelOn: ["timeout"],
  });
  expect([result.runId, result.status, result.exitCode, state?.left]).toEqual([RUN_ID, "cancelled", 124, "ended"]);
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
  expect(result).toMatchObject({
    runId: null,
    outcome: "error",
    exitCode: 65,
    status: null,
    resume: null,
    mayExist: false,
  });
  expect(state).toMatchObject({ phase: "starting", left: "ended" });
});

test("runJob() does not take a start for refused when an error that is not ours hides the answer", async () => {
  const bug = new TypeError("x is undefined");
  const { result, error, state } = await tried({ start: [bug] });
  expect(error).toBe(bug);
  expect(result).toMatchObject({ runId: null, outcome: "error", exitCode: 70, mayExist: true });
  expect(state).toMatchObject({ left: "detached" });
});

test("runJob() leaves an unknown start to the retry", async () => {
  const { result, error, state } = await tried({ start: [lost()] }, { idempotencyKey: "weekly" });
  expect(error).toBeInstanceOf(StartUnknownError);
  expect(result).toMatchObject({ exitCode: 69, idempotencyKey: "weekly" });
  expect(state).toMatchObject({ phase: "starting", left: "detached", idempotencyKey: "weekly" });
});

test("runJob() reports that no run was started when the run of a start failed in the queue", async () => {
  const { result, error, calls, state } = await tried({ start: [unavailable(500), started("failed", true)] }, {
    identity: {
      ...{ server: "s", project: "p", pipeline: "1", job: "j", node: "", attempt: "1", date: null, schedule: "" },
    },
  });
  expect(error).toBeInstanceOf(UnavailableError);
  expect(calls).toEqual(["start", "start"]);
  expect(result).toMatchObject({ runId: null, outcome: "error", exitCode: 69, mayExist: false });
  expect(recordedOutcomeOf(result)).toBe("not_started");
  expect(state).toMatchObject({ left: "ended", runId: null });
});

test("runJob() gives the used-up keys as the reason, with the error of the last run", async () => {
  const old = { createdAt: "2026-08-01T00:00:00Z", updatedAt: "2026-08-01T00:10:00Z" };
  const identity = {
    ...{ server: "s", project: "p", pipeline: "1", job: "j", node: "", attempt: "5", date: null, schedule: "" },
  };
  const reasonAfter = async (status: string, error: string | null) => {
    const { result } = await tried({
      start: [started(status, true, { ...old, error })],
      events: [page(status, [anEvent("f", "failed")], { ...old, error })],
    }, { identity });
    return [result.outcome, result.exitCode, result.reason, result.keysUsedUp];
  };
  const noNewRun = capital(NO_NEW_RUN);
  expect(await reasonAfter("failed", "Agent run exited with code 1.")).toEqual(
    ["failed", 1, `${noNewRun}; the last run: Agent run exited with code 1.`, true],
  );
  expect(await reasonAfter("cancelled", null)).toEqual(["cancelled", 3, noNewRun, true]);
});
