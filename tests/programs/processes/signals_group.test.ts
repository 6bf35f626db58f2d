/** Whole process groups, as runners and wrappers of package managers have them. */
import { beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { EXECUTORS, quoted, runStage, type Stop } from "./world/runner.ts";
import { launch, type Service, sharedService } from "./world/service.ts";
import { type CiJob, nothing, onNode, openJob } from "./world/ci_job.ts";
import { CANCEL } from "./world/recorder.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

const ENDED = nothing("the run has ended, or none was started");

/** The script of a job, and then its `after_script` in a new shell. */
async function stage(job: CiJob, stop: Stop): Promise<void> {
  const running = runStage([quoted(job.line(...job.follow("<stuck-pending>"))), "echo must-not-print"], job);
  const runId = (await running.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
  await stop(running.child.pid ?? 0);
  const { stdout } = await running.ended;
  await oneCancel(job, runId, stdout);

  const before = job.recorder.requests.length;
  const env = { ...job.env, CI_JOB_STATUS: "canceled" };
  const after = await runStage([quoted(job.line("cleanup")), 'echo "cleanup ended with $?"'], { cwd: job.cwd, env })
    .ended;
  expect(after.stdout).toBe(`${ENDED.stdout}cleanup ended with 0\n`);
  expect(job.recorder.requests).toHaveLength(before);
}

/** The signal was one, whatever number of them came. */
async function oneCancel(job: CiJob, runId: string, stdout: string): Promise<void> {
  expect(stdout).not.toContain("must-not-print");
  expect(stdout.match(/^verdict +interrupted \(exit code 143\)$/gm)).toHaveLength(1);
  expect(job.recorder.of(CANCEL).map(({ what, status }) => [what, status])).toEqual([[
    `POST /runs/${runId}/cancel`,
    200,
  ]]);
  expect(job.state()).toMatchObject({ runId, left: "ended", status: "cancelled" });
  expect(await job.service.status(runId)).toBe("cancelled");
}

for (
  const [executor, what] of [
    ["shell", "SIGTERM to the process group"],
    ["docker", "SIGTERM to one process after the other"],
  ] as const
) {
  test(
    `run --follow in a GitLab script cancels once when the ${executor} executor sends ${what}`,
    async () => {
      const job = await openJob(onNode(service));
      await stage(job, EXECUTORS[executor]);
      job.recorder.close();
    },
  );
}

test("run --follow cancels once when npm exec passes the group's SIGTERM on", async () => {
  const job = await openJob(onNode(service));
  const script = `#!/bin/sh\nexec ${quoted(job.line(...job.follow("<stuck-pending>")))}\n`;
  writeFileSync(join(job.cwd, "agent.sh"), script, { mode: 0o755 });
  const npm = ["setsid", "npm", "exec", "--offline", "-c", "./agent.sh"];
  const running = launch(npm, { cwd: job.cwd, env: { ...job.env, npm_config_update_notifier: "false" } });
  const runId = (await running.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
  process.kill(-(running.child.pid ?? 0), "SIGTERM");
  await oneCancel(job, runId, (await running.ended).stdout);
  expect(await job.cleanup("canceled")).toEqual(ENDED);
  job.recorder.close();
});
