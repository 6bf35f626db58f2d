import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { runtimes } from "../../../../tools/setup.mjs";
import { buildWriters, numbersIn, type Writers } from "./writers.ts";

let writers: Writers;
let folder: string;
let run: Writers["run"];
/** Three processes on Node. */
const LINES = Array.from({ length: 3 }, () => [runtimes.node]);

beforeAll(async () => void ({ folder, run } = writers = await buildWriters()));

afterAll(() => writers.close());

test("of processes that race for a directory exactly one has it at a time, and no record is lost", async () => {
  const directory = join(folder, "race");
  const ended = await Promise.all([...LINES, ...LINES].map((runtime) => run(runtime, "work", directory, 8, 0)));
  for (const { code, stderr } of ended) expect([code, stderr]).toEqual([0, ""]);
  const known = ended.flatMap(({ numbers }) => numbers).sort((a, b) => a - b);
  // Two that had it at the same time would have bound their records to the same one.
  expect(known).toEqual(Array.from({ length: 6 * 8 * 2 }, (_, index) => index + 1));
  expect(await numbersIn(directory)).toEqual(known);
  expect(readdirSync(directory).sort()).toEqual([".gitignore", "journal"]);
});

test("one process at a time has the directory while some are killed at any step, and others race to take over", async () => {
  const directory = join(folder, "deaths");
  const known: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const steps = LINES.map((_, index) => 3 + turn * 11 + index * 4);
    const mortals = LINES.map((runtime, index) => run(runtime, "work", directory, 8, steps[index] ?? 0));
    const others = LINES.map((runtime) => run(runtime, "work", directory, 3, 0));
    const ended = await Promise.all([...mortals, ...others]);
    for (const { code, signal, stderr } of ended) {
      expect([code === 0 || signal === "SIGKILL", stderr]).toEqual([true, ""]);
    }
    for (const { code } of ended.slice(LINES.length)) expect(code).toBe(0);
    expect(ended.slice(0, LINES.length).some(({ signal }) => signal === "SIGKILL")).toBe(true);
    known.push(...ended.flatMap(({ numbers }) => numbers));
  }
  expect(new Set(known).size).toBe(known.length);
  const all = await numbersIn(directory);
  expect(all).toEqual(all.map((_, index) => index + 1));
  expect(known.filter((seq) => !all.includes(seq))).toEqual([]);
});

test("a process that was killed is followed at once by the next one", async () => {
  const directory = join(folder, "killed");
  // After the writer file, before the first record.
  expect((await run([runtimes.node], "work", directory, 1, 12)).signal).toBe("SIGKILL");
  expect(existsSync(join(directory, "writer.json"))).toBe(true);
  expect(await run([runtimes.node], "once", directory)).toMatchObject({ code: 0, stdout: "done\n", stderr: "" });
});

test("a directory, or a part of it, that is a symbolic link is refused, and nothing behind it changes", async () => {
  const outside = join(folder, "outside");
  mkdirSync(join(outside, "journal"), { recursive: true });
  symlinkSync(outside, join(folder, "link"));
  const linked = join(folder, "linked");
  mkdirSync(linked);
  symlinkSync(join(outside, "journal"), join(linked, "journal"));
  const first = await run([runtimes.node], "once", join(folder, "link"));
  expect(first.stdout).toMatch(/^2 Cannot write in ".*link": its path contains the symbolic link/);
  const second = await run([runtimes.node], "once", linked);
  expect(second.stdout).toMatch(/^2 Cannot read journal ".*journal": its path contains the symbolic link/);
  expect([readdirSync(outside), readdirSync(join(outside, "journal"))]).toEqual([["journal"], []]);
});
