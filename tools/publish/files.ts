/**
 * The files of a release, besides the packages: programs that need no package manager, each with its checksum, notices and SBOM.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";

const PROGRAMS = ["mogplex.mjs", "mogplex-emulator.mjs"];

export const SUMS = "SHA256SUMS";

export const sbomName = (program: string) => `${program}.cdx.json`;

export const RELEASE_FILES: readonly string[] = [
  ...PROGRAMS.flatMap((name) => [name, `${name}.sha256`, `${name}.licenses.txt`, sbomName(name)]),
  SUMS,
];

export function releaseFile(top: string, name: string): string {
  return join(top, "dist", name);
}

if (import.meta.main) process.stdout.write(RELEASE_FILES.map((name) => `${name}\n`).join(""));
