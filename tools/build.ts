/**
 * Makes `dist/`: the command and the emulator with checksums, the library, license notices and declarations; `dist/templates/`, the GitLab
 * components with their program inside; and `dist/action/`, the GitHub action. It writes nothing else: `npm run release` copies what is
 * kept in the repository.
 *
 * Does nothing if `dist/` already is what this checkout builds. The argument `--dist`, with which tests and tools call it, has no effect.
 */
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { BUILT_FROM, DIST, inputs, isFresh } from "./build/fresh.ts";
import { exitCodeOf, root } from "./setup.mjs";

/** Writes `dist/` as a whole, so that no reader finds half of it. */
async function main(): Promise<void> {
  if (isFresh()) return;
  // Bundler and compiler take longer to load than the look at the sources.
  const { writeDist } = await import("./build/dist.ts");
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
