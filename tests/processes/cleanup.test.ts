import { afterAll, beforeAll, expect, test } from "bun:test";
import { CANCEL, cancels, type CiJob, nothing, onEvery, openJob, openStages, type Stage, START } from "./stage.ts";

let stages: Stage[] = [];

beforeAll(async () => {
  stages = await openStages();
});

afterAll(() => Promise.all(stages.map(({ service }) => service.close())));

const ENDED = nothing("the run has ended, or none was started");
const alive = (status: string) => nothing(`the run is not known to be cancelled: the job is "${status}"`);

/** A test on every runtime at the same time. */
function onEach(what: string, body: (job: CiJob, stage: Stage) => Promise<void>): void {
  test(what, () =>
    onEvery(stages, async (stage) => {
      const job = await openJob(stage);
      await body(job, stage);
      job.recorder.close();
    }), 60_000);
}

/** Kills a job that follows, and gives its run. */
async function killed(job: CiJob, ...args: string[]): Promise<string> {
  const { seen, child, ended } = job.launch(...job.follow("<stuck-pending>", ...args));
  const runId = (await seen(/run (\S+) \([^]*run accepted/))[1] ?? "";
  child.kill("SIGKILL");
  expect((await ended).code).toBeNull();
  return runId;
}

onEach("cleanup cancels the run of a killed job only when GitLab says that the job was cancelled", async (job) => {
  const runId = await killed(job);
  expect(job.state()).toMatchObject({ runId, left: "following" });
  expect(await job.cleanup("success")).toEqual(alive("success"));
  expect(await job.cleanup("failed")).toEqual(alive("failed"));
  expect(await job.cleanup("running")).toEqual(alive("unknown"));
  expect(await job.service.status(runId)).toBe("pending");
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, 'the job is "cancelled"'));
  expect(await job.service.status(runId)).toBe("cancelled");
  expect(await job.cleanup("canceled")).toEqual(ENDED);
});

onEach(
  "cleanup cancels the run of a killed job that ran out of time, or in any case with --always",
  async (job, stage) => {
    const late = await killed(job);
    expect(await job.cleanup("timedout")).toEqual(cancels(late, 'the job is "timed_out"'));
    const other = await openJob(stage);
    const runId = await killed(other, "--on-interrupt", "detach");
    expect(await other.cleanup("canceled")).toEqual(nothing("the run is to go on when its job is stopped"));
    expect(await other.cleanup("success", "--always")).toEqual(cancels(runId, "it is wanted in any case"));
    other.recorder.close();
  },
);

onEach("cleanup leaves the run of others alone when a job that attached to it was killed", async (job, stage) => {
  const key = `others-${stage.name}`;
  const runId = await killed(job, "--idempotency-key", key);
  const other = await openJob(stage);
  expect(await killed(other, "--idempotency-key", key)).toBe(runId);
  expect(other.state()).toMatchObject({ owned: false, left: "following" });
  expect(await other.cleanup("canceled")).toEqual(nothing("another job started the run"));
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, 'the job is "cancelled"'));
  other.recorder.close();
});

onEach("cleanup finds the run of a job that was killed while it started it, by the same key", async (job) => {
  await job.service.control("fault", { kind: "slow", route: "POST /runs", delayMs: 8_000 });
  const { child, ended } = job.launch(...job.follow("<stuck-pending>"));
  await job.recorder.arrived(START);
  child.kill("SIGKILL");
  await ended;
  expect(job.state()).toMatchObject({ phase: "starting", runId: null, left: "following" });
  expect(await job.cleanup("failed")).toEqual(alive("failed"));
  const { code, stdout, requests } = await job.cleanup("canceled");
  const [first, second] = job.recorder.of(START);
  expect(second).toMatchObject({ key: first?.key, body: first?.body });
  const { runId, replayed } = JSON.parse(second?.answer ?? "").data;
  expect(replayed).toBe(true);
  expect({ code, stdout, requests }).toEqual(cancels(runId, 'the job is "cancelled"', ["POST /runs"]));
  expect(await job.service.status(runId)).toBe("cancelled");
});

onEach("cleanup does nothing after a deadline, and after a service that could not be reached", async (job, stage) => {
  expect((await job.launch(...job.follow("<stuck-pending>", "--timeout", "1")).ended).code).toBe(124);
  expect(await job.cleanup("canceled")).toEqual(nothing("the run was left to go on"));
  const other = await openJob(stage);
  await stage.service.control("fault", { kind: "500", route: "POST /runs", processed: true, times: 1_000 });
  expect((await other.launch(...other.follow("<stuck-pending>", "--timeout", "1")).ended).code).toBe(69);
  await stage.service.control("clearFaults");
  expect(await other.cleanup("canceled")).toEqual(nothing("the run was left to go on"));
  other.recorder.close();
});

onEach("cleanup ends with 0 when the run cannot be cancelled, and with 64 when the token is refused", async (job) => {
  const runId = await killed(job);
  job.recorder.intercept = ({ what }) => {
    const error = { code: "NOT_FOUND", message: "Run not found" };
    return Promise.resolve(CANCEL.test(what) ? { status: 404, body: { ok: false, error } } : undefined);
  };
  const env = { CI_JOB_STATUS: "canceled" };
  const missing = await job.launchWith(env, "cleanup").ended;
  expect(missing).toMatchObject({ code: 0, stdout: "" });
  expect(missing.stderr).toContain("error: Cannot clean up: Cannot cancel run");
  job.recorder.intercept = () =>
    Promise.resolve({ status: 401, body: { ok: false, error: { code: "UNAUTHORIZED", message: "Unauthorized" } } });
  expect((await job.launchWith(env, "cleanup").ended).code).toBe(64);
  job.recorder.intercept = undefined;
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, 'the job is "cancelled"'));
});
