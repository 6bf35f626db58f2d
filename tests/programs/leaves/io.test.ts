import { afterAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { processIo } from "../../../lib/io.ts";
import { readFileNow } from "../../../lib/runtime.ts";
import { runtimes } from "../../../tools/setup.mjs";

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

test("Io.readFile() refuses links, directories, pipes, devices and large files at once when it has a limit", async () => {
  const io = await processIo();
  checkout("read");
  writeFileSync("small", "1234");
  symlinkSync("/dev/zero", "endless");
  symlinkSync("small", "link");
  execFileSync("mkfifo", ["pipe"]);
  expect(io.readFile("small", 4)).toBe("1234");
  expect(io.readFile("absent", 4)).toBeUndefined();
  for (const path of ["endless", "link", "/dev/zero", ".", "pipe"]) {
    expect(() => io.readFile(path, 4), path).toThrow("it is not a regular file");
  }
  expect(() => io.readFile("small", 3)).toThrow("it is larger than 3 bytes");
  expect(io.readFile("link")).toBe("1234");
});

test("Io.readFile() with a limit follows a link to a regular file when asked, and to nothing else", async () => {
  const io = await processIo();
  checkout("followed");
  writeFileSync("small", "1234");
  execFileSync("mkfifo", ["pipe"]);
  symlinkSync("small", "link");
  symlinkSync("absent", "dangling");
  symlinkSync("pipe", "to-pipe");
  symlinkSync("/dev/zero", "to-device");
  symlinkSync(".", "to-directory");
  expect(io.readFile("link", 4, "follow")).toBe("1234");
  expect(io.readFile("dangling", 4, "follow")).toBeUndefined();
  expect(() => io.readFile("link", 3, "follow")).toThrow("it is larger than 3 bytes");
  for (const path of ["to-pipe", "to-device", "to-directory"]) {
    expect(() => io.readFile(path, 4, "follow"), path).toThrow("it is not a regular file");
  }
});

test("Io.readFile() refuses pipes, devices and directories without a limit, too, and follows links", async () => {
  const io = await processIo();
  checkout("unlimited");
  execFileSync("mkfifo", ["pipe"]);
  symlinkSync("/dev/zero", "endless");
  for (const path of ["endless", "/dev/zero", ".", "pipe"]) {
    expect(() => io.readFile(path), path).toThrow("it is not a regular file");
  }
  writeFileSync("huge", "x".repeat(16 * 1024 * 1024 + 1));
  expect(() => io.readFile("huge")).toThrow("it is larger than 16777216 bytes");
  expect(io.readFile("huge", undefined, "follow", "replace")?.length).toBe(16 * 1024 * 1024 + 1);
  expect(io.readFile("absent")).toBeUndefined();
});

test("Io.appendFile() fails at once for a pipe without a reader, and appends to files and through links", async () => {
  const io = await processIo();
  checkout("append");
  execFileSync("mkfifo", ["pipe"]);
  expect(() => io.appendFile("pipe", "x")).toThrow("ENXIO");
  symlinkSync("file", "link");
  io.appendFile("file", "a");
  io.appendFile("link", "b");
  expect(readFileSync("file", "utf8")).toBe("ab");
});

test("readFileNow() reads small regular files alone", () => {
  checkout("now");
  execFileSync("mkfifo", ["pipe"]);
  writeFileSync("utf16", Buffer.from("\ufeffmog_x", "utf16le"));
  writeFileSync("huge", "x".repeat(65_537));
  writeFileSync("token", "mog_x\n");
  symlinkSync("token", "link");
  expect([readFileNow("token"), readFileNow("link")]).toEqual(["mog_x\n", "mog_x\n"]);
  for (const path of ["pipe", "/dev/zero", "."]) expect(() => readFileNow(path)).toThrow("it is not a regular file");
  expect(() => readFileNow("huge")).toThrow("it is larger than 65536 bytes");
  expect(() => readFileNow("utf16")).toThrow("it is UTF-16");
  expect(() => readFileNow("absent")).toThrow();
});

test("Io.writeFile() creates the folder above its file on Deno, which may write that folder alone", () => {
  const { here, outside } = checkout("deno");
  const state = join(outside, "state/of-this");
  const [script, io] = [join(here, "write.ts"), new URL("../../../lib/io.ts", import.meta.url).href];
  writeFileSync(
    script,
    `import { processIo } from ${JSON.stringify(io)};\n(await processIo()).writeFile(${
      JSON.stringify(join(state, "list"))
    }, "text");\n`,
  );
  const flags = ["--no-config", "--no-lock", "--no-prompt", `--allow-read=${state}`, `--allow-write=${state}`];
  execFileSync(runtimes.deno, ["run", ...flags, script]);
  expect(readFileSync(join(state, "list"), "utf8")).toBe("text");
});
