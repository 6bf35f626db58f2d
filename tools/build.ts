/**
 * Creates `dist/`: the command and the emulator with checksums, the library, license notices and declarations; `dist/templates/`, the GitLab
 * components with the program inside; and `dist/action/`, the GitHub action. Writes nothing else: `npm run release` copies the files that the
 * repository contains.
 *
 * Does nothing if `dist/` is up to date. The argument `--dist`, which tests and tools pass, has no effect.
 */
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { BUILT_FROM, DIST, inputs, isFresh } from "./build/fresh.ts";
import { exitCodeOf, root } from "./setup.mjs";

/** Replaces `dist/` as a whole, so that no reader finds an incomplete folder. */
async function main(): Promise<void> {
  if (isFresh()) return;
  const { writeDist } = await import("./build/dist.ts");
  const from = inputs();
  const made = mkdtempSync(join(root, "node_modules/.dist-"));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => process.exit(exitCodeOf(signal)));
  }
  // Only the owner may read a temporary directory, but every reader of the checkout may read these files.
  chmodSync(made, 0o755);
  await writeDist(made);
  writeFileSync(join(made, BUILT_FROM), from);
  rmSync(DIST, { recursive: true, force: true });
  renameSync(made, DIST);
}

if (import.meta.main) await main();
