import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { durableFilesOn } from "../../../lib/files/disk.ts";

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

const disk = durableFilesOn(fs);

test("DurableFiles refuses directories, pipes and devices at once", () => {
  enter("odd");
  execFileSync("mkfifo", ["pipe"]);
  fs.mkdirSync("directory");
  for (const path of ["pipe", "directory", "/dev/null"]) {
    const why = "it is not an ordinary file";
    expect(() => disk.read(path, 100), path).toThrow(why);
    expect(() => disk.readLines(path, 100, () => {}), path).toThrow(why);
    expect(() => disk.append(path, "x", 0), path).toThrow(why);
    expect(() => disk.replace(path, "x"), path).toThrow(why);
    expect(() => disk.touch(path), path).toThrow(why);
  }
  expect(() => disk.makeDirectory("pipe/x")).toThrow();
  expect(() => disk.list("pipe")).toThrow();
});
