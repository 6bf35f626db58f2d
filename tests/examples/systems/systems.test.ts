import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Service, startService } from "../../processes/service.ts";
import { CANCEL, START } from "../../processes/stage.ts";
import { runAzure } from "./models/azure.ts";
import { type Machine, onMachine, signalledAll } from "./machine.ts";
import { SYSTEMS } from "./systems.ts";
import { runWoodpecker } from "./models/woodpecker.ts";

let service: Service;
let builds = 0;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

/** A test with a machine of its own, beside the others. */
function together(what: string, body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onMachine(service, body), 60_000);
}

const codes = ({ done }: Machine) => done.map(({ code }) => code);
const sent = ({ recorder }: Machine, pattern: RegExp) => recorder.of(pattern).length;
const runIdOf = ({ recorder }: Machine) => JSON.parse(recorder.of(START)[0]?.answer ?? "").data.runId;

for (const { file, run, stops, keeps, codes: expected } of SYSTEMS) {
  together(`${file} is green and keeps its reports when the run succeeds`, async (machine) => {
    const { status, artifacts, tests } = await run(machine.recipe(file, "success"), machine, { id: String(++builds) });
    expect({ status, codes: codes(machine) }).toEqual({ status: "success", codes: expected.success });
    expect(artifacts.some((name) => name.endsWith("summary.md"))).toBe(keeps);
    expect(artifacts.filter((name) => name.endsWith("run.json"))).toEqual([]);
    if (keeps) expect(tests).toContain("<testsuite");
    expect(sent(machine, START)).toBe(1);
  });

  together(`${file} is red and keeps its reports when the run fails`, async (machine) => {
    const recipe = machine.recipe(file, "agent-failure");
    const { status, artifacts, tests } = await run(recipe, machine, { id: String(++builds) });
    expect({ status, codes: codes(machine) }).toEqual({ status: "failed", codes: expected.failure });
    expect(artifacts.some((name) => name.endsWith("summary.md"))).toBe(keeps);
    if (keeps) expect(tests).toContain("Agent run exited with code 1");
    expect(sent(machine, START)).toBe(1);
  });

  for (const [how, stop] of Object.entries(stops)) {
    together(
      `${file} cancels the run once when its build is cancelled and what is at work is ${how}`,
      async (machine) => {
        machine.stop = stop;
        const { status } = await run(machine.recipe(file, "stuck-streaming"), machine, { id: String(++builds) });
        expect(status).toBe("cancelled");
        expect(await service.status(runIdOf(machine))).toBe("cancelled");
        expect([sent(machine, START), sent(machine, CANCEL)]).toEqual([1, 1]);
      },
    );
  }

  together(`${file} stops before anything is run when the checksum is another one`, async (machine) => {
    const recipe = machine.recipe(file, "success", "f".repeat(64));
    expect((await run(recipe, machine, { id: String(++builds) })).status).toBe("failed");
    expect(machine.done.map(({ stdout }) => stdout).join("")).toContain("mogplex.mjs.part: FAILED");
    expect(machine.recorder.requests).toEqual([]);
  });
}

together(
  "azure-pipelines.yml tells later jobs the pull request, and the page of the build the summary",
  async (machine) => {
    const recipe = machine.recipe("azure/azure-pipelines.yml", "success");
    const { outputs } = await runAzure(recipe, machine, { id: String(++builds) });
    expect(outputs).toMatchObject({
      "agent.MOGPLEX_OUTCOME": "success",
      "agent.MOGPLEX_PULL_REQUEST_URL": expect.stringMatching(/\/__pulls\/acme\/web\/\d+$/),
      summary: expect.stringContaining("success"),
    });
  },
);

together(
  "woodpecker/cleanup.yaml leaves a run alone when its containers are killed: nothing is left to cancel it",
  async (machine) => {
    machine.stop = signalledAll("SIGKILL");
    const recipe = machine.recipe("woodpecker/cleanup.yaml", "stuck-streaming");
    expect((await runWoodpecker(recipe, machine, { id: String(++builds) })).status).toBe("cancelled");
    expect(sent(machine, CANCEL)).toBe(0);
  },
);
