import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Check } from "../../../../lib/check.ts";
import { doctor, type DoctorOptions } from "../../../unit/cli/verbs/doctor_world.ts";

async function check(name: string, options: DoctorOptions): Promise<Partial<Check>> {
  return (await doctor(options)).checks[name] ?? {};
}

/** Text of the index of a real repository with these files. */
function indexOf(paths: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-index-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "core.autocrlf=false", ...args], { cwd: folder, stdio: "ignore" });
  git("init", "--quiet");
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), path);
  }
  git("add", "--force", ".");
  const text = readFileSync(join(folder, ".git/index"), "utf8");
  rmSync(folder, { recursive: true });
  return text;
}

test("doctor warns when Git tracks the directory of the reports", async () => {
  const names = ["a/mogplex-ci/x", "xmogplex-ci/y", "mogplex-ci.md", "é/mogplex-ci/ü"];
  expect((await check("files", { files: { ".git/index": indexOf(names) } })).state).toBe("ok");
  // The length of each path comes before it, and can be any character.
  for (const length of [1, 20, 34, 36, 50, 60, 90, 130, 190]) {
    const files = { ".git/index": indexOf([...names, `mogplex-ci/${"x".repeat(length)}`]) };
    expect({ length, ...await check("files", { files }) }).toMatchObject({ length, state: "warning" });
    expect((await check("files", { files, args: ["--out", "./other/"] })).state).toBe("ok");
  }
});
