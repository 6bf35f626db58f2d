/**
 * The declarations of the library, for compilers and editors: one file for each entry, and one for what the entries share.
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

/** Modules that a package's user imports. */
const ENTRIES = ["mod", "campaigns", "testing"];

/** A list of names, one per line. */
function onLines(statement: string): string {
  return statement.replace(/\{\s*/, "{\n  ").replace(/,\s*/g, ",\n  ").replace(/\s*\}$/, ",\n}");
}

/**
 * Writes `types/`: only what the signatures of the entries name.
 *
 * @param dist Folder that gets it.
 */
export async function writeDeclarations(dist: string): Promise<void> {
  // Not below node_modules: the bundler takes what is there for packages.
  const made = mkdtempSync(join(tmpdir(), "mogplex-declarations-"));
  try {
    const args = ["--declaration", "--emitDeclarationOnly", "--outDir", made, "--rootDir", "."];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", "tools/declarations.json", ...args], { cwd: root, stdio: "inherit" });
    const bundle = await rollup({
      input: Object.fromEntries(ENTRIES.map((name) => [name, join(made, `${name}.d.ts`)])),
      plugins: [dts()],
      // A package in a signature would have to be installed by every user.
      external: (id) => !/^[./]/.test(id),
    });
    const types = join(dist, "types");
    await bundle.write({
      dir: types,
      format: "es",
      entryFileNames: "[name].d.ts",
      chunkFileNames: "shared.d.ts",
      // The entries are read by people as well: each name as it is, on a separate line.
      minifyInternalExports: false,
      plugins: [{
        name: "lines",
        renderChunk: (code) => code.replace(/^(?:ex|im)port (?:type )?\{[^}]*\}/gm, onLines),
      }],
      manualChunks: (id) => ENTRIES.some((name) => id === join(made, `${name}.d.ts`)) ? undefined : "shared",
    });
    await bundle.close();
    // The entries import `shared.js`. Compilers look for `shared.d.ts` beside it; Deno looks for exactly that, and finds here where its types are.
    writeFileSync(join(types, "shared.js"), '// @ts-self-types="./shared.d.ts"\nexport {};\n');
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}
