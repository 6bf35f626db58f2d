/** The verbs about automations as the shipped file. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SCENARIO_TEXTS } from "../../../lib/emulator/agents/scenario.ts";
import { type ServedEmulator, startEmulator } from "../../../lib/emulator/server.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { launch, type Running } from "./world/service.ts";
import { parseScenario } from "../../unit/emulator/scenarios.ts";

/** The scenario whose name in angle brackets the key holds plays. */
const SCENARIOS = Object.entries(SCENARIO_TEXTS).filter(([, text]) => /^automation:/m.test(text))
  .map(([name, text]) => parseScenario(`match: { key: "<${name}>" }\n${text}`, name));

let folder: string;
const program = built("mogplex.mjs");
let service: ServedEmulator;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-automations-"));
  const revision = { automationRunCancel: true, prReviews: true };
  service = await startEmulator({ scenarios: SCENARIOS, speed: 100, revision });
});

afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The last line of an output. */
function last(stdout: string): unknown {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

const start = (...args: string[]): Running => {
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token };
  return launch([runtimes.node, program, ...args], { cwd: mkdtempSync(join(folder, "job-")), env });
};
const trigger = (scenario: string, ...args: string[]): Running => {
  const { repos, emulator } = service;
  const [id = ""] = emulator.world.store.automations.keys();
  const key = `<${scenario}> ${args.join(" ")}`;
  const line = ["automations", "trigger", id, "--repo", repos[0]?.id ?? "", "--idempotency-key", key, ...args];
  return start(...line);
};

test("automations list ends with 0 and prints what there is", async () => {
  const { code, stdout } = await start("automations", "list", "--json").ended;
  expect([code, last(stdout)]).toEqual([0, expect.objectContaining({ name: "Nightly clean-up", status: "active" })]);
});

test("automations trigger ends with 0 when a run works, 124 when it waits, 75 when nothing was started", async () => {
  const cases = [["success", 0], ["automation-slot", 124], ["automation-suppressed", 75]] as const;
  for (const [scenario, expected] of cases) {
    const { code, stdout } = await trigger(scenario, "--json").ended;
    expect([scenario, code, last(stdout)]).toEqual([
      scenario,
      expected,
      expect.objectContaining({ exitCode: expected }),
    ]);
  }
});

test("automations trigger --follow ends with 0 when the run succeeds", async () => {
  const { code, stdout } = await trigger("success", "--follow").ended;
  expect(stdout).toContain("\nverdict       success (exit code 0)\n");
  expect(code).toBe(0);
});

test("automations trigger --follow ends with 1 when the run fails, and 3 when it is cancelled", async () => {
  for (
    const [scenario, expected, outcome] of [["agent-failure", 1, "failed"], ["automation-cancelled", 3, "cancelled"]]
  ) {
    const { code, stdout } = await trigger(String(scenario), "--follow", "--json").ended;
    expect([code, last(stdout)]).toEqual([expected, expect.objectContaining({ outcome, exitCode: expected })]);
  }
});

test("automations trigger --follow ends with 75 or 124 when nothing has ended in time", async () => {
  for (const [scenario, expected] of [["automation-suppressed", 75], ["automation-stuck", 124]] as const) {
    const { code, stdout } = await trigger(scenario, "--follow", "--json", "--timeout", "3").ended;
    expect([code, last(stdout)]).toEqual([expected, expect.objectContaining({ exitCode: expected })]);
  }
});

test("automations trigger --follow cancels its run and ends with 143 on SIGTERM", async () => {
  const { child, seen, ended } = trigger("automation-stuck", "--follow");
  await seen(/^triggered automation .*\(running\)$/m);
  child.kill("SIGTERM");
  const { code, stdout } = await ended;
  expect(stdout).toContain("reason        Stopped by SIGTERM; the automation run was cancelled\n");
  expect(stdout).toContain("(cancelled)\n");
  expect(code).toBe(143);
});
