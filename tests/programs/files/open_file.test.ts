import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { type Clock, systemClock } from "../../../lib/clock.ts";
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
      openFile("-out/run.html", (name) => env.get(name), systemClock),
    ]);
    expect(problem).toBeNull();
    expect(text).toStartWith(`1:${resolve("-out/run.html")}\n`);
    expect([text.includes("DISPLAY=:7"), text.includes("secret")]).toEqual([true, false]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test_("openFile() says which program is missing", async () => {
  expect(await openFile("run.html", (name) => name === "PATH" ? "/nowhere" : undefined, systemClock)).toBe(
    "xdg-open is not installed or not executable",
  );
});

async function withProgram(
  clock: Pick<Clock, "sleep">,
  work: (folder: string, open: (script: string) => Promise<string | null>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "open-file-"));
  try {
    await work(folder, (script) => {
      writeFileSync(join(folder, "xdg-open"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return openFile("run.html", (name) => name === "PATH" ? `${folder}:${process.env.PATH}` : undefined, clock);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test_("openFile() says how the program failed when there is no browser", async () => {
  const never: Pick<Clock, "sleep"> = {
    sleep: (_ms, { signal } = {}) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
  };
  await withProgram(never, async (_, open) => {
    expect([await open("exit 3"), await open("kill -9 $$"), await open("exit 0")])
      .toEqual(["xdg-open failed (exit code 3)", "xdg-open failed (SIGKILL)", null]);
  });
});

test_("openFile() does not wait for a program that is still running after the limit", async () => {
  const limits: unknown[] = [];
  const expired: Pick<Clock, "sleep"> = {
    sleep: (ms, options) => Promise.resolve(void limits.push([ms, options?.limit])),
  };
  await withProgram(expired, async (folder, open) => {
    const closed = join(folder, "closed");
    execFileSync("mkfifo", [closed]);
    // The program ends when the test opens the pipe.
    expect(await open(`exec 3> '${closed}'`)).toBeNull();
    expect(limits).toEqual([[2_000, true]]);
    await readFile(closed);
  });
});
