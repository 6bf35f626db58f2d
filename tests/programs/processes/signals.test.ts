import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Running, type Service, startService } from "./world/service.ts";
import { cancels, type CiJob, noted, nothing, onNode, openJob } from "./world/ci_job.ts";
import { CANCEL, START, until } from "./world/recorder.ts";

let service: Service;

// Of its own: some tests cause faults.
beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

const ENDED = nothing("the run has ended, or none was started");
const DETACHED = nothing("the run was left running");

/** Starts a job on a run that never ends, and waits until it follows. */
async function following(job: CiJob, ...args: string[]): Promise<Running & { runId: string }> {
  // The base revives a run that is cancelled while its sandbox boots; this one never does.
  const running = job.launch(...job.follow("<stuck-pending>", ...args));
  const runId = (await running.seen(/(?:started|attached to) run (\S+) \([^]*run accepted/))[1] ?? "";
  return { ...running, runId };
}

/** A test with a job. */
function withJob(what: string, body: (job: CiJob) => Promise<void>): void {
  test(what, async () => {
    const job = await openJob(onNode(service));
    await body(job);
    job.recorder.close();
  });
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  withJob(`run --follow cancels its run once and ends with ${code} when ${signal} comes`, async (job) => {
    const { child, seen, ended } = job.launch(...job.follow("<stuck-streaming>"));
    const runId = (await seen(/started run (\S+)[^]*streaming/))[1] ?? "";
    child.kill(signal);
    expect((await ended).code).toBe(code);
    expect(job.recorder.of(CANCEL).map(({ what }) => what)).toEqual([`POST /runs/${runId}/cancel`]);
    expect(job.state()).toMatchObject({ runId, left: "ended", status: "cancelled" });
    expect(job.result()).toMatchObject({ runId, outcome: "interrupted", status: "cancelled", exitCode: code });
    expect(await job.cleanup("canceled")).toEqual(ENDED);
  });
}

withJob(
  "run --follow takes signals within a millisecond for one, whether it cancels or detaches",
  async (job) => {
    const cancelling = await following(job);
    for (const signal of ["SIGTERM", "SIGINT", "SIGTERM"] as const) cancelling.child.kill(signal);
    const { code, stdout } = await cancelling.ended;
    expect([130, 143]).toContain(code ?? 0);
    expect(stdout.match(/^verdict /gm)).toHaveLength(1);
    expect(job.recorder.of(CANCEL)).toHaveLength(1);
    expect(await job.cleanup("canceled")).toEqual(ENDED);

    const other = await openJob(onNode(service));
    const detaching = await following(other, "--on-interrupt", "detach");
    for (let count = 0; count < 3; count++) detaching.child.kill("SIGTERM");
    const end = await detaching.ended;
    expect(end.code).toBe(143);
    expect(end.stdout).toMatch(/^verdict +interrupted \(exit code 143\)$/m);
    expect(other.result()).toMatchObject({ outcome: "interrupted", exitCode: 143 });
    expect(other.recorder.of(CANCEL)).toEqual([]);
    expect(await other.cleanup("canceled")).toEqual(DETACHED);
    other.recorder.close();
  },
);

withJob("run --follow leaves at once at a signal 1.5 s after the first, and cleanup cancels", async (job) => {
  const { child, ended, runId } = await following(job);
  job.recorder.intercept = ({ what }) => CANCEL.test(what) ? new Promise(() => {}) : Promise.resolve();
  child.kill("SIGTERM");
  const first = await job.recorder.arrived(CANCEL);
  await until("1.5 s have passed", () => performance.now() - first.atMs > 1_550);
  expect(child.exitCode).toBeNull();
  child.kill("SIGINT");
  // Had it waited for the end of the first signal's cancellation, it would have told its verdict, and ended with 143.
  const { code, stdout } = await ended;
  expect(code).toBe(130);
  expect(stdout).not.toMatch(/^verdict /m);
  expect(job.state()).toMatchObject({ runId, left: "cancelling" });
  job.recorder.intercept = undefined;
  expect(await job.cleanup("failed")).toEqual(cancels(runId, "it was already being cancelled"));
  expect(await job.cleanup("failed")).toEqual(ENDED);
});

withJob("run --follow finds the run by the same key and cancels it when SIGTERM cuts off a slow start", async (job) => {
  await service.control("fault", { kind: "slow", route: "POST /runs", delayMs: 8_000 });
  const running = job.launch(...job.follow("<stuck-pending>"));
  await job.recorder.arrived(START);
  running.child.kill("SIGTERM");
  const { code, stdout } = await running.ended;
  expect(code).toBe(143);
  await expectOneRun(job, stdout);
});

withJob("run --follow finds the run by the same key and cancels it when the start's answer was lost", async (job) => {
  await service.control("fault", { kind: "reset0", route: "POST /runs", processed: true });
  const running = job.launch(...job.follow("<stuck-pending>"));
  await noted(running, /start run.*again in/);
  running.child.kill("SIGTERM");
  const { code, stdout } = await running.ended;
  expect(code).toBe(143);
  await expectOneRun(job, stdout);
});

/** Exactly one run is there: the start was sent twice, with one key and the same bytes. */
async function expectOneRun(job: CiJob, stdout: string): Promise<void> {
  const [first, second, ...more] = job.recorder.of(START);
  expect(more).toEqual([]);
  expect({ key: second?.key, body: second?.body }).toEqual({ key: first?.key, body: first?.body });
  const { runId, replayed } = (JSON.parse(second?.answer ?? "") as { data: { runId: string; replayed: boolean } }).data;
  // The second can overtake the first on its way; then the first would be the replay, had its connection not been cut.
  expect(stdout).toContain(`${replayed ? "attached to" : "started"} run ${runId} (`);
  expect(job.recorder.of(CANCEL).map(({ what }) => what)).toEqual([`POST /runs/${runId}/cancel`]);
  expect(await service.status(runId)).toBe("cancelled");
  expect(job.state()).toMatchObject({ runId, left: "ended" });
  expect(await job.cleanup("canceled")).toEqual(ENDED);
}

withJob("run --follow ends without a request when SIGTERM comes while it waits for a start slot", async (job) => {
  await service.control("fault", { kind: "429", route: "POST /runs", retryAfter: 30 });
  const running = job.launch(...job.follow("<stuck-streaming>"));
  await noted(running, /start run.*again in/);
  running.child.kill("SIGTERM");
  expect((await running.ended).code).toBe(143);
  expect(job.recorder.requests.map(({ what, status }) => [what, status])).toEqual([["POST /runs", 429]]);
  expect(job.result()).toMatchObject({ runId: null, outcome: "interrupted" });
  expect(await job.cleanup("canceled")).toEqual(ENDED);
});

withJob("run --follow cancels at once when SIGTERM comes while it waits out a 429 or a broken network", async (job) => {
  const faults = [{ kind: "429", retryAfter: 30 }, { kind: "reset0" }];
  for (const fault of faults) {
    for (const route of ["/runs/*/events", "/runs/*/events/stream", "/runs/*"]) {
      await service.control("fault", { ...fault, route: `GET ${route}`, times: 1_000 });
    }
    const running = job.launch(...job.follow("<stuck-pending>", "--key-scope", "random"));
    await noted(running, /again in/);
    running.child.kill("SIGTERM");
    const { code, stdout } = await running.ended;
    expect(code).toBe(143);
    await service.control("clearFaults");
    const runId = /^started run (\S+)/.exec(stdout)?.[1] ?? "";
    expect(await service.status(runId)).toBe("cancelled");
    expect(await job.cleanup("canceled")).toEqual(ENDED);
  }
});

withJob("run --follow leaves a run alone that another job owns, unless told to cancel it", async (job) => {
  const first = await following(job, "--idempotency-key", "shared");
  const others: [string[], "pending" | "cancelled"][] = [
    [[], "pending"],
    [["--on-interrupt", "detach"], "pending"],
    [["--on-interrupt", "cancel"], "cancelled"],
  ];
  for (const [args, status] of others) {
    const other = await openJob(onNode(service));
    const { child, ended, runId } = await following(other, "--idempotency-key", "shared", ...args);
    expect(runId).toBe(first.runId);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
    expect(await service.status(runId)).toBe(status);
    expect(other.state()).toMatchObject({ owned: false, left: status === "cancelled" ? "ended" : "detached" });
    expect(await other.cleanup("canceled")).toEqual(status === "cancelled" ? ENDED : DETACHED);
    other.recorder.close();
  }
  // It may have seen the cancelled run by itself before the signal; in its last moments the signal ends it as it does any program.
  first.child.kill("SIGTERM");
  expect([3, 143]).toContain((await first.ended).code ?? 143);
  expect(await job.cleanup("canceled")).toEqual(ENDED);
});

const refusals: [string, Record<string, unknown> | undefined][] = [
  ["409", undefined],
  ["500", { kind: "500" }],
  ["429", { kind: "429", retryAfter: 1 }],
];
for (const [what, fault] of refusals) {
  withJob(`run --follow cancels at the second attempt when the first is answered ${what}`, async (job) => {
    const { child, ended, runId } = await following(job);
    if (fault !== undefined) await service.control("fault", { ...fault, route: `POST /runs/${runId}/cancel` });
    else {
      job.recorder.intercept = ({ what }) => {
        const first = CANCEL.test(what) && job.recorder.of(CANCEL).length === 1;
        const error = { code: "CONFLICT", message: "Sandbox is not ready" };
        return Promise.resolve(first ? { status: 409, body: { ok: false, error } } : undefined);
      };
    }
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
    expect(job.recorder.of(CANCEL).map(({ status }) => status)).toEqual([Number(what), 200]);
    expect(await service.status(runId)).toBe("cancelled");
    expect(await job.cleanup("canceled")).toEqual(ENDED);
  });
}

withJob("cleanup cancels when the cancel of the signal was told to wait for longer than it may", async (job) => {
  const { child, ended, runId } = await following(job);
  await service.control("fault", { kind: "429", route: `POST /runs/${runId}/cancel`, retryAfter: 60 });
  child.kill("SIGTERM");
  const { code, stdout } = await ended;
  expect(code).toBe(143);
  expect(stdout).toContain("the run may still be running, because it could not be cancelled");
  expect(await service.status(runId)).toBe("pending");
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, "it was already being cancelled"));
});

withJob(
  "run --follow reports success and ends with 143 when the run succeeds in the moment of the signal",
  async (job) => {
    const { child, ended, runId } = await following(job);
    job.recorder.intercept = async ({ what }) => {
      if (!CANCEL.test(what)) return;
      const success = { status: "success" };
      await service.control("setRun", { runId, run: success, call: success });
    };
    child.kill("SIGTERM");
    const { code, stdout } = await ended;
    expect(code).toBe(143);
    expect(stdout).toMatch(/^verdict +success \(exit code 143\)$/m);
    expect(job.result()).toMatchObject({ runId, outcome: "success", status: "success", exitCode: 143 });
    expect(await job.cleanup("canceled")).toEqual(ENDED);
  },
);
