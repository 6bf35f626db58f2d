/** The built program in a few words, on every runtime: what `npm test` runs of the processes. The rest is in `tests/programs`. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { built } from "../../built.ts";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";
import { launch, REPO, sharedService } from "../../programs/processes/world/service.ts";
import { type CiJob, openJob } from "../../programs/processes/world/ci_job.ts";
import { CANCEL, START } from "../../programs/processes/world/recorder.ts";

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  /** A test with a job of GitLab CI on this runtime. */
  const withJob = (what: string, body: (job: CiJob) => Promise<void>) =>
    test(`${what} on ${name}`, async () => {
      const job = await openJob({ name, runtime, service: await sharedService() });
      await body(job);
      job.recorder.close();
    });

  withJob("run --follow starts one run, prints its events, and ends with 0 when it succeeds", async (job) => {
    const { code, stdout, stderr } = await job.launch(...job.follow("<success>")).ended;
    expect([code, stderr.replace(/^note: sending requests.*\n/, "")]).toEqual([0, ""]);
    expect(stdout).toMatch(/^verdict +success \(exit code 0\)$/m);
    expect(job.recorder.of(START)).toHaveLength(1);
    expect(job.result()).toMatchObject({ outcome: "success", exitCode: 0 });
  });

  withJob("run --follow ends with 1 when the run fails, and with 2 when a flag is unknown", async (job) => {
    expect((await job.launch(...job.follow("<agent-failure>")).ended).code).toBe(1);
    const before = job.recorder.requests.length;
    expect((await job.launch(...job.follow("<success>", "--folow")).ended).code).toBe(2);
    expect((await job.launch("campaign", "check", "missing.yaml").ended).code).toBe(2);
    expect(job.recorder.requests.length).toBe(before);
  });

  withJob("run --follow cancels its run once and ends with 143 when SIGTERM comes", async (job) => {
    const { child, seen, ended } = job.launch(...job.follow("<stuck-streaming>"));
    await seen(/started run (\S+)[^]*streaming/);
    child.kill("SIGTERM");
    expect((await ended).code).toBe(143);
    expect(job.recorder.of(CANCEL)).toHaveLength(1);
    expect(job.state()).toMatchObject({ left: "ended", status: "cancelled" });
  });

  test(`main() of the library ends with the code of the verdict on ${name}`, async () => {
    const service = await sharedService();
    const script = join(service.folder, `smoke-${name}.mjs`);
    writeFileSync(
      script,
      `import { createMogplex, main } from ${JSON.stringify(built("mod.mjs"))};
void main(async ({ signal, args: [prompt] }) => {
  return await createMogplex().run({ prompt, repoId: "${REPO}", createBranch: true }, { signal });
});
`,
    );
    const env = { MOGPLEX_DEV: "1", MOGPLEX_URL: service.url, MOGPLEX_API_KEY: service.token() };
    const end = (prompt: string) => launch([...runtime, script, prompt], { env }).ended;
    expect(await end("<success>")).toMatchObject({ code: 0 });
    expect(await end("<agent-failure>")).toMatchObject({ code: 1 });
  });
}

test("the program of the components runs nothing without a verb, and the emulator prints its help", () => {
  expect(runToEnd([...RUNTIMES.node, built("mogplex-component.mjs"), "nonsense"]).code).toBe(2);
  expect(runToEnd([...RUNTIMES.node, built("mogplex-emulator.mjs"), "--help"]).code).toBe(0);
});
