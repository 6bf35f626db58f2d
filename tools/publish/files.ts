/**
 * The files that a release has besides the packages: programs that need no package manager, each with its checksum,
 * its notices and its SBOM.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";

const PROGRAMS = ["mogplex.mjs", "mogplex-emulator.mjs"];

/** File of `dist/` with the SHA-256 of all its other files, in the form of `sha256sum`. */
export const SUMS = "SHA256SUMS";

/** Name of the SBOM of a program. */
export const sbomName = (program: string) => `${program}.cdx.json`;

/** Names of the files in `dist/` that a release has. */
export const RELEASE_FILES: readonly string[] = [
  ...PROGRAMS.flatMap((name) => [name, `${name}.sha256`, `${name}.licenses.txt`, sbomName(name)]),
  SUMS,
];

/** Path of a file of a release. @param top Top of the checkout. */
export function releaseFile(top: string, name: string): string {
  return join(top, "dist", name);
}

// The workflow of a release copies these files.
if (import.meta.main) process.stdout.write(RELEASE_FILES.map((name) => `${name}\n`).join(""));
