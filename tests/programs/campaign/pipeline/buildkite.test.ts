/** What the step for Buildkite says, and what its script does once it was uploaded. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { buildkite } from "../../../../lib/campaign/pipeline/buildkite.ts";
import { hostileFiles } from "../../../unit/campaign/pipeline/hostile_names.ts";
import { type SampleChanges, sampleInput } from "../../../unit/campaign/pipeline/sample_input.ts";

interface Step {
  command: string;
  agents?: string[];
  [key: string]: unknown;
}

/** Source: Buildkite, "Environment variables", runtime variable interpolation: `$$` is a `$`, and any other `$` begins a variable. */
function uploaded(text: string): string {
  expect(text.replaceAll("$$", "")).not.toContain("$");
  return text.replaceAll("$$", "$");
}

function textOf(changes: SampleChanges = {}): string {
  return buildkite.render(sampleInput(changes))[0]?.text ?? "";
}

function read(changes?: SampleChanges): Step {
  const { steps } = parse(uploaded(textOf(changes))) as { steps: Step[] };
  expect(steps).toHaveLength(1);
  return steps[0] as Step;
}

test("buildkite() makes a step with one wave at a time, whose home is a branch, and which an outage does not fail", () => {
  expect(read({ settings: { tags: ["queue=big"], image: "node:22.11.0" } })).toMatchObject({
    label: ":repeat: Campaign codemod",
    if: "build.branch == pipeline.default_branch",
    concurrency: 1,
    concurrency_group: "mogplex-default-codemod",
    agents: ["queue=big"],
    image: "node:22.11.0",
    secrets: ["MOGPLEX_API_KEY"],
    soft_fail: [{ exit_status: 69 }, { exit_status: 75 }],
    command: expect.stringContaining(
      "exec node ./ci/mogplex.mjs campaign advance campaign.yml --home 'git:origin#mogplex-campaign/codemod'",
    ),
  });
  expect(textOf()).toContain("#   7,22,37,52 * * * *\n");
  expect(textOf()).toBe(textOf());
});

test("buildkite() refuses what Buildkite cannot do, with words", () => {
  expect(() => read({ home: "dir" })).toThrow("no directory goes from one job of Buildkite to the next");
  expect(() => read({ settings: { tags: ["linux"] } })).toThrow("a tag of Buildkite's agents is a name and a value");
  expect(() => read({ settings: { everyMs: 7 * 60_000 } })).toThrow("the schedule of Buildkite cannot");
  expect(() => read({ settings: { rehearsalMs: 1 } })).toThrow("--rehearsal");
});

test("buildkite() takes hostile names as they are: the upload replaces nothing in them, and no shell executes them", async () => {
  const { folder, files: [file, ...includes] } = await hostileFiles();
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/node"), `#!/bin/sh\nprintf '<%s>' "$@" >> calls; echo >> calls\n`, { mode: 0o755 });
  for (const { path } of includes) {
    const named = includes.find((each) => each.path === path) ?? file;
    const { command } = read({
      file: named,
      includes: [file, ...includes],
      program: { kind: "command", name: "node" },
    });
    writeFileSync(join(folder, "calls"), "");
    const { status, stderr } = spawnSync("bash", ["-e", "-c", command], {
      cwd: folder,
      encoding: "utf8",
      env: { PATH: `${join(folder, "bin")}:${process.env.PATH}`, HOME: "/wrong" },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const home = "<--home><git:origin#mogplex-campaign/codemod>";
    expect(readFileSync(join(folder, "calls"), "utf8")).toBe(
      `<campaign><status><${path}>${home}\n<campaign><advance><${path}>${home}\n`,
    );
  }
  expect(existsSync(join(folder, "PWNED"))).toBe(false);
});
