/** Two processes that set up one folder. */
import { expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, runtimes } from "../../../tools/setup.mjs";

const PROGRAM = `
import { appendFileSync } from "node:fs";
import { alone } from ${JSON.stringify(pathToFileURL(join(root, "tools/setup.mjs")).href)};
alone("lock", () => {
  appendFileSync("log", process.pid + " begins\\n");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  appendFileSync("log", process.pid + " ends\\n");
});
`;

test("alone() lets one process after the other do its work, and ignores the lock of a dead process", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-setup-"));
  const { pid } = spawnSync(runtimes.node, ["--version"]);
  writeFileSync(join(cwd, "lock"), String(pid));
  const children = [1, 2, 3].map(() =>
    spawn(runtimes.node, ["--input-type=module", "--eval", PROGRAM], { cwd, stdio: "ignore" })
  );
  const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]));
  expect(codes).toEqual([0, 0, 0]);
  const lines = readFileSync(join(cwd, "log"), "utf8").trimEnd().split("\n");
  expect(lines).toHaveLength(6);
  for (let index = 0; index < 6; index += 2) {
    expect(lines[index + 1]).toBe(lines[index]?.replace("begins", "ends"));
  }
  expect(readdirSync(cwd)).toEqual(["log"]);
  rmSync(cwd, { recursive: true });
});
