import { expect, test } from "bun:test";
import { UsageError } from "../../../../lib/errors.ts";
import { parseScenarios } from "../../../../lib/emulator/agents/scenario.ts";
import { parseScenario } from "../scenarios.ts";

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

test("parseScenario() names the known field or word that is nearest", () => {
  const cases: [string, string][] = [
    ["steps: [{ aftr: 1 }]", 'at "steps.0.aftr", there is no such field; did you mean "after"?'],
    ["mach: {}", 'at "mach", there is no such field; did you mean "match"?'],
    ["match: { atempt: 1 }", 'at "match.atempt", there is no such field; did you mean "attempt"?'],
    [
      "scenarios: [{ match: { repos: a } }]",
      'at "scenarios.0.match.repos", there is no such field; did you mean "repo"?',
    ],
    ["scenarios: [{ play: success }]\nspeed: 1", 'at "speed", there is no such field'],
    ["duration: { medain: 20m }", 'at "duration.median", it must be a time'],
    ["duration: { median: 20m, sgma: 1 }", 'at "duration.sgma", there is no such field; did you mean "sigma"?'],
    ["play: agent-failur", 'did you mean "agent-failure"?'],
    ["match: { with: streams }", 'did you mean "stream"?'],
    ["wholly_unknown_field: 1", 'at "wholly_unknown_field", there is no such field'],
  ];
  expect(cases.filter(([text, part]) => !problem(text).includes(part)).map(([text]) => [text, problem(text)])).toEqual(
    [],
  );
  expect(problem("wholly_unknown_field: 1")).not.toContain("did you mean");
});

test("parseScenario() reads lengths with a unit, and distributions with their defaults", () => {
  const lengths = ["90", "90s", "20m", "1.5h", "{ median: 20m }", "{ median: 5, sigma: 0, seed: 3 }"];
  expect(lengths.map((text) => parseScenario(`duration: ${text}`, "s.yaml").duration)).toEqual([
    90,
    90,
    1_200,
    5_400,
    { median: 1_200, sigma: 0.5, seed: 1 },
    { median: 5, sigma: 0, seed: 3 },
  ]);
  for (const text of ["0", "-1", "soon", "20 minutes", "1d", "[20m]", "{}", "{ median: 20m, sigma: -1 }"]) {
    expect(problem(`duration: ${text}`), text).toContain('at "duration');
  }
  expect(problem("duration: soon")).toContain("it must be a time such as 20m, or { median: 20m, sigma: 0.5, seed: 1 }");
});

test("parseScenario() refuses what cannot be matched", () => {
  const cases: [string, string][] = [
    ["{ attempt: 0 }", 'at "match.attempt", it must be 1 or more'],
    ["{ attempt: x }", 'at "match.attempt", it must be a whole number above 0, or a list of them'],
    ["{ attempt: [1, 0] }", 'at "match.attempt.1"'],
    ["{ repo: [] }", 'at "match.repo"'],
    ["{ repo: 5 }", 'at "match.repo", it must be a name or pattern, or a list of them'],
    ["{ every: 1.5 }", 'at "match.every"'],
    ["{ every: 0 }", 'at "match.every", it must be 1 or more'],
  ];
  expect(
    cases.filter(([match, part]) => !problem(`match: ${match}`).includes(part)).map(([match]) => [
      match,
      problem(`match: ${match}`),
    ]),
  ).toEqual([]);
});

test("parseScenarios() reads a set, whose scenarios may play built-in ones with a match of their own", () => {
  const scenarios = parseScenarios(
    `
description: Two of a kind
scenarios:
  - { match: { repo: a/b }, play: agent-failure, speed: 2, duration: 1m }
  - { steps: [{ after: 1, status: success }] }`,
    "s.yaml",
  );
  expect(scenarios).toMatchObject([
    { name: "agent-failure", match: { repo: "a/b" }, speed: 2, duration: 60, automation: { steps: [{ after: 15 }] } },
    { match: {}, steps: [{ after: 1, status: "success" }] },
  ]);
  expect(scenarios[0]?.steps).toHaveLength(7);
  expect(scenarios[0]).not.toHaveProperty("play");
});

test("parseScenarios() refuses an empty set, a set in a set, and steps beside play", () => {
  expect(problem("scenarios: []")).toStartWith('Cannot read scenario: s.yaml:1:12: at "scenarios"');
  expect(problem("scenarios:\n  - scenarios: []")).toContain('s.yaml:2:16: at "scenarios.0.scenarios"');
  expect(problem("scenarios:\n  - play: campaign")).toBe(
    'Cannot read scenario: s.yaml:2:11: at "scenarios.0.play", "campaign" is a set of scenarios, which cannot be part of another set; ' +
      "use --scenario campaign",
  );
  expect(problem("scenarios:\n  - { steps: [{}], play: success }")).toBe(
    'Cannot read scenario: s.yaml:2:26: "play" already provides the steps; remove steps, automation and refuseQueue',
  );
});

test("parseScenario() refuses an unknown placeholder, with its place, and takes an escaped one", () => {
  const of = (message: string) => () => parseScenario(`steps:\n  - event: { message: "${message}" }\n`, "s.yaml");
  expect(of("on ${branhc}")).toThrow(
    's.yaml:2:23: at "steps.0.event.message", "${branhc}" is not a variable (did you mean "${branch}"?); ' +
      'write "$${branhc}" for the literal text',
  );
  for (const text of ["${}", "${ n }", "${HOME}", "${repo} ${constructor}"]) {
    expect(of(text)).toThrow("is not a variable");
  }
  for (const text of ["${n} ${repo}", "$${HOME}", "$HOME", "{n}"]) expect(of(text)).not.toThrow();
  const set = 'scenarios: [{ steps: [{ fail: "${x}" }] }]';
  expect(() => parseScenarios(set, "s")).toThrow('at "scenarios.0.steps.0.fail", "${x}" is not a variable');
});

test("parseScenario() reads faults, and refuses kinds that do not exist", () => {
  const { faults, steps } = parseScenario(
    "faults: [{ kind: 503, route: POST /runs, retryAfter: 2 }]\nsteps: [{ fault: { kind: reset0, times: 2 } }]",
    "s",
  );
  expect(faults).toEqual([{ kind: "503", route: "POST /runs", retryAfter: 2 }]);
  expect(steps[0]?.fault).toEqual({ kind: "reset0", times: 2 });
  expect(() => parseScenario("faults: [{ kind: rest0 }]", "s")).toThrow('at "faults.0.kind"');
  expect(() => parseScenario("faults: [{ kind: 503, route: runs }]", "s")).toThrow("it must be a path");
});
