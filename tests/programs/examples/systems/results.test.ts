/** Recipes for GitHub Actions whose next job depends on the answer of the agent. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Service, startService } from "../../processes/world/service.ts";
import { answering } from "../answers.ts";
import { newRun } from "./github_recipes.ts";
import { onMachine, readExample } from "./machine.ts";
import { runGithubWorkflow } from "./models/github_steps.ts";

const FILE = "github-actions/yes-or-no.yml";
const ANSWERS = [
  ["yes", { safe: true, reason: "Only a comment has changed." }],
  ["no", { safe: false, reason: "The schema changes." }],
  ["bad", { safe: "yes" }],
] as const;

let service: Service;

beforeAll(async () => {
  const flags = ANSWERS.flatMap(([name, json]) => {
    const path = join(tmpdir(), `mogplex-answer-${crypto.randomUUID()}.json`);
    writeFileSync(path, JSON.stringify(answering(`<<${name}>>`, json)));
    return ["--scenario", path];
  });
  service = await startService({}, flags);
});

afterAll(() => service.close());

const ENDS = [
  ["yes", "success", "success"],
  ["no", "success", "skipped"],
  ["bad", "failure", "skipped"],
] as const;

for (const [name, review, deploy] of ENDS) {
  test(`yes-or-no.yml ends its job review ${review} and its job deploy ${deploy} when the answer is ${name}`, async () => {
    await onMachine(service, async (machine) => {
      const workflow = readExample(FILE).replace("Change no file of the project.", `$& <<${name}>>`);
      const files = { "ci/yes-or-no.schema.yml": readExample("results/yes-or-no.schema.yml") };
      const ends = await runGithubWorkflow(workflow, machine, { ...newRun(), files });
      expect([ends.review?.status, ends.deploy?.status]).toEqual([review, deploy]);
      expect(ends.review?.outputs.safe).toBe({ yes: "true", no: "false" }[name as "yes"] ?? "");
      if (name === "yes") {
        expect(machine.done.at(-1)?.stdout).toMatch(/^Deploying; the answer is in http\S+\/pull\/1$/m);
      }
    });
  });
}
