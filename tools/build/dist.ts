/**
 * What `dist/` consists of.
 *
 * @module
 */
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root, sha256 } from "../setup.mjs";
import { renderActionYaml } from "./action_yaml.ts";
import { ACTION, bundleLibrary, bundleProgram, LICENSES, PROGRAMS } from "./bundle.ts";
import { writeDeclarations } from "./declarations.ts";
import { notices } from "./licences.ts";
import { componentNames, renderTemplate } from "./templates.ts";

/** Writes all files into an empty folder. */
export async function writeDist(dist: string): Promise<void> {
  const programs = await Promise.all(PROGRAMS.map(bundleProgram));
  const executable = new Set([
    "emulator.mjs",
    ...PROGRAMS.filter((each) => each.executable ?? true).map(({ file }) => file),
  ]);
  const library = await bundleLibrary();
  for (const { file, text } of [...programs, ...library]) {
    writeFileSync(join(dist, file), text, { mode: executable.has(file) ? 0o755 : 0o644 });
    process.stdout.write(`dist/${file}  ${Buffer.byteLength(text)} bytes  sha256 ${sha256(text)}\n`);
  }
  // A program goes out alone, with these two; the files of the library stay together.
  for (const { file, text, packages } of programs) {
    writeFileSync(join(dist, `${file}.sha256`), `${sha256(text)}  ${file}\n`);
    writeFileSync(join(dist, `${file}.licenses.txt`), notices(packages));
  }
  const used = new Set(library.flatMap(({ packages }) => packages));
  writeFileSync(join(dist, LICENSES), notices([...used].sort()));
  await writeDeclarations(dist);

  const textOf = (name: string) => programs.find(({ file }) => file === name)?.text ?? "";
  mkdirSync(join(dist, "templates"));
  for (const name of componentNames()) {
    const program = name === "dashboard" ? "mogplex-dashboard.mjs" : "mogplex-component.mjs";
    writeFileSync(join(dist, "templates", `${name}.yml`), renderTemplate(name, textOf(program)));
  }

  mkdirSync(join(dist, "action"));
  for (const name of ["post.mjs", "README.md"]) cpSync(join(root, "action", name), join(dist, "action", name));
  writeFileSync(join(dist, "action/action.yml"), renderActionYaml());
  renameSync(join(dist, ACTION.file), join(dist, "action/main.mjs"));
  renameSync(join(dist, `${ACTION.file}.licenses.txt`), join(dist, "action", LICENSES));
  rmSync(join(dist, `${ACTION.file}.sha256`));
}
