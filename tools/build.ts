/**
 * Makes `dist/`: the command, the library and the emulator as one file each, with checksums, licence notices and declarations;
 * `templates/`, the GitLab components with their program inside; and `action/`, the GitHub action.
 *
 * `--check` builds twice and fails when the results differ, when anything but `node:` is imported, when a size limit is exceeded, or when
 * generated files in the checkout differ from the ones that this commit makes. `--dist` writes `dist/`
 * alone, unless it is what this checkout builds, and nothing that is committed.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { actionProblems, writeAction } from "./build/action.ts";
import { ACTION, type Artefact, ARTEFACTS, COMPONENT, componentProgram } from "./build/artefacts.ts";
import { type Built, bundle, problems } from "./build/bundle.ts";
import { writeDeclarations } from "./build/declarations.ts";
import { BUILT_FROM, DIST, inputs, isFresh } from "./build/fresh.ts";
import { notices } from "./build/licences.ts";
import { PAGE_ASSETS, pageAssets } from "./build/page_assets.ts";
import { PINNED, pinsOf, stampPins } from "./build/pins.ts";
import { componentNames, packed, renderTemplate, templateProblems } from "./build/templates.ts";
import { root, sha256 } from "./setup.mjs";

const COMPONENT_NOTICES = "components/LICENSES.txt";

/** The components that carry a program. */
function componentsOf(artefact: Artefact): string[] {
  return componentNames().filter((name) => componentProgram(name) === artefact);
}

async function componentProblems({ artefact, text, packages }: Built): Promise<string[]> {
  const base64 = await packed(text);
  const found = componentsOf(artefact).flatMap((name) => templateProblems(name, text, base64));
  // Those of the other program are among them.
  if (artefact === COMPONENT && readFileSync(join(root, COMPONENT_NOTICES), "utf8") !== notices(packages)) {
    found.push(`${COMPONENT_NOTICES} lists other packages than the program has: run "npm run build"`);
  }
  return found;
}

async function writeTemplates({ artefact, text, packages }: Built): Promise<void> {
  const base64 = await packed(text);
  mkdirSync(join(root, "templates"), { recursive: true });
  if (artefact === COMPONENT) writeFileSync(join(root, COMPONENT_NOTICES), notices(packages));
  for (const name of componentsOf(artefact)) {
    writeFileSync(join(root, `templates/${name}.yml`), renderTemplate(name, text, base64));
  }
}

/** Writes `dist/` as a whole, so that nobody finds half of it. */
function writeDist(files: readonly Built[]): void {
  const made = mkdtempSync(join(root, "node_modules/.dist-"));
  // A temporary directory is its owner's alone, but the files are for everybody who may read the checkout.
  chmodSync(made, 0o755);
  for (const { artefact, text, packages } of files) {
    const path = join(made, artefact.file);
    writeFileSync(path, text, { mode: artefact.program ? 0o755 : 0o644 });
    writeFileSync(`${path}.sha256`, `${sha256(text)}  ${artefact.file}\n`);
    writeFileSync(`${path}.licenses.txt`, notices(packages));
  }
  writeDeclarations(made);
  writeFileSync(join(made, BUILT_FROM), inputs());
  rmSync(DIST, { recursive: true, force: true });
  renameSync(made, DIST);
}

/** Compares everything that is generated with this commit, and writes `dist/`. @returns One sentence for each problem. */
async function check(): Promise<string[]> {
  const found: string[] = [];
  const files: Built[] = [];
  if (readFileSync(join(root, PAGE_ASSETS), "utf8") !== await pageAssets()) {
    found.push(`${PAGE_ASSETS} differs from what its sources make: run "npm run build"`);
  }
  for (const artefact of ARTEFACTS) {
    const built = await bundle(artefact);
    files.push(built);
    if (artefact.file === PINNED) found.push(...stampPins(pinsOf(built.text), true));
    found.push(...problems(built));
    if (componentsOf(artefact).length > 0) found.push(...await componentProblems(built));
    if (artefact === ACTION) found.push(...actionProblems(built));
    if ((await bundle(artefact)).text !== built.text) found.push(`${artefact.file} differs between two builds`);
  }
  if (!isFresh()) writeDist(files);
  return found;
}

async function write(withTemplates: boolean): Promise<void> {
  const files: Built[] = [];
  if (withTemplates) writeFileSync(join(root, PAGE_ASSETS), await pageAssets());
  for (const artefact of ARTEFACTS) {
    const built = await bundle(artefact);
    files.push(built);
    if (artefact.file === PINNED && withTemplates) stampPins(pinsOf(built.text), false);
    const size = Buffer.byteLength(built.text);
    process.stdout.write(`dist/${artefact.file}  ${size} bytes  sha256 ${sha256(built.text)}\n`);
    if (componentsOf(artefact).length > 0 && withTemplates) await writeTemplates(built);
    if (artefact === ACTION && withTemplates) writeAction(built);
  }
  writeDist(files);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--dist")) {
    if (!isFresh()) await write(false);
    return 0;
  }
  if (!args.includes("--check")) {
    await write(true);
    return 0;
  }
  const found = await check();
  for (const problem of found) process.stderr.write(`error: ${problem}\n`);
  return found.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}
