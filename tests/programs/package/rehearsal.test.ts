/** The release, rehearsed to the last command of this repository, in a clone that is thrown away. Nothing asks a network. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLACES } from "../../../tools/publish/places.ts";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import { commitAll, git } from "../components/project.ts";
import { cloneTo } from "./clone.ts";

const VERSION = "0.1.0";
const DIGEST = `sha256:${"a".repeat(64)}`;
const PLACE_NAMES = { github: "acme/mogplex-ci", gitlab: "acme/group/mogplex-ci", npm: "@mogplex/ci" };

let folder = "";
let top = "";
let before = "";
let prepared: { code: number; stdout: string; stderr: string };

async function tool(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const line = [runtimes.bun, "--no-env-file", ...args];
  const child = Bun.spawn(line, { cwd: top, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, stdout, stderr };
}

const read = (path: string) => readFileSync(join(top, path), "utf8");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-rehearsal-"));
  top = join(folder, "clone");
  cloneTo(top);
  writeFileSync(join(top, PLACES), JSON.stringify(PLACE_NAMES));
  commitAll(top);
  before = git(root, "status", "--porcelain");
  prepared = await tool("tools/release.ts", VERSION, "--digest", DIGEST);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("release.ts prepares 0.1.0 and prints every command that a person gives next", () => {
  expect({ ...prepared, stderr: prepared.code === 0 ? "" : prepared.stderr }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`git commit --all --message "release: ${VERSION}"`),
    stderr: "",
  });
  expect(prepared.stdout).not.toMatch(/OWNER|GROUP|X\.Y\.Z|<owner>/);
});

test("the release commit passes the check of its pipeline, and its documents are formatted and up to date", async () => {
  const checked = await tool("tools/release.ts", "--check", VERSION, "--digest", DIGEST);
  expect(checked).toEqual({ code: 0, stdout: expect.stringMatching(/^\S/), stderr: "" });
  expect(await tool("tools/docs.ts", "--check")).toMatchObject({ code: 0 });
  const fmt = Bun.spawnSync([runtimes.deno, "fmt", "--check", "--quiet"], { cwd: top });
  expect({ code: fmt.exitCode, text: fmt.stderr.toString().slice(0, 2_000) }).toEqual({ code: 0, text: "" });
});

test("the release commit has its version, its places and its checksum everywhere, and nothing of the time before", () => {
  expect(JSON.parse(read("package.json"))).toMatchObject({
    version: VERSION,
    repository: { url: "git+https://github.com/acme/mogplex-ci.git" },
    bugs: { url: "https://github.com/acme/mogplex-ci/issues" },
  });
  const { releases } = JSON.parse(read("releases.json"));
  expect(releases[0]).toMatchObject({ version: VERSION, digest: sha256(read("dist/mogplex.mjs")) });
  expect(read("docs/install.md")).toContain(`MOGPLEX_CI_SHA256=${releases[0].digest}`);
  expect(read("README.md")).toContain(`acme/group/mogplex-ci/run@${VERSION}`);
  const found = (...args: string[]) => Bun.spawnSync(["git", "grep", "-nE", ...args], { cwd: top }).stdout.toString();
  const old = found(
    "OWNER/NAME|GROUP/PROJECT|<!-- (/?un)?released|No release is published",
    "--",
    "*.md",
    "*.yml",
    "*.json",
    ":!CONTRIBUTING.md",
    // Of the local service: a folder of its own.
    ":!lib/emulator/README.md",
  );
  expect(old).toBe("");
  expect(found("@mogplex/ci@0\\.0\\.0|MOGPLEX_CI_VERSION=0\\.0\\.0", "--", "docs", "examples", "*.md")).toBe("");
});

test("SHA256SUMS of the release finds one changed byte of the program", () => {
  const dist = join(top, "dist");
  const sum = () => Bun.spawnSync(["sha256sum", "--check", "--ignore-missing", "SHA256SUMS"], { cwd: dist }).exitCode;
  expect(sum()).toBe(0);
  writeFileSync(join(dist, "mogplex.mjs"), read("dist/mogplex.mjs").replace("e", "f"));
  expect(sum()).toBe(1);
});

test("the rehearsal writes nothing into this checkout", () => {
  expect(git(root, "status", "--porcelain")).toBe(before);
});

test("release.ts refuses a version while places.json is empty", async () => {
  git(top, "checkout", "--quiet", "--force", "HEAD");
  git(top, "clean", "--quiet", "--force", "-d");
  writeFileSync(join(top, PLACES), JSON.stringify({ ...PLACE_NAMES, github: "" }));
  commitAll(top);
  const { code, stderr } = await tool("tools/release.ts", VERSION, "--digest", DIGEST);
  expect(code).toBe(1);
  expect(stderr).toContain(`"github" in ${PLACES} must match`);
  expect(git(top, "status", "--porcelain")).toBe("");
});
