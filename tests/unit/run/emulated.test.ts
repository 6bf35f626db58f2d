/** The layer against the emulated service, on one virtual clock. */
import { exitCodeFor } from "../../../lib/errors.ts";
import { EXIT } from "../../../lib/exit_codes.ts";
import { expect, test } from "bun:test";
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { parseScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import type { Notice } from "../../../lib/notice.ts";
import { cancel } from "../../../lib/run/cancel.ts";
import { ANOTHER_RUN } from "../../../lib/run/key.ts";
import { start } from "../../../lib/run/request.ts";
import { interruptible } from "../../../lib/run/interrupts.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { attachJob, cleanup, lookJob, runJob, type RunOptions } from "./detecting.ts";
import { JOB_ENV, PASSING_FAULTS } from "./fake_client.ts";
import { fakeProcess, memoryFiles } from "./memory_files.ts";
import { builtInScenario } from "../emulator/scenarios.ts";

const TOKEN = "mog_aliceReadWriteToken0000000000001";
const REQUEST = { repoId: "e0000000-0000-4000-8000-000000000001", prompt: "Fix the flaky tests", createBranch: true };

interface World {
  clock: VirtualClock;
  emulator: Emulator;
  /** Options of a job in this world; each call is another process. */
  options(env?: Record<string, string>): RunOptions & { notices: Notice[] };
  /** Starts that the service saw, and the runs that it made. */
  counts(): { starts: number; runs: number; cancels: number };
}

function world(scenario: string, options: EmulatorOptions = {}): World {
  const clock = virtualClock();
  const scenarios = scenario === "" ? [] : [builtInScenario(scenario)];
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock, scenarios, ...options });
  let starts = 0;
  let cancels = 0;
  return {
    clock,
    emulator,
    options(env = {}) {
      const all: Record<string, string> = { ...JOB_ENV, ...env };
      const notices: Notice[] = [];
      const job: RunOptions = {
        token: TOKEN,
        clock,
        env: (name) => all[name],
        onNotice: (notice) => notices.push(notice),
        fetch(url, init) {
          if (init.method === "POST") url.endsWith("/cancel") ? cancels++ : starts++;
          return emulator.fetch(url, init);
        },
      };
      // Beside the options, since the library refuses what it does not know.
      return Object.defineProperty(job, "notices", { value: notices }) as RunOptions & { notices: Notice[] };
    },
    counts: () => ({ starts, cancels, runs: emulator.world.store.runs.size }),
  };
}

test("runJob() ends with success, branch and pull request", async () => {
  const { options } = world("success");
  const { result, error } = await runJob(REQUEST, options());
  expect(error).toBeUndefined();
  expect(result).toMatchObject({ outcome: "success", exitCode: 0, pullRequest: { state: "open" }, changed: true });
  expect(result.branch.pushed).toStartWith("mogplex/");
  expect(result.eventCount).toMatchObject({ missed: false, windowFull: false });
  expect(result.phases.map((phase) => phase.name)).toEqual(["queue", "prepare", "agent", "deliver"]);
});

/** Built-in scenario, and how a job ends on it. */
const ENDS: [scenario: string, outcome: string, exitCode: number][] = [
  ["success", "success", 0],
  ["no-changes", "success", 0],
  ["agent-failure", "failed", 1],
  ["boot-failure", "error", 75],
  ["delivery-failure", "failed", 1],
  ["duplicate-failed", "failed", 1],
  ["many-events", "success", 0],
  ["awaiting-input", "awaiting_input", 4],
  ["cancelled-during-boot", "cancelled", 3],
  ["cancelled-during-boot-revived", "cancelled", 3],
  ["stuck-streaming", "deadline", 124],
  ["stuck-pending", "deadline", 124],
];

test.each(ENDS)("runJob() ends %s as %s", async (scenario, outcome, exitCode) => {
  const { options } = world(scenario);
  const { result } = await runJob(REQUEST, options());
  expect(result).toMatchObject({ outcome, exitCode });
  if (outcome === "failed") expect(result.reason).not.toBeNull();
});

test("attachJob() and lookJob() end a run as cancelled that the service failed after its cancellation", async () => {
  const { options, emulator, clock } = world("cancelled-during-boot-revived");
  await runJob(REQUEST, options());
  await clock.sleep(600_000);
  const [runId = ""] = [...emulator.world.store.runs.keys()];
  for (const job of [attachJob, lookJob]) {
    const { result, error } = await job(runId, options());
    expect(error).toBeUndefined();
    expect(result).toMatchObject({ status: "failed", outcome: "cancelled", exitCode: 3, reason: null });
  }
});

test("runJob() says what a full feed of the base hides, and sees all of it on later revisions", async () => {
  const base = await runJob(REQUEST, world("many-events").options());
  expect(base.result).toMatchObject({
    outcome: "success",
    eventCount: { seen: 200, missed: false, windowFull: true },
    pullRequest: { state: "unknown", url: null },
  });
  const later = await runJob(REQUEST, world("many-events", { revision: { tailWindow: true } }).options());
  expect(later.result).toMatchObject({
    outcome: "success",
    eventCount: { missed: false, windowFull: false },
    pullRequest: { state: "open" },
  });
  const { events, eventsOmitted, eventCount: { seen } } = later.result;
  expect(seen).toBeGreaterThan(260);
  expect(events.length + eventsOmitted).toBe(seen);
  // The last 200, and what mattered before.
  expect([events[0]?.type, events.length > 200 && events.length < 220]).toEqual(["started", true]);
});

test("runJob() repairs a stuck run at the deadline when asked", async () => {
  const { options, emulator } = world("stuck-pending");
  const { result } = await runJob(REQUEST, { ...options(), timeoutMs: 120_000, cancelOn: ["timeout"] });
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  expect([...emulator.world.store.runs.values()].map((run) => run.status)).toEqual(["cancelled"]);
});

test("runJob() attaches to the run of a job that was killed and run again", async () => {
  const { options, counts, clock } = world("success");
  const killed = new AbortController();
  const first = runJob(REQUEST, { ...options(), signal: killed.signal });
  void clock.sleep(20_000).then(() => killed.abort(new Error("kill -9")));
  const { result: before } = await first;
  const { result } = await runJob(REQUEST, options({ CI_JOB_ID: "9002" }));
  expect(result).toMatchObject({ runId: before.runId as string, replayed: true, outcome: "success" });
  expect(counts()).toMatchObject({ runs: 1 });
});

test("runJob() meets another job of the same key in one run", async () => {
  const { options, counts } = world("success");
  const ends = await Promise.all([runJob(REQUEST, options()), runJob(REQUEST, options())]);
  expect(ends.map(({ result }) => result.outcome)).toEqual(["success", "success"]);
  expect(new Set(ends.map(({ result }) => result.runId)).size).toBe(1);
  expect(counts()).toMatchObject({ runs: 1, starts: 2 });
});

test("runJob() starts afresh when the retried job's run had failed", async () => {
  const { options, counts } = world("agent-failure");
  await runJob(REQUEST, options());
  const again = options({ CI_JOB_ID: "9002" });
  const { result } = await runJob(REQUEST, again);
  expect(result.replayed).toBe(false);
  expect(result.idempotencyKey).toEndWith(".2");
  expect(again.notices).toContainEqual(expect.objectContaining({ kind: "restart", status: "failed", suffix: 2 }));
  expect(counts()).toMatchObject({ runs: 2, starts: 3 });
});

test("runJob() sends the key of a state file again with resume, for the same request only", async () => {
  const { options, counts } = world("success");
  const files = memoryFiles();
  const more = { files, statePath: "run.json" };
  const random = { keyScope: "random" } as const;
  const first = await runJob(REQUEST, { ...options(), ...random }, more);
  files.files.set("old.json", files.files.get("run.json") ?? "");
  const resumed = { ...more, resumePath: "old.json" };
  const again = await runJob(REQUEST, { ...options({ CI_JOB_ID: "9002" }), ...random }, resumed);
  expect(again.result).toMatchObject({ runId: first.result.runId as string, replayed: true });
  const other = await runJob({ ...REQUEST, prompt: "Other" }, { ...options(), ...random }, resumed);
  expect(other.result).toMatchObject({ replayed: false });
  const foreign = await runJob(REQUEST, { ...options({ CI_PIPELINE_ID: "1002" }), ...random }, resumed);
  expect(foreign.result).toMatchObject({ replayed: false });
  expect(counts()).toMatchObject({ runs: 3 });
});

test("runJob() with resume lets a first 401 pass three times, where the state file shows that the token has worked", async () => {
  const { options, counts, emulator } = world("success");
  const files = memoryFiles();
  const more = { files, statePath: "run.json" };
  const random = { keyScope: "random" } as const;
  await runJob(REQUEST, { ...options(), ...random }, more);
  files.files.set("old.json", files.files.get("run.json") ?? "");
  emulator.control("fault", { kind: "401", times: 3 });
  const resumed = { ...more, resumePath: "old.json" };
  const { result } = await runJob(REQUEST, { ...options({ CI_JOB_ID: "9002" }), ...random }, resumed);
  expect(result).toMatchObject({ replayed: true, outcome: "success" });
  emulator.control("fault", { kind: "401", times: 4 });
  const refused = await runJob(REQUEST, { ...options({ CI_JOB_ID: "9002" }), ...random }, resumed);
  expect(refused.result.exitCode).toBe(64);
  // Without a state file nothing says that it ever worked.
  emulator.control("fault", { kind: "401", times: 1 });
  expect((await runJob(REQUEST, { ...options(), ...random }, more)).result.exitCode).toBe(64);
  expect(counts()).toMatchObject({ runs: 1 });
});

/** A service whose only sandbox belongs to another run for some minutes. */
function crowded(minutes: number) {
  const made = world("success", { sandboxLimit: 1 });
  const { store } = made.emulator.world;
  const [sandbox] = [...store.sandboxes.values()].filter(({ userId }) => userId === store.userId("alice"));
  for (const each of store.sandboxes.values()) each.status = "stopped";
  if (sandbox === undefined) throw new Error("no sandbox");
  const set = (status: string) => made.emulator.control("setSandbox", { id: sandbox.id, set: { status } });
  set("running");
  void made.clock.sleep(minutes * 60_000).then(() => set("stopped"));
  return made;
}

for (const keyScope of ["pipeline", "random"] as const) {
  test(`runJob() starts the next key of the series 10 and 20 minutes after no sandbox was free: ${keyScope}`, async () => {
    const { options, emulator, counts } = crowded(25);
    const given = options();
    const started: string[] = [];
    const onStarted = ({ idempotencyKey }: { idempotencyKey: string }) => void started.push(idempotencyKey);
    const { result } = await runJob(REQUEST, { ...given, keyScope, timeoutMs: 7_200_000, onStarted });
    expect(result).toMatchObject({ outcome: "success", exitCode: 0, replayed: false });
    const [first = "", ...more] = started;
    expect(more).toEqual([`${first}.2`, `${first}.3`]);
    expect(counts()).toMatchObject({ runs: 3, starts: 3 });
    const created = [...emulator.world.store.runs.values()].map(({ created_at }) => created_at / 60e6);
    expect(created.map((at) => Math.round(at - (created[0] ?? 0)))).toEqual([0, 10, 30]);
    const told = given.notices.flatMap((notice) => notice.kind === "no_sandbox" ? [notice] : []);
    expect(told.map(({ cause, delayMs }) => [cause, delayMs])).toEqual([
      ["no sandbox was free", 600_000],
      ["no sandbox was free", 1_200_000],
    ]);
    const at = created.map((minutes) => minutes * 60_000);
    told.forEach(({ untilMs }, index) => expect(Math.abs(untilMs - (at[index + 1] ?? 0))).toBeLessThan(30_000));
  });
}

test("runJob() ends with 75 when no sandbox was free within its time, and its state says that nothing is at work", async () => {
  const { options, counts } = crowded(600);
  const files = memoryFiles();
  const short = await runJob(REQUEST, { ...options(), timeoutMs: 1_800_000 }, { files, statePath: "run.json" });
  expect(short.result).toMatchObject({ exitCode: 75, outcome: "error", resume: null });
  expect(short.result.reason).toContain("no sandbox was free within 10 min");
  expect(files.files.get("run.json")).toMatch(/"left": "ended"/);
  expect(counts()).toMatchObject({ runs: 2 });
  const long = await runJob(REQUEST, { ...options(), keyScope: "random", timeoutMs: 36_000_000 });
  expect(long.result.exitCode).toBe(75);
  // The first start failed at once, and there was no time for another one.
  const once = await runJob(REQUEST, { ...options(), keyScope: "random", timeoutMs: 30_000 });
  expect(once.result.reason).toContain(
    "no sandbox was free (Too many active sandboxes), and the next attempt would start after the time limit of 30 s",
  );
  expect(counts()).toMatchObject({ runs: 7 });
});

test("runJob() counts no run without a sandbox as an agent's, and says when all nine keys are used up", async () => {
  const { options, counts } = crowded(6_000);
  const retried = () => runJob(REQUEST, { ...options(), keyScope: "pipeline", timeoutMs: 7_200_000 });
  for (const runs of [4, 8]) {
    const { result } = await retried();
    expect(result).toMatchObject({ exitCode: 75, keysUsedUp: false });
    expect(result.reason).toContain("all four attempts failed");
    expect(counts()).toMatchObject({ runs });
  }
  for (const runs of [9, 9]) {
    const { result } = await retried();
    expect(result).toMatchObject({
      exitCode: 75,
      keysUsedUp: true,
      error: { code: "NO_SANDBOX", advice: ANOTHER_RUN },
    });
    expect(result.reason).toContain("and this job has used all its keys");
    expect(counts()).toMatchObject({ runs });
  }
});

test("runJob() starts a run in a retried job after six runs without a sandbox", async () => {
  const { options, counts } = crowded(85);
  const retried = (timeoutMs: number) => runJob(REQUEST, { ...options(), keyScope: "pipeline", timeoutMs });
  for (const runs of [3, 6]) {
    expect((await retried(3_480_000)).result.exitCode).toBe(75);
    expect(counts()).toMatchObject({ runs });
  }
  expect((await retried(7_200_000)).result).toMatchObject({ exitCode: 0, replayed: false });
});

test("runJob() ends when the caller aborts while it waits for a sandbox, and does not say that the run continues", async () => {
  const { options, clock } = crowded(600);
  const controller = new AbortController();
  void clock.sleep(90_000).then(() => controller.abort());
  const { result } = await runJob(REQUEST, { ...options(), timeoutMs: 7_200_000, signal: controller.signal });
  const { outcome, status, reason, error } = result;
  expect({ outcome, status, reason, code: error?.code }).toEqual({
    outcome: "interrupted",
    status: "failed",
    reason: "Stopped; the run was waiting for a sandbox, and no agent has started",
    code: "NO_SANDBOX",
  });
});

test("runJob() makes no second start with a given key: 75 at once", async () => {
  const { options, counts, clock } = crowded(600);
  const { result } = await runJob(REQUEST, { ...options(), idempotencyKey: "mine", timeoutMs: 36_000_000 });
  expect([result.exitCode, result.status, counts().starts]).toEqual([75, "failed", 1]);
  expect(result).toMatchObject({ keysUsedUp: false, error: { advice: "use another idempotency key" } });
  expect(clock.now()).toBeLessThan(120_000);
});

test("runJob() ends with 1 when an agent has begun, whatever its error says", async () => {
  const { options, counts } = world("success", {
    scenarios: parseScenarios(
      "steps: [{ after: 5, sandbox: up }, { after: 1, event: { type: log, message: hi } }, { after: 5, fail: Too many active sandboxes }]",
      "test",
    ),
  });
  const { result } = await runJob(REQUEST, { ...options(), timeoutMs: 7_200_000 });
  expect([result.exitCode, counts().starts]).toEqual([1, 1]);
});

test("runJob() waits for its turn when the start limit is reached", async () => {
  const { options, clock } = world("success");
  for (let index = 0; index < 10; index++) {
    await start({ ...REQUEST, prompt: `Task ${index}` }, { ...options(), keyScope: "random" });
  }
  // A delay of 60 s exactly is the limit of requests.
  clock.advance(1_000);
  const last = options();
  const { result } = await runJob(REQUEST, last);
  expect(result.outcome).toBe("success");
  expect(result.waits.map((wait) => wait.cause)).toEqual(["start_limit"]);
  expect(last.notices[0]).toMatchObject({ kind: "wait", what: "start run", fromService: true });
});

test("runJob() cancels on a signal; cleanup then has nothing to do", async () => {
  const { options, counts, clock } = world("success");
  const files = memoryFiles();
  const { io, send } = fakeProcess();
  void clock.sleep(30_000).then(() => send("SIGTERM"));
  const { result } = await interruptible(
    { io, clock },
    (interrupts) => runJob(REQUEST, options(), { files, statePath: "run.json", interrupts }),
  );
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143, status: "cancelled" });
  const end = await cleanup({ ...options({ CI_JOB_STATUS: "canceled" }), files, statePath: "run.json" });
  expect(end.action).toBe("nothing");
  expect(counts()).toMatchObject({ cancels: 1 });
});

test("cleanup() cancels the run of a process that was killed in a cancelled job", async () => {
  const { options, emulator, clock } = world("success");
  const files = memoryFiles();
  const killed = new AbortController();
  void clock.sleep(30_000).then(() => {
    // Nothing that the process would still write reaches the disk.
    files.writeFile = () => {};
    killed.abort(new Error("kill -9"));
  });
  await runJob(REQUEST, { ...options(), signal: killed.signal }, {
    files: { ...files, writeFile: (p, t) => files.writeFile(p, t) },
    statePath: "run.json",
  });
  const copy = memoryFiles({ "run.json": files.files.get("run.json") ?? "" });
  const end = await cleanup({ ...options({ CI_JOB_STATUS: "canceled" }), files: copy, statePath: "run.json" });
  expect(end).toMatchObject({ action: "cancelled", status: "cancelled" });
  expect([...emulator.world.store.runs.values()].map((run) => run.status)).toEqual(["cancelled"]);
});

test("cleanup() lets a first 401 pass three times, since the state file shows that the token has worked", async () => {
  const { options, emulator, clock } = world("stuck-streaming");
  const files = memoryFiles();
  const killed = new AbortController();
  void clock.sleep(30_000).then(() => {
    files.writeFile = () => {};
    killed.abort(new Error("kill -9"));
  });
  await runJob(REQUEST, { ...options(), signal: killed.signal }, {
    files: { ...files, writeFile: (p, t) => files.writeFile(p, t) },
    statePath: "run.json",
  });
  const copy = memoryFiles({ "run.json": files.files.get("run.json") ?? "" });
  emulator.control("fault", { kind: "401", times: 4 });
  const again = () => cleanup({ ...options({ CI_JOB_STATUS: "canceled" }), files: copy, statePath: "run.json" });
  const refused = await again().catch((error: unknown) => error);
  expect(exitCodeFor(refused)).toBe(EXIT.unauthorized);
  emulator.control("fault", { kind: "401", times: 3 });
  expect(await again()).toMatchObject({ action: "cancelled", status: "cancelled" });
});

test("runJob() survives a start whose queue was down with 69, and its retry starts afresh", async () => {
  const { options, emulator } = world("success");
  emulator.control("failQueue", { times: 1 });
  const first = await runJob(REQUEST, options());
  expect(first.result).toMatchObject({ exitCode: 69, runId: null });
  const second = await runJob(REQUEST, options({ CI_JOB_ID: "9002" }));
  expect(second.result).toMatchObject({ outcome: "success", exitCode: 0 });
});

test("cancel() stops a run, and does not fail for a run that has ended", async () => {
  const { options } = world("success");
  const { runId } = await start(REQUEST, options());
  expect(await cancel(runId, options())).toMatchObject({ status: "cancelled", alreadyTerminal: false });
  expect(await cancel(runId, options())).toMatchObject({ status: "cancelled", alreadyTerminal: true });
});

test("runJob() ends with the right verdict whatever fails on the way", async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const faulty = world("success", { randomFaults: { rate: 0.3, kinds: PASSING_FAULTS, seed, retryAfter: 5 } });
    const { result } = await runJob(REQUEST, { ...faulty.options(), timeoutMs: 3_600_000 });
    expect(result).toMatchObject({ outcome: "success", exitCode: 0 });
    expect(new Set(result.events.map((event) => event.id)).size).toBe(result.events.length);
    expect(faulty.counts().runs).toBe(1);
  }
});
