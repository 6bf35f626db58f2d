import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { gunzipSync } from "node:zlib";
import { VERSION } from "../../../lib/version.ts";
import { RELEASE_FILES } from "../../../tools/publish/files.ts";
import { publish } from "../../../tools/publish/publish.ts";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import { git } from "../components/project.ts";
import { githubReleases, jsrRegistry, npmRegistry } from "./publishing.ts";

// Real `npm` and `deno` publish to stand-ins: what they send was recorded, and is the same here.
let folder = "";
let top = "";
const kept = { ...process.env };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-publish-"));
  top = join(folder, "checkout");
  execFileSync("git", ["clone", "--quiet", "--depth=1", `file://${root}`, top], { stdio: "ignore" });
  // What this checkout has and did not commit yet belongs to it, too.
  const tracked = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0");
  for (const path of tracked.filter((each) => each !== "")) {
    try {
      cpSync(join(root, path), join(top, path));
    } catch {
      rmSync(join(top, path), { force: true });
    }
  }
  cpSync(join(root, "dist"), join(top, "dist"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(top, "node_modules"));
  appendFileSync(join(top, ".git/info/exclude"), "node_modules\n");
  git(top, "add", "--all");
  git(top, "commit", "--quiet", "--allow-empty", "--message=release");
  git(top, "tag", VERSION);
  writeFileSync(join(folder, ".npmrc"), "");
  process.env.npm_config_userconfig = join(folder, ".npmrc");
});

afterAll(() => {
  for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
  Object.assign(process.env, kept);
  rmSync(folder, { recursive: true, force: true });
});

const check = () => Promise.resolve("- Something new.\n");
const release = (...target: string[]) => publish({ top, version: VERSION, target, check });

test(
  "publish() to npm sends what `npm install` takes, compares a version that is there, and refuses other bytes",
  async () => {
    const registry = await npmRegistry();
    const login = [`--registry=${registry.url}`, `--${registry.url.replace("http:", "")}:_authToken=npm-token`];
    // Without the build before a package is made, which has tests of its own.
    const args = [...login, "--ignore-scripts"];
    expect(await release("npm", ...args)).toBe(`npm has @mogplex/ci@${VERSION} now`);
    const user = join(folder, "user");
    mkdirSync(user);
    writeFileSync(join(user, "package.json"), "{}");
    const install = ["install", "--no-audit", "--no-fund", `--cache=${join(folder, "cache")}`, ...login];
    const installed = Bun.spawn(["npm", ...install, "@mogplex/ci"], { cwd: user, stdout: "ignore", stderr: "ignore" });
    expect(await installed.exited).toBe(0);
    const version = execFileSync(join(user, "node_modules/.bin/mogplex-ci"), ["--version"], { encoding: "utf8" });
    expect(version).toContain(VERSION);
    // The ways in that name the package alone, which start the program of its last name, `ci`.
    const name = `@mogplex/ci@${VERSION}`;
    const ways = [
      ["npx", "--yes", `--cache=${join(folder, "cache")}`, ...login, name],
      [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", "-ERWN", `npm:${name}`],
    ];
    for (const way of ways) {
      const env = { ...process.env, NPM_CONFIG_REGISTRY: registry.url, DENO_DIR: join(folder, "deno") };
      const start = async (arg: string) => {
        const child = Bun.spawn([...way, arg], { cwd: folder, env, stdout: "pipe", stderr: "ignore" });
        return { stdout: await new Response(child.stdout).text(), code: await child.exited };
      };
      expect(await start("--version")).toEqual({ stdout: expect.stringContaining(VERSION), code: 0 });
      expect((await start("no-such-verb")).code).toBe(2);
    }
    expect(await release("npm", ...args)).toBe(`npm had @mogplex/ci@${VERSION} already, with the same bytes`);
    expect(registry.requests.filter((each) => each.startsWith("PUT")).length).toBe(1);
    const readme = readFileSync(join(top, "README.md"), "utf8");
    writeFileSync(join(top, "README.md"), "# Other\n");
    git(top, "commit", "--all", "--quiet", "--message=other");
    git(top, "tag", "--force", VERSION);
    await expect(release("npm", ...args)).rejects.toThrow("make another version");
    writeFileSync(join(top, "README.md"), readme);
    git(top, "commit", "--all", "--quiet", "--message=again");
    git(top, "tag", "--force", VERSION);
    registry.close();
  },
);

test("publish() to JSR sends the sources, and nothing when the version is there", async () => {
  const jsr = await jsrRegistry();
  process.env.JSR_URL = jsr.url;
  const said = await release("jsr", "--token", "jsr-token", "--no-check");
  expect(said).toBe(`JSR has @mogplex/ci@${VERSION} now`);
  const archive = gunzipSync(jsr.published.get(VERSION) ?? Buffer.alloc(0)).toString("latin1");
  // Names of entries stand in blocks of their own, before zeros.
  for (const name of ["mod.ts", "testing.ts", "lib/exit_codes.ts", "README.md", "LICENSE"]) {
    expect(archive).toContain(`${name}\0`);
  }
  expect(archive).not.toContain("mogplex.mjs\0");
  expect(await release("jsr")).toBe(`JSR had @mogplex/ci@${VERSION} already`);
  jsr.close();
});

test("publish() on GitHub keeps a draft until all files are there, goes on after an interruption, and compares what is public", async () => {
  const github = await githubReleases("acme/mogplex-ci");
  process.env.GITHUB_API_URL = github.url;
  process.env.GITHUB_TOKEN = "github-token";
  github.breakAt = "mogplex.mjs.sha256";
  await expect(release("github", "acme/mogplex-ci")).rejects.toThrow("GitHub answered 502");
  expect(github.release?.draft).toBe(true);
  const draft = github.release as unknown as { upload_url: string };
  const { upload_url } = draft;
  draft.upload_url = "http://127.0.0.1:9/up/7/assets{?name,label}";
  await expect(release("github", "acme/mogplex-ci")).rejects.toThrow("Cannot upload to http://127.0.0.1:9: the token");
  draft.upload_url = upload_url;
  expect(await release("github", "acme/mogplex-ci")).toBe(`GitHub has the release ${VERSION} of acme/mogplex-ci now`);
  expect(github.release).toMatchObject({ draft: false, body: "- Something new.\n", tag_name: VERSION });
  expect(github.release?.assets.map(({ name, digest }) => [name, digest])).toEqual(
    RELEASE_FILES.map((name) => [name, `sha256:${sha256(readFileSync(join(top, "dist", name)))}`]),
  );
  const before = github.requests.length;
  expect(await release("github", "acme/mogplex-ci")).toContain("already, with the same files");
  expect(github.requests.length).toBe(before + 1);
  for (const asset of github.release?.assets ?? []) asset.digest = `sha256:${"0".repeat(64)}`;
  await expect(release("github", "acme/mogplex-ci")).rejects.toThrow('its "mogplex.mjs" is not the file of this');
  process.env.GITHUB_TOKEN = "other-token";
  await expect(release("github", "acme/mogplex-ci")).rejects.toThrow(/answered 401 .*Bad credentials/);
  github.close();
});

test("publish() sends nothing when the place, the checkout or the build is not the release's", async () => {
  process.env.GITHUB_TOKEN = "";
  const wrong: [string[], string][] = [
    [["pypi"], 'Cannot publish to "pypi": it must be npm, jsr or github OWNER/NAME'],
    [["github", "acme"], 'Cannot publish to "acme" on GitHub: name its repository as OWNER/NAME'],
    [["github", "acme/web"], "GITHUB_TOKEN must hold a token"],
  ];
  for (const [target, message] of wrong) await expect(release(...target)).rejects.toThrow(message);
  const other = publish({ top, version: "9.9.9", target: ["npm"], check });
  await expect(other).rejects.toThrow('Cannot publish "9.9.9": check the tag "9.9.9" out first');
  writeFileSync(join(top, "new.txt"), "");
  await expect(release("npm")).rejects.toThrow("the checkout has changes:\n?? new.txt");
  rmSync(join(top, "new.txt"));
  const program = join(top, "dist/mogplex.mjs");
  const text = readFileSync(program, "utf8");
  writeFileSync(program, `${text}\n`);
  await expect(release("npm")).rejects.toThrow("dist/mogplex.mjs.sha256 is not the checksum of dist/mogplex.mjs");
  rmSync(program);
  await expect(release("npm")).rejects.toThrow('dist/ has no mogplex.mjs: run "npm run build"');
  writeFileSync(program, text);
});
