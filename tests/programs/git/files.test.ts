import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { systemClock, virtualClock } from "../../../lib/clock.ts";
import { type GitFiles, openGitFiles } from "../../../lib/git/files.ts";
import { readTreeFile } from "../../../lib/git/tree.ts";
import { makeRemotes, type Remotes } from "./remotes.ts";

let remotes: Remotes;
let remote: string;
let files: GitFiles;
let commit: string;

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`;

async function open(address: string): Promise<GitFiles> {
  return await openGitFiles({
    remote: address,
    env: (name) => name === "PATH" ? process.env.PATH : undefined,
    // A file of 60 MB needs real time.
    clock: { ...systemClock, sleep: virtualClock().sleep },
    random: () => 0.5,
    redact: (text) => text,
  });
}

beforeAll(async () => {
  remotes = makeRemotes();
  remote = remotes.make("web.git");
  // As the servers of GitHub, GitLab and Gitea permit it.
  remotes.git(remote, "config", "uploadpack.allowFilter", "true");
  remotes.git(remote, "symbolic-ref", "HEAD", "refs/heads/main");
  const work = join(remotes.folder, "work");
  remotes.git(remotes.folder, "clone", "-q", remote, work);
  const write = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), content);
  };
  write(".mogplex/result.json", '{"ok":true}\n');
  write(".mogplex/program.json", "{}");
  chmodSync(join(work, ".mogplex/program.json"), 0o755);
  write(".mogplex/empty.json", "");
  write(".mogplex/pointer.json", POINTER);
  write(".mogplex/limit.json", "x".repeat(2 ** 20));
  write(".mogplex/limit-1.json", "x".repeat(2 ** 20 + 1));
  // Not compressible, so that the pack of Git is as large.
  write(".mogplex/large.json", crypto.getRandomValues(new Uint8Array(60_000)).toBase64().repeat(750));
  write("root.json", "[1]");
  symlinkSync("/etc/passwd", join(work, ".mogplex/link.json"));
  symlinkSync(".mogplex", join(work, "folder-link"));
  remotes.git(work, "add", "--all");
  write(".gitattributes", "*.json text eol=crlf working-tree-encoding=UTF-16 filter=evil\n");
  remotes.git(work, "add", ".gitattributes");
  remotes.git(work, "update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},.mogplex/module`);
  remotes.git(work, "commit", "-q", "-m", "files");
  remotes.git(work, "push", "-q", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/a/b");
  commit = remotes.git(work, "rev-parse", "HEAD");
  files = await open(remote);
});

afterAll(async () => {
  await files.close();
  await remotes.close();
});

async function read(path: string): Promise<unknown> {
  const file = await readTreeFile(files, commit, path);
  return file.kind === "file" ? new TextDecoder().decode(file.bytes) : file;
}

test("GitFiles.head() finds a branch, the default branch, and no branch of a similar name", async () => {
  expect([await files.head(), await files.head("main"), await files.head("a/b")]).toEqual([commit, commit, commit]);
  expect([await files.head("b"), await files.head("heads/main")]).toEqual([null, null]);
});

test("GitFiles.head() is null when the repository is empty", async () => {
  const empty = await open(remotes.make("empty.git"));
  expect([await empty.head(), await empty.head("main")]).toEqual([null, null]);
  await empty.close();
});

test("readTreeFile() reads files by Git without their attributes", async () => {
  expect(await read(".mogplex/result.json")).toBe('{"ok":true}\n');
  expect(await read(".mogplex/program.json")).toBe("{}");
  expect(await read(".mogplex/empty.json")).toBe("");
  expect(await read("root.json")).toBe("[1]");
  expect(await read(".mogplex/limit.json")).toBe("x".repeat(2 ** 20));
});

test("readTreeFile() names what is no regular file", async () => {
  const refused = (why: string, path: string) => ({ kind: "refused", why, path });
  expect(await read(".mogplex/link.json")).toEqual(refused("link", ".mogplex/link.json"));
  expect(await read("folder-link/result.json")).toEqual(refused("link", "folder-link"));
  expect(await read(".mogplex/module")).toEqual(refused("submodule", ".mogplex/module"));
  expect(await read(".mogplex/module/result.json")).toEqual(refused("submodule", ".mogplex/module"));
  expect(await read(".mogplex/pointer.json")).toEqual(refused("lfs", ".mogplex/pointer.json"));
  expect(await read(".mogplex")).toEqual(refused("folder", ".mogplex"));
  expect(await read(".mogplex/limit-1.json")).toEqual(refused("too large", ".mogplex/limit-1.json"));
});

test("readTreeFile() misses a file that is elsewhere, below a file, or named with dots", async () => {
  for (const path of [".mogplex/RESULT.json", "result.json", "root.json/x", "../root.json", "./root.json", "", "*"]) {
    expect(await read(path)).toEqual({ kind: "missing" });
  }
});

/** Bytes of all files in a folder. */
function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const sizes = entries.map((each) => each.isFile() ? statSync(join(each.parentPath, each.name)).size : 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}

test("readTreeFile() refuses a file of 60 MB without fetching it", async () => {
  const [before, temporary] = [process.env.TMPDIR, join(remotes.folder, "temporary")];
  mkdirSync(temporary);
  process.env.TMPDIR = temporary;
  try {
    const own = await open(remote);
    const path = ".mogplex/large.json";
    expect(await readTreeFile(own, commit, path)).toEqual({ kind: "refused", why: "too large", path });
    expect(sizeOf(temporary)).toBeLessThan(5_000_000);
    await own.close();
    expect(readdirSync(temporary)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

test("readTreeFile() refuses it as well when the server fetches everything", async () => {
  const plain = join(remotes.folder, "plain.git");
  remotes.git(remotes.folder, "clone", "-q", "--bare", remote, plain);
  const own = await open(plain);
  const path = ".mogplex/large.json";
  expect(await readTreeFile(own, commit, path)).toEqual({ kind: "refused", why: "too large", path });
  expect(await readTreeFile(own, commit, ".mogplex/result.json")).toMatchObject({ kind: "file" });
  await own.close();
});

test("GitFiles ends with 2 or 69 when the repository is not there", async () => {
  const gone = await open(join(remotes.folder, "gone.git"));
  await expect(gone.head()).rejects.toMatchObject({ exit: "usage" });
  await gone.close();
});
