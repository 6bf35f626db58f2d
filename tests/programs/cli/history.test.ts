import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";

test("appendFile() keeps every line whole when two processes append at once", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "mogplex-history-")), "runs.ndjson");
  const io = join(import.meta.dir, "../../../lib/io.ts");
  const code = (letter: string) =>
    `const io = await (await import(${JSON.stringify(io)})).processIo();
     for (let i = 0; i < 300; i++) io.appendFile(${JSON.stringify(path)}, "${letter}".repeat(900) + "\\n", "refuse");`;
  const children = ["a", "b"].map((letter) => Bun.spawn([process.execPath, "-e", code(letter)]));
  expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0]);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(lines.length).toBe(600);
  expect(lines.filter((line) => !/^(?:a{900}|b{900})$/.test(line))).toEqual([]);
});
