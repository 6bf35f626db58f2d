import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { openFile } from "../../../lib/files/open_file.ts";

const test_ = test.skipIf(process.platform !== "linux");

test_("openFile() hands the whole path to the system's program, and no token", async () => {
  const folder = mkdtempSync(join(tmpdir(), "open-file-"));
  const said = join(folder, "said");
  try {
    execFileSync("mkfifo", [said]);
    writeFileSync(join(folder, "xdg-open"), `#!/bin/sh\n{ echo "$#:$1"; env; } > '${said}'\n`, { mode: 0o755 });
    const env = new Map([["PATH", `${folder}:${process.env.PATH}`], ["MOGPLEX_API_KEY", "secret"], ["DISPLAY", ":7"]]);
    // Reading ends when the program has said everything.
    const [text, problem] = await Promise.all([
      readFile(said, "utf8"),
      openFile("-out/run.html", (name) => env.get(name)),
    ]);
    expect(problem).toBeNull();
    expect(text).toStartWith(`1:${resolve("-out/run.html")}\n`);
    expect([text.includes("DISPLAY=:7"), text.includes("secret")]).toEqual([true, false]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test_("openFile() says which program is missing", async () => {
  expect(await openFile("run.html", (name) => name === "PATH" ? "/nowhere" : undefined)).toBe(
    "xdg-open is not installed or not executable",
  );
});
