import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, REPO, type Service, startService } from "./world/service.ts";
import { cancels, type CiJob, nothing, onNode, openJob } from "./world/ci_job.ts";
import { CANCEL, START } from "./world/recorder.ts";

let service: Service;

// Of its own: some tests cause faults.
beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

const ENDED = nothing("the run has ended, or none was started");
const alive = (status: string) =>
  nothing(`the job ${status === "success" ? "succeeded" : "failed but was not cancelled"}, so its run continues`);

/** A test with a job. */
function withJob(what: string, body: (job: CiJob) => Promise<void>): void {
  test(what, async () => {
    const job = await openJob(onNode(service));
    await body(job);
    job.recorder.close();
  });
}

/** Kills a job that follows, and gives its run. */
async function killed(job: CiJob, ...args: string[]): Promise<string> {
  const { seen, child, ended } = job.launch(...job.follow("<stuck-pending>", ...args));
  const runId = (await seen(/run (\S+) \([^]*run accepted/))[1] ?? "";
  child.kill("SIGKILL");
  expect((await ended).code).toBeNull();
  return runId;
}

withJob("cleanup cancels the run of a killed job only when GitLab says that the job was cancelled", async (job) => {
  const runId = await killed(job);
  expect(job.state()).toMatchObject({ runId, left: "following" });
  expect(await job.cleanup("success")).toEqual(alive("success"));
  expect(await job.cleanup("failed")).toEqual(alive("failed"));
  expect(await job.cleanup("running")).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      new RegExp(`^run "${runId}" is still running: .*MOGPLEX_JOB_STATUS.*cleanup --always\\s$`),
    ),
    requests: [],
  });
  expect(await service.status(runId)).toBe("pending");
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, "the job was cancelled"));
  expect(await service.status(runId)).toBe("cancelled");
  expect(await job.cleanup("canceled")).toEqual(ENDED);
});

withJob(
  "cleanup cancels the run of a killed job that ran out of time, or in any case with --always",
  async (job) => {
    const late = await killed(job);
    expect(await job.cleanup("timedout")).toEqual(cancels(late, "the job timed out"));
    const other = await openJob(onNode(service));
    const runId = await killed(other, "--on-interrupt", "detach");
    expect(await other.cleanup("canceled")).toEqual(nothing("the run continues when its job is stopped"));
    expect(await other.cleanup("success", "--always")).toEqual(cancels(runId, "--always is set"));
    other.recorder.close();
  },
);

withJob("cleanup leaves the run of others alone when a job that attached to it was killed", async (job) => {
  const key = "others";
  const runId = await killed(job, "--idempotency-key", key);
  const other = await openJob(onNode(service));
  expect(await killed(other, "--idempotency-key", key)).toBe(runId);
  expect(other.state()).toMatchObject({ owned: false, left: "following" });
  expect(await other.cleanup("canceled")).toEqual(nothing("another job started the run"));
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, "the job was cancelled"));
  other.recorder.close();
});

withJob("cleanup finds the run of a job that was killed while it started it, by the same key", async (job) => {
  await service.control("fault", { kind: "slow", route: "POST /runs", delayMs: 8_000 });
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
  expect({ code, stdout, requests }).toEqual(cancels(runId, "the job was cancelled", ["POST /runs"]));
  expect(await service.status(runId)).toBe("cancelled");
});

withJob("cleanup does nothing after a deadline, and after a service that could not be reached", async (job) => {
  expect((await job.launch(...job.follow("<stuck-pending>", "--timeout", "3")).ended).code).toBe(124);
  expect(await job.cleanup("canceled")).toEqual(nothing("the run was left running"));
  const other = await openJob(onNode(service));
  await service.control("fault", { kind: "500", route: "POST /runs", processed: true, times: 1_000 });
  expect((await other.launch(...other.follow("<stuck-pending>", "--timeout", "3")).ended).code).toBe(69);
  await service.control("clearFaults");
  expect(await other.cleanup("canceled")).toEqual(nothing("the run was left running"));
  other.recorder.close();
});

withJob("cleanup ends with 0 when the run cannot be cancelled", async (job) => {
  const runId = await killed(job);
  job.recorder.intercept = ({ what }) => {
    const error = { code: "NOT_FOUND", message: "Run not found" };
    return Promise.resolve(CANCEL.test(what) ? { status: 404, body: { ok: false, error } } : undefined);
  };
  const env = { CI_JOB_STATUS: "canceled" };
  const missing = await job.launchWith(env, "cleanup").ended;
  expect(missing).toMatchObject({ code: 0, stdout: "" });
  expect(missing.stderr).toContain("error: Cannot clean up: Cannot cancel run");
  job.recorder.intercept = undefined;
  expect(await job.cleanup("canceled")).toEqual(cancels(runId, "the job was cancelled"));
});

withJob("cleanup repeats the cancel that follow --on-interrupt cancel lost, or that kill -9 left out", async (job) => {
  const start = job.launch("run", "--detach", ...job.follow("<stuck-pending>").slice(2));
  const runId = (await start.seen(/started run (\S+) \(/))[1] ?? "";
  await start.ended;
  const follow = async (...args: string[]) => {
    const running = job.launch("follow", runId, ...args);
    await running.seen(/run accepted/);
    return running;
  };
  const unasked = await follow();
  unasked.child.kill("SIGKILL");
  await unasked.ended;
  expect(job.state()).toMatchObject({ runId, owned: false, idempotencyKey: null, request: null, left: "following" });
  expect(await job.cleanup("canceled")).toEqual(nothing("another job started the run"));

  const killed = await follow("--on-interrupt", "cancel");
  killed.child.kill("SIGKILL");
  await killed.ended;
  expect(await job.cleanup("failed")).toEqual(alive("failed"));
  job.recorder.intercept = ({ what }) => CANCEL.test(what) ? new Promise(() => {}) : Promise.resolve();
  const lost = await follow("--on-interrupt", "cancel");
  lost.child.kill("SIGTERM");
  expect((await lost.ended).code).toBe(143);
  expect(job.state()).toMatchObject({ runId, owned: false, left: "cancelling" });
  job.recorder.intercept = undefined;
  expect(await job.cleanup("failed")).toEqual(cancels(runId, "it was already being cancelled"));
  expect(await service.status(runId)).toBe("cancelled");
});

withJob("cleanup sends nothing for a state file that was changed without the token", async (job) => {
  const foreign = await openJob(onNode(service));
  const runId = await killed(foreign);
  const own = await killed(job);
  const path = join(job.cwd, "mogplex-ci/run.json");
  const genuine = job.state();
  const start = { phase: "starting", runId: null, request: { repoId: REPO, prompt: "<stuck-pending> planted" } };
  const forgeries = [
    { ...genuine, runId, left: "cancelling" },
    { ...genuine, ...start, left: "cancelling", idempotencyKey: "planted", onInterrupt: "detach" },
    { ...genuine, ...start, left: "cancelling", idempotencyKey: "planted", onInterrupt: "cancel" },
    { ...foreign.state(), left: "cancelling" },
  ].map((forgery): string | Uint8Array => JSON.stringify(forgery)).concat([new Uint8Array([0xff, 0xfe, 0, 0x80])]);
  for (const forgery of forgeries) {
    writeFileSync(path, forgery);
    const before = job.recorder.requests.length;
    const { code, stdout, stderr } = await job.launchWith({ CI_JOB_STATUS: "canceled" }, "cleanup", "--always").ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "nothing to clean up: no run of this job was found\n" });
    expect(stderr).toMatch(/^note: state file "mogplex-ci\/run\.json" is ignored: .*\n$/);
    expect(job.recorder.requests.length).toBe(before);
  }
  writeFileSync(path, JSON.stringify(genuine));
  expect(await job.cleanup("canceled")).toEqual(cancels(own, "the job was cancelled"));
  expect(await service.status(runId)).toBe("pending");
  foreign.recorder.close();
});

withJob("a state file that is a directory, a pipe, a device, a link or huge ends with 2 at once", async (job) => {
  mkdirSync(join(job.cwd, "directory"));
  execFileSync("mkfifo", [join(job.cwd, "pipe")]);
  symlinkSync("/dev/zero", join(job.cwd, "link"));
  // Not in the working directory, whose files are all looked at for tokens.
  const huge = join(service.folder, "huge");
  writeFileSync(huge, "");
  truncateSync(huge, 5_000_000_000);
  const why = "it is not a regular file";
  const places = [["directory", why], ["pipe", why], ["link", why], ["/dev/zero", why], [
    huge,
    "it is larger than 4000000 bytes",
  ]];
  for (const [path = "", reason] of places) {
    const said = `error: Cannot read state file "${path}": ${reason}\n`;
    for (const args of [job.follow("<success>", "--resume", path), ["cleanup", "--state", path]]) {
      const { code, stdout, stderr } = await job.launch(...args).ended;
      const block = args[0] === "cleanup" ? "" : expect.stringMatching(/^verdict +not started \(exit code 2\)\n/);
      expect({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: block });
      expect(stderr).toEndWith(said);
    }
  }
  const absent = await job.launch(...job.follow("<success>", "--resume", "absent")).ended;
  expect(absent.code).toBe(2);
  expect(absent.stderr).toEndWith(`error: Cannot resume because there is no state file: "absent"\n`);
  expect(job.recorder.requests).toEqual([]);
});

withJob("outside CI cleanup takes the state file of its own directory, and no copy elsewhere", async (job) => {
  const keep = ["MOGPLEX_DEV", "MOGPLEX_API_KEY", "MOGPLEX_URL"];
  const env = Object.fromEntries(keep.map((name) => [name, job.env[name] ?? ""]));
  const at = (cwd: string, ...args: string[]) => launch(job.line(...args), { cwd, env });
  const running = at(job.cwd, ...job.follow("<stuck-pending>"));
  const runId = (await running.seen(/run (\S+) \([^]*run accepted/))[1] ?? "";
  running.child.kill("SIGKILL");
  await running.ended;
  const elsewhere = mkdtempSync(join(service.folder, "elsewhere-"));
  cpSync(join(job.cwd, "mogplex-ci"), join(elsewhere, "mogplex-ci"), { recursive: true });
  const copy = await at(elsewhere, "cleanup", "--always").ended;
  expect(copy.stdout).toBe("nothing to clean up: no run of this job was found\n");
  expect(copy.stderr).toBe(
    `note: state file "mogplex-ci/run.json" is ignored: it was written in another directory\n`,
  );
  expect(await service.status(runId)).toBe("pending");
  const own = await at(job.cwd, "cleanup", "--always").ended;
  expect(own.stdout).toBe(`cleaned up: run "${runId}" was cancelled (--always is set)\n`);
});
