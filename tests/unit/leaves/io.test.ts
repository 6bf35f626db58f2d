import { afterAll, expect, test } from "bun:test";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { processIo } from "../../../lib/io.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-io-")));

const home = process.cwd();

afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

/** Changes into a new checkout, next to a directory that must not change. */
function checkout(name: string): { here: string; outside: string } {
  const here = join(folder, name);
  const outside = join(folder, `${name}-outside`);
  mkdirSync(here);
  mkdirSync(outside);
  process.chdir(here);
  return { here, outside };
}

test("Io.writeFile() refuses symbolic links anywhere below the working directory, however the path is written", async () => {
  const io = await processIo();
  const { here, outside } = checkout("links");
  mkdirSync(join(outside, "deep", "er"), { recursive: true });
  writeFileSync(join(outside, "file"), "untouched");
  symlinkSync(outside, "out");
  symlinkSync(join(outside, "file"), "link");
  symlinkSync(join(outside, "new"), "dangling");
  const planted = ["out/x", "out/deep/er/x", "./out//deep/x", "out/./x", "link", "dangling", "./link"];
  for (const path of [...planted, ...planted.map((path) => `${here}/${path}`), `${here}//out//x`]) {
    expect(() => io.writeFile(path, "pwned"), path).toThrow("symbolic link");
  }
  expect(readFileSync(join(outside, "file"), "utf8")).toBe("untouched");
  expect(() => readFileSync(join(outside, "new"))).toThrow();
});

test("Io.writeFile() does not change other hard links of the same file", async () => {
  const io = await processIo();
  const { outside } = checkout("hard");
  writeFileSync(join(outside, "file"), "untouched");
  linkSync(join(outside, "file"), "run.json");
  io.writeFile("run.json", "ours");
  expect(readFileSync("run.json", "utf8")).toBe("ours");
  expect(readFileSync(join(outside, "file"), "utf8")).toBe("untouched");
});

test("Io.writeFile() follows a link outside the working directory, which no checkout controls", async () => {
  const io = await processIo();
  const { here, outside } = checkout("above");
  symlinkSync(folder, join(here, "volume"));
  mkdirSync("inner");
  process.chdir("inner");
  io.writeFile(join(here, "volume", "above-outside", "a", "report"), "ours");
  expect(readFileSync(join(outside, "a", "report"), "utf8")).toBe("ours");
});

test("Io.readFile() refuses what is not UTF-8, unless it is asked to replace it", async () => {
  const io = await processIo();
  checkout("bytes");
  writeFileSync("utf16", Buffer.from("\ufeffFix it", "utf16le"));
  writeFileSync("latin1", Buffer.from("f\xfcr", "latin1"));
  for (const limit of [undefined, 100]) {
    expect(() => io.readFile("utf16", limit)).toThrow("it is UTF-16: save it as UTF-8");
    expect(() => io.readFile("latin1", limit)).toThrow("it is not UTF-8: save it as UTF-8");
    expect(io.readFile("latin1", limit, "refuse", "replace")).toBe("f\ufffdr");
  }
});

test("Io.readFile() with a limit gives the same text as without, over many chunks", async () => {
  const io = await processIo();
  checkout("chunks");
  const texts = ["", "\ufeffmarked", "é".repeat(100_000), `\u{1f600}${"x".repeat(65_535)}\u{1f600}`];
  for (const text of texts) {
    writeFileSync("file", text);
    expect(io.readFile("file", 1_000_000)).toBe(text);
    expect(io.readFile("file")).toBe(text);
  }
});

test.skipIf(process.platform !== "linux")(
  "Io.readFile() bounds a file whose size the system does not tell",
  async () => {
    const io = await processIo();
    expect(() => io.readFile("/proc/self/status", 40)).toThrow("it is larger than 40 bytes");
    expect(io.readFile("/proc/self/status", 1_000_000)).toContain("State:");
  },
);

test.skipIf(process.platform !== "linux")(
  "Io.writeFile() throws when a file system answers ENOENT to a new directory",
  async () => {
    const io = await processIo();
    expect(() => io.writeFile("/proc/no-such-folder/deep/report", "x")).toThrow("ENOENT");
  },
);
