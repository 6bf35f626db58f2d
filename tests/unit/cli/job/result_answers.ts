/** Runs that commit a file with their result, for jobs of the command line, the components and the action. */
import { parseScenario } from "../../emulator/scenarios.ts";
import { type World, world } from "../world.ts";

export const SCHEMA: string = JSON.stringify({
  type: "object",
  required: ["ok"],
  properties: { ok: { type: "boolean" }, version: { type: "string" }, findings: { type: "array" } },
  additionalProperties: false,
});

/** The emulator shows the files of its repositories at its own address, as a local Mogplex does. */
export const LOCAL = { MOGPLEX_URL: "http://127.0.0.1:8787", MOGPLEX_DEV: "1" };

/** A world in which each run commits one of these files, in turn; the last one again and again. A run with `fail` fails. */
export function answers(...results: string[]): World {
  const scenarios = results.map((result, index) =>
    parseScenario(
      `match: { attempt: ${index + 1 < results.length ? index + 1 : "[1, 2, 3, 4, 5]"} }
steps:
  - { after: 5, sandbox: up }
${result === "fail" ? "  - { after: 5, fail: it broke }" : ""}
  - { after: 5${
        result === "" || result === "fail" ? "" : `, result: ${result}`
      }, event: { payload: { stage: git_delivery, changed: true, pull_request_url: "\${pull}", base_branch: "\${base}", working_branch: "\${branch}", auto_committed_files: [] } } }
  - { after: 1, status: success }
`,
      `s${index}.yaml`,
    )
  );
  return world("", { scenarios });
}
