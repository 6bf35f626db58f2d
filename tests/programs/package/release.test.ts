import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { publishedProblems, writePublished } from "../../../tools/build/published.ts";
import { lookUpDigest } from "../../../tools/registry.ts";
import { checkRelease, prepareRelease, withoutNotice } from "../../../tools/release.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { commitAll, git, writeFiles } from "../components/project.ts";
import { type Registry, type RegistryFault, startRegistry } from "./registry.ts";

let registry: Registry;
let folder = "";

beforeAll(async () => {
  registry = await startRegistry("denoland/deno", "alpine-9.9.9");
  folder = mkdtempSync(join(tmpdir(), "mogplex-release-"));
});

beforeEach(() => {
  registry.fault = {};
  registry.requests = [];
});

afterAll(() => {
  registry.close();
  rmSync(folder, { recursive: true, force: true });
});

const WRITTEN = [
  "action/LICENSES.txt",
  "action/action.yml",
  "action/main.mjs",
  "components/LICENSES.txt",
  "templates/run.yml",
];
const FILES = ["package.json", "package-lock.json", "deno.json", "lib/version.ts"];

/** A checkout at version 1.2.3 with changes to release. */
function checkout(changelog = "## Unreleased\n\n- Something new.\n\n## 1.2.3\n\n- Something old.\n"): string {
  const top = mkdtempSync(join(folder, "checkout-"));
  const current = /VERSION = "(.*)"/.exec(readFileSync(join(root, "lib/version.ts"), "utf8"))?.[1] ?? "";
  const own = FILES.map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return [path, text.replaceAll(`"${current}"`, '"1.2.3"')];
  });
  const { image, tag } = registry;
  writeFiles(top, {
    ...Object.fromEntries(own),
    "CHANGELOG.md": `# Changelog\n\nAbout it.\n\n${changelog}`,
    "components/image.json": JSON.stringify({ image, tag, digest: "" }),
    ...Object.fromEntries(WRITTEN.map((path) => [path, ""])),
    "docs/install.md": `MOGPLEX_CI_VERSION=1.2.3\nMOGPLEX_CI_SHA256=${"0".repeat(64)}\n`,
    "examples/a.yml": "",
    ".gitignore": "dist/\n",
  });
  commitAll(top);
  return top;
}

const read = (top: string, path: string) => readFileSync(join(top, path), "utf8");

/** Builds, and writes what the repository keeps of it. */
function build(top: string): void {
  const { image, tag, digest } = JSON.parse(read(top, "components/image.json"));
  const version = /VERSION = "(.*)"/.exec(read(top, "lib/version.ts"))?.[1];
  writeFiles(top, {
    "dist/templates/run.yml":
      `# Mogplex CI ${version}, component "run".\nspec:\n  default: "${image}:${tag}@${digest}"\n`,
    "dist/action/action.yml": `# Mogplex CI ${version}, action. Generated.\nname: Mogplex CI\n`,
    "dist/action/main.mjs": `// @mogplex/ci ${version} mogplex-action.mjs\n`,
    "dist/action/LICENSES.txt": "no package\n",
    "dist/mogplex-component.mjs.licenses.txt": "no package\n",
    "dist/mogplex.mjs": `// @mogplex/ci ${version} mogplex.mjs\n`,
  });
  writePublished(top);
}

function prepare(top: string, version = "1.3.0"): Promise<string[]> {
  return prepareRelease({ top, version, date: "2026-12-01", build: () => build(top) });
}

test("lookUpDigest() gets an anonymous token and proves the digest by the bytes", async () => {
  expect(await lookUpDigest(registry.image, registry.tag)).toBe(registry.digest);
  const path = "/v2/denoland/deno/manifests";
  expect(registry.requests).toEqual([
    `HEAD ${path}/${registry.tag}`,
    "GET /token",
    `HEAD ${path}/${registry.tag}`,
    `GET ${path}/${registry.digest}`,
  ]);
});

const FAULTS: Record<string, { fault: RegistryFault; says: RegExp }> = {
  "the tag is unknown": { fault: { status: 404 }, says: /registry answered 404$/ },
  "it is overloaded": { fault: { status: 429 }, says: /registry answered 429$/ },
  "it wants a password": { fault: { challenge: 'Basic realm="x"' }, says: /something else than a token: "Basic/ },
  "it gives no token": { fault: { tokenStatus: 503 }, says: /localhost:\d+ answered 503$/ },
  "the image is for one platform": {
    fault: { type: "application/vnd.oci.image.manifest.v1+json" },
    says: /no list of platforms for it, but "application\/vnd\.oci\.image\.manifest/,
  },
  "it names no digest": { fault: { digest: "latest" }, says: /says digest "latest"$/ },
  "its bytes are not the digest's": { fault: { body: "{}" }, says: /^Cannot trust image .* has digest "sha256:44136f/ },
};

for (const [when, { fault, says }] of Object.entries(FAULTS)) {
  test(`prepareRelease() writes nothing when it asks the registry and ${when}`, async () => {
    registry.fault = fault;
    const top = checkout();
    await expect(prepare(top)).rejects.toThrow(says);
    expect(git(top, "status", "--porcelain")).toBe("");
  });
}

test("prepareRelease() writes nothing when there is no registry", async () => {
  const top = checkout();
  writeFileSync(
    join(top, "components/image.json"),
    JSON.stringify({ image: "localhost:9/denoland/deno", tag: "alpine-9.9.9", digest: "" }),
  );
  commitAll(top);
  await expect(prepare(top)).rejects.toThrow(/^Cannot reach "localhost:9": /);
  expect(git(top, "status", "--porcelain")).toBe("");
});

test.each([
  ["git@code.example.org:acme/mogplex-ci.git", undefined, "https://code.example.org/acme/mogplex-ci"],
  ["https://code.example.org/acme/group/mogplex-ci.git", undefined, "https://code.example.org/acme/group/mogplex-ci"],
  ["/srv/git/mogplex-ci.git", "https://code.example.org/acme/mogplex-ci/", "https://code.example.org/acme/mogplex-ci"],
  ["https://user:secret@code.example.org/acme/mogplex-ci", undefined, undefined],
  ["http://localhost/acme/mogplex-ci", undefined, undefined],
])(
  "prepareRelease() with the remote %s and the address %s writes the addresses of %s",
  async (remote, address, expected) => {
    const top = checkout();
    git(top, "remote", "set-url", "origin", remote);
    await prepareRelease({ top, version: "1.3.0", date: "2026-12-01", build: () => build(top), address });
    const { version, repository, bugs, exports } = JSON.parse(read(top, "package.json"));
    expect([version, typeof exports]).toEqual(["1.3.0", "object"]);
    expect([repository?.url, bugs?.url]).toEqual(
      expected === undefined ? [undefined, undefined] : [`git+${expected}.git`, `${expected}/issues`],
    );
  },
);

test("prepareRelease() writes nothing when the address of the project is invalid", async () => {
  const top = checkout();
  const prepared = prepareRelease({
    top,
    version: "1.3.0",
    date: "2026-12-01",
    build: () => build(top),
    address: "acme/web",
  });
  await expect(prepared).rejects.toThrow('the address of the project must begin with https://: "acme/web"');
  expect(git(top, "status", "--porcelain")).toBe("");
});

test("prepareRelease() writes version, date and digest everywhere, and checkRelease() then finds its notes", async () => {
  const top = checkout();
  const commands = await prepare(top);
  for (const path of FILES) expect(read(top, path)).toContain('"1.3.0"');
  expect(JSON.parse(read(top, "package-lock.json"))).toMatchObject({
    version: "1.3.0",
    packages: { "": { version: "1.3.0" } },
  });
  expect(read(top, "CHANGELOG.md")).toContain(
    "About it.\n\n## Unreleased\n\n## 1.3.0 (2026-12-01)\n\n- Something new.\n\n## 1.2.3\n",
  );
  expect(JSON.parse(read(top, "components/image.json")).digest).toBe(registry.digest);
  expect(commands).toEqual([
    "npm test",
    'git commit --all --message "release: 1.3.0"',
    'git tag --annotate 1.3.0 --message "Mogplex CI 1.3.0"',
    "git push --atomic origin HEAD 1.3.0",
    "# The pipeline of the tag publishes the GitLab components. Once it has passed:",
    "npm run release -- --publish 1.3.0 npm",
    "npm run release -- --publish 1.3.0 jsr",
    "npm run release -- --publish 1.3.0 github <owner>/<repository>",
    "# `uses: <owner>/<repository>/action@v1` takes this release from then on.",
    "git tag --force v1 1.3.0^{}",
    "git push --force origin v1",
  ]);
  expect(await checkRelease(top, "1.3.0")).toBe("- Something new.\n");

  const rest = git(top, "diff", "--name-only").split("\n").sort();
  expect(rest).toEqual(["CHANGELOG.md", "components/image.json", "docs/install.md", ...FILES, ...WRITTEN].sort());
});

test("prepareRelease() refuses what is no later version, and a checkout that is not ready", async () => {
  const top = checkout();
  for (const version of ["1.2.3", "1.2.2", "0.9.9", "v1.3.0", "1.3", "1.3.0-rc1", "01.3.0", ""]) {
    await expect(prepare(top, version)).rejects.toThrow(`Cannot prepare release ${JSON.stringify(version)}: `);
  }
  git(top, "tag", "1.3.0");
  await expect(prepare(top)).rejects.toThrow("its tag is there already");
  git(top, "tag", "--delete", "1.3.0");
  writeFileSync(join(top, "new.txt"), "");
  await expect(prepare(top)).rejects.toThrow("commit or drop what was changed first:\n?? new.txt");
  const bare = checkout("## Unreleased\n\n## 1.2.3\n\n- Something old.\n");
  await expect(prepare(bare)).rejects.toThrow('CHANGELOG.md has nothing below "## Unreleased"');
  expect(registry.requests).toEqual([]);
});

test("checkRelease() names every file that is not of the tag", async () => {
  const top = checkout();
  await prepare(top);
  writeFileSync(join(top, "deno.json"), read(top, "deno.json").replace('"1.3.0"', '"1.2.3"'));
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow('Cannot release "1.3.0":\n- deno.json says "1.2.3"');
  const error = await checkRelease(top, "1.4.0").catch((error: Error) => error);
  const files = ["package.json", "package-lock.json", "package-lock.json", "deno.json", "lib/version.ts"];
  const said = files.map((path) => `- ${path} says "${path === "deno.json" ? "1.2.3" : "1.3.0"}"`);
  expect(String(error)).toBe([
    'Error: Cannot release "1.4.0":',
    ...said,
    '- CHANGELOG.md has no notes below "## 1.4.0"',
    "- templates/run.yml is not of version 1.4.0",
  ].join("\n"));
});

test("checkRelease() names every file that is not what its pipeline has built", async () => {
  const top = checkout();
  await prepare(top);
  expect(publishedProblems(top)).toEqual([]);
  for (const path of [...WRITTEN, "docs/install.md"]) {
    const before = read(top, path);
    const changed = path === "docs/install.md"
      ? before.replace(/(?<=SHA256=).*/, "0".repeat(64))
      : `${before}# changed\n`;
    writeFileSync(join(top, path), changed);
    expect(publishedProblems(top)).toEqual([`${path} is not what this commit builds: run "npm run release"`]);
    writeFileSync(join(top, path), before);
  }
  writeFileSync(join(top, "templates/old.yml"), "");
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow("templates/old.yml is not what this commit builds");
});

test("publishedProblems() compares the program of a template, not how it was compressed", async () => {
  const top = checkout();
  await prepare(top);
  const template = (text: string, level: number) =>
    `# Mogplex CI\nscript: <<'MOGPLEX_EOF'\n${gzipSync(text, { level }).toString("base64")}\n MOGPLEX_EOF\n`;
  const program = "console.log(1);\n".repeat(99);
  writeFileSync(join(top, "dist/templates/run.yml"), template(program, 9));
  writeFileSync(join(top, "templates/run.yml"), template(program, 1));
  expect(publishedProblems(top)).toEqual([]);
  writeFileSync(join(top, "templates/run.yml"), template(program.replace("1", "2"), 9));
  expect(publishedProblems(top)).toEqual(['templates/run.yml is not what this commit builds: run "npm run release"']);
});

test("checkRelease() refuses templates whose image has no digest, or one that the registry does not have any more", async () => {
  const top = checkout();
  await prepare(top);
  const { image, tag } = registry;
  registry.fault = { digest: `sha256:${"0".repeat(64)}` };
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow("Cannot trust image");
  registry.fault = {};
  writeFileSync(join(top, "components/image.json"), JSON.stringify({ image, tag, digest: `sha256:${"0".repeat(64)}` }));
  build(top);
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow(`where the registry has "${registry.digest}" for`);
  writeFileSync(join(top, "components/image.json"), JSON.stringify({ image, tag, digest: "" }));
  build(top);
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow(
    'components/image.json has no digest: run "npm run release"',
  );
  writeFileSync(join(top, "components/image.json"), JSON.stringify({ image, tag, digest: registry.digest }));
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow("templates/run.yml does not have the image");
});

test("release.ts ends with 1 and says why when it refuses, and prints the notes on Deno when it does not", async () => {
  const top = checkout();
  const line = [
    "run",
    "--no-config",
    "--no-lock",
    "--no-prompt",
    "--no-remote",
    "--no-npm",
    "--allow-read=.",
    "--allow-net",
  ];
  const release = (tag: string) => {
    const child = Bun.spawn([runtimes.deno, ...line, join(root, "tools/release.ts"), "--check", tag], {
      cwd: top,
      stdout: "pipe",
      stderr: "pipe",
    });
    return Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]);
  };
  const [code, stdout, stderr] = await release("1.3.0");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toStartWith('error: Cannot release "1.3.0":\n- package.json says "1.2.3"\n');
  await prepare(top);
  expect(await release("1.3.0")).toEqual([0, "- Something new.\n", ""]);
});

test("withoutNotice() removes what documents and recipes say while nothing is published, and nothing else", () => {
  const recipe = "# a.yml\n#\n# Needs: b.\n# No release is published yet. Until\n# then: cp\nname: x\n";
  expect(withoutNotice(recipe)).toBe("# a.yml\n#\n# Needs: b.\nname: x\n");
  expect(withoutNotice("a\n\n<!-- unreleased -->\n\nNo.\n\n<!-- /unreleased -->\n\nb\n")).toBe("a\n\nb\n");
});

test("no recipe downloads the program: each runs what is in the repository", () => {
  const tracked = git(root, "grep", "-l", "unpkg.com/@mogplex/ci@", "--", "examples").trim().split("\n");
  // Pages for people, and the address of the schema.
  expect(tracked.filter((path) => !path.endsWith(".md") && !path.endsWith("campaign/campaign.yml"))).toEqual([]);
  for (const path of tracked) expect(withoutNotice(read(root, path))).not.toContain("No release");
});
