import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { publishedProblems, writePublished } from "../../../tools/build/published.ts";
import { lookUpDigest } from "../../../tools/registry.ts";
import { checkRelease, prepareRelease } from "../../../tools/release.ts";
import { isUnreleased, releasedText, unreleasedText, yamlPart } from "../../../tools/publish/released.ts";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
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
const PLACES = { github: "acme/mogplex-ci", gitlab: "acme/group/mogplex-ci", npm: "@acme/ci" };
const OLDER = [{ version: "1.2.3", digest: "0".repeat(64), releaseTimestamp: "2026-11-01T00:00:00Z" }];
const PLACE_FILES = ["github.yml", "gitlab.yml", "mogplex.json"].map((name) => `examples/updates/${name}`);
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
    "tools/publish/places.json": JSON.stringify(PLACES),
    "releases.json": JSON.stringify({ releases: OLDER }),
    ...Object.fromEntries(PLACE_FILES.map((path) => [path, "https://github.com/OWNER/NAME/releases\n"])),
    "README.md":
      "# It\n\n<!-- unreleased -->\n\nNo.\n\n<!-- released\n\n`OWNER/NAME@X.Y.Z`\n\n-->\n\n<!-- /unreleased -->\n",
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
  "it wants a password": { fault: { challenge: 'Basic realm="x"' }, says: /something other than a token: "Basic/ },
  "it gives no token": { fault: { tokenStatus: 503 }, says: /localhost:\d+ answered 503$/ },
  "the image is for one platform": {
    fault: { type: "application/vnd.oci.image.manifest.v1+json" },
    says: /no list of platforms for it, but "application\/vnd\.oci\.image\.manifest/,
  },
  "it names no digest": { fault: { digest: "latest" }, says: /reports digest "latest"$/ },
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

test("prepareRelease() writes nothing when a place is empty or has another form", async () => {
  for (const change of [{ github: "" }, { gitlab: "" }, { npm: "ci" }, { github: "https://github.com/acme/ci" }]) {
    const top = checkout();
    writeFileSync(join(top, "tools/publish/places.json"), JSON.stringify({ ...PLACES, ...change }));
    commitAll(top);
    const [[name, value]] = Object.entries(change) as [[string, string]];
    await expect(prepare(top)).rejects.toThrow(`"${name}" in tools/publish/places.json must match`);
    await expect(prepare(top)).rejects.toThrow(JSON.stringify(value));
    expect(git(top, "status", "--porcelain")).toBe("");
  }
});

test("prepareRelease() takes a digest that is given without asking the registry, and refuses one of another form", async () => {
  const top = checkout();
  const options = { top, version: "1.3.0", date: "2026-12-01", build: () => build(top) };
  await expect(prepareRelease({ ...options, digest: "sha256:1" })).rejects.toThrow("a digest has the form sha256:HEX");
  const digest = `sha256:${"a".repeat(64)}`;
  await prepareRelease({ ...options, digest });
  expect(JSON.parse(read(top, "components/image.json")).digest).toBe(digest);
  expect(registry.requests).toEqual([]);
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
  const { repository, bugs } = JSON.parse(read(top, "package.json"));
  expect([repository.url, bugs.url]).toEqual([
    "git+https://github.com/acme/mogplex-ci.git",
    "https://github.com/acme/mogplex-ci/issues",
  ]);
  expect(JSON.parse(read(top, "releases.json"))).toEqual({
    releases: [
      { version: "1.3.0", digest: sha256(read(top, "dist/mogplex.mjs")), releaseTimestamp: "2026-12-01T00:00:00Z" },
      ...OLDER,
    ],
  });
  for (const path of PLACE_FILES) expect(read(top, path)).toBe("https://github.com/acme/mogplex-ci/releases\n");
  expect(read(top, "README.md")).toBe("# It\n\n`acme/mogplex-ci@1.3.0`\n");
  expect(commands).toEqual([
    "npm test",
    'git commit --all --message "release: 1.3.0"',
    'git tag --annotate 1.3.0 --message "Mogplex CI 1.3.0"',
    "git push --atomic git@gitlab.com:acme/group/mogplex-ci.git HEAD:main 1.3.0",
    "# Its pipeline checks the release, signs it, and publishes the components. Once it has passed:",
    "git push --atomic git@github.com:acme/mogplex-ci.git HEAD:main 1.3.0",
    "# The workflow `release` makes the release with its attestations, publishes to JSR, and stages the package on npm.",
    "npm stage list @acme/ci",
    "npm stage approve <stage-id>",
    "# `uses: acme/mogplex-ci/action@v1` refers to this release from then on.",
    "git tag --force v1 1.3.0^{}",
    "git push --force git@github.com:acme/mogplex-ci.git v1",
  ]);
  expect(await checkRelease(top, "1.3.0")).toBe("- Something new.\n");

  const rest = git(top, "diff", "--name-only").split("\n").sort();
  const written = ["CHANGELOG.md", "README.md", "components/image.json", "docs/install.md", "releases.json"];
  expect(rest).toEqual([...written, ...PLACE_FILES, ...FILES, ...WRITTEN].sort());
});

test("prepareRelease() refuses what is no later version, and a checkout that is not ready", async () => {
  const top = checkout();
  for (const version of ["1.2.3", "1.2.2", "0.9.9", "v1.3.0", "1.3", "1.3.0-rc1", "01.3.0", ""]) {
    await expect(prepare(top, version)).rejects.toThrow(`Cannot prepare release ${JSON.stringify(version)}: `);
  }
  git(top, "tag", "1.3.0");
  await expect(prepare(top)).rejects.toThrow("its tag already exists");
  git(top, "tag", "--delete", "1.3.0");
  writeFileSync(join(top, "new.txt"), "");
  await expect(prepare(top)).rejects.toThrow("commit or discard the changes first:\n?? new.txt");
  const bare = checkout("## Unreleased\n\n## 1.2.3\n\n- Something old.\n");
  await expect(prepare(bare)).rejects.toThrow('CHANGELOG.md has nothing below "## Unreleased"');
  expect(registry.requests).toEqual([]);
});

test("checkRelease() names every file that is not of the tag", async () => {
  const top = checkout();
  await prepare(top);
  writeFileSync(join(top, "deno.json"), read(top, "deno.json").replace('"1.3.0"', '"1.2.3"'));
  await expect(checkRelease(top, "1.3.0")).rejects.toThrow('Cannot release "1.3.0":\n- deno.json has version "1.2.3"');
  const error = await checkRelease(top, "1.4.0").catch((error: Error) => error);
  const files = ["package.json", "package-lock.json", "package-lock.json", "deno.json", "lib/version.ts"];
  const said = files.map((path) => `- ${path} has version "${path === "deno.json" ? "1.2.3" : "1.3.0"}"`);
  expect(String(error)).toBe([
    'Error: Cannot release "1.4.0":',
    ...said,
    '- CHANGELOG.md has no notes below "## 1.4.0"',
    "- templates/run.yml is not of version 1.4.0",
    '- releases.json has "1.3.0" as its newest version',
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
  expect(stderr).toStartWith('error: Cannot release "1.3.0":\n- package.json has version "1.2.3"\n');
  await prepare(top);
  expect(await release("1.3.0")).toEqual([0, "- Something new.\n", ""]);
});

test("checkRelease() names documents that still speak of the time before the release, and another digest in releases.json", async () => {
  const top = checkout();
  await prepare(top);
  writeFileSync(join(top, "docs/install.md"), `${read(top, "docs/install.md")}<!-- unreleased -->\n`);
  writeFileSync(
    join(top, "releases.json"),
    read(top, "releases.json").replace(/"digest": "[0-9a-f]{8}/, '"digest": "00000000'),
  );
  const error = await checkRelease(top, "1.3.0").catch((error: Error) => error);
  expect(String(error)).toContain("- docs/install.md has a part for the time before the first release");
  expect(String(error)).toMatch(/- releases\.json has digest "00000000/);
});

const VALUES = { version: "1.2.3", github: "acme/ci", gitlab: "acme/group/ci" };

test("releasedText() puts the twin in the place of a part, and unreleasedText() shows the part alone", () => {
  const text =
    "a\n\n<!-- unreleased -->\n\nNo.\n\n<!-- released\n\n`X.Y.Z` OWNER/NAME GROUP/PROJECT\n\n-->\n\n<!-- /unreleased -->\n\nb\n";
  expect(releasedText(text, VALUES)).toBe("a\n\n`1.2.3` acme/ci acme/group/ci\n\nb\n");
  expect(unreleasedText(text)).toBe("a\n\nNo.\n\nb\n");
  expect(releasedText(text.replace(/`X.*PROJECT\n\n/, ""), VALUES)).toBe("a\n\nb\n");
  const outside = "OWNER/NAME X.Y.Z\n";
  expect(releasedText(outside, VALUES)).toBe(outside);
});

test("releasedText() refuses a part without a twin", () => {
  for (const text of ["<!-- unreleased -->\n\nNo.\n\n<!-- /unreleased -->\n", "<!-- released\n\nYes.\n\n-->\n"]) {
    expect(() => releasedText(text, VALUES)).toThrow("a part has no twin");
  }
});

test("yamlPart() writes a copied component with its released twin", () => {
  const yaml =
    "include:\n  - local: ci/run.yml # a copy\n    # component: $HOST/GROUP/PROJECT/run@X.Y.Z # later\n    inputs: {}\n";
  const part = yamlPart(yaml);
  expect(unreleasedText(part)).toBe("```yaml\ninclude:\n  - local: ci/run.yml # a copy\n    inputs: {}\n```\n");
  const released = "include:\n  - component: $HOST/acme/group/ci/run@1.2.3\n    inputs: {}\n";
  expect(releasedText(part, VALUES)).toBe(`\`\`\`yaml\n${released}\`\`\`\n`);
  expect(releasedText(yaml, VALUES)).toBe(released);
  expect(yamlPart(released)).toBe(`\`\`\`yaml\n${released}\`\`\``);
});

test("every unreleased part of this checkout has a twin, and no released document speaks of a missing release", () => {
  const paths = git(root, "ls-files", "*.md", "*.yml").split("\n").filter((path) => isUnreleased(read(root, path)));
  expect(paths).toContain("README.md");
  expect(paths).toContain("docs/install.md");
  for (const path of paths) {
    const released = releasedText(read(root, path), VALUES);
    expect([
      path,
      /unreleased|released -->|No release is published|OWNER\/NAME|GROUP\/PROJECT|X\.Y\.Z/.exec(
        released.replace(/`run@X\.Y(\.Z)?`/g, ""),
      ),
    ]).toEqual([path, null]);
  }
});

test("no recipe downloads the program: each runs what is in the repository", () => {
  const tracked = git(root, "grep", "-l", "unpkg.com/@mogplex/ci@", "--", "examples").trim().split("\n");
  // Pages for people, and the address of the schema.
  expect(tracked.filter((path) => !path.endsWith(".md") && !path.endsWith("campaign/campaign.yml"))).toEqual([]);
});
