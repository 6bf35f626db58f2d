import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { HARNESSES, MODES } from "../../../lib/service/contract.ts";
import { codesOf, commandVocabulary, flagsOf, inputWords, type Verb, type VerbFlag } from "../../../lib/cli/verb.ts";
import { ENVIRONMENT } from "../../../lib/cli/environment.ts";
import * as TABLE from "../../../lib/cli/options.ts";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { EXIT, EXIT_TABLE, type ExitName } from "../../../lib/exit_codes.ts";
import { DEFAULT_TIMEOUT_MS } from "../../../lib/run/session.ts";
import { AUTOMATION_EXIT, END_EXIT } from "../../../lib/run/result.ts";

const CODES = Object.keys(EXIT) as ExitName[];
const CLI = join(import.meta.dir, "../../../lib/cli");

test("exit codes of a verb are in the order of the table of exit codes", () => {
  const lists = VERBS.flatMap((verb) => {
    const codes = codesOf(verb);
    return codes === undefined ? [] : [{ name: verb.name, codes }];
  });
  expect(lists.length).toBeGreaterThan(0);
  for (const list of lists) expect(list).toEqual({ ...list, codes: CODES.filter((code) => list.codes.includes(code)) });
});

test("EXIT_TABLE names the codes in the order of EXIT", () => {
  expect(EXIT_TABLE.flatMap(({ names }) => names)).toEqual(CODES);
});

test("verbs that end with a verdict have every exit code, but verdicts that their run cannot have", () => {
  const impossible = Object.values(END_EXIT).filter((code) => !Object.values(AUTOMATION_EXIT).includes(code as never));
  const codesFor = (name: string) =>
    VERBS.filter((verb) => verb.name === name).flatMap((verb) => codesOf(verb) ?? CODES);
  for (const name of ["run --follow", "follow", "report"]) expect(codesFor(name)).toEqual(CODES);
  expect(codesFor("automations trigger --follow")).toEqual(CODES.filter((code) => !impossible.includes(code as never)));
});

test("every toolkit verb can end as a refused command line and as an internal error do", () => {
  for (const verb of VERBS.filter(({ group }) => group === "toolkit")) {
    expect({ name: verb.name, codes: codesOf(verb) ?? CODES }).toMatchObject({
      codes: expect.arrayContaining(["success", "usage", "internal"]),
    });
  }
});

test("no file of the command line names an exit code by its number", () => {
  const files = readdirSync(CLI, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(40);
  const numbers = Object.values(EXIT).filter((code) => code > 4).join("|");
  const patterns = [
    // The numbers themselves: nothing else in this folder has a reason to be one of them.
    new RegExp(`(?<![\\d._])(?:${numbers})(?![\\d._])`),
    // The small ones, where they can only be codes.
    /\bcodes?: *\[? *["']?\d|\b(?:exitCode|code): *\d|\breturn [0-4];/,
  ];
  const found = files.filter((file) => {
    const text = readFileSync(join(CLI, file), "utf8").replace(
      /\/\*[\s\S]*?\*\/|^\s*\/\/.*$|@[0-9a-f]{40}/gm,
      "",
    );
    return patterns.some((pattern) => pattern.test(text));
  });
  expect(found).toEqual([]);
});

test("every row of options.ts belongs to a verb, and a verb has a variable's option from there alone", () => {
  const flags = new Set<unknown>(VERBS.flatMap(flagsOf));
  const rows = Object.values(TABLE).filter((value) => typeof value === "object" && "name" in value);
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter((row) => !flags.has(row))).toEqual([]);
  const read = VERBS.flatMap(flagsOf).filter(({ variable }) => variable !== undefined);
  expect(read.filter((flag) => !rows.some((row) => row === flag))).toEqual([]);
});

test("a row has the variable that options.ts names, and no verb's file can name another one", () => {
  // @ts-expect-error A flag with this name has no variable unless its row in options.ts names one.
  const literal: VerbFlag = { name: "label", help: "A label", variable: "MOGPLEX_RESPOND_LABEL" };
  // @ts-expect-error Rows with a variable are made in options.ts alone.
  const { option } = TABLE;
  expect([literal.name, option]).toEqual(["label", undefined]);
});

test("what a verb reads beside its flags is a variable without an option, and a variable is read with an option of a verb", () => {
  const flags = VERBS.flatMap(flagsOf);
  const options = new Set(ENVIRONMENT.filter(({ option }) => option !== undefined).map(({ name }) => name));
  expect(VERBS.flatMap(({ variables = [] }) => variables).filter((name) => options.has(name))).toEqual([]);
  expect(ENVIRONMENT.filter(({ readWith }) => readWith !== undefined && !flags.includes(readWith))).toEqual([]);
});

test("options name every agent and every mode, and the defaults that the code has", () => {
  const meaning = (flag: VerbFlag) => flag.help.replaceAll("`", "").replace(/\.$/, "");
  expect(meaning(TABLE.HARNESS)).toBe(`Agent: ${HARNESSES.join(", ").replace(/, (?=\w+$)/, " or ")}`);
  expect(meaning(TABLE.MODE)).toBe(MODES.join(", ").replace(/, (?=\w+$)/, " or "));
  expect(TABLE.TIMEOUT.fallback).toBe(`\`${DEFAULT_TIMEOUT_MS / 60_000}m\``);
  const noted = ALL_FORGES.filter(({ job }) => job?.notes.byDefault).map(({ system }) => system);
  expect(TABLE.NOTE.fallback).toBe(`\`off\`; on ${noted.join(" and ")}, \`auto\``);
});

test("options take the words that their descriptions name, and no others", () => {
  for (const option of [TABLE.LOG, TABLE.NOTE, TABLE.ON_TIMEOUT, TABLE.ON_INTERRUPT, TABLE.KEY_SCOPE]) {
    const named = [...option.help.matchAll(/`(\w+)`/g)].map(([, word = ""]) => word);
    expect(named.length).toBeGreaterThan(1);
    expect(named.map((word) => option.parse(word, "x"))).toEqual(named as never[]);
    expect(() => option.parse("other", "x")).toThrow(`Cannot use x because it must be one of `);
  }
});

test("commandVocabulary().words() speaks of a job only in a job", () => {
  const message = "no sandbox was free; retry the job later, or raise its time limit";
  expect(commandVocabulary().words(message)).toBe("no sandbox was free; retry the job later, or raise --timeout");
  expect(inputWords("set the repository", "the input timeout").words(message)).toBe(
    "no sandbox was free; retry the job later, or raise the input timeout",
  );
  expect(commandVocabulary("mogplex-ci", false).words(message)).toBe(
    "no sandbox was free; run the command again later, or wait longer with --timeout",
  );
});

test("commandVocabulary().words() writes commands with the program as it was called", () => {
  const message = "call `mogplex-ci campaign plan a.yml`; the file of `mogplex-ci-2` stays";
  expect(commandVocabulary("node mogplex.mjs").words(message)).toBe(
    "call `node mogplex.mjs campaign plan a.yml`; the file of `mogplex-ci-2` stays",
  );
  expect(commandVocabulary().words(message)).toBe(message);
});

test("a verb's file reads no row of options.ts that none of its verbs lists", async () => {
  const strays: string[] = [];
  for (const folder of ["verbs", "campaign"]) {
    const top = join(CLI, folder);
    for (const file of readdirSync(top).filter((name) => name.endsWith(".ts"))) {
      const values: unknown[] = Object.values(await import(join(top, file)));
      const verbs = values.flat().filter((value): value is Verb => VERBS.includes(value as Verb));
      if (verbs.length === 0) continue;
      const listed = new Set<unknown>(verbs.flatMap(flagsOf));
      const text = readFileSync(join(top, file), "utf8");
      // Other files, and this one, have rows of the same names.
      const imported = /import \{([^}]*)\} from "\.\.\/options\.ts"/.exec(text)?.[1] ?? "";
      const read = text.matchAll(
        /\b(?:option|flags\.(?:has|get|all))\(([A-Z][A-Z_]+)\)/g,
      );
      for (const [, name = ""] of read) {
        if (new RegExp(`\\b${name}\\b`).test(imported) && !listed.has(TABLE[name as keyof typeof TABLE])) {
          strays.push(`${file} ${name}`);
        }
      }
    }
  }
  expect([...new Set(strays)]).toEqual([]);
});
