/** Whole process groups, as runners and wrappers of package managers have them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../../tools/setup.mjs";
import { launch, type Running } from "./service.ts";
import { CANCEL, type CiJob, nothing, onEvery, openJob, openStages, type Stage, until } from "./stage.ts";

let stages: Stage[] = [];

beforeAll(async () => {
  stages = await openStages();
});

afterAll(() => Promise.all(stages.map(({ service }) => service.close())));

const ENDED = nothing("the run has ended, or none was started");

// What the runner's stage script looks like around the user's line. Source: gitlab-runner, shells/bash.go.
const SCRIPT = `trap 'exit 1' TERM
set -o pipefail; set -o errexit
(trap 'exit 1' TERM; eval "$CMD
echo must-not-print") < /dev/null
exit 0
`;

const quoted = (line: readonly string[]) => line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");

/** Starts a line as the leader of a session of its own. */
function inSession(job: CiJob, line: readonly string[], env: Record<string, string> = {}): Running {
  return launch(["setsid", ...line], { cwd: job.cwd, env: { ...job.env, ...env } });
}

/** The script of a job, and then its `after_script` in a new shell. */
async function stage(job: CiJob, kill: (leader: number) => void | Promise<void>): Promise<void> {
  const script = join(job.cwd, "stage.sh");
  writeFileSync(script, SCRIPT);
  const CMD = quoted(job.line(...job.follow("<stuck-pending>")));
  const running = inSession(job, ["bash", "-c", 'cat stage.sh | bash; echo "script ended"'], { CMD });
  const runId = (await running.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
  await kill(running.child.pid ?? 0);
  const { stdout } = await running.ended;
  await oneCancel(job, runId, stdout);

  const line = ["bash", "-c", `${quoted(job.line("cleanup"))}; echo "after_script ended with $?"`];
  const env = { ...job.env, CI_JOB_STATUS: "canceled" };
  const before = job.recorder.requests.length;
  const after = await launch(line, { cwd: job.cwd, env }).ended;
  expect(after.stdout).toBe(`${ENDED.stdout}after_script ended with 0\n`);
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

/** Processes of a session that are alive, but for its leader, the youngest first. */
function members(leader: number): number[] {
  const rows = execFileSync("ps", ["-e", "-o", "pid=,sid=,stat="], { encoding: "utf8" }).trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/))
    .filter(([pid, sid, stat]) => Number(sid) === leader && Number(pid) !== leader && !stat?.startsWith("Z"))
    .map(([pid]) => Number(pid)).sort((a, b) => b - a);
}

test(
  "run --follow in a GitLab script cancels once when the shell executor sends SIGTERM to the process group",
  () =>
    onEvery(stages, async (each) => {
      const job = await openJob(each);
      await stage(job, (leader) => void process.kill(-leader, "SIGTERM"));
      job.recorder.close();
    }),
  10_000,
);

test(
  "run --follow in a GitLab script cancels once when the docker executor sends SIGTERM to one process after the other",
  () =>
    onEvery(stages, async (each) => {
      const job = await openJob(each);
      await stage(job, async (leader) => {
        for (const pid of members(leader)) {
          if (!members(leader).includes(pid)) continue;
          process.kill(pid, "SIGTERM");
          await until(`process ${pid} has gone`, () => !members(leader).includes(pid));
        }
      });
      job.recorder.close();
    }),
  10_000,
);

const WRAPPERS: Record<string, readonly string[]> = {
  node: ["npm", "exec", "--offline", "-c", "./agent.sh"],
  bun: [runtimes.bun, "run", "agent"],
  deno: [runtimes.deno, "task", "agent"],
};

test(
  "run --follow cancels once when npm exec, bun run and deno task pass the group's SIGTERM on",
  () =>
    onEvery(stages, async (each) => {
      const job = await openJob(each);
      const script = `#!/bin/sh\nexec ${quoted(job.line(...job.follow("<stuck-pending>")))}\n`;
      writeFileSync(join(job.cwd, "agent.sh"), script, { mode: 0o755 });
      writeFileSync(join(job.cwd, "package.json"), JSON.stringify({ scripts: { agent: "./agent.sh" } }));
      writeFileSync(join(job.cwd, "deno.json"), JSON.stringify({ tasks: { agent: "./agent.sh" } }));
      const running = inSession(job, WRAPPERS[each.name] ?? [], { npm_config_update_notifier: "false" });
      const runId = (await running.seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
      process.kill(-(running.child.pid ?? 0), "SIGTERM");
      await oneCancel(job, runId, (await running.ended).stdout);
      expect(await job.cleanup("canceled")).toEqual(ENDED);
      job.recorder.close();
    }),
  10_000,
);
