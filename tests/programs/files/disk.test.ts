import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { processDurableFiles } from "../../../lib/files/disk.ts";

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

test("DurableFiles refuses directories, pipes and devices at once", () => {
  enter("odd");
  execFileSync("mkfifo", ["pipe"]);
  fs.mkdirSync("directory");
  for (const path of ["pipe", "directory", "/dev/null"]) {
    const why = "it is not a regular file";
    expect(() => disk.read(path, 100), path).toThrow(why);
    expect(() => disk.readLines(path, 100, () => {}), path).toThrow(why);
    expect(() => disk.append(path, "x", 0), path).toThrow(why);
    expect(() => disk.replace(path, "x"), path).toThrow(why);
    expect(() => disk.touch(path), path).toThrow(why);
  }
  expect(() => disk.makeDirectory("pipe/x")).toThrow();
  expect(() => disk.list("pipe")).toThrow();
});

test("DurableFiles.create() has its file and its name on the disk before it returns, with and without hard links", () => {
  const here = enter("synced");
  for (const links of [true, false]) {
    const steps: string[] = [];
    const names = new Map<number, string>();
    const told = {
      ...fs,
      openSync: ((path: string, ...rest: [number]) => {
        const file = fs.openSync(path, ...rest);
        names.set(file, path.includes("writer") ? "file" : "directory");
        return file;
      }) as typeof fs.openSync,
      fsyncSync(file: number) {
        steps.push(`sync ${names.get(file)}`);
        fs.fsyncSync(file);
      },
      linkSync(from: fs.PathLike, to: fs.PathLike) {
        if (!links) throw Object.assign(new Error("no links"), { code: "EPERM" });
        steps.push("link");
        fs.linkSync(from, to);
      },
    };
    const path = join(here, `writer-${links}.json`);
    expect(processDurableFiles(told).create(path, "{}")).toBe(true);
    expect(steps).toEqual(
      links ? ["sync file", "link", "sync directory"] : ["sync file", "sync file", "sync directory"],
    );
    expect(processDurableFiles(told).create(path, "{}")).toBe(false);
  }
});
