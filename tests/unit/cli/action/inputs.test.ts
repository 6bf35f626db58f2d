import { expect, test } from "bun:test";
import { ACTION_INPUTS, inputsFirst, inputText, isOn } from "../../../../lib/cli/action/inputs.ts";
import { flagsOf } from "../../../../lib/cli/verb.ts";
import { runFollowVerb } from "../../../../lib/cli/verbs/run_follow.ts";
import { UsageError } from "../../../../lib/errors.ts";
import { INPUT_TEXTS } from "../../../../tools/build/action_yaml.ts";
import { type Inputs, inputVariables, step } from "./action_job.ts";
import { world } from "../world.ts";

/** Reads variables of a step with these inputs and variables. */
function reader(inputs: Inputs, env: Record<string, string> = {}) {
  const all: Record<string, string> = { ...inputVariables(inputs), ...env };
  return inputsFirst((name) => all[name]);
}

test("the action has an input for every flag of run --follow, but for those that a step has no use for", () => {
  // A step prints no JSON, has its own place for the state, and its own comment. Input follow sets --detach, input create-branch
  // --no-create-branch; --new and --forge-host are for a folder outside of CI, and --open for a person at a terminal.
  // Traces are the command's alone.
  const without = [
    "json",
    "state",
    "detach",
    "resume",
    "note",
    "no-create-branch",
    "new",
    "open",
    "forge-host",
    "otel-file",
  ];
  const flags = flagsOf(runFollowVerb).map(({ name }) => name).filter((name) => !without.includes(name));
  expect(flags.filter((flag) => !(flag in ACTION_INPUTS))).toEqual([]);
});

test("ACTION_INPUTS name options and variables, each once, and all are described", () => {
  const rows: unknown[] = Object.values(ACTION_INPUTS).filter((row) => row !== null);
  expect(rows).toEqual([...new Set(rows)]);
  expect(Object.keys(INPUT_TEXTS)).toEqual(Object.keys(ACTION_INPUTS));
});

test("inputsFirst() lets an input win over its variable, and counts an empty or blank one as unset", () => {
  const env = { MOGPLEX_BASE_BRANCH: "main", MOGPLEX_REPO_ID: "r" };
  expect(reader({ "base-branch": "next" }, env)("MOGPLEX_BASE_BRANCH")).toBe("next");
  for (const blank of ["", " ", "\n"]) {
    expect(reader({ "base-branch": blank }, env)("MOGPLEX_BASE_BRANCH")).toBe("main");
  }
  expect(reader({}, env)("MOGPLEX_REPO_ID")).toBe("r");
  expect(reader({}, { PATH: "/bin" })("PATH")).toBe("/bin");
  expect(reader({ "prompt": "  two\nlines " })("MOGPLEX_PROMPT")).toBe("  two\nlines ");
});

test("inputsFirst() hides the variables of what another input gives", () => {
  const env = { MOGPLEX_PROMPT: "p", MOGPLEX_PROMPT_FILE: "f", MOGPLEX_API_KEY_FILE: "k", MOGPLEX_KEY_SCOPE: "day" };
  expect(reader({ "prompt-file": "task.md" }, env)("MOGPLEX_PROMPT")).toBeUndefined();
  expect(reader({ "prompt": "x" }, env)("MOGPLEX_PROMPT_FILE")).toBeUndefined();
  expect(reader({ "token": "t" }, env)("MOGPLEX_API_KEY_FILE")).toBeUndefined();
  expect(reader({ "idempotency-key": "k" }, env)("MOGPLEX_KEY_SCOPE")).toBeUndefined();
  // What both inputs say is a contradiction of the workflow's own.
  expect(reader({ "prompt": "x", "prompt-file": "f" }, env)("MOGPLEX_PROMPT_FILE")).toBe("f");
});

test("inputsFirst() creates a branch unless input or variable says otherwise", () => {
  const created = (inputs: Inputs, env?: Record<string, string>) => reader(inputs, env)("MOGPLEX_CREATE_BRANCH");
  expect([created({}), created({ "create-branch": "false" })]).toEqual(["true", "false"]);
  expect(created({}, { MOGPLEX_CREATE_BRANCH: "false" })).toBe("false");
});

test("isOn() reads switches, and refuses other words by the name of the input", () => {
  const env = (value: string) => (name: string) => name === "INPUT_FOLLOW" ? value : undefined;
  expect(["true", "false", " true\n", ""].map((value) => isOn(env(value), "follow", true))).toEqual([
    true,
    false,
    true,
    true,
  ]);
  expect(() => isOn(env("yes"), "follow", true)).toThrow(UsageError);
  expect(() => isOn(env("yes"), "follow", true)).toThrow(/input follow .*"yes"/);
  expect(inputText(env("x"), "out")).toBeUndefined();
});

const REFUSED: Record<string, string> = {
  "repo": "web",
  "mode": "fast",
  "create-branch": "yes",
  "follow": "no",
  "timeout": "soon",
  "on-timeout": "stop",
  "on-interrupt": "never",
  "key-scope": "week",
  "token-share": "0",
  "log": "loud",
  "report": "pdf",
  "show-task": "never",
  "comment": "auto",
  "branch": "a b",
  "root": "../..",
};

for (const [name, value] of Object.entries(REFUSED)) {
  test(`a step refuses "${value}" for input ${name} with 2, and sends nothing`, async () => {
    const at = world();
    const { code, log, outputs, state } = await step({ [name]: value }, { at });
    expect({ code, exit_code: outputs.exit_code, ended: state.ended }).toEqual({ code: 2, exit_code: "2", ended: "2" });
    expect(log.match(/^(?:error: |reason {8})Cannot /gm)).toHaveLength(1);
    expect(log).toContain(JSON.stringify(value).slice(1, -1));
    expect(log.match(/^::error title=[^\n]*exit code 2/gm)).toHaveLength(1);
    expect(at.requests.filter((each) => each.startsWith("POST"))).toEqual([]);
    const named = ["timeout", "on-timeout", "on-interrupt", "key-scope", "token-share", "log", "create-branch"];
    if ([...named, "follow", "comment"].includes(name)) expect(log).toContain(`Cannot use input ${name} because `);
  });
}

test("a step takes durations as people write them, and up to the limit of the wait", async () => {
  for (const [text, seconds] of [["5", 5], ["5s", 5], ["1m", 60], ["1h1m", 3_660]] as const) {
    const at = world("stuck-streaming");
    const before = at.clock.now();
    expect((await step({ timeout: text }, { at })).code).toBe(124);
    expect(Math.round((at.clock.now() - before) / 1_000)).toBe(seconds);
  }
  const { code, log } = await step({ timeout: "1000h" });
  expect([code, /input timeout because it must be a duration such as .*, at most 720h: "1000h"/.test(log)]).toEqual([
    2,
    true,
  ]);
});
