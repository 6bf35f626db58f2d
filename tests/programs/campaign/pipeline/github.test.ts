/** What the workflow for GitHub says, and what its scripts do. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import type { PipelineInput } from "../../../../lib/campaign/pipeline/format.ts";
import { github } from "../../../../lib/campaign/pipeline/github.ts";
import { hostileFiles } from "../../../unit/campaign/pipeline/hostile_names.ts";
import { type SampleChanges, sampleInput } from "../../../unit/campaign/pipeline/sample_input.ts";

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

/** Runs the script of a step as the runner does, with programs that say what they were called with. */
function runStep(script: string, cwd: string, env: Record<string, string> = {}) {
  mkdirSync(join(cwd, "bin"), { recursive: true });
  for (const name of ["node", "gh", "sleep"]) {
    writeFileSync(join(cwd, "bin", name), `#!/bin/sh\nprintf '<%s>' ${name} "$@" >> "$CALLS"; echo >> "$CALLS"\n`, {
      mode: 0o755,
    });
  }
  const calls = join(cwd, "calls");
  writeFileSync(calls, "");
  writeFileSync(join(cwd, "step.sh"), script);
  const { status, stderr } = spawnSync("bash", ["-e", "step.sh"], {
    cwd,
    encoding: "utf8",
    env: { PATH: `${join(cwd, "bin")}:${process.env.PATH}`, CALLS: calls, GITHUB_OUTPUT: join(cwd, "output"), ...env },
  });
  return { status, stderr, calls: readFileSync(calls, "utf8").split("\n").filter((line) => line !== "") };
}

test("github() takes hostile names as they are: no template of GitHub is in them, and no shell executes them", async () => {
  const { folder, files: [file, ...includes] } = await hostileFiles();
  const changes: SampleChanges = { file, includes, program: { kind: "command", name: "node" } };
  const allowed = new Set(textOf().match(/\$\{\{.*?\}\}/g));
  expect((textOf(changes).match(/\$\{\{.*?\}\}/g) ?? []).filter((found) => !allowed.has(found))).toEqual([]);
  const script = step(read(changes), "Compare the files with those of the pipeline").run ?? "";
  expect(runStep(script, folder)).toMatchObject({ status: 0, stderr: "" });
  const named = (path: string): Partial<PipelineInput> => ({ file: { ...file, path }, includes: [] });
  for (const { path } of includes) {
    const { calls } = runStep(step(read({ ...changes, ...named(path) }), "Make a wave").run ?? "", folder);
    const home = "<--home><git:origin#mogplex-campaign/codemod>";
    expect(calls).toEqual([`<node><campaign><status><${path}>${home}`, `<node><campaign><advance><${path}>${home}`]);
  }
  // A checkout with a link in the place of the reports, which would be uploaded.
  mkdirSync(join(folder, "private"));
  writeFileSync(join(folder, "private/key"), "");
  symlinkSync("private", join(folder, "mogplex-campaign"));
  writeFileSync(join(folder, includes[0]?.path ?? ""), "edited");
  expect(runStep(script, folder)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("error: a file is not the one that this pipeline was made with: make it again"),
  });
  expect(["PWNED", "mogplex-campaign", "private/key"].map((name) => existsSync(join(folder, name)))).toEqual([
    false,
    false,
    true,
  ]);
  expect(() => read(named("mogplex-campaign/campaign.yml"))).toThrow("is where the jobs put their reports");
});

test("the workflow runs the command that a person gives, in the home of the campaign, and executes no part of its text", async () => {
  const { folder } = await hostileFiles();
  const script = step(
    read({ program: { kind: "file", path: "ci/it's $(touch PWNED).mjs", sha256: "c".repeat(64) } }),
    "Do what was asked for",
  ).run ?? "";
  const asked = (COMMAND: string) => runStep(script, folder, { COMMAND }).calls;
  const call = "<node><./ci/it's $(touch PWNED).mjs><campaign>";
  const home = "<--home><git:origin#mogplex-campaign/codemod>";
  expect(asked("plan campaign.yml")).toEqual([`${call}<plan><campaign.yml>${home}`]);
  expect(asked("mogplex-ci campaign retry campaign.yml --home git:x#y --only 'acme/a b'")).toEqual([
    `${call}<retry><campaign.yml><--home><git:x#y><--only><acme/a b>`,
  ]);
  expect(asked("node ci/mogplex.mjs campaign stop campaign.yml")).toEqual([`${call}<stop><campaign.yml>${home}`]);
  asked("plan $(touch PWNED) `touch PWNED` ; touch PWNED");
  expect(existsSync(join(folder, "PWNED"))).toBe(false);
});

test("the workflow asks for the next wave itself only when it is due within two minutes, and switches itself off at the end", async () => {
  const { folder } = await hostileFiles();
  const workflow = read();
  const { run: look = "", if: condition } = step(workflow, "Look whether the next wave is due soon");
  expect(condition).toContain("!inputs.again");
  const soon = (seconds: number) => {
    writeFileSync(join(folder, "output"), "");
    const NEXT = new Date(1_800_000_000_000 + seconds * 1000).toISOString();
    const fixed = look.replace("$(date +%s)", "1800000000");
    expect(runStep(fixed, folder, { NEXT })).toMatchObject({ status: 0, stderr: "" });
    return readFileSync(join(folder, "output"), "utf8");
  };
  expect([-60, 0, 90, 120, 121, 900].map(soon)).toEqual([
    "again=0\n",
    "again=0\n",
    "again=90\n",
    "again=120\n",
    "",
    "",
  ]);

  const { run: clock = "" } = step(workflow, "Ask for the next wave, or switch the workflow off", "clock");
  const env = {
    GITHUB_WORKFLOW_REF: "acme/ops/.github/workflows/campaign-codemod.yml@refs/heads/main",
    GITHUB_REF_NAME: "main",
  };
  expect(runStep(clock, folder, { ...env, STATE: "running", AGAIN: "90" }).calls).toEqual([
    "<sleep><90>",
    "<gh><workflow><run><campaign-codemod.yml><--ref><main><--field><again=true>",
  ]);
  expect(runStep(clock, folder, { ...env, STATE: "done", AGAIN: "" }).calls).toEqual([
    "<gh><workflow><disable><campaign-codemod.yml>",
  ]);
});
