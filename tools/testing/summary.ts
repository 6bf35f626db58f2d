/**
 * The summary that is printed after the tests: failed tests, skipped tests with the reasons, and the slowest files. The data comes from the JUnit
 * report of `bun test`. The reason of a skip comes from the source of the test.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import process from "node:process";
import { root } from "../setup.mjs";

export interface Case {
  file: string;
  line: number;
  name: string;
  end: "passed" | "failed" | "innocent" | "skipped";
  seconds: number;
}

/** Programs that tests need but that a machine may not have. Source: `.ci/run`, the list of `program:package`. */
export function externalPrograms(): string[] {
  const gate = readFileSync(join(root, ".ci/run"), "utf8");
  const list = /^for pair in ([^]*?); do$/m.exec(gate)?.[1] ?? "";
  return list.split(/[\s\\]+/).map((pair) => pair.split(":")[0] ?? "").filter((name) => name !== "");
}

export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find((path) => existsSync(path));
}

export function missingPrograms(): string[] {
  return externalPrograms().filter((name) => findProgram(name) === undefined);
}

export function sourceOf(file: string): string {
  const path = resolve(root, file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

const ENTITIES = new Map([["lt", "<"], ["gt", ">"], ["quot", '"'], ["apos", "'"], ["amp", "&"]]);

function plain(text: string): string {
  return text.replace(
    /&(?:#(\d+)|(\w+));/g,
    (whole, code, name) => code === undefined ? ENTITIES.get(name) ?? whole : String.fromCodePoint(Number(code)),
  );
}

export function readCases(junit: string): Case[] {
  return [...junit.matchAll(/<testcase\b([^>]*?)(\/?)>([^]*?)(?=<testcase\b|<\/testsuite>|<testsuite\b|$)/g)].map(
    ([, head = "", closed, body = ""]) => {
      const of = (name: string) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(head)?.[1] ?? "");
      const inside = closed === "/" ? "" : body;
      const end = inside.includes("<failure") ? "failed" : inside.includes("<skipped") ? "skipped" : "passed";
      return { file: of("file"), line: Number(of("line")), name: of("name"), end, seconds: Number(of("time")) };
    },
  );
}

/**
 * Marks failures that another file caused. Files share a process, so a rejection that one file leaves behind fails the test that runs at that moment.
 *
 * @param alone The tests of the failed files, each file run in a separate process.
 */
export function withInnocent(cases: readonly Case[], alone: readonly Case[]): Case[] {
  const passed = new Set(alone.filter(({ end }) => end === "passed").map(({ file, name }) => `${file} ${name}`));
  return cases.map((each) =>
    each.end === "failed" && passed.has(`${each.file} ${each.name}`) ? { ...each, end: "innocent" } : each
  );
}

function enclosed(text: string, at: number): string {
  let depth = 1;
  let end = at;
  for (; end < text.length && depth > 0; end++) {
    if (text[end] === "(") depth++;
    if (text[end] === ")") depth--;
  }
  return text.slice(at, end - 1).replace(/\s+/g, " ").replace(/,\s*$/, "").trim();
}

function conditionAt(source: string, line: number): string | undefined {
  const lines = source.split("\n");
  const here = lines.slice(line - 1).join("\n");
  const direct = /^[^;]{0,40}?\bskipIf\(/.exec(here);
  if (direct !== null) return enclosed(here, direct[0].length);
  const name = /^\s*(\w+)/.exec(here)?.[1];
  const named = name === undefined ? null : new RegExp(`\\bconst ${name}\\b[^=]*=\\s*([^;]*);`).exec(source);
  const alias = named?.[1] ?? here.split("\n", 3).join(" ");
  const behind = alias.indexOf("skipIf(");
  if (behind >= 0) return enclosed(alias, behind + "skipIf(".length);
  return /^\s*\(?([^?(]*?)\s*\?[^]*test\.skip/.exec(alias)?.[1]?.trim();
}

export function skipReason(source: string, line: number): string {
  const condition = conditionAt(source, line);
  if (condition === undefined) return "see the test";
  const known = [...new Set(condition.match(/\b[A-Za-z_]\w*\b(?!\()/g) ?? [])].flatMap((name) => {
    const found = new RegExp(`^(?:export )?const ${name} = ([^;]*);$`, "m").exec(source)?.[1];
    return found === undefined ? [] : [`${name} = ${found.replace(/\s+/g, " ")}`];
  });
  return [condition, ...known].join("; ").slice(0, 200);
}

const SLOWEST = 10;

export function summaryOf(
  cases: readonly Case[],
  sourceOf: (file: string) => string,
  missing: readonly string[],
): string[] {
  const of = (end: Case["end"]) => cases.filter((each) => each.end === end);
  const place = ({ file, line, name }: Case) => `  ${file}:${line}  ${name}`;
  const [failed, innocent, skipped] = [of("failed"), of("innocent"), of("skipped")];
  const why = Map.groupBy(skipped, ({ file, line }) => skipReason(sourceOf(file), line));
  const seconds = new Map<string, number>();
  for (const each of cases) seconds.set(each.file, (seconds.get(each.file) ?? 0) + each.seconds);
  const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  return [
    ...failed.length === 0 ? [] : ["", `Failed (${failed.length}); see the output above:`, ...failed.map(place)],
    ...innocent.length === 0 ? [] : [
      "",
      `Passed alone (${innocent.length}); another file in the same process left a rejection or changed something:`,
      ...innocent.map(place),
    ],
    ...skipped.length === 0 ? [] : [
      "",
      `Skipped (${skipped.length})${missing.length === 0 ? "" : `; not installed here: ${missing.join(", ")}`}:`,
      ...[...why].flatMap(([reason, tests]) => [...tests.map(place), `      because of ${reason}`]),
    ],
    ...seconds.size < 2 ? [] : ["", "Slowest files, by the time of their tests:"],
    ...seconds.size < 2 ? [] : slowest.map(([file, time]) => `${time.toFixed(1).padStart(8)} s  ${file}`),
    "",
  ];
}
