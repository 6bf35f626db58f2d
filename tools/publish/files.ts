/**
 * The files that a release has besides the packages: programs that need no package manager, each with its checksum and its notices.
 *
 * @module
 */
import { join } from "node:path";

const PROGRAMS = ["mogplex.mjs", "mogplex-emulator.mjs"];

/** Names of the files in `dist/`. The pipeline of a tag uploads the same ones. */
export const RELEASE_FILES: readonly string[] = PROGRAMS.flatMap((name) => [
  name,
  `${name}.sha256`,
  `${name}.licenses.txt`,
]);

/** Path of a file of a release. @param top Top of the checkout. */
export function releaseFile(top: string, name: string): string {
  return join(top, "dist", name);
}
