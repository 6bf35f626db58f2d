/**
 * Writes the generated parts of the documents (exit codes, environment, inputs, …) from the constants in the code, the current version into the
 * addresses of the components, and the pictures from a run of the command.
 *
 * `--check` only compares, and writes nothing.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { stale } from "./docs/documents.ts";
import { stalePictures } from "./docs/pictures/pictures.ts";
import { root } from "./setup.mjs";

if (import.meta.main) {
  const check = process.argv.includes("--check");
  for (const [path, text] of Object.entries({ ...stale(), ...await stalePictures() })) {
    if (!check) writeFileSync(join(root, path), text);
    else {
      process.stderr.write(`error: ${path} differs from what it is generated from: run \`npm run docs\`\n`);
      process.exitCode = 1;
    }
  }
}
