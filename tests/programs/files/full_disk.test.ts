import { afterAll, expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processIo } from "../../../lib/io.ts";

const folder = mkdtempSync(join(tmpdir(), "mogplex-full-"));
const isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).status === 0;

afterAll(() => {
  if (isMounted) execFileSync("umount", [folder]);
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!isMounted)("Io.writeFile() overwrites a file within its space on a full disk, if it may", () => {
  const { writeFile } = processIo();
  const path = join(folder, "outputs.env");
  writeFile(path, "MOGPLEX_RUN_ID=1\n");
  expect(() => writeFileSync(join(folder, "filler"), new Uint8Array(70_000))).toThrow("ENOSPC");
  const text = `MOGPLEX_RUN_ID=1\nMOGPLEX_OUTCOME=success\n${"x".repeat(3_000)}\n`;
  expect(() => writeFile(path, text)).toThrow("ENOSPC");
  expect(() => writeFile(join(folder, "new.env"), text, true)).toThrow("ENOSPC");
  writeFile(path, text, true);
  expect(readFileSync(path, "utf8")).toBe(text);
  writeFile(path, "short\n", true);
  expect(readFileSync(path, "utf8")).toBe("short\n");
  // More than its space: it stays as it was.
  expect(() => writeFile(path, "y".repeat(20_000), true)).toThrow("ENOSPC");
  expect(readFileSync(path, "utf8")).toBe("short\n");
});
