/** The published package, as people start it by its name. Real npm and Deno, and a stand-in of the registry. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { VERSION } from "../../../lib/version.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { releasedText, unreleasedText } from "../../../tools/publish/released.ts";
import { built } from "../../built.ts";
import { npmRegistry, type StandIn } from "./publishing.ts";

const NAME = `@mogplex/ci@${VERSION}`;
let folder = "";
let registry: StandIn;
let login: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-ways-"));
  registry = await npmRegistry();
  login = [`--registry=${registry.url}`, `--${registry.url.replace("http:", "")}:_authToken=npm-token`];
  const top = join(folder, "package");
  mkdirSync(top);
  for (const name of ["package.json", "README.md", "LICENSE"]) cpSync(join(root, name), join(top, name));
  cpSync(join(root, "schema"), join(top, "schema"), { recursive: true });
  cpSync(dirname(built("mogplex.mjs")), join(top, "dist"), { recursive: true });
  writeFileSync(join(folder, ".npmrc"), "");
  const publish = ["npm", "publish", "--access", "public", "--ignore-scripts", ...login];
  const child = Bun.spawn(publish, { cwd: top, env: env(), stdout: "ignore", stderr: "inherit" });
  expect(await child.exited).toBe(0);
});

afterAll(() => {
  registry.close();
  rmSync(folder, { recursive: true, force: true });
});

function env(): Record<string, string | undefined> {
  return {
    ...process.env,
    npm_config_userconfig: join(folder, ".npmrc"),
    npm_config_cache: join(folder, "cache"),
    NPM_CONFIG_REGISTRY: registry.url,
    DENO_DIR: join(folder, "deno"),
  };
}

async function start(line: readonly string[], cwd = folder): Promise<{ code: number; stdout: string }> {
  const child = Bun.spawn([...line], { cwd, env: env(), stdout: "pipe", stderr: "ignore" });
  return { stdout: await new Response(child.stdout).text(), code: await child.exited };
}

const WAYS: Readonly<Record<string, () => string[]>> = {
  npx: () => ["npx", "--yes", ...login, NAME],
  // docs/install.md and one-liners.md
  deno: () => [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", "-ERWN", `npm:${NAME}`],
};

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name} starts the program by the name of the package, and ends with its exit code`, async () => {
    expect(await start([...way(), "--version"])).toEqual({ code: 0, stdout: expect.stringContaining(VERSION) });
    expect((await start([...way(), "no-such-verb"])).code).toBe(2);
  });
}

test("npm install puts both names of the program beside each other", async () => {
  const user = join(folder, "user");
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), "{}");
  const install = ["npm", "install", "--no-audit", "--no-fund", ...login, NAME];
  expect(await Bun.spawn(install, { cwd: user, env: env(), stdout: "ignore", stderr: "ignore" }).exited).toBe(0);
  for (const name of ["ci", "mogplex-ci"]) {
    const text = execFileSync(join(user, "node_modules/.bin", name), ["--version"], { encoding: "utf8" });
    expect(text).toContain(VERSION);
  }
});

const ON: Readonly<Record<string, readonly string[]>> = {
  node: [runtimes.node],
  deno: [runtimes.deno, "run", "--no-lock", "--no-prompt", "-ERWN"],
  bun: [runtimes.bun],
};
const SCRIPT = (from: string) => `import { EXIT } from "${from}"; process.exitCode = EXIT.cancelled;\n`;

/** A folder without any file next to a checkout that is built, as the documents assume it. */
function besideCheckout(name: string): string {
  const checkout = join(folder, "mogplex-ci");
  if (!existsSync(checkout)) cpSync(join(folder, "package"), checkout, { recursive: true });
  const user = join(folder, name);
  mkdirSync(user);
  return user;
}

test("the line of the README installs the library from a checkout for scripts on every runtime, without a package.json", async () => {
  const forDeno = "--node-modules-dir=manual";
  expect(readFileSync(join(root, "docs/library.md"), "utf8")).toContain(`\`${forDeno}\`\nif the folder has no`);
  const user = besideCheckout("readme-user");
  const lines = readFileSync(join(root, "README.md"), "utf8");
  const [, line = ""] =
    /^\/\/ Until the first release: npm --prefix \.\.\/mogplex-ci run build && (.+)$/m.exec(lines) ?? [];
  expect((await paste(line, user)).code).toBe(0);
  writeFileSync(join(user, "script.mjs"), SCRIPT("@mogplex/ci"));
  for (const [name, command] of Object.entries(ON)) {
    const flags = name === "deno" ? [forDeno] : [];
    expect([name, (await start([...command, ...flags, "script.mjs"], user)).code]).toEqual([name, 3]);
  }
});

test("the unreleased docs/library.md installs the package for scripts on every runtime, without a package.json", async () => {
  const user = besideCheckout("library-user");
  const block = blockOf(unreleasedText(readFileSync(join(root, "docs/library.md"), "utf8")), "npm pack");
  // The package of this test has what `npm ci` and `npm pack` would build.
  const install = block.replace("npm ci && npm pack", "npm pack --ignore-scripts");
  expect((await paste(install, user)).code).toBe(0);
  writeFileSync(join(user, "script.mjs"), SCRIPT("@mogplex/ci"));
  for (const [name, command] of Object.entries(ON)) {
    expect([name, (await start([...command, "script.mjs"], user)).code]).toEqual([name, 3]);
  }
});

test("scripts of a folder next to a build import dist/mod.mjs on every runtime, as docs/scripts.md says", async () => {
  const user = besideCheckout("scripts-user");
  expect(readFileSync(join(root, "docs/scripts.md"), "utf8")).toContain("import `dist/mod.mjs` from a build");
  writeFileSync(join(user, "script.mjs"), SCRIPT("../mogplex-ci/dist/mod.mjs"));
  for (const [name, command] of Object.entries(ON)) {
    expect([name, (await start([...command, "script.mjs"], user)).code]).toEqual([name, 3]);
  }
});

/** The one block of a document's released state that contains a text. */
function releasedBlock(path: string, word: string): string {
  const values = { version: VERSION, github: "acme/mogplex-ci", gitlab: "acme/group/mogplex-ci" };
  return blockOf(releasedText(readFileSync(join(root, path), "utf8"), values), word);
}

function blockOf(text: string, word: string): string {
  const blocks = [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
  const [block, ...others] = blocks.filter((each) => each.includes(word));
  if (block === undefined || others.length > 0) {
    throw new Error(`The document must have exactly one block with "${word}"`);
  }
  return block;
}

async function paste(block: string, cwd: string): Promise<{ code: number; stdout: string }> {
  const child = Bun.spawn(["sh", "-eu", "-c", block], { cwd, env: env(), stdout: "pipe", stderr: "ignore" });
  return { stdout: await new Response(child.stdout).text(), code: await child.exited };
}

test("the released README puts the program into a repository by npx", async () => {
  const repository = join(folder, "repository");
  mkdirSync(repository);
  writeFileSync(join(repository, ".gitlab-ci.yml"), "stages: [test]\n");
  const block = releasedBlock("README.md", "npx");
  const dry = await paste(block, repository);
  expect(dry).toEqual({ code: 0, stdout: expect.stringContaining("would write ci/mogplex.mjs") });
  expect(existsSync(join(repository, "ci"))).toBe(false);
  expect((await paste(block.replace("--dry-run", ""), repository)).code).toBe(0);
  const program = readFileSync(join(repository, "ci/mogplex.mjs"), "utf8");
  expect(program).toBe(readFileSync(built("mogplex.mjs"), "utf8"));
});

test("the released docs/library.md installs the package, which scripts can import", async () => {
  const project = join(folder, "project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), `{ "type": "module" }`);
  expect((await paste(releasedBlock("docs/library.md", "npm install"), project)).code).toBe(0);
  writeFileSync(
    join(project, "script.mjs"),
    `import { EXIT } from "@mogplex/ci"; process.exitCode = EXIT.cancelled;\n`,
  );
  for (const runtime of [runtimes.node, runtimes.bun]) {
    expect((await start([runtime, join(project, "script.mjs")])).code).toBe(3);
  }
});
