/**
 * Makes `dist/`: the command, the library and the emulator as one file each, with checksums, licence notices and declarations; and
 * `templates/`, the GitLab components with their program inside.
 *
 * `--check` builds twice and fails when the results differ, when anything but `node:` is imported, when a size limit is exceeded, or when
 * generated files in the checkout differ from the ones that this commit makes.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ARTEFACTS, COMPONENT } from "./build/artefacts.ts";
import { type Built, bundle, problems } from "./build/bundle.ts";
import { notices } from "./build/licences.ts";
import { PAGE_ASSETS, pageAssets } from "./build/page_assets.ts";
import { PINNED, pinsOf, stampPins } from "./build/pins.ts";
import { componentNames, packed, renderTemplate, templateProblems } from "./build/templates.ts";
import { root, sha256 } from "./setup.mjs";

const DIST = join(root, "dist");
const COMPONENT_NOTICES = "components/LICENSES.txt";

async function componentProblems({ text, packages }: Built): Promise<string[]> {
  const base64 = await packed(text);
  const found = componentNames().flatMap((name) => templateProblems(name, text, base64));
  if (readFileSync(join(root, COMPONENT_NOTICES), "utf8") !== notices(packages)) {
    found.push(`${COMPONENT_NOTICES} lists other packages than the program has: run "npm run build"`);
  }
  return found;
}

async function writeTemplates({ text, packages }: Built): Promise<void> {
  const base64 = await packed(text);
  mkdirSync(join(root, "templates"), { recursive: true });
  writeFileSync(join(root, COMPONENT_NOTICES), notices(packages));
  for (const name of componentNames()) {
    writeFileSync(join(root, `templates/${name}.yml`), renderTemplate(name, text, base64));
  }
}

function writeDeclarations(): void {
  const args = ["--declaration", "--emitDeclarationOnly", "--outDir", "dist/types", "--rootDir", "."];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", "tools/declarations.json", ...args], { cwd: root, stdio: "inherit" });
}

/** Compares everything that is generated with this commit. @returns One sentence for each problem. */
async function check(): Promise<string[]> {
  const found: string[] = [];
  if (readFileSync(join(root, PAGE_ASSETS), "utf8") !== await pageAssets()) {
    found.push(`${PAGE_ASSETS} differs from what its sources make: run "npm run build"`);
  }
  for (const artefact of ARTEFACTS) {
    const built = await bundle(artefact);
    if (artefact.file === PINNED) found.push(...stampPins(pinsOf(built.text), true));
    found.push(...problems(built));
    if (artefact === COMPONENT) found.push(...await componentProblems(built));
    if ((await bundle(artefact)).text !== built.text) found.push(`${artefact.file} differs between two builds`);
  }
  return found;
}

async function write(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST, { recursive: true });
  writeFileSync(join(root, PAGE_ASSETS), await pageAssets());
  for (const artefact of ARTEFACTS) {
    const built = await bundle(artefact);
    if (artefact.file === PINNED) stampPins(pinsOf(built.text), false);
    const path = join(DIST, artefact.file);
    const digest = sha256(built.text);
    writeFileSync(path, built.text, { mode: artefact.program ? 0o755 : 0o644 });
    writeFileSync(`${path}.sha256`, `${digest}  ${artefact.file}\n`);
    writeFileSync(`${path}.licenses.txt`, notices(built.packages));
    process.stdout.write(`dist/${artefact.file}  ${Buffer.byteLength(built.text)} bytes  sha256 ${digest}\n`);
    if (artefact === COMPONENT) await writeTemplates(built);
  }
  writeDeclarations();
}

async function main(args: readonly string[]): Promise<number> {
  if (!args.includes("--check")) {
    await write();
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
