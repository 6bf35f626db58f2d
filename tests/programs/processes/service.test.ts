import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "./world/service.ts";

test("launch() looks for tokens in every file below its directory, past pipes and links", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-launch-"));
  try {
    execFileSync("mkfifo", [join(cwd, "pipe")]);
    symlinkSync("/dev/zero", join(cwd, "endless"));
    symlinkSync(cwd, join(cwd, "circle"));
    expect((await launch(["sh", "-c", "exit 3"], { cwd }).ended).code).toBe(3);
    mkdirSync(join(cwd, "a/b"), { recursive: true });
    writeFileSync(join(cwd, "a/b/log"), "mog_processTestToken001");
    await expect(launch(["true"], { cwd }).ended).rejects.toThrow();
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
