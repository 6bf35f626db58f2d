import { beforeAll, expect, test } from "bun:test";
import { type Service, sharedService } from "./world/service.ts";
import { nothing, onNode, openJob } from "./world/ci_job.ts";
import { START } from "./world/recorder.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

const ENDED = nothing("the run has ended, or none was started");

function succeed(runId: string): Promise<void> {
  const success = { status: "success" };
  return service.control("setRun", { runId, run: success, call: success });
}

interface StartAnswer {
  data: { runId: string; replayed: boolean };
}

test(
  "run --follow attaches to the same run after kill -9, and ends with its verdict",
  async () => {
    const job = await openJob(onNode(service));
    const killed = job.launch(...job.follow("<stuck-pending>"));
    const runId = (await killed.seen(/started run (\S+) \(/))[1] ?? "";
    killed.child.kill("SIGKILL");
    await killed.ended;

    const retry = await openJob(onNode(service), job);
    const running = retry.launch(...retry.follow("<stuck-pending>"));
    await running.seen(new RegExp(`^attached to run ${runId} \\([^]*run accepted`));
    await succeed(runId);
    const { code, stdout } = await running.ended;
    expect(stdout).toMatch(/^verdict +success \(exit code 0\)$/m);
    expect(code).toBe(0);
    expect(retry.result()).toMatchObject({ runId, replayed: true, outcome: "success" });
    expect(await retry.cleanup("success")).toEqual(ENDED);
    // What the killed attempt left behind is cleaned up without harm to the verdict, if its runner still does so.
    const late = await job.cleanup("canceled");
    expect(late).toEqual({
      code: 0,
      stdout: `cleaned up: run "${runId}" had already ended: success (the job was cancelled)\n`,
      requests: [`POST /runs/${runId}/cancel`],
    });
    for (const each of [job, retry]) each.recorder.close();
  },
);

test(
  "run --follow follows one run in two jobs that start with one key at once, and both end with its verdict",
  async () => {
    const first = await openJob(onNode(service));
    const jobs = [first, await openJob(onNode(service), first)];
    const running = jobs.map((job) => job.launch(...job.follow("<stuck-pending>")));
    const ids = await Promise.all(
      running.map(async ({ seen }) => (await seen(/run (\S+) \([^]*run accepted/))[1] ?? ""),
    );
    expect(ids[1]).toBe(ids[0]);
    await succeed(ids[0] ?? "");
    const ends = await Promise.all(running.map(({ ended }) => ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const starts = jobs.flatMap(({ recorder }) => recorder.of(START));
    const answers = starts.map(({ answer }) => (JSON.parse(answer ?? "") as StartAnswer).data);
    expect(answers.map(({ runId }) => runId)).toEqual(ids);
    expect(answers.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
    for (const job of jobs) {
      expect(job.result()).toMatchObject({ runId: ids[0], outcome: "success", exitCode: 0 });
      expect(await job.cleanup("canceled")).toEqual(ENDED);
      job.recorder.close();
    }
  },
);

test(
  "run --follow starts a run of its own when the one under its key was cancelled with the earlier attempt",
  async () => {
    const job = await openJob(onNode(service));
    const stopped = job.launch(...job.follow("<stuck-pending>"));
    const runId = (await stopped.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
    stopped.child.kill("SIGTERM");
    expect((await stopped.ended).code).toBe(143);

    const retry = await openJob(onNode(service), job);
    const running = retry.launch(...retry.follow("<stuck-pending>"));
    const fresh = (await running.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
    expect(fresh).not.toBe(runId);
    await succeed(fresh);
    expect((await running.ended).code).toBe(0);
    expect(await retry.cleanup("canceled")).toEqual(ENDED);
    expect(await service.status(fresh)).toBe("success");
    for (const each of [job, retry]) each.recorder.close();
  },
);
