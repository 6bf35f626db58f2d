import { expect, test } from "bun:test";
import { HARNESSES, MODES } from "../../lib/api/contract/rules.ts";
import { VERBS } from "../../lib/cli/verbs.ts";
import { RUN_FLAGS, RUN_FOLLOW_FLAGS } from "../../lib/cli/options/table.ts";
import { EXIT, EXIT_TABLE } from "../../lib/exit_codes.ts";
import { AUTOMATION_EXIT, END_EXIT } from "../../lib/result/ends.ts";
import { VARIABLES } from "../../lib/variables.ts";

const CODES = EXIT_TABLE.map(({ code }) => code);

/** Codes of `ends` that are verdicts alone: none of our own failures ends with them. */
function verdicts(ends: Readonly<Record<string, keyof typeof EXIT>>): string[] {
  return Object.values(ends).map((name) => String(EXIT[name]));
}

test("exit codes of a verb are in the table of exit codes, in its order", () => {
  const lists = VERBS.flatMap(({ name, codes }) => codes === undefined ? [] : [{ name, codes }]);
  expect(lists.length).toBeGreaterThan(0);
  for (const list of lists) expect(list).toEqual({ ...list, codes: CODES.filter((code) => list.codes.includes(code)) });
});

test("verbs that end with a verdict have every exit code, but verdicts that their run cannot have", () => {
  const impossible = verdicts(END_EXIT).filter((code) => !verdicts(AUTOMATION_EXIT).includes(code));
  const codesOf = (name: string) => VERBS.find((verb) => verb.name === name)?.codes ?? CODES;
  for (const name of ["run", "follow", "report"]) expect(codesOf(name)).toEqual(CODES);
  expect(codesOf("automations trigger")).toEqual(CODES.filter((code) => !impossible.includes(code)));
});

test("every toolkit verb can end as a refused command line and as a bug of ours do", () => {
  for (const { name, codes } of VERBS.filter(({ group }) => group === "toolkit")) {
    expect({ name, codes: codes ?? CODES }).toMatchObject({ codes: expect.arrayContaining(["0", "2", "70"]) });
  }
});

test("every flag that a variable names is one of a verb", () => {
  const flags = VERBS.flatMap((verb) => verb.flags.map(({ name }) => `--${name}`));
  const named = VARIABLES.flatMap(({ flag }) => flag.match(/--[\w-]+/g) ?? []);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((flag) => !flags.includes(flag))).toEqual([]);
  // What is no flag is an argument, or there is none.
  expect(new Set(VARIABLES.map(({ flag }) => flag.replace(/`--[\w-]+`/, "")))).toEqual(new Set(["", "argument"]));
});

test("flags and variables name every agent and every mode", () => {
  const help = (flag: string) => [...RUN_FLAGS, ...RUN_FOLLOW_FLAGS].find(({ name }) => name === flag)?.help;
  const meaning = (name: string) => VARIABLES.find((variable) => variable.name === name)?.meaning.replaceAll("`", "");
  expect(help("harness")).toBe(`Agent: ${HARNESSES.join(", ").replace(/, (?=\w+$)/, " or ")}`);
  expect(help("mode")).toBe(MODES.join(", ").replace(/, (?=\w+$)/, " or "));
  expect(meaning("MOGPLEX_HARNESS")).toBe(`${help("harness")}.`);
  expect(meaning("MOGPLEX_MODE")).toBe(`${help("mode")}.`);
});
