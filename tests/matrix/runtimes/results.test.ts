/** The check of a result file: a worker that must end, and what a job may read, differ by runtime. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { type Ended, launch, REPO, type Service, startService } from "../../programs/processes/world/service.ts";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { onEveryRuntime } from "./every_runtime.ts";

let service: Service;

const SLOW = "a".repeat(40);

function scenario(prompt: string, result: string): string {
  return `match: { prompt: "${prompt}" }
steps:
  - { after: 1, sandbox: up }
  - after: 1
    result: ${result}
    event:
      payload: { stage: git_delivery, changed: true, pull_request_url: "\${pull}", base_branch: "\${base}", working_branch: "\${branch}", auto_committed_files: [] }
  - { after: 1, status: success }
`;
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "mogplex-results-"));
  const texts = [
    scenario("<good>", '{ json: { ok: true, note: "fine" } }'),
    scenario("<slow>", `{ json: { ok: true, note: "${SLOW}!" } }`),
  ];
  const flags = texts.flatMap((text, index) => {
    const path = join(folder, `result-${index}.yaml`);
    writeFileSync(path, text);
    return ["--scenario", path];
  });
  service = await startService({}, flags);
});

afterAll(() => service.close());

/** Runs the command on a runtime; Deno gets the permissions that the command itself asks for. */
async function runWith(name: string, runtime: readonly string[], task: string): Promise<Ended & { cwd: string }> {
  const cwd = mkdtempSync(join(service.folder, `${name}-`));
  const properties = { ok: { type: "boolean" }, note: { type: "string", pattern: "^(a+)+$|^fine$" } };
  writeFileSync(
    join(cwd, "schema.yaml"),
    `type: object\nproperties: ${JSON.stringify(properties)}\nadditionalProperties: false\n`,
  );
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    CI: "true",
    MOGPLEX_CI_JOB: task,
  };
  const flags = ["--repo", REPO, "--result", ".mogplex/result-{id}.json", "--schema", "schema.yaml"];
  let line = runtime;
  if (name === "deno") {
    const { stdout } = await launch([runtimes.node, built("mogplex.mjs"), "permissions", ...flags], { cwd, env }).ended;
    line = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...stdout.trim().split(" ")];
  }
  return {
    ...await launch([...line, built("mogplex.mjs"), "run", "--follow", task, ...flags], { cwd, env }).ended,
    cwd,
  };
}

onEveryRuntime(
  "run --result ends with 0, the value and its outputs when the file is good",
  async ({ name, runtime }) => {
    const { code, stderr, cwd } = await runWith(name, runtime, "<good>");
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^note: [^\n]*\n$/) });
    expect(JSON.parse(readFileSync(join(cwd, "mogplex-ci/value.json"), "utf8"))).toEqual({ ok: true, note: "fine" });
    expect(readFileSync(join(cwd, "mogplex-ci/outputs.env"), "utf8")).toContain(
      "MOGPLEX_RESULT_OK=true\nMOGPLEX_RESULT_NOTE=fine\n",
    );
  },
);

onEveryRuntime("run --result ends with 1 when the pattern of a schema takes too long", async ({ name, runtime }) => {
  const { code, cwd } = await runWith(name, runtime, "<slow>");
  const { resultFile } = JSON.parse(readFileSync(join(cwd, "mogplex-ci/result.json"), "utf8"));
  // The engine of Bun gives up by itself, and takes the text for one that does not match. On a slow machine, the limit comes first.
  const mistakes = [
    ...(name === "bun" ? ['"/note" must match "^(a+)+$|^fine$" (pattern)'] : []),
    "the whole value could not be checked within 10 s",
  ];
  const { cause, mistakes: [mistake, ...others] } = resultFile;
  expect({ code, cause, others }).toEqual({ code: 1, cause: "result-invalid", others: [] });
  expect(mistakes).toContain(mistake);
});
