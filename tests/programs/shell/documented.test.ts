import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPO, type Service, startService } from "../processes/world/service.ts";
import {
  BRANCH_ON_CODES,
  END_TO_END,
  INSTALL_CHECK,
  REPORT_STEP,
  REPOS_DASHBOARD,
  RETRY_LOOP,
  SANDBOXES_DASHBOARD,
  START_STEP,
  TAIL_STEP,
} from "./documented.ts";
import { createShell, MISSING, type Shell } from "./shell.ts";

let service: Service;
let shell: Shell;

beforeAll(async () => {
  service = await startService({
    "Run the dependency cleanup checklist": "success",
    "Apply the linter autofixes": "success",
    // The dashboards show sandboxes that are active after their runs.
  }, ["--sandbox-linger", "3600"]);
});

afterAll(() => service.close());

/** Gives the test a token of its own, and so limits of its own. */
function fresh(): void {
  shell = createShell(service, service.token());
}

const documented = test.skipIf(MISSING.length > 0);
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function started(prompt: string): Promise<string> {
  const script = `mogplex run --repo ${REPO} --create-branch --json "${prompt}" | jq -r '.runId'\n`;
  return (await shell.run(script)).stdout.trim();
}

documented("the help shows its first line when it is piped into head -1", async () => {
  fresh();
  const { code, stdout, stderr } = await shell.run(`set -o pipefail\n${INSTALL_CHECK}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.split("\n").length).toBe(2);
});

documented("the three GitHub Actions steps start, tail and report a run", async () => {
  fresh();
  const output = join(service.folder, "github-output");
  writeFileSync(output, "");
  const start = await shell.run(START_STEP, { MOGPLEX_REPO_ID: REPO, GITHUB_OUTPUT: output });
  const runId = /^run_id=(.*)\n$/.exec(readFileSync(output, "utf8"))?.[1] ?? "";
  expect(runId).toMatch(ID);
  expect({ code: start.code, stdout: start.stdout }).toEqual({ code: 0, stdout: `Started run ${runId}\n` });

  const fill = (step: string) => step.replace("${{ steps.start.outputs.run_id }}", runId);
  const tail = await shell.run(fill(TAIL_STEP));
  expect(tail.code).toBe(0);
  expect(tail.stdout).toMatch(/ {2}started {2}External Mogplex run accepted\n/);
  expect(tail.stdout).toEndWith(`--- run ${runId} success ---\n`);

  const report = await shell.run(fill(REPORT_STEP));
  expect({ code: report.code, stdout: report.stdout }).toEqual({
    code: 0,
    stdout: "::notice::Final run status: success\n",
  });
});

documented("the report step fails when the run failed, while the tail step is green", async () => {
  fresh();
  const runId = await started("<agent-failure>");
  const fill = (step: string) => step.replace("${{ steps.start.outputs.run_id }}", runId);
  const tail = await shell.run(fill(TAIL_STEP));
  expect(tail.code).toBe(0);
  expect(tail.stdout).toEndWith(`--- run ${runId} failed ---\n`);
  const report = await shell.run(fill(REPORT_STEP));
  expect({ code: report.code, stdout: report.stdout }).toEqual({
    code: 1,
    stdout: "::notice::Final run status: failed\n",
  });
});

documented("the start step fails when the token may only read", async () => {
  fresh();
  const env = { MOGPLEX_REPO_ID: REPO, GITHUB_OUTPUT: "/dev/null", MOGPLEX_API_KEY: service.readOnlyToken };
  const { code, stdout } = await shell.run(START_STEP, env);
  expect({ code, stdout }).toEqual({ code: 65, stdout: "" });
});

documented("the retry loop backs off after 75 and 69, and tails to the end", async () => {
  fresh();
  const runId = await started("<success>");
  await service.control("fault", { kind: "429", route: "GET /runs/*/events", retryAfter: 3600 });
  const limited = await shell.run(RETRY_LOOP, { RUN_ID: runId });
  expect(limited.code).toBe(0);
  expect(limited.stdout).toEndWith(`--- run ${runId} success ---\n`);
  expect(shell.slept()).toEqual(["30"]);

  await service.control("fault", { kind: "503", route: "GET /runs/*/events", retryAfter: 3600, times: 2 });
  const down = await shell.run(RETRY_LOOP, { RUN_ID: runId });
  expect(down.code).toBe(0);
  expect(shell.slept()).toEqual(["60", "60"]);
});

documented("the retry loop gives up with 75 after three attempts", async () => {
  fresh();
  const runId = await started("<success>");
  await service.control("fault", { kind: "429", route: "GET /runs/*/events", retryAfter: 3600, times: 3 });
  const { code, stdout } = await shell.run(RETRY_LOOP, { RUN_ID: runId });
  expect({ code, stdout }).toEqual({ code: 75, stdout: "giving up after 3 attempts\n" });
  expect(shell.slept()).toEqual(["30", "60", "90"]);
});

documented(
  "the retry loop ends at once with 64 when the token is wrong, and with 1 when there is no such run",
  async () => {
    fresh();
    const runId = crypto.randomUUID();
    const wrong = await shell.run(RETRY_LOOP, { RUN_ID: runId, MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" });
    expect({ code: wrong.code, stdout: wrong.stdout }).toEqual({ code: 64, stdout: "auth issue (exit 64)\n" });
    const unknown = await shell.run(RETRY_LOOP, { RUN_ID: runId });
    expect({ code: unknown.code, stdout: unknown.stdout }).toEqual({ code: 1, stdout: "non-retryable (exit 1)\n" });
    expect(shell.slept()).toEqual([]);
  },
);

documented("the dashboards list repositories and running sandboxes with a token that may only read", async () => {
  fresh();
  await shell.run(TAIL_STEP.replace("${{ steps.start.outputs.run_id }}", await started("<success>")));
  const env = { MOGPLEX_API_KEY: service.readOnlyToken };
  const repos = await shell.run(REPOS_DASHBOARD, env);
  expect(repos.code).toBe(0);
  expect(JSON.parse(repos.stdout)).toEqual({ id: REPO, full_name: "acme/web" });
  const sandboxes = await shell.run(SANDBOXES_DASHBOARD, env);
  expect(sandboxes.code).toBe(0);
  const shown = sandboxes.stdout.split(/^(?=\{)/m).filter(Boolean).map((text) => JSON.parse(text) as unknown);
  expect(shown.length).toBeGreaterThan(0);
  for (const sandbox of shown) expect(sandbox).toMatchObject({ status: "running", repo_id: REPO });
});

documented("the end-to-end sketch starts, tails and judges a run", async () => {
  fresh();
  const { code, stdout } = await shell.run(END_TO_END, { MOGPLEX_REPO: REPO });
  expect(stdout).toMatch(/^started run [0-9a-f-]{36}\n/);
  expect(stdout).toEndWith(" success ---\n✓ run succeeded\n");
  expect(code).toBe(0);
});

documented("the case on exit codes starts the script again after 75", async () => {
  fresh();
  const runId = await started("<success>");
  await service.control("fault", { kind: "429", route: "GET /runs/*/events", retryAfter: 3600 });
  const { code, stdout } = await shell.run(`#!/usr/bin/env bash\n${BRANCH_ON_CODES}`, { RUN_ID: runId });
  expect(shell.slept()).toEqual(["60"]);
  expect(stdout).toStartWith("rate limited — backing off\n");
  expect(stdout).toEndWith("run completed cleanly\n");
  expect(code).toBe(0);
});
