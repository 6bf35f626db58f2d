/**
 * The declarations of the library, for compilers and editors.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import process from "node:process";
import { root } from "../setup.mjs";

/** Modules that a package's user imports. */
const ENTRIES = ["mod", "testing"];

const SPECIFIER = /(\bfrom |\bimport\()"(\.[^"]+)\.ts"/g;

/**
 * What stands beside each declaration file. A compiler that finds `x.js` imported in declarations looks for `x.d.ts`; Deno looks for exactly
 * what is imported, and finds here where its types are.
 */
const beside = (name: string) => `// @ts-self-types="./${basename(name)}.d.ts"\nexport {};\n`;

/**
 * Writes `types/`, with what the entries lead to alone, and maps from there to `sources/`, so that "go to definition" ends in the source.
 *
 * @param dist Folder that gets both.
 */
export function writeDeclarations(dist: string): void {
  const made = mkdtempSync(join(root, "node_modules/.declarations-"));
  try {
    const args = ["--declaration", "--declarationMap", "--emitDeclarationOnly", "--outDir", made, "--rootDir", "."];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", "tools/declarations.json", ...args], { cwd: root, stdio: "inherit" });
    const names = new Set(ENTRIES);
    for (const name of names) {
      const text = readFileSync(join(made, `${name}.d.ts`), "utf8");
      for (const [, , target = ""] of text.matchAll(SPECIFIER)) names.add(join(dirname(name), target));
      const [types, source] = [join(dist, "types", `${name}.d.ts`), join(dist, "sources", `${name}.ts`)];
      for (const path of [types, source]) mkdirSync(dirname(path), { recursive: true });
      writeFileSync(types, text.replace(SPECIFIER, '$1"$2.js"'));
      writeFileSync(join(dist, "types", `${name}.js`), beside(name));
      cpSync(join(root, `${name}.ts`), source);
      const map = JSON.parse(readFileSync(join(made, `${name}.d.ts.map`), "utf8"));
      writeFileSync(`${types}.map`, JSON.stringify({ ...map, sources: [relative(dirname(types), source)] }));
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}
