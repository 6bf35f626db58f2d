import { beforeAll, expect, test } from "bun:test";
import { type Service, sharedService } from "../../processes/world/service.ts";
import { CANCEL, START } from "../../processes/world/recorder.ts";
import { runAzure } from "./models/azure.ts";
import type { RunBuild } from "../build.ts";
import { runBitbucket } from "./models/bitbucket.ts";
import { type JobExit, readStep, retriesOf, runBuildkite } from "./models/buildkite.ts";
import { runCircle } from "./models/circleci.ts";
import { runJenkins } from "./models/jenkins.ts";
import { runTeamcity } from "./models/teamcity.ts";
import { type Machine, onMachine, readExample, signalledAll } from "./machine.ts";
import { SYSTEMS } from "./systems.ts";
import { runWoodpecker } from "./models/woodpecker.ts";

let service: Service;
let builds = 0;

beforeAll(async () => {
  service = await sharedService();
});

/** A test with its own machine, beside the others. */
function together(what: string, body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onMachine(service, body));
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
    machine.checksum = "f".repeat(64);
    expect((await run(machine.recipe(file, "success"), machine, { id: String(++builds) })).status).toBe("failed");
    expect(machine.done.map(({ stdout }) => stdout).join("")).toContain("mogplex.mjs: FAILED");
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
      "agent.MOGPLEX_PULL_REQUEST_URL": expect.stringMatching(/\/acme\/web\/pull\/\d+$/),
      summary: expect.stringContaining("success"),
    });
  },
);

const PULL_REQUEST = /\/acme\/web\/pull\/\d+$/;

together(
  "buildkite/pipeline.yml shows the summary, and sets the outputs as meta-data of the build",
  async (machine) => {
    const recipe = machine.recipe("buildkite/pipeline.yml", "success");
    const { outputs } = await runBuildkite(recipe, machine, { id: String(++builds) });
    expect(outputs).toMatchObject({
      MOGPLEX_OUTCOME: "success",
      MOGPLEX_PULL_REQUEST_URL: expect.stringMatching(PULL_REQUEST),
      annotation: expect.stringMatching(/^success: ## ✅ `acme\/web`: .* → \[PR #\d+\]/),
    });
    const red = machine.recipe("buildkite/pipeline.yml", "agent-failure");
    const failed = await runBuildkite(red, machine, { id: String(++builds) });
    expect(failed.outputs.annotation).toMatch(/^error: ## ❌ `acme\/web`: .* → failed: the agent failed/);
    // The agent refuses empty values.
    expect(Object.keys(failed.outputs)).not.toContain("MOGPLEX_PULL_REQUEST_URL");
  },
);

test("buildkite/pipeline.yml is tried again after an outage and a lost agent, and after nothing else", () => {
  const { step } = readStep(readExample("buildkite/pipeline.yml"));
  const exits: [JobExit, number][] = [
    [{ status: 69, reason: "none" }, 2],
    [{ status: -1, reason: "none" }, 2],
    [{ status: -1, reason: "cancel" }, 0],
    [{ status: -1, reason: "agent_stop" }, 0],
    // Source: Buildkite's agent refuses a job whose secret is missing.
    [{ status: -1, reason: "agent_refused" }, 0],
    [{ status: 75, reason: "none" }, 0],
    [{ status: 1, reason: "none" }, 0],
    [{ status: 124, reason: "none" }, 0],
  ];
  expect(exits.map(([exit]) => [exit, retriesOf(step, exit)])).toEqual(exits);
});

together("bitbucket-pipelines.yml passes the outputs to later steps", async (machine) => {
  const recipe = machine.recipe("bitbucket/bitbucket-pipelines.yml", "success");
  const { outputs } = await runBitbucket(recipe, machine, { id: String(++builds) });
  expect(outputs.MOGPLEX_PULL_REQUEST_URL).toMatch(PULL_REQUEST);
  expect(machine.done[2]?.stdout).toBe(
    `The agent ended with success, pull request ${outputs.MOGPLEX_PULL_REQUEST_URL}\n`,
  );
});

for (const file of ["bitbucket/bitbucket-pipelines.yml", "teamcity/settings.kts", "woodpecker/cleanup.yaml"]) {
  together(
    `${file} says that the run is cancelled when it does not end in time: no later job attaches`,
    async (machine) => {
      const run = SYSTEMS.find((each) => each.file === file)?.run as RunBuild;
      const recipe = machine.recipe(file, "stuck-streaming").replaceAll("--timeout 1800", "--timeout 5");
      expect((await run(recipe, machine, { id: String(++builds) })).status).toBe("failed");
      expect(await service.status(runIdOf(machine))).toBe("cancelled");
      // The final step of Bitbucket cancels what it finds: a run that has ended is not an error.
      expect(sent(machine, CANCEL)).toBe(file.startsWith("bitbucket") ? 2 : 1);
      const late = machine.done.find(({ code }) => code === 124);
      expect(late?.stdout).toMatch(/^verdict +did not finish in time/m);
      expect(late?.stdout).not.toMatch(/^resume /m);
    },
  );
}

together("circleci/config.yml passes the outputs to a later job", async (machine) => {
  await runCircle(machine.recipe("circleci/config.yml", "success"), machine, { id: String(++builds) });
  expect(machine.done.at(-1)?.stdout).toMatch(/^Pull request: \S+\/acme\/web\/pull\/\d+\n$/);
});

together("jenkins/Jenkinsfile describes the build by outcome and pull request", async (machine) => {
  const recipe = machine.recipe("jenkins/Jenkinsfile", "success");
  const { outputs } = await runJenkins(recipe, machine, { id: String(++builds) });
  expect(outputs.description).toMatch(/^success\n\S+\/acme\/web\/pull\/\d+$/);
});

for (
  const [scenario, headline] of [
    ["success", /^## ✅ `acme\/web`: .* → \[PR #\d+\]/],
    ["agent-failure", /^## ❌ `acme\/web`: .* → failed: the agent failed/],
  ] as const
) {
  together(`woodpecker/cleanup.yaml shows the summary in a step of its own: ${scenario}`, async (machine) => {
    await runWoodpecker(machine.recipe("woodpecker/cleanup.yaml", scenario), machine, { id: String(++builds) });
    expect(machine.done.at(-1)).toMatchObject({
      name: "summary",
      stdout: expect.stringMatching(headline),
    });
  });
}

together("azure-pipelines.yml and settings.kts set no variable twice", async (machine) => {
  await runAzure(machine.recipe("azure/azure-pipelines.yml", "success"), machine, { id: String(++builds) });
  await runTeamcity(machine.recipe("teamcity/settings.kts", "success"), machine, { id: String(++builds) });
  const log = machine.done.map(({ stdout }) => stdout).join("\n");
  const set = log.match(/(?:setvariable variable=|setParameter name='env\.)\w+/g) ?? [];
  expect(set).toHaveLength(12);
  expect(new Set(set).size).toBe(12);
});

together(
  "woodpecker/cleanup.yaml leaves a run alone when its containers are killed: nothing is left to cancel it",
  async (machine) => {
    machine.stop = signalledAll("SIGKILL");
    const recipe = machine.recipe("woodpecker/cleanup.yaml", "stuck-streaming");
    expect((await runWoodpecker(recipe, machine, { id: String(++builds) })).status).toBe("cancelled");
    expect(sent(machine, CANCEL)).toBe(0);
  },
);
