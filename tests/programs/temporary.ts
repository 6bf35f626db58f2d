/** Temporary files of one test file, apart from those of other processes. */
import { afterAll, beforeAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Gives the tests of the calling file a folder of their own for temporary files, so that they can say what is left there. */
export function withOwnTemporaryFolder(): void {
  const before = process.env.TMPDIR;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "mogplex-temporary-"));
    process.env.TMPDIR = folder;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(folder, { recursive: true, force: true });
  });
}
