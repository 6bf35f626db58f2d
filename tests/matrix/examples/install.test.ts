import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { VERSION } from "../../../lib/version.ts";
import { pinsOf, withPins } from "../../../tools/build/pins.ts";
import { releasedText, unreleasedText } from "../../../tools/publish/released.ts";
import { root } from "../../../tools/setup.mjs";
import { REPO, type Service, startService } from "../../programs/processes/world/service.ts";
import { openRelease, type Release } from "../../programs/examples/release.ts";

const path = (process.env.PATH ?? "").split(delimiter);
const able = ["curl", "git", "jq", "openssl"].every((name) => path.some((folder) => existsSync(join(folder, name))));
const whole = readFileSync(join(root, "docs/install.md"), "utf8");
const VALUES = { version: VERSION, github: "acme/mogplex-ci", gitlab: "acme/group/mogplex-ci" };
/** The page as a release has it. */
const page = releasedText(whole, VALUES);

/** A block of code, by the heading that it is under and its number there. */
interface Block {
  name: string;
  language: string;
  text: string;
}

function blocksOf(markdown: string): Block[] {
  const counts = new Map<string, number>();
  let heading = "";
  const blocks: Block[] = [];
  for (const [, title, language = "", text = ""] of markdown.matchAll(/^#+ (.+)$|^```(\w*)\n([^]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    else {
      const count = (counts.get(heading) ?? 0) + 1;
      counts.set(heading, count);
      blocks.push({ name: `${heading} ${count}`, language, text });
    }
  }
  return blocks;
}

let release: Release;
let service: Service;
let blocks: Map<string, string>;

beforeAll(async () => {
  if (!able) return;
  [release, service] = await Promise.all([openRelease(), startService({ "Fix the flaky tests": "success" })]);
  // Whether the page has the pins of this tree is tested apart.
  const pinned = withPins(page, pinsOf(release.program));
  blocks = new Map(blocksOf(pinned).map(({ name, text }) => [name, text]));
});

afterAll(async () => {
  if (!able) return;
  release.close();
  await service.close();
});

function block(name: string): string {
  const text = blocks.get(name);
  if (text === undefined) throw new Error(`Cannot find block "${name}" in docs/install.md`);
  return text;
}

/** The variables of the page, those of a CI system, and what else a script begins with. */
function begin(more = ""): string {
  return `${block("By checksum 1")}${more}`;
}

function ci(): Record<string, string> {
  return { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token(), MOGPLEX_REPO_ID: REPO };
}

const FAILING = `export MOGPLEX_PROMPT="<agent-failure>"\n`;

/** A working directory with what the sections before have left there. */
function directory(): string {
  const cwd = mkdtempSync(join(release.folder, "cwd-"));
  writeFileSync(join(cwd, "mogplex.mjs"), release.program);
  return cwd;
}

/** How the toolkit's verbs and the drop-in ones speak of an end. */
function verdict(status: string): RegExp {
  return new RegExp(`^(verdict +${status}|--- run \\S+ ${status} ---)`, "m");
}

/** Blocks that end with the verdict of a run, and where they are pasted. */
const RUNS: Readonly<Record<string, (() => string) | undefined>> = {
  "By checksum 2": undefined,
  "By checksum 3": undefined,
  "Start it hermetically 1": directory,
  "Start it hermetically 2": directory,
};

/** Blocks with their own test. */
const OTHERS = ["By checksum 1", "Container images 1", "Verify 1", "Verify 3", "Verify 4"];

/** Blocks that are not run here, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "By `init` 1": "it needs a clone beside the repository; what `init` writes is tested with the verb",
  "Verify 2": "it compares with npm's own keys",
  "Verify 5": "reproducible.test.ts compares what two checkouts build",
};

test("every block of docs/install.md is run, or is said not to be", () => {
  const before = blocksOf(unreleasedText(whole)).map(({ name }) => name);
  // The unreleased text has the same blocks: each has a twin.
  expect(before).toEqual(blocksOf(page).map(({ name }) => name));
  const names = blocksOf(page).map(({ name }) => name);
  expect(names.sort()).toEqual([...Object.keys(RUNS), ...OTHERS, ...Object.keys(NOT_RUN)].sort());
  const run = blocksOf(page).filter(({ name }) => NOT_RUN[name] === undefined);
  expect(run.filter(({ language }) => !["sh", "dockerfile"].includes(language))).toEqual([]);
});

for (const [name, place] of Object.entries(RUNS)) {
  test.skipIf(!able)(
    `docs/install.md, ${name}: ends with 0 or 1 as the run succeeds or fails`,
    async () => {
      const good = await release.run(begin() + block(name), ci(), place?.());
      expect(good).toMatchObject({ code: 0, stdout: expect.stringMatching(verdict("success")) });
      const bad = await release.run(begin(FAILING) + block(name), ci(), place?.());
      expect(bad).toMatchObject({ code: 1, stdout: expect.stringMatching(verdict("failed")) });
    },
  );
}

const EVIL = `#!/usr/bin/env node
import { writeFileSync } from "node:fs";
import process from "node:process";
writeFileSync(process.env.HOME + "/ran", "");
`;

/** The file that a tampered program leaves. */
function ran(): boolean {
  return existsSync(join(release.folder, "home/ran"));
}

test.skipIf(!able)("docs/install.md runs nothing when the file is not the pinned one or is not there", async () => {
  const checked = ["By checksum 2", "By checksum 3"];
  try {
    release.serve(EVIL);
    for (const name of checked) {
      const { code, stdout, stderr } = await release.run(begin() + block(name), ci());
      expect(code).toBe(1);
      expect(stdout + stderr).toContain("FAILED");
      expect(ran()).toBe(false);
    }
    // The same file does its work where nothing checks it.
    const unchecked = block("By checksum 2").replace(/^.*sha256sum.*\n/m, "");
    expect((await release.run(begin() + unchecked, ci())).code).toBe(0);
    expect(ran()).toBe(true);
    release.serve(null);
    // curl's code for an HTTP error. Source: curl(1), "EXIT CODES".
    expect((await release.run(begin() + block("By checksum 2"), ci())).code).toBe(22);
  } finally {
    release.serve(undefined);
  }
});

/** A block of the page as it is before the first release. */
function unreleasedBlock(name: string): string {
  return blocksOf(unreleasedText(whole)).find((each) => each.name === name)?.text ?? "false\n";
}

test.skipIf(!able)(
  "docs/install.md, By checksum: before a release, takes the checksum of the build at hand",
  async () => {
    const cwd = directory();
    mkdirSync(join(cwd, "clone/dist"), { recursive: true });
    const first = unreleasedBlock("By checksum 1").replace(
      "https://ci.example.com",
      `https://unpkg.com/@mogplex/ci@${VERSION}/dist`,
    ).replace("../mogplex-ci", "clone");
    for (const [sum, code] of [[pinsOf(release.program).sha256, 0], ["0".repeat(64), 1]] as const) {
      writeFileSync(join(cwd, "clone/dist/mogplex.mjs.sha256"), `${sum}  mogplex.mjs\n`);
      const script = first + unreleasedBlock("By checksum 2");
      expect((await release.run(script, ci(), cwd)).code).toBe(code);
    }
  },
);

test.skipIf(!able)("docs/install.md, By checksum: npm says why it has no file", async () => {
  const { code, stderr } = await release.run(`${begin()}MOGPLEX_CI_VERSION=9.9.9\n${block("By checksum 3")}`, ci());
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("@mogplex/ci@9.9.9") });
});

test("install.md and one-liners.md have no command that is not pinned", () => {
  const loose = /\b(npx|bunx|npm install|deno (run|install)) .*(@mogplex\/ci(?!@)|https:|\$\w+_URL)/;
  const lines = (text: string) =>
    blocksOf(text).flatMap(({ language, text }) => language === "sh" ? text.trim().split("\n") : []);
  const liners = readFileSync(join(root, "examples/deno/one-liners.md"), "utf8");
  for (const text of [page, unreleasedText(whole), releasedText(liners, VALUES), unreleasedText(liners)]) {
    expect(lines(text).filter((line) => loose.test(line))).toEqual([]);
  }
});

test.skipIf(!able)(
  "docs/install.md, Container images: the step installs the checked command",
  async () => {
    const file = block("Container images 1");
    const args = [...file.matchAll(/^ARG (\w+)=(.+)$/gm)].map(([, name, value]) => `${name}="${value}"\n`).join("");
    const step = /^RUN ([^]+)/m.exec(file)?.[1]?.replaceAll("/usr/local", "$PREFIX") ?? "";
    const prefix = mkdtempSync(join(release.folder, "image-"));
    for (const name of ["bin", "lib"]) mkdirSync(join(prefix, name));
    const follow = '"$PREFIX/bin/mogplex-ci" run --follow --create-branch';
    const env = { ...ci(), PREFIX: prefix, MOGPLEX_PROMPT: "Fix the flaky tests" };
    const other = args.replace(/SHA256="[0-9a-f]{8}/, 'SHA256="00000000');
    expect((await release.run(other + step, env)).code).toBe(1);
    expect(existsSync(join(prefix, "bin/mogplex-ci"))).toBe(false);
    expect((await release.run(args + step, env)).code).toBe(0);
    expect((await release.run(follow, env)).code).toBe(0);
    expect((await release.run(follow, { ...env, MOGPLEX_PROMPT: "<agent-failure>" })).code).toBe(1);
  },
);

test.skipIf(!able)("docs/install.md, Container images: before a release, both arguments are given", async () => {
  const step = /^RUN ([^]+)/m.exec(unreleasedBlock("Container images 1"))?.[1]?.replaceAll("/usr/local", "$PREFIX") ??
    "";
  const prefix = mkdtempSync(join(release.folder, "image-"));
  for (const name of ["bin", "lib"]) mkdirSync(join(prefix, name));
  const { sha256 } = pinsOf(release.program);
  const url = `https://unpkg.com/@mogplex/ci@${VERSION}/dist/mogplex.mjs`;
  const args = (sum: string) => ({ ...ci(), PREFIX: prefix, MOGPLEX_CI_URL: url, MOGPLEX_CI_SHA256: sum });
  expect((await release.run(step, args("0".repeat(64)))).code).toBe(1);
  expect((await release.run(step, args(sha256))).code).toBe(0);
  expect(existsSync(join(prefix, "bin/mogplex-ci"))).toBe(true);
});

test.skipIf(!able)("docs/install.md, Verify: sha256sum finds a changed byte of the committed program", async () => {
  const cwd = mkdtempSync(join(release.folder, "verify-"));
  mkdirSync(join(cwd, "ci"));
  writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${pinsOf(release.program).sha256}  mogplex.mjs\n`);
  for (const [text, code] of [[release.program, 0], [`${release.program}\n`, 1]] as const) {
    writeFileSync(join(cwd, "ci/mogplex.mjs"), text);
    expect((await release.run(block("Verify 1"), {}, cwd)).code).toBe(code);
  }
});

// No signing service can be reached here: programs in the place of `gh` and `cosign` print their arguments.
test.skipIf(!able)(
  "docs/install.md, Verify: the commands name the places of the release, and stop at the first failure",
  async () => {
    const cwd = mkdtempSync(join(release.folder, "verify-"));
    const bin = join(cwd, "bin");
    mkdirSync(bin);
    for (const name of ["gh", "cosign"]) {
      writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*"\nexit "$CODE"\n`, { mode: 0o755 });
    }
    writeFileSync(join(cwd, "mogplex.mjs"), release.program);
    writeFileSync(
      join(cwd, "SHA256SUMS"),
      `${pinsOf(release.program).sha256}  mogplex.mjs\n${"0".repeat(64)}  other.mjs\n`,
    );
    const run = (name: string, code: string) => release.run(`PATH="${bin}:$PATH"\n${block(name)}`, { CODE: code }, cwd);
    expect(await run("Verify 3", "0")).toMatchObject({
      code: 0,
      stdout: "gh attestation verify mogplex.mjs --repo acme/mogplex-ci " +
        "--signer-workflow acme/mogplex-ci/.github/workflows/release.yml\n",
    });
    expect(await run("Verify 4", "0")).toMatchObject({
      code: 0,
      stdout:
        "cosign verify-blob SHA256SUMS --bundle SHA256SUMS.sigstore.json --certificate-oidc-issuer https://gitlab.com " +
        `--certificate-identity https://gitlab.com/acme/group/mogplex-ci//.gitlab-ci.yml@refs/tags/${VERSION}\n` +
        "mogplex.mjs: OK\n",
    });
    expect(await run("Verify 4", "1")).toMatchObject({ code: 1, stdout: expect.not.stringContaining("OK") });
    writeFileSync(join(cwd, "mogplex.mjs"), `${release.program}\n`);
    expect((await run("Verify 4", "0")).code).toBe(1);
  },
);

test.skipIf(!able)("docs/install.md, Without the internet: npm takes NPM_CONFIG_REGISTRY", async () => {
  const env = { HTTPS_PROXY: "", NPM_CONFIG_REGISTRY: `${release.registryUrl}/` };
  expect((await release.run(begin() + block("By checksum 3"), { ...ci(), ...env })).code).toBe(0);
});
