import { afterAll, beforeAll, expect, test } from "bun:test";
import { automationId, type Service, startService } from "../processes/world/service.ts";
import { newRun } from "./systems/github_recipes.ts";
import { type JobEnd, type JobOptions, runGithubJob } from "./systems/models/github_steps.ts";
import { type Machine, onMachine, signalled } from "./systems/machine.ts";

const FILE = "github-actions/dispatch-automation.yml";
const TRIGGER = /^POST \/automations\/[^/]+\/trigger$/;
const CANCEL = /^POST \/automations\/[^/]+\/runs\/[^/]+\/cancel$/;

let services: Record<"base" | "later", Service>;

beforeAll(async () => {
  const [base, later] = await Promise.all([startService(), startService({}, ["--server-revision", "later"])]);
  services = { base, later };
});

afterAll(() => Promise.all(Object.values(services).map((service) => service.close())));

function dispatch(machine: Machine, scenario: string, options: JobOptions = newRun()): Promise<JobEnd> {
  return runGithubJob(machine.recipe(FILE, scenario), machine, {
    ...options,
    vars: { MOGPLEX_AUTOMATION_ID: automationId(scenario) },
  });
}

/** A test with its own machine, on a revision of the service, beside the others. */
function together(what: string, revision: "base" | "later", body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onMachine(services[revision], body));
}

for (
  const [scenario, status, code] of [["success", "success", 0], ["automation-slot", "success", 0], [
    "agent-failure",
    "failure",
    1,
  ]] as const
) {
  together(
    `dispatch-automation.yml ends with ${code} when the automation's run plays ${scenario}`,
    "base",
    async (machine) => {
      expect(await dispatch(machine, scenario)).toMatchObject({
        status,
        ran: ["Check out", "Check the program", "Trigger and follow", "Keep the reports"],
      });
      expect(machine.done.map((each) => each.code)).toEqual([0, code]);
      const input = { ref: "refs/tags/v1.2.3", commit: "0123456789abcdef0123456789abcdef01234567" };
      expect(JSON.parse(machine.recorder.of(TRIGGER)[0]?.body ?? "")).toMatchObject({ input });
    },
  );
}

for (const [revision, cancels] of [["base", 0], ["later", 1]] as const) {
  together(
    `dispatch-automation.yml sends ${cancels} cancel to the ${revision} service when its job is cancelled`,
    revision,
    async (machine) => {
      machine.stop = signalled("SIGINT");
      expect((await dispatch(machine, "automation-stuck")).status).toBe("cancelled");
      expect(machine.done.at(-1)).toMatchObject({ code: 130, stopped: true });
      const cancelled = machine.recorder.of(CANCEL).filter(({ answer }) => answer?.includes('"status":"cancelled"'));
      expect(cancelled).toHaveLength(cancels);
    },
  );
}

together("dispatch-automation.yml attaches to its run when its job is run again", "base", async (machine) => {
  const again = newRun();
  expect((await dispatch(machine, "success", again)).status).toBe("success");
  expect((await dispatch(machine, "success", { ...again, attempt: 2 })).status).toBe("success");
  const [first, second] = machine.recorder.of(TRIGGER).map(({ key }) => key);
  expect(second).toBe(first as string);
});

// After the others: the emulator plays the fault for the next trigger of any user.
test(
  "dispatch-automation.yml ends with 75 when the token's requests are used up",
  () =>
    onMachine(services.base, async (machine) => {
      const fault = { kind: "429", route: "POST /automations/*/trigger", retryAfter: 86_400 };
      await services.base.control("fault", fault);
      expect((await dispatch(machine, "success")).status).toBe("failure");
      expect(machine.done.at(-1)?.code).toBe(75);
    }),
);
