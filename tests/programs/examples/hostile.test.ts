/** What an agent says, in the log that the models of the CI systems read as the systems do. */
import { beforeAll, expect, test } from "bun:test";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { runGithubLog } from "../../unit/hostile/parsers/github_runner.ts";
import { type Service, sharedService } from "../processes/world/service.ts";
import { START } from "../processes/world/recorder.ts";
import { runAzure } from "./systems/models/azure.ts";
import { optionsOf } from "./systems/github_recipes.ts";
import { runGithubJob } from "./systems/models/github_steps.ts";
import { type Machine, onMachine } from "./systems/machine.ts";

/** As much as one read of the events shows without its window being full. PostgreSQL stores no NUL. */
const SAID = CORPUS.map(({ text }) => text).filter((text) => text.length < 2_000 && !text.includes("\0")).slice(0, 190);

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

/** Has the agent say all that is hostile as soon as it is followed, and its run succeed. */
async function speak({ recorder }: Machine): Promise<void> {
  await recorder.arrived(/^GET .*\/runs\//);
  const { runId } = JSON.parse(recorder.of(START)[0]?.answer ?? "").data;
  await service.control("appendEvents", { runId, events: SAID.map((message) => ({ type: "log", message })) });
  await service.control("setRun", { runId, run: { status: "success" } });
}

test.concurrent(
  "weekly-cleanup.yml has no output and obeys no command that an agent has made up",
  () =>
    onMachine(service, async (machine) => {
      const file = "github-actions/weekly-cleanup.yml";
      const recipe = machine.recipe(file, "stuck-pending");
      const [end] = await Promise.all([
        runGithubJob(recipe, machine, optionsOf(file, "stuck-pending")),
        speak(machine),
      ]);
      expect(end).toMatchObject({ status: "success", outputs: { outcome: "success", pull_request_url: "" } });
      const log = machine.done[1]?.stdout ?? "";
      expect(end.summary).toContain(`\n| Events | ${SAID.length + 1} seen |\n`);
      const { obeyed, stopped } = runGithubLog(log);
      expect(stopped).toBe(false);
      expect(obeyed.filter((command) => /forged|evil|hidden|pause/.test(command))).toEqual([]);
    }),
);

test.concurrent(
  "azure-pipelines.yml has no output and obeys no command that an agent has made up",
  () =>
    onMachine(service, async (machine) => {
      const recipe = machine.recipe("azure/azure-pipelines.yml", "stuck-pending");
      const [build] = await Promise.all([runAzure(recipe, machine, { id: "hostile" }), speak(machine)]);
      expect(build.status).toBe("success");
      expect(build.outputs.summary).toContain(`\n| Events | ${SAID.length + 1} seen |\n`);
      const { summary, ...outputs } = build.outputs;
      expect(summary).toContain("success");
      expect(Object.keys(outputs).filter((name) => !name.startsWith("agent.MOGPLEX_"))).toEqual([]);
      expect(Object.values(outputs).filter((value) => /forged|evil/.test(value))).toEqual([]);
    }),
);
