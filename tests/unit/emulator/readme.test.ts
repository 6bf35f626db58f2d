import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SCENARIO_NAMES } from "../../../lib/emulator/agents/scenario.ts";
import { makeEmulator } from "../../../lib/emulator/emulator.ts";
import { EVENT_TYPES } from "../../../lib/emulator/service/runs.ts";
import { FAULT_KINDS } from "../../../lib/emulator/state/faults.ts";
import { FLAGS } from "../../../lib/emulator/options.ts";
import { SWITCHES } from "../../../lib/emulator/state/store.ts";
import { parseScenario } from "./scenarios.ts";

/** The names of all control actions, which the refusal of an unknown one lists. */
function actions(): string[] {
  try {
    makeEmulator().control("no-such-action");
  } catch (error) {
    return (error as Error).message.split("use one of ")[1]?.split(", ") ?? [];
  }
  throw new Error("an unknown action was not refused");
}

const readme = readFileSync(join(import.meta.dir, "../../../lib/emulator/README.md"), "utf8");

test("the README names every flag, scenario, fault, switch, event type and control action", () => {
  const names = [
    ...FLAGS.filter(({ name }) => name !== "with").map(({ name }) => `--${name}`),
    ...[...SCENARIO_NAMES, ...FAULT_KINDS, ...SWITCHES, ...EVENT_TYPES].map((name) => `\`${name}\``),
    ...actions().map((name) => `\`${name}\``),
  ];
  expect(names.filter((name) => !readme.includes(name))).toEqual([]);
});

test("the scenario in the README can be read", () => {
  const text = /```yaml\n([^]*?)```/.exec(readme)?.[1] ?? "";
  expect(parseScenario(text, "README.md").steps).toHaveLength(6);
});
