import { expect, test } from "bun:test";
import { parseScenario } from "../../emulator/scenarios.ts";
import { REPO, type World, world } from "../world.ts";

const SCHEMA = JSON.stringify({
  type: "object",
  required: ["ok"],
  properties: { ok: { type: "boolean" }, version: { type: "string" }, findings: { type: "array" } },
  additionalProperties: false,
});
const FILES = { "schema.json": SCHEMA };
const JOB = { CI: "true", MOGPLEX_CI_JOB: "nightly" };
/** The emulator shows the files of its repositories at its own address, as a local Mogplex does. */
const LOCAL = { MOGPLEX_URL: "http://127.0.0.1:8787", MOGPLEX_DEV: "1", ...JOB };
const RUN = [
  "run",
  "--follow",
  "Review it",
  "--repo",
  REPO,
  "--result",
  ".mogplex/result-{id}.json",
  "--schema",
  "schema.json",
];

/** A world in which each run commits one of these files, in turn; the last one again and again. */
function answers(...results: string[]): World {
  const scenarios = results.map((result, index) =>
    parseScenario(
      `steps:
  - { after: 5, sandbox: up }
  - { after: 5${
        result === "" ? "" : `, result: ${result}`
      }, event: { payload: { stage: git_delivery, changed: true, pull_request_url: "https://github.com/acme/api/pull/${
        index + 1
      }", base_branch: "\${base}", working_branch: "\${working}", auto_committed_files: [] } } }
  - { after: 1, status: success }
`,
      `s${index}.yaml`,
    )
  );
  return world("", { scenarios });
}

test("run --result returns the checked value, its copy and its outputs when the file is good", async () => {
  const { cli, emulator } = answers('{ json: { ok: true, version: "1.2.3", findings: [] } }');
  const { code, stdout, stderr, io } = await cli(RUN, { env: LOCAL, files: FILES });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  const result = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
  expect(result).toMatchObject({ outcome: "success", value: { ok: true, version: "1.2.3", findings: [] } });
  expect(result.resultFile).toMatchObject({ cause: null, mistakes: [], outputs: { ok: true, version: "1.2.3" } });
  expect(stdout).toContain("verdict       success");
  const [run] = [...emulator.world.store.runs.values()];
  expect(run?.prompt).toContain(`as JSON to the file "${result.resultFile.path}"`);
  expect(run?.prompt.split("\n").at(-1)).toBe(SCHEMA);
});
