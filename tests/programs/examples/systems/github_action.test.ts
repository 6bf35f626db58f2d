/** The recipe with the action: what holds for the same recipe without it holds for it. */
import { beforeAll, expect, test } from "bun:test";
import { type Service, sharedService } from "../../processes/world/service.ts";
import { CANCEL, START } from "../../processes/world/recorder.ts";
import { fields, parseYaml } from "../../../unit/examples/strict.ts";
import { ACTION_RECIPE as FILE, optionsOf } from "./github_recipes.ts";
import { type Machine, onMachine, readExample, signalled, signalledAll } from "./machine.ts";
import { readJob, runGithubJob } from "./models/github_steps.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

/** A concurrent test with its own machine. */
function together(what: string, body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onMachine(service, body));
}

const sent = ({ recorder }: Machine, pattern: RegExp) => recorder.of(pattern).length;
const runIdOf = (stdout = "") => /run (\S+) \(/.exec(stdout)?.[1] ?? "";
const STEPS = ["Check out the action", "Run the agent", "Keep the reports", "Post Run the agent"];

together(`${FILE} is green, with outputs and a summary, when the run succeeds`, async (machine) => {
  const end = await runGithubJob(machine.recipe(FILE, "success"), machine, optionsOf(FILE, "success"));
  expect(end).toMatchObject({ status: "success", ran: STEPS });
  expect(end.summary).toMatch(/^## ✅ `acme\/\w+`: `[^`]+` → \[PR #\d+\]\(<http/m);
  const [[name, files] = ["", []]] = Object.entries(end.artifacts);
  expect(name).toBe("mogplex-ci-1");
  expect(files).toEqual(expect.arrayContaining(["mogplex-ci/result.json", "mogplex-ci/summary.md"]));
  expect(files).not.toContain("mogplex-ci/run.json");
  expect(machine.done.map(({ code }) => code)).toEqual([0, 0]);
  expect(machine.done[1]?.stdout).toContain("nothing to clean up");
  expect([sent(machine, START), sent(machine, CANCEL)]).toEqual([1, 0]);
});

together(`${FILE} is red when the run fails`, async (machine) => {
  const end = await runGithubJob(machine.recipe(FILE, "agent-failure"), machine, optionsOf(FILE, "agent-failure"));
  expect(end).toMatchObject({ status: "failure", ran: STEPS });
  expect(machine.done.map(({ code }) => code)).toEqual([1, 0]);
  expect(end.summary).toContain("Agent run exited with code 1");
  expect(sent(machine, CANCEL)).toBe(0);
});

together(`${FILE} cancels the run once when the job is cancelled and its step is killed`, async (machine) => {
  machine.stop = signalledAll("SIGKILL");
  const given = optionsOf(FILE, "stuck-streaming");
  const end = await runGithubJob(machine.recipe(FILE, "stuck-streaming"), machine, given);
  expect(end).toMatchObject({ status: "cancelled", ran: STEPS });
  expect(sent(machine, CANCEL)).toBe(1);
  expect(await service.status(runIdOf(machine.done[0]?.stdout))).toBe("cancelled");
  expect(machine.done[1]?.code).toBe(0);
});

together(
  "a recipe with the action attaches to its run when it is run again after its machine was lost",
  async (machine) => {
    const given = optionsOf(FILE, "stuck-streaming");
    const recipe = machine.recipe(FILE, "stuck-streaming");
    machine.stop = signalledAll("SIGKILL");
    await runGithubJob(recipe, machine, { ...given, lostWith: "Run the agent" });
    machine.stop = signalled("SIGINT");
    await runGithubJob(recipe, machine, { ...given, attempt: 2 });
    const [first, second] = machine.done;
    expect(second?.stdout).toContain(`attached to run ${runIdOf(first?.stdout)} (streaming)`);
    expect(sent(machine, CANCEL)).toBe(1);
  },
);

const PLAIN = FILE.replace(".action.yml", ".yml");

test(`${FILE} has the name, the triggers, the jobs and the outputs of ${PLAIN}`, () => {
  const read = (each: string) => {
    const { jobs, ...rest } = parseYaml(readExample(each)) as { jobs: Record<string, unknown> };
    return { rest, jobs: Object.keys(jobs), job: readJob(readExample(each))[1] };
  };
  const [own, other] = [read(FILE), read(PLAIN)];
  expect(own.rest).toEqual(other.rest);
  expect(own.jobs).toEqual(other.jobs);
  for (const key of ["name", "if", "runs-on", "timeout-minutes", "strategy", "outputs"]) {
    expect({ [key]: own.job[key] }).toEqual({ [key]: other.job[key] });
  }
  expect(fields(own.job.permissions, "permissions", ["contents"])).toEqual({ contents: "read" });
});
