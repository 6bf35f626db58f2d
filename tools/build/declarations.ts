/**
 * The declarations of the library for compilers and editors: one file for each entry, and one file that the entries share.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { root } from "../setup.mjs";

const ENTRIES = ["mod", "campaigns", "testing"];

function onLines(statement: string): string {
  return statement.replace(/\{\s*/, "{\n  ").replace(/,\s*/g, ",\n  ").replace(/\s*\}$/, ",\n}");
}

export async function writeDeclarations(dist: string): Promise<void> {
  // The folder must not be below node_modules, because the bundler treats everything there as a package.
  const made = mkdtempSync(join(tmpdir(), "mogplex-declarations-"));
  try {
    const args = ["--declaration", "--emitDeclarationOnly", "--outDir", made, "--rootDir", "."];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", "tools/declarations.json", ...args], { cwd: root, stdio: "inherit" });
    const bundle = await rollup({
      input: Object.fromEntries(ENTRIES.map((name) => [name, join(made, `${name}.d.ts`)])),
      plugins: [dts()],
      // Every user would have to install a package that a signature names.
      external: (id) => !/^[./]/.test(id),
    });
    const types = join(dist, "types");
    await bundle.write({
      dir: types,
      format: "es",
      entryFileNames: "[name].d.ts",
      chunkFileNames: "shared.d.ts",
      // People read the entries, too, so names are not shortened, and each is on its own line.
      minifyInternalExports: false,
      plugins: [{
        name: "lines",
        renderChunk: (code) => code.replace(/^(?:ex|im)port (?:type )?\{[^}]*\}/gm, onLines),
      }],
      manualChunks: (id) => ENTRIES.some((name) => id === join(made, `${name}.d.ts`)) ? undefined : "shared",
    });
    await bundle.close();
    // The entries import `shared.js`. Compilers look for `shared.d.ts` next to it. Deno loads `shared.js` itself, and finds the path of its types
    // there.
    writeFileSync(join(types, "shared.js"), '// @ts-self-types="./shared.d.ts"\nexport {};\n');
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}
