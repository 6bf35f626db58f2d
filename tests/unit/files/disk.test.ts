import { afterAll, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { virtualClock } from "../../../lib/clock.ts";
import { type DurableFiles, processDurableFiles } from "../../../lib/files/disk.ts";
import { memoryFiles } from "./memory_files.ts";

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "mogplex-files-")));

const home = process.cwd();

afterAll(() => {
  process.chdir(home);
  fs.rmSync(folder, { recursive: true, force: true });
});

/** Changes into a new directory. */
function enter(name: string): string {
  const here = join(folder, name);
  fs.mkdirSync(here);
  process.chdir(here);
  return here;
}

const disk = processDurableFiles(fs);

function textOf(files: DurableFiles, path: string): string | undefined {
  const file = files.read(path, 1000);
  return file && new TextDecoder().decode(file.content);
}

function linesOf(files: DurableFiles, path: string, maxLineBytes = 1000) {
  const lines: [text: string, offset: number, ended: boolean][] = [];
  files.readLines(path, maxLineBytes, ({ bytes, offset, ended }) => {
    lines.push([new TextDecoder().decode(bytes), offset, ended]);
  });
  return lines;
}

const BOTH: readonly (readonly [name: string, open: () => DurableFiles])[] = [
  ["disk", () => disk],
  ["memory", () => memoryFiles(virtualClock())],
];

for (const [name, open] of BOTH) {
  test(`DurableFiles on ${name} appends, shortens, replaces, moves and removes`, () => {
    enter(`basics-${name}`);
    const files = open();
    expect([files.facts("d/a"), files.read("d/a", 10), files.list("d")]).toEqual([undefined, undefined, undefined]);
    expect(files.readLines("d/a", 10, () => {})).toBe(false);
    files.makeDirectory("d");
    files.append("d/a", "ä\n", 0);
    files.append("d/a", "two", 3);
    expect(() => files.append("d/a", "late", 3)).toThrow("it has 6 bytes instead of 3");
    expect([textOf(files, "d/a"), files.facts("d/a")?.bytes]).toEqual(["ä\ntwo", 6]);
    expect(() => files.read("d/a", 5)).toThrow("it is larger than 5 bytes");
    files.truncate("d/a", 3);
    files.replace("d/b", "whole");
    files.replace("d/b", "new");
    files.move("d/a", "d/c");
    expect([files.list("d"), textOf(files, "d/b"), textOf(files, "d/c")]).toEqual([["b", "c"], "new", "ä\n"]);
    files.move("d/c", "d/b");
    files.remove("d/b");
    files.remove("d/b");
    expect(() => files.move("d/b", "d/c")).toThrow();
    expect(() => files.touch("d/b")).toThrow();
  });

  test(`DurableFiles on ${name} creates a file once`, () => {
    enter(`create-${name}`);
    const files = open();
    files.makeDirectory("d");
    expect([files.create("d/a", "first"), files.create("d/a", "second")]).toEqual([true, false]);
    expect([textOf(files, "d/a"), files.list("d")]).toEqual(["first", ["a"]]);
  });

  test(`DurableFiles on ${name} reads lines of any length and tells an end without a line feed`, () => {
    enter(`lines-${name}`);
    const files = open();
    files.makeDirectory("d");
    const long = "x".repeat(70_000);
    files.append("d/a", `one\n\n${long}\nä`, 0);
    expect(linesOf(files, "d/a", 70_000)).toEqual([
      ["one", 0, true],
      ["", 4, true],
      [long, 5, true],
      ["ä", 70_006, false],
    ]);
    expect(() => linesOf(files, "d/a", 69_999)).toThrow("line 3 is longer than 69999 bytes");
    files.append("d/b", "x".repeat(200_000), 0);
    expect(() => linesOf(files, "d/b")).toThrow("line 1 is longer than 1000 bytes");
    files.append("d/c", "", 0);
    expect(linesOf(files, "d/c")).toEqual([]);
    expect(() =>
      files.readLines("d/a", 70_000, () => {
        throw new RangeError("stop");
      })
    ).toThrow(RangeError);
  });
}

test("DurableFiles refuses symbolic links in the directory's path and in place of a file, and changes nothing behind them", () => {
  const here = enter("links");
  const outside = join(folder, "links-outside");
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, "file"), "untouched\n");
  fs.symlinkSync(outside, "out");
  fs.mkdirSync("real");
  fs.symlinkSync(join(outside, "file"), "real/link");
  for (const path of ["out/file", "real/link", `${here}/out/file`, `${here}/real/link`, "./real//link"]) {
    const refused: [string, () => unknown][] = [
      ["facts", () => disk.facts(path)],
      ["read", () => disk.read(path, 100)],
      ["readLines", () => disk.readLines(path, 100, () => {})],
      ["append", () => disk.append(path, "x", 10)],
      ["truncate", () => disk.truncate(path, 0)],
      ["replace", () => disk.replace(path, "x")],
      ["touch", () => disk.touch(path)],
      ["move", () => disk.move(path, "real/moved")],
    ];
    for (const [name, act] of refused) expect(act, `${name} ${path}`).toThrow("symbolic link");
  }
  for (
    const act of [
      () => disk.create("out/new", "x"),
      () => disk.remove("out/file"),
      () => disk.list("out"),
      () => disk.makeDirectory("out/deep"),
      () => disk.timeIn("out"),
    ]
  ) expect(act).toThrow("symbolic link");
  // A link is in the way of a new file, and is not followed.
  fs.symlinkSync(join(outside, "new"), "real/dangling");
  expect(disk.create("real/dangling", "x")).toBe(false);
  expect(() => disk.append("real/dangling", "x", 0)).toThrow("symbolic link");
  disk.remove("real/link");
  expect(fs.readdirSync(outside)).toEqual(["file"]);
  expect(fs.readFileSync(join(outside, "file"), "utf8")).toBe("untouched\n");
});

/** A disk whose steps are recorded, and fail where a test says so. */
function watched(fail: (step: string, args: unknown[]) => void = () => {}) {
  const steps: string[] = [];
  const names = new Map<unknown, string>();
  const last = (path: unknown) => String(path).split("/").at(-1)?.replace(/[0-9a-f]{8}\.tmp$/, "TMP");
  const on = (name: string) => (...args: unknown[]) => {
    fail(name, args);
    // deno-lint-ignore no-explicit-any
    const result = (fs as any)[name](...args);
    if (name === "openSync") names.set(result, last(args[0]) ?? "");
    const what = typeof args[0] === "number"
      ? names.get(args[0])
      : args.slice(0, name === "renameSync" ? 2 : 1).map(last);
    steps.push(`${name.replace("Sync", "")} ${what}`);
    return result;
  };
  const steady = ["writeSync", "fsyncSync", "ftruncateSync", "renameSync", "linkSync", "mkdirSync", "openSync"];
  const handler: ProxyHandler<typeof fs> = {
    get: (target, name: keyof typeof fs) => steady.includes(name) ? on(name) : target[name],
  };
  const files = processDurableFiles(new Proxy({ ...fs }, handler));
  return { files, steps, take: () => steps.splice(0).filter((step) => !step.startsWith("open")) };
}

test("append() and replace() return after the bytes and the new name are on the disk", () => {
  enter("synced");
  const { files, take } = watched();
  files.makeDirectory("a/b");
  expect(take()).toEqual(["mkdir a", "mkdir b", "fsync .", "fsync a"]);
  files.append("a/b/log", "one\n", 0);
  expect(take()).toEqual(["write log", "fsync log", "fsync b"]);
  files.append("a/b/log", "two\n", 4);
  expect(take()).toEqual(["write log", "fsync log"]);
  files.replace("a/b/lock", "text");
  expect(take()).toEqual(["write lock.TMP", "fsync lock.TMP", "rename lock.TMP,lock", "fsync b"]);
  files.truncate("a/b/log", 4);
  expect(take()).toEqual(["ftruncate log", "fsync log"]);
});

test("append() takes back what was written when the disk is full, and replace() leaves the old file", () => {
  enter("full");
  let full = false;
  const { files } = watched((step, args) => {
    if (full && step === "fsyncSync") throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    if (full && step === "writeSync") {
      fs.writeSync(args[0] as number, (args[1] as Uint8Array).subarray(0, 2));
      throw Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    }
  });
  files.append("log", "one\n", 0);
  files.replace("lock", "old");
  full = true;
  expect(() => files.append("log", "two\n", 4)).toThrow("ENOSPC");
  expect(() => files.replace("lock", "new")).toThrow("ENOSPC");
  expect(() => files.create("writer", "x")).toThrow("ENOSPC");
  full = false;
  expect([textOf(files, "log"), textOf(files, "lock"), files.list(".")]).toEqual(["one\n", "old", ["lock", "log"]]);
});

test("create() creates a file once also where there are no hard links, or where the answer of one was lost", () => {
  enter("no-links");
  const refuse = (code: string) => {
    throw Object.assign(new Error(code), { code });
  };
  for (const code of ["EPERM", "ENOTSUP", "EMLINK"]) {
    const { files } = watched((step) => void (step === "linkSync" && refuse(code)));
    expect([files.create(code, "first"), files.create(code, "second")]).toEqual([true, false]);
    expect(textOf(files, code)).toBe("first");
  }
  const { files } = watched((step, [from, to]) => {
    if (step !== "linkSync") return;
    fs.linkSync(from as string, to as string);
    refuse("EEXIST");
  });
  expect(files.create("lost", "first")).toBe(true);
  expect(fs.readdirSync(".").filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("touch() and timeIn() count by the clock of the file system, and touch() changes no byte", () => {
  enter("touch");
  disk.append("a", "text", 0);
  fs.utimesSync("a", 1_000, 1_000);
  expect(disk.facts("a")?.modifiedMs).toBe(1_000_000);
  disk.touch("a");
  const touchedMs = disk.facts("a")?.modifiedMs ?? 0;
  expect(touchedMs).toBeGreaterThan(1_000_000);
  expect(disk.timeIn(".")).toBeGreaterThanOrEqual(touchedMs);
  expect([textOf(disk, "a"), disk.list(".")]).toEqual(["text", ["a"]]);
  expect(disk.read("a", 100)?.modifiedMs).toBe(touchedMs);
});
