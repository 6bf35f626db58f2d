import { expect, test } from "bun:test";
import { UsageError } from "../../../lib/errors.ts";
import { parseScenario } from "../../../lib/emulator/agents/scenario.ts";

function problem(text: string): string {
  try {
    parseScenario(text, "s.yaml");
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return "none";
}

test("parseScenario() fills in defaults", () => {
  expect(parseScenario("steps: [{ sandbox: up }]", "s.yaml")).toEqual({
    match: {},
    speed: 1,
    steps: [{ after: 0, repeat: 1, every: 0, sandbox: "up" }],
  });
});

test("parseScenario() reads JSON too", () => {
  const { steps } = parseScenario('{"steps":[{"after":2,"event":{"message":"m"}}]}', "s.json");
  expect(steps[0]?.event).toEqual({ type: "log", message: "m", payload: {}, verbatim: false });
});

test("parseScenario() names line and column of a wrong value", () => {
  expect(problem("steps:\n  - after: 1\n  - after: soon\n")).toStartWith(
    'Cannot read scenario: s.yaml:3:12: at "steps.1.after"',
  );
});

test("parseScenario() names line and column of an unknown field", () => {
  expect(problem("name: x\nsteps:\n  - afer: 1\n")).toStartWith('Cannot read scenario: s.yaml:3:11: at "steps.0.afer"');
});

test("parseScenario() names an unknown event type where it stands", () => {
  expect(problem("steps:\n  - event:\n      type: tool_call\n")).toStartWith(
    'Cannot read scenario: s.yaml:3:13: at "steps.0.event.type"',
  );
});

test("parseScenario() names the place of a mistake in the YAML itself", () => {
  expect(problem("steps:\n  - { after: 1\n")).toMatch(/^Cannot read scenario: s\.yaml:[23]:\d+: /);
});

test("parseScenario() refuses aliases that multiply, lead nowhere or to themselves, and deep nesting", () => {
  const tens = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(of).join(",")}]`;
  const bomb = ["x", "*a", "*b", "*c", "*d", "*e"].map((of, index) => tens("abcdef".charAt(index), of)).join("\n");
  const deep = 50_000;
  for (
    const text of [
      `${bomb}\nsteps: *f`,
      "steps: *missing",
      "steps: [{ event: { type: log, payload: &loop { again: *loop } } }]",
      `steps: ${"[".repeat(deep)}${"]".repeat(deep)}`,
    ]
  ) {
    expect(() => parseScenario(text, "bomb.yaml"), text.slice(-60)).toThrow(UsageError);
  }
});

test("parseScenario() refuses a file that is no mapping", () => {
  expect(problem("- just a list")).toStartWith("Cannot read scenario: s.yaml:1:1");
});

test("parseScenario() refuses negative times and a speed of zero", () => {
  expect(problem("steps: [{ after: -1 }]")).toContain('at "steps.0.after"');
  expect(problem("speed: 0")).toContain('at "speed"');
});

test("parseScenario() reads what happens to runs of automations, and names its mistakes", () => {
  const { automation } = parseScenario("automation: { slotAfter: 5, steps: [{ status: success }] }", "s.yaml");
  expect(automation).toEqual({ slotAfter: 5, steps: [{ after: 0, status: "success" }] });
  expect(problem("automation:\n  steps:\n    - status: streaming\n")).toStartWith(
    'Cannot read scenario: s.yaml:3:15: at "automation.steps.0.status"',
  );
  expect(problem("automation: { suppress: BECAUSE }")).toContain('at "automation.suppress"');
  expect(problem("automation: { suppress: REPO_PENDING_LIMIT, times: 0 }")).toContain('at "automation.times"');
});
