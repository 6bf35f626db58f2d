/** A used-up quota, which the emulator plays for the next start of any user: one recipe after the other. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { jobFile, type Recipe, RECIPES as INIT_RECIPES, TASK_FILE } from "../../../../lib/cli/setup/recipes.ts";
import { type Service, startService } from "../../processes/world/service.ts";
import { CANCEL, START } from "../../processes/world/recorder.ts";
import { MISSING } from "../../shell/shell.ts";
import { codesOf, newRun, optionsOf, RECIPES } from "./github_recipes.ts";
import { runGithubJob } from "./models/github_steps.ts";
import { runJenkins } from "./models/jenkins.ts";
import { type Machine, onMachine, signalled, signalledAll } from "./machine.ts";
import { SYSTEMS } from "./systems.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

/** Has the next starts refused for a day, longer than any recipe waits. */
function refuse(times: number): Promise<void> {
  return service.control("fault", { kind: "429", route: "POST /runs", retryAfter: 86_400, times });
}

const RETRIES = "github-actions/agent-with-retries.yml";

for (const file of Object.keys(RECIPES)) {
  const pauses = file === RETRIES ? ["120", "600"] : [];
  test(
    `${file} ends with 75, and has nothing to clean up, when the token's quota is used up`,
    () =>
      onMachine(service, async (machine) => {
        await refuse(1 + pauses.length);
        const { status } = await runGithubJob(machine.recipe(file, "success"), machine, optionsOf(file, "success"));
        expect({ status, codes: codesOf(machine) }).toEqual({ status: "failure", codes: [0, 75, 0] });
        expect(machine.slept()).toEqual(pauses);
        expect(machine.recorder.of(CANCEL)).toEqual([]);
      }),
  );
}

test(
  "agent-with-retries.yml goes green with its second try, which sends the same key, when the quota is there again",
  () =>
    onMachine(service, async (machine) => {
      await refuse(1);
      const end = await runGithubJob(machine.recipe(RETRIES, "success"), machine, optionsOf(RETRIES, "success"));
      expect([end.status, machine.slept()]).toEqual(["success", ["120"]]);
      // The first try is not in the summary.
      expect(end.summary.match(/^## .(?=️? )/gmu)).toEqual(["## ✅"]);
      const keys = machine.recorder.of(START).map(({ key }) => key);
      expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
    }),
);

/** Has the next run started, but its answer lost, and the repeated start refused for a day. */
async function loseAnswer(): Promise<void> {
  await service.control("fault", { kind: "truncated", route: "POST /runs", times: 1 });
  await refuse(1);
}

/** Expects that the only run was cancelled, by a clean-up that found it under its key. */
async function expectCancelled({ recorder }: Machine): Promise<void> {
  const starts = recorder.of(START);
  expect([starts.length, new Set(starts.map(({ key }) => key)).size]).toEqual([3, 1]);
  expect(recorder.of(CANCEL).map(({ status }) => status)).toEqual([200]);
  const { runId } = JSON.parse(starts.at(-1)?.answer ?? "").data;
  expect(await service.status(runId)).toBe("cancelled");
}

test("agent-with-retries.yml cancels the agent of the last attempt when the job is cancelled during a pause", () =>
  onMachine(service, async (machine) => {
    await loseAnswer();
    machine.stopAsleep(signalled("SIGINT"));
    const recipe = machine.recipe(RETRIES, "stuck-streaming");
    const { status } = await runGithubJob(recipe, machine, optionsOf(RETRIES, "stuck-streaming"));
    expect({ status, codes: codesOf(machine) }).toEqual({ status: "cancelled", codes: [0, 143, 0] });
    await expectCancelled(machine);
  }));

test.skipIf(MISSING.length > 0)(
  "drop-in.yml ends with 75 when the token's quota is used up",
  () =>
    onMachine(service, async (machine) => {
      await refuse(1);
      const { status } = await runGithubJob(machine.recipe("github-actions/drop-in.yml", "success"), machine, newRun());
      expect({ status, codes: machine.done.map(({ code }) => code) }).toEqual({ status: "failure", codes: [0, 75, 1] });
    }),
);

for (const { file, run, tries, pauses, codes } of SYSTEMS) {
  test(
    `${file} ends with 75, after ${tries} tries, when the token's quota is used up`,
    () =>
      onMachine(service, async (machine) => {
        await refuse(tries);
        const { status } = await run(machine.recipe(file, "success"), machine, { id: "quota" });
        expect({ status, codes: machine.done.map(({ code }) => code) }).toEqual({
          status: "failed",
          codes: codes.limited,
        });
        expect(machine.recorder.of(START)).toHaveLength(tries);
        expect(machine.slept()).toEqual(pauses);
        expect(machine.recorder.of(CANCEL)).toEqual([]);
      }),
  );

  if (tries > 1) {
    test(
      `${file} goes green with its second try when the quota is there again`,
      () =>
        onMachine(service, async (machine) => {
          await refuse(1);
          const { status } = await run(machine.recipe(file, "success"), machine, { id: "again" });
          expect(status).toBe("success");
          const keys = machine.recorder.of(START).map(({ key }) => key);
          expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
        }),
    );
  }
}

/** The job of `init` for Jenkins, with a task that plays a scenario of the emulator. */
function jenkinsOfInit(scenario: string): string {
  const job = jobFile(INIT_RECIPES.get("jenkins") as Recipe, "acme/web", "");
  return job.replace(`--prompt-file ${TASK_FILE}`, `"Keep what passes. <${scenario}>"`);
}

test(
  "the job of init for Jenkins is tried again while the token's quota is used up, with the same key",
  () =>
    onMachine(service, async (machine) => {
      await refuse(2);
      const { status } = await runJenkins(jenkinsOfInit("success"), machine, { id: "init" });
      expect([status, machine.done.map(({ code }) => code)]).toEqual(["success", [0, 0, 0]]);
      expect(machine.slept()).toEqual(["60", "300"]);
      const keys = machine.recorder.of(START).map(({ key }) => key);
      expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
    }),
);

test(
  "the job of init for Jenkins is not tried again after a failed run",
  () =>
    onMachine(service, async (machine) => {
      const { status } = await runJenkins(jenkinsOfInit("agent-failure"), machine, { id: "init-failure" });
      expect([status, machine.done.map(({ code }) => code)]).toEqual(["failed", [0, 1, 0]]);
      expect([machine.slept(), machine.recorder.of(START).length]).toEqual([[], 1]);
    }),
);

for (
  const [name, jobOf] of [
    ["the job of init for Jenkins", () => jenkinsOfInit("stuck-streaming")],
    ["jenkins/Jenkinsfile", (machine: Machine) => machine.recipe("jenkins/Jenkinsfile", "stuck-streaming")],
  ] as const
) {
  test(`${name} cancels the agent of the last attempt when the build is aborted during a pause`, () =>
    onMachine(service, async (machine) => {
      await loseAnswer();
      machine.stopAsleep(signalledAll("SIGTERM"));
      const { status } = await runJenkins(jobOf(machine), machine, { id: `asleep-${name.length}` });
      expect(status).toBe("cancelled");
      await expectCancelled(machine);
    }));
}

test(
  "the job of init for Jenkins cancels its run when the build is aborted, and is not tried again",
  () =>
    onMachine(service, async (machine) => {
      machine.stop = signalledAll("SIGTERM");
      const { status } = await runJenkins(jenkinsOfInit("stuck-streaming"), machine, { id: "init-abort" });
      expect([status, machine.recorder.of(START).length, machine.recorder.of(CANCEL).length]).toEqual([
        "cancelled",
        1,
        1,
      ]);
    }),
);
