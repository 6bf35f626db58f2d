/** Jobs of the run component that are stopped, as the executors of a runner stop them, and what `after_script` makes of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { makeUser, NO_USER, type OtherUser } from "../processes/world/other_user.ts";
import { EXECUTORS, type Form, FORMS, sessionOf, type Stop } from "../../programs/processes/world/runner.ts";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { type Service, sharedService } from "../../programs/processes/world/service.ts";
import type { RuntimeService } from "../../programs/processes/world/ci_job.ts";
import { CANCEL, START, until } from "../../programs/processes/world/recorder.ts";
import {
  type Color,
  type ComponentJob,
  type ComponentJobOptions,
  HAS_BUSYBOX,
  type ImageShell,
  NEXT_LINE,
  openComponentJob,
} from "./component_job.ts";
import { built } from "../../built.ts";

let service: Service;
let template = "";
const followTemplate = () => readFileSync(built("templates/follow.yml"), "utf8");

beforeAll(async () => {
  service = await sharedService();
  template = readFileSync(built("templates/run.yml"), "utf8");
});

const accounts: OtherUser[] = [];

afterAll(() => {
  for (const { remove } of accounts) remove();
});

const ENDED = "nothing to clean up: the run has ended, or none was started\n";
const LEFT = "nothing to clean up: the run was left running\n";

type Open = (options?: Partial<ComponentJobOptions>) => Promise<ComponentJob>;

/** The runtime that starts quickest, and a service. What other runtimes do is tested at the end of this file. */
const onBun = (): RuntimeService => ({ name: "bun", runtime: RUNTIMES.bun, service });

/** A test with jobs that follow a run without an end. */
function withJobs(
  what: string,
  shell: ImageShell,
  body: (open: Open) => Promise<void>,
  on: () => RuntimeService = onBun,
): void {
  test.skipIf(shell === "sh" && !HAS_BUSYBOX)(what, async () => {
    const jobs: ComponentJob[] = [];
    await body(async (options) => {
      const inputs = { prompt: "<stuck-pending>", ...options?.inputs };
      const job = await openComponentJob(on(), { template, shell, ...options, inputs });
      jobs.push(job);
      return job;
    });
    for (const { recorder } of jobs) recorder.close();
  });
}

/** Runs the script until it follows, stops it, and returns what it printed. */
async function stopped(job: ComponentJob, stop: Stop): Promise<{ runId: string; stdout: string }> {
  const running = job.script();
  const runId = (await running.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
  await stop(running.child.pid ?? 0);
  const { stdout } = await running.ended;
  expect(stdout).not.toContain(NEXT_LINE);
  return { runId, stdout };
}

/** The run was cancelled by `after_script`, which has nothing to do any more. */
async function expectCancelled(job: ComponentJob, runId: string, why: string): Promise<void> {
  job.recorder.intercept = undefined;
  const { stdout, requests: [first, ...beside] } = await job.afterScript("canceled");
  expect(stdout).toBe(`cleaned up: run "${runId}" was cancelled (${why})\n`);
  // The run is stopped before anything is asked for the reports.
  expect([first, ...beside.sort()]).toEqual([
    `POST /runs/${runId}/cancel`,
    "GET /repos",
    `GET /runs/${runId}/events`,
  ]);
  // GitLab uploads the reports after after_script.
  const reports = (name: string) => readFileSync(join(job.cwd, "mogplex-ci", name), "utf8");
  expect(JSON.parse(reports("result.json"))).toMatchObject({
    outcome: "interrupted",
    status: "cancelled",
    exitCode: 143,
  });
  expect(reports("outputs.env")).toContain("MOGPLEX_RUN_STATUS=cancelled\n");
  expect(reports("junit.xml")).toContain("cancelled");
  expect(await job.service.status(runId)).toBe("cancelled");
  expect(job.state()).toMatchObject({ runId, left: "ended", status: "cancelled" });
  expect(await job.afterScript("canceled")).toMatchObject({ stdout: ENDED, requests: [] });
}

const FORM_NAMES = Object.keys(FORMS) as Form[];
const EXECUTOR_FORMS = (["shell", "docker"] as const).flatMap((executor) =>
  FORM_NAMES.map((form) => [executor, form] as const)
);

/** A job that is stopped cancels its run by itself. */
async function cancelsOnce(open: Open, executor: "shell" | "docker", form: Form): Promise<void> {
  const job = await open({ form });
  const { runId, stdout } = await stopped(job, EXECUTORS[executor]);
  expect(stdout.match(/^verdict +interrupted \(exit code 143\)$/gm)).toHaveLength(1);
  expect(job.recorder.of(CANCEL).map(({ what, status }) => [what, status])).toEqual([[
    `POST /runs/${runId}/cancel`,
    200,
  ]]);
  expect(await job.service.status(runId)).toBe("cancelled");
  expect(job.state()).toMatchObject({ runId, left: "ended", status: "cancelled" });
  expect(await job.afterScript("canceled")).toMatchObject({ stdout: ENDED, requests: [] });
}

for (const shell of ["bash", "sh"] as const) {
  for (const [executor, form] of EXECUTOR_FORMS) {
    withJobs(
      `a job stopped by the ${executor} executor cancels its run once, and after_script finds nothing to do (${shell}, ${form})`,
      shell,
      (open) => cancelsOnce(open, executor, form),
    );
  }

  withJobs(`after_script cancels the run when the job's own cancel was lost (${shell})`, shell, async (open) => {
    const lost = {
      broken: () => Promise.reject(new Error("The connection breaks")),
      busy: () => Promise.resolve({ status: 503, body: { error: "Service unavailable" } }),
    };
    await Promise.all(
      Object.values(lost).map(async (answer) => {
        const job = await open();
        job.recorder.intercept = ({ what }) => CANCEL.test(what) ? answer() : Promise.resolve();
        const { runId } = await stopped(job, EXECUTORS.shell);
        expect(job.recorder.of(CANCEL).length).toBeGreaterThan(0);
        expect(job.state()).toMatchObject({ runId, left: "cancelling" });
        expect(await job.service.status(runId)).toBe("pending");
        await expectCancelled(job, runId, "it was already being cancelled");
      }),
    );
  });

  withJobs(
    `after_script cancels the run of a job that was killed while it followed (${shell})`,
    shell,
    async (open) => {
      const job = await open();
      const { runId } = await stopped(job, (leader) => void process.kill(-leader, "SIGKILL"));
      expect(job.recorder.of(CANCEL)).toEqual([]);
      expect(job.state()).toMatchObject({ runId, left: "following" });
      await expectCancelled(job, runId, "the job was cancelled");
    },
  );
}

withJobs("a job leaves at once at a second signal, and after_script cancels its run", "bash", async (open) => {
  const job = await open();
  // Neither the cancel nor the request for the repository's name is ever answered.
  job.recorder.intercept = ({ what }) =>
    CANCEL.test(what) || what === "GET /repos" ? new Promise(() => {}) : Promise.resolve();
  const { runId } = await stopped(job, async (leader) => {
    process.kill(-leader, "SIGTERM");
    const first = await job.recorder.arrived(CANCEL);
    await until("1.5 s have passed", () => performance.now() - first.atMs > 1_550);
    process.kill(-leader, "SIGTERM");
  });
  expect(job.state()).toMatchObject({ runId, left: "cancelling" });
  await expectCancelled(job, runId, "it was already being cancelled");
});

test.skipIf(NO_USER !== undefined)(
  `a job whose shell executor runs it as another user cancels its run when su is stopped${
    NO_USER === undefined ? "" : ` (skipped: ${NO_USER})`
  }`,
  async () => {
    const account = makeUser();
    accounts.push(account);
    for (const form of FORM_NAMES) {
      const job = await openComponentJob(onBun(), {
        template,
        form,
        user: account.name,
        inputs: { prompt: "<stuck-pending>" },
      });
      const { runId, stdout } = await stopped(job, EXECUTORS.shell);
      expect(stdout.match(/^verdict +interrupted \(exit code 143\)$/gm)).toHaveLength(1);
      expect(job.recorder.of(CANCEL).map(({ status }) => status)).toEqual([200]);
      expect(await job.service.status(runId)).toBe("cancelled");
      expect(existsSync(join(job.cwd, "mogplex-ci/junit.xml"))).toBe(true);
      expect(await job.afterScript("canceled")).toMatchObject({ stdout: ENDED, requests: [] });
      job.recorder.close();
      await until("nothing of the job is left", () => account.processes().length === 0);
    }
    // A job that ends by itself keeps its exit code, and leaves no process behind.
    const job = await openComponentJob(onBun(), {
      template,
      user: account.name,
      inputs: { prompt: "<agent-failure>" },
    });
    expect((await job.script().ended).code).toBe(1);
    expect(account.processes()).toEqual([]);
    job.recorder.close();
  },
);

for (const shell of ["bash", "sh"] as const) {
  withJobs(`a job that ends by itself leaves no process behind (${shell})`, shell, async (open) => {
    const job = await open({ inputs: { prompt: "<agent-failure>" } });
    const { child, ended } = job.script();
    expect((await ended).code).toBe(1);
    expect(sessionOf(child.pid ?? 0)).toEqual([]);
    expect(existsSync(join(job.cwd, ".mogplex-ci/tool.pid"))).toBe(false);
  });
}

withJobs(
  "a job that a stopped runner takes with it leaves its run to the retry with on-interrupt detach",
  "bash",
  async (open) => {
    // The runner is stopped by SIGTERM: no after_script runs, and GitLab retries the job as the runner's failure.
    const inputs = { "on-interrupt": "detach" };
    const job = await open({ inputs });
    const { runId } = await stopped(job, EXECUTORS.shell);
    expect(await job.service.status(runId)).toBe("pending");
    const retry = await open({ inputs: { ...inputs, follow: false }, retried: job });
    expect((await retry.script().ended).stdout).toContain(`attached to run ${runId} `);
    for (const { recorder } of [job, retry]) expect(recorder.of(CANCEL)).toEqual([]);
  },
);

withJobs(
  "a job in an image without a runtime prints its error once, and after_script has nothing to do",
  "bash",
  async (open) => {
    const job = await open({ inputs: { runtime: "missing" } });
    const { code, stderr } = await job.script().ended;
    expect({ code, errors: stderr.match(/^error: /gm)?.length }).toEqual({ code: 2, errors: 1 });
    expect(await job.afterScript("failed")).toMatchObject({
      stdout: "nothing to clean up: no run was started or followed\n",
      stderr: "",
      requests: [],
    });
  },
);

for (const [form, follow] of FORM_NAMES.map((name) => [name, followTemplate] as const)) {
  withJobs(
    `after_script of a job that follows cancels the run when the job's own cancel was lost (${form})`,
    "bash",
    async (open) => {
      const job = await open({ inputs: { follow: false } });
      await job.script().ended;
      const runId = String(job.state().runId);
      const inputs = { "run-id": runId, "on-interrupt": "cancel" };
      const follower = await openComponentJob(onBun(), { template: follow(), form, inputs, retried: job });
      follower.recorder.intercept = ({ what }) =>
        Promise.resolve(CANCEL.test(what) ? { status: 503, body: { error: "No" } } : undefined);
      const running = follower.script();
      await running.seen(/run accepted/);
      await EXECUTORS.shell(running.child.pid ?? 0);
      await running.ended;
      expect(await job.service.status(runId)).toBe("pending");
      await expectCancelled(follower, runId, "it was already being cancelled");
      follower.recorder.close();
    },
  );
}

interface Leaving {
  /** What the job ends with. */
  code: number;
  inputs: Record<string, unknown>;
  /** What every request but the start is answered with. @default what the service says */
  refuse?: number;
  /** What GitLab makes of it. */
  end: Color;
}

// Ends that say nothing about the run.
const LEAVING: readonly Leaving[] = [
  { code: 69, inputs: { timeout: 2 }, refuse: 503, end: { color: "red", retried: true } },
  { code: 75, inputs: { timeout: 2 }, refuse: 429, end: { color: "red", retried: true } },
  { code: 124, inputs: { timeout: 2, "allow-failure": true }, end: { color: "yellow", retried: false } },
  { code: 0, inputs: { follow: false }, end: { color: "green", retried: false } },
];

for (const shell of ["bash", "sh"] as const) {
  for (const form of FORM_NAMES) {
    withJobs(`GitLab gets the exit code that the tool ended with (${shell}, ${form})`, shell, async (open) => {
      const job = await open({ form, more: { MOGPLEX_API_KEY: "" } });
      const { code, stdout } = await job.script().ended;
      expect({ code, ...job.colorOf(code) }).toEqual({ code: 64, color: "red", retried: false });
      expect(stdout).not.toContain(NEXT_LINE);
      const failed = await open({ form, inputs: { prompt: "<agent-failure>", "allow-failure": true } });
      const end = await failed.script().ended;
      expect({ code: end.code, ...failed.colorOf(end.code) }).toEqual({ code: 1, color: "red", retried: false });
    });
  }
}

for (const form of FORM_NAMES) {
  withJobs(
    `a job that ended 69, 75 or 124, or detached, leaves its run alone, and a retry attaches (${form})`,
    "bash",
    async (open) => {
      await Promise.all(LEAVING.map(async ({ code, inputs, refuse, end: color }) => {
        const job = await open({ form, inputs });
        job.recorder.intercept = ({ what }) =>
          Promise.resolve(
            refuse === undefined || START.test(what) ? undefined : { status: refuse, body: { error: "No" } },
          );
        const end = await job.script().ended;
        expect({ code: end.code, wentOn: end.stdout.includes(NEXT_LINE) }).toEqual({ code, wentOn: code === 0 });
        expect(job.colorOf(end.code)).toEqual(color);
        job.recorder.intercept = undefined;
        expect(await job.afterScript(code === 0 ? "success" : "failed")).toMatchObject({ stdout: LEFT, requests: [] });

        const retry = await open({ inputs: { follow: false }, retried: job });
        const { runId } = job.state();
        expect((await retry.script().ended).stdout).toContain(`attached to run ${runId} `);
        expect(await job.service.status(String(runId))).toBe("pending");
        for (const { recorder } of [job, retry]) expect(recorder.of(CANCEL)).toEqual([]);
      }));
    },
  );
}

for (const shell of ["bash", "sh"] as const) {
  withJobs(`after_script runs nothing that took the program's place (${shell})`, shell, async (open) => {
    const job = await open({ inputs: { prompt: "<success>" } });
    expect((await job.script().ended).stdout).toMatch(/^verdict +success/m);
    const program = join(job.cwd, ".mogplex-ci/cli.mjs");
    expect(existsSync(program)).toBe(true);
    writeFileSync(program, `console.log("EVIL");\n`);
    expect(await job.afterScript("canceled")).toMatchObject({
      stdout: "nothing was cleaned up: this component's tool is missing or was changed\n",
      requests: [],
    });
  });
}

for (const name of ["deno", "node"] as const) {
  const on = () => ({ name, runtime: RUNTIMES[name], service });

  for (const executor of ["shell", "docker"] as const) {
    withJobs(
      `a job stopped by the ${executor} executor cancels its run once, and after_script finds nothing to do, on ${name}`,
      "bash",
      (open) => cancelsOnce(open, executor, "group"),
      on,
    );
  }

  withJobs(
    `after_script cancels the run of a job that was killed while it followed, on ${name}`,
    "bash",
    async (open) => {
      const job = await open();
      const { runId } = await stopped(job, (leader) => void process.kill(-leader, "SIGKILL"));
      await expectCancelled(job, runId, "the job was cancelled");
    },
    on,
  );

  withJobs(`GitLab gets the exit code that the tool ended with, on ${name}`, "bash", async (open) => {
    const job = await open({ inputs: { prompt: "<agent-failure>" } });
    const { code, stdout } = await job.script().ended;
    expect({ code, ...job.colorOf(code) }).toEqual({ code: 1, color: "red", retried: false });
    expect(stdout).not.toContain(NEXT_LINE);
  }, on);
}
