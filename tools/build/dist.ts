import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { sbomName, SUMS } from "../publish/files.ts";
import { root, sha256 } from "../setup.mjs";
import { renderActionYaml } from "./action_yaml.ts";
import { ACTION, bundleLibrary, bundleProgram, LICENSES, PROGRAMS } from "./bundle.ts";
import { writeDeclarations } from "./declarations.ts";
import { notices } from "./licenses.ts";
import { sbom } from "./sbom.ts";
import { componentNames, renderTemplate } from "./templates.ts";

/** Paths are relative to the folder, and sorted by code unit so that the file is the same on every machine. */
function writeSums(dist: string): void {
  const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(dist, join(entry.parentPath, entry.name))).sort();
  writeFileSync(
    join(dist, SUMS),
    paths.map((path) => `${sha256(readFileSync(join(dist, path)))}  ${path}\n`).join(""),
  );
}

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
  // A program is published on its own, with its checksum, notices and SBOM. The files of the library stay together.
  for (const { file, text, packages } of programs) {
    writeFileSync(join(dist, `${file}.sha256`), `${sha256(text)}  ${file}\n`);
    writeFileSync(join(dist, sbomName(file)), sbom(file, text, packages));
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
  for (const name of [`${ACTION.file}.sha256`, sbomName(ACTION.file)]) rmSync(join(dist, name));
  writeSums(dist);
}
