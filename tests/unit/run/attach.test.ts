import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { DeadlineError, type MogplexError, NotFoundError } from "../../../lib/errors.ts";
import type { RunEvents } from "../../../lib/model.ts";
import type { Notice } from "../../../lib/notice.ts";
import { interruptible } from "../../../lib/run/interrupts.ts";
import { attachJob, lookJob } from "./detecting.ts";
import { anEvent, cancelled, fakeClient, JOB, limited, page, refusal, RUN_ID, someEvents } from "./fake_client.ts";
import { fakeProcess, memoryFiles } from "./memory_files.ts";
import { PATH, TOKEN, tried } from "./trial.ts";

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

const FOLLOWED = {
  schema: 2,
  phase: "started",
  idempotencyKey: null,
  requestHash: null,
  request: null,
  owned: false,
  runId: RUN_ID,
};

test("attachJob() leaves a state as runJob() does, of a run that it does not own", async () => {
  const script = { events: [page("streaming"), page("success", [anEvent("f", "finished")])] };
  const { states, state } = await tried(script, { attachTo: RUN_ID, onInterrupt: "cancel", identity: JOB });
  expect(states[0]).toMatchObject({ ...FOLLOWED, job: JOB, folder: null, onInterrupt: "cancel", left: "following" });
  expect(state).toMatchObject({ ...FOLLOWED, left: "ended", status: "success" });
  const local = await tried(script, { attachTo: RUN_ID });
  expect(local.state).toMatchObject({ ...FOLLOWED, job: null, folder: "/builds/web/out/", onInterrupt: "auto" });
});

test("attachJob() leaves a lost cancel to cleanup", async () => {
  const { state, calls } = await tried({ events: [page("streaming")], cancel: [limited()] }, {
    attachTo: RUN_ID,
    signals: [[2_000, "SIGTERM"]],
    onInterrupt: "cancel",
  });
  expect(calls).toContain("cancel");
  expect(state).toMatchObject({ ...FOLLOWED, left: "cancelling" });
});

test("attachJob() leaves cleanup nothing to cancel for a run that goes on", async () => {
  const signalled = await tried({ events: [page("streaming")] }, { attachTo: RUN_ID, signals: [[2_000, "SIGTERM"]] });
  expect(signalled.state).toMatchObject({ ...FOLLOWED, left: "detached" });
  const late = await tried({ events: [page("streaming")] }, { attachTo: RUN_ID, timeoutMs: 5_000 });
  expect(late.state).toMatchObject({ ...FOLLOWED, left: "detached" });
  const unknown = await tried({ events: [refusal(NotFoundError, "usage", 404)] }, { attachTo: RUN_ID });
  expect(unknown.state).toMatchObject({ ...FOLLOWED, left: "detached" });
});

test("attachJob() cancels when the signal comes before it has sent anything, and says so in the state", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, { events: [page("streaming")], cancel: [cancelled("cancelled")] });
  const files = memoryFiles();
  const { io, send } = fakeProcess();
  const { result } = await interruptible({ io, clock }, async (interrupts) => {
    const more = { interrupts, onInterrupt: "cancel", files, statePath: PATH } as const;
    const job = attachJob(RUN_ID, { client, token: TOKEN, clock, identity: null }, more);
    send("SIGTERM");
    return await job;
  });
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143, status: "cancelled" });
  expect(client.heard.map(({ what }) => what)).toContain("cancel");
  expect(JSON.parse(files.files.get(PATH) ?? "")).toMatchObject({ ...FOLLOWED, left: "ended", status: "cancelled" });
});

test("attachJob() follows although its state cannot be written, and says so once", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, { events: [page("success", [anEvent("f", "finished")])] });
  const notices: Notice[] = [];
  const files = {
    ...memoryFiles(),
    writeFile() {
      throw new Error("it is not a regular file");
    },
  };
  const options = { client, token: TOKEN, clock, identity: null, onNotice: (notice: Notice) => notices.push(notice) };
  const { result } = await attachJob(RUN_ID, options, { files, statePath: PATH });
  expect(result).toMatchObject({ outcome: "success", exitCode: 0 });
  expect(notices).toEqual([{
    kind: "text",
    message: `Cannot write state file "${PATH}": it is not a regular file; cleanup will not find this run`,
  }]);
});

test("lookJob() writes no state file", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, { events: [page("success", [anEvent("f", "finished")])] });
  const files = memoryFiles({ [PATH]: "of the job that started the run" });
  await lookJob(RUN_ID, { client, token: TOKEN, clock, identity: null }, { files, statePath: PATH });
  expect(files.written).toEqual([]);
});

const NO_SANDBOX = "Too many active sandboxes";

/** The events of a run that found no sandbox, and of one whose agent left a file with that name. */
const ENDS = {
  unbegun: page("failed", [anEvent("s", "started"), anEvent("f", "failed")], { error: NO_SANDBOX }),
  begun: page("failed", [anEvent("s", "started"), anEvent("a"), anEvent("f", "failed")], { error: NO_SANDBOX }),
};

for (const [name, job] of Object.entries({ attachJob, lookJob })) {
  test(`${name}() ends with NO_SANDBOX, as runJob() does, when no agent has begun for want of a sandbox`, async () => {
    const judged = async (events: RunEvents) => {
      const clock = virtualClock();
      const client = fakeClient(clock, { events: [events] });
      const { result, error } = await job(RUN_ID, { client, token: TOKEN, clock, identity: null }, {});
      const { outcome, exitCode, status, reason } = result;
      const code = (error as MogplexError | undefined)?.code;
      expect(result.error?.code).toBe(code);
      return { outcome, exitCode, status, reason, code };
    };
    expect(await judged(ENDS.unbegun)).toEqual({
      outcome: "error",
      exitCode: 75,
      status: "failed",
      reason: `Cannot start an agent: no sandbox was free (${NO_SANDBOX}), and this job does not start another run; ` +
        "a sandbox becomes free 10 to 35 minutes after its run ends; retry the job later, or raise its time limit",
      code: "NO_SANDBOX",
    });
    for (
      const [error, words, advice] of [
        [
          "Sandbox boot rate limit exceeded",
          "the limit of 120 sandboxes an hour was reached",
          "and start fewer runs per hour",
        ],
        ["Daily sandbox boot quota exceeded", "the limit of 10000 sandboxes a day was reached", "again tomorrow"],
      ] as const
    ) {
      const { exitCode, reason } = await judged(page("failed", ENDS.unbegun.events, { error }));
      expect([exitCode, reason]).toEqual([75, expect.stringContaining(`${words} (${error})`)]);
      expect(reason).toContain(advice);
    }
    expect(await judged(ENDS.begun)).toMatchObject({ outcome: "failed", exitCode: 1, status: "failed" });
    // An agent on a new branch may have worked there. On a branch that exists the sandbox is there from the start.
    const sandboxRecordId = RUN_ID;
    const had = page("failed", ENDS.unbegun.events, { error: NO_SANDBOX, sandboxRecordId });
    expect(await judged(had)).toMatchObject({ outcome: "failed", exitCode: 1, status: "failed" });
    const branch = { base: "main", working: "feature", createBranch: false };
    const onBranch = page("failed", ENDS.unbegun.events, { error: NO_SANDBOX, sandboxRecordId, branch });
    expect(await judged(onBranch)).toMatchObject({ exitCode: 75, code: "NO_SANDBOX" });
  });
}
