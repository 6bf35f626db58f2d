import { expect, test } from "bun:test";
import { sources, textOf, withoutComments } from "./imports.ts";

const FILES = ["mod.ts", ...sources("lib")];

/** Declares a constant whose keys are any text: `NAME: Readonly<Record<string, …>> =`, also in parts, and by `satisfies`. */
const OPEN_TABLE =
  /\bconst (\w+)(?:: [^=;]*?\b(?:Partial<Record<|Record<(?:string|RunStatus)\b)|: \{ \[\w+: string\])[^=;]*= [{\[A-Za-z]/g;

/** Names of the tables with open keys in a source; with `exported`, of those that other files can read. */
function openTables(text: string, exported = false): string[] {
  const names = [...text.matchAll(OPEN_TABLE)].map(([, name = ""]) => name);
  return exported ? names.filter((name) => text.includes(`export const ${name}:`)) : names;
}

/** Where a table is read by something that is not written there: each name once a file. */
function openReads(text: string, tables: readonly string[]): string[] {
  return tables.filter((name) => {
    const index = new RegExp(`(?<![\\w.])${name}(?:!|\\?\\.)?\\[(?!["'\\d][^\\]]*\\]).*`, "g");
    const inherits = new RegExp(`\\bin ${name}\\b(?!\\.)`);
    const reads = [...text.matchAll(index)].map(([line]) => line);
    return reads.length > 0 || inherits.test(text.replace(/\bfor \([^)]*\)/g, ""));
  });
}

function findings(): string[] {
  const texts = FILES.filter((file) => file !== "lib/lookup.ts").map((file) => ({
    file,
    text: withoutComments(textOf(file)),
  }));
  const exported = texts.flatMap(({ text }) => openTables(text, true));
  return texts.flatMap(({ file, text }) => {
    const tables = new Set([...openTables(text), ...exported.filter((name) => text.includes(name))]);
    return openReads(text, [...tables]).map((name) => `${file} ${name}`);
  });
}

test("tables with open keys are read by lookup() alone, as text from outside may be the name of something inherited", () => {
  expect(findings()).toEqual([]);
});

test("texts and lists are measured by lib/lengths.ts alone, as the checks of zod throw a TypeError on some maps", () => {
  const own = FILES.filter((file) => file !== "lib/lengths.ts" && /\bz\.(?:min|max)?[lL]ength\(/.test(textOf(file)));
  expect(own).toEqual([]);
});

test("openTables() and openReads() find every way to read a table of open keys by a plain index", () => {
  const text = `
    const LABELS: Record<string, string> = { a: "b" };
    export const LEVELS: Readonly<Partial<Record<Outcome, string>>> = {
      failed: "error",
    };
    const OF_STATUS: Readonly<Record<RunStatus, number>> = table();
    const CLOSED: Record<"a" | "b", number> = { a: 1, b: 2 };
    const INDEXED: { [name: string]: number } = { a: 1 };
  `;
  const tables = openTables(text);
  expect(openTables(text, true)).toEqual(["LEVELS"]);
  expect(tables).toEqual(["LABELS", "LEVELS", "OF_STATUS", "INDEXED"]);
  for (
    const read of [
      "LABELS[type]",
      "LABELS[event.type] ?? x",
      "LABELS?.[type]",
      "(LABELS[`${type}`])",
      "if (type in LABELS) return",
      "Object.hasOwn(OTHER, type) ? LABELS[type] : 1",
    ]
  ) {
    expect([read, openReads(read, tables)]).toEqual([read, ["LABELS"]]);
  }
  for (
    const read of ['LABELS["a"]', "LABELS.a", "lookup(LABELS, type)", "CLOSED[name]", "for (const [a] of b) LABELS.a"]
  ) {
    expect([read, openReads(read, tables)]).toEqual([read, []]);
  }
});
