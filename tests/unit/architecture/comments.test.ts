import { expect, test } from "bun:test";
import { sources, textOf, withoutComments } from "./imports.ts";

const FILES = [
  ...["bench", "examples", "lab", "lib", "tests", "tools"].flatMap((folder) => sources(folder)),
  ...["campaigns.ts", "mod.ts", "testing.ts"],
];

/** The names of source files in backticks that are the end of no path. */
function missingFiles(text: string): string[] {
  const names = [...text.matchAll(/`([\w./{},-]+\.ts)`/g)].map(([, name = ""]) => name);
  return names.filter((name) => {
    const pattern = new Bun.Glob(`{,**/}${name}`);
    return !FILES.some((file) => pattern.match(file));
  });
}

const LIB = sources("lib").map((file) => ({ file, text: textOf(file) }));

test("every file that CONTRIBUTING.md or a comment of lib names is there", () => {
  expect(missingFiles("`lib/ci/{gitlab,github}.ts` and `gone.ts`")).toEqual(["gone.ts"]);
  const comments = LIB.flatMap(({ file, text }) => missingFiles(text).map((name) => `${file}: ${name}`));
  expect([...comments, ...missingFiles(textOf("CONTRIBUTING.md"))]).toEqual([]);
});

test("every {@linkcode} of lib names something that lib has", () => {
  const known = new Set(LIB.flatMap(({ text }) => withoutComments(text).match(/[A-Za-z_$][\w$]*/g) ?? []));
  const links = LIB.flatMap(({ file, text }) =>
    [...text.matchAll(/\{@linkcode (\w+)/g)].map(([, name = ""]) => ({ file, name }))
  );
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter(({ name }) => !known.has(name))).toEqual([]);
});
