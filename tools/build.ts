/**
 * Makes `dist/`: the command and the emulator with checksums, the library, licence notices and declarations; `dist/templates/`, the GitLab
 * components with their program inside; and `dist/action/`, the GitHub action. It writes nothing else: `npm run release` copies what is
 * kept in the repository.
 *
 * If `dist/` is what this checkout builds, nothing is done: `--dist`, with which tests and tools call it, stands for that.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { renderActionYaml } from "./build/action_yaml.ts";
import { ACTION, bundleLibrary, bundleProgram, LICENSES, PROGRAMS } from "./build/bundle.ts";
import { writeDeclarations } from "./build/declarations.ts";
import { BUILT_FROM, DIST, inputs, isFresh } from "./build/fresh.ts";
import { notices } from "./build/licences.ts";
import { componentNames, renderTemplate } from "./build/templates.ts";
import { exitCodeOf, root, sha256 } from "./setup.mjs";

async function writeDist(dist: string): Promise<void> {
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

/** Writes `dist/` as a whole, so that no reader finds half of it. */
async function main(): Promise<void> {
  if (isFresh()) return;
  const from = inputs();
  const made = mkdtempSync(join(root, "node_modules/.dist-"));
  // Nothing of it is left when the build fails, or a signal ends it.
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => process.exit(exitCodeOf(signal)));
  }
  // A temporary directory is its owner's alone, but every reader of the checkout may read the files.
  chmodSync(made, 0o755);
  await writeDist(made);
  writeFileSync(join(made, BUILT_FROM), from);
  rmSync(DIST, { recursive: true, force: true });
  renameSync(made, DIST);
}

if (import.meta.main) await main();
