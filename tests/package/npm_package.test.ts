import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runtimes } from "../../tools/setup.mjs";
import { RUNTIMES, runToEnd } from "./runtimes.ts";

const root = join(import.meta.dir, "../..");
let folder: string;
let consumer: string;

const SCRIPT = `
import { createClient, exitCodeFor, run, UsageError } from "@mogplex/ci";
const client = createClient({ token: "mog_abc", url: "https://mogplex.example" });
console.log(client.origin, exitCodeFor(new UsageError("x")), typeof run);
process.exitCode = 3;
`;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-package-"));
  consumer = join(folder, "consumer");
  mkdirSync(consumer);
  // The package holds what is in dist/: build it from this tree.
  execFileSync(runtimes.bun, ["--no-env-file", "tools/build.ts"], { cwd: root, stdio: "ignore" });
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root, stdio: "ignore" });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", join(folder, archive)], {
    cwd: consumer,
    stdio: "ignore",
  });
  writeFileSync(join(consumer, "script.mjs"), SCRIPT);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Without --no-config: Deno finds packages by the configuration of the project.
const deno = [runtimes.deno, "run", "--no-prompt", "--allow-all", "--node-modules-dir=manual"];

for (const [name, runtime] of Object.entries({ ...RUNTIMES, deno })) {
  test(`the package can be imported on ${name} when it is installed in an empty project`, () => {
    expect(runToEnd([...runtime, "script.mjs"], { cwd: consumer })).toEqual({
      code: 3,
      stdout: "https://mogplex.example 2 function\n",
      stderr: "",
    });
  });
}

test("the package's commands end with 2 when they get an unknown verb or flag", () => {
  expect(runToEnd([join(consumer, "node_modules/.bin/mogplex-ci"), "no-such-verb"]).code).toBe(2);
  expect(runToEnd([join(consumer, "node_modules/.bin/mogplex-emulator"), "--no-such-flag"]).code).toBe(2);
});

test("init of the package puts its program into a repository, where the checksum fits and the copy does the same again", () => {
  const repository = join(folder, "repository");
  mkdirSync(repository);
  execFileSync("git", ["init", "--quiet"], { cwd: repository });
  execFileSync("git", ["remote", "add", "origin", "https://github.com/acme/web.git"], { cwd: repository });
  const { code, stdout } = runToEnd([join(consumer, "node_modules/.bin/mogplex-ci"), "init"], { cwd: repository });
  expect({ code, first: stdout.split("\n")[0] }).toEqual({ code: 0, first: "github, repository acme/web" });
  execFileSync("sha256sum", ["--check", "--quiet", "mogplex.mjs.sha256"], { cwd: join(repository, "ci") });
  const copy = [runtimes.node, "ci/mogplex.mjs", "init"];
  expect(runToEnd(copy, { cwd: repository }).stdout).not.toContain("\nwrite ");
  expect(runToEnd([...copy, "--uninstall"], { cwd: repository })).toMatchObject({ code: 0, stderr: "" });
  expect(readdirSync(repository).filter((name) => name !== ".git" && name !== ".github")).toEqual([]);
});

test("the package's declarations type-check, and a wrong use does not, when a project imports it", () => {
  writeFileSync(
    join(consumer, "right.mts"),
    `
import { type RunResult, run } from "@mogplex/ci";
const result: RunResult = await run({ repoId: "x", prompt: "y" }, { timeoutMs: 1 });
const outcome: string = result.outcome;
export { outcome };
`,
  );
  writeFileSync(
    join(consumer, "wrong.mts"),
    `
import { run } from "@mogplex/ci";
export const result = await run({ repoId: 5, prompt: "y" });
`,
  );
  const tsc = [
    runtimes.node,
    join(root, "node_modules/typescript/bin/tsc"),
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2022",
  ];
  expect(runToEnd([...tsc, "right.mts"], { cwd: consumer })).toMatchObject({ code: 0, stdout: "" });
  const wrong = runToEnd([...tsc, "wrong.mts"], { cwd: consumer });
  expect(wrong.code).not.toBe(0);
  expect(wrong.stdout).toContain("Type 'number' is not assignable to type 'string'");
});

test("the package holds programs with checksums and notices, the schema and no sources of tests when it is packed", () => {
  const top = join(consumer, "node_modules/@mogplex/ci");
  expect(readdirSync(top).sort()).toEqual(
    [
      "CHANGELOG.md",
      "CONTRIBUTING.md",
      "LICENSE",
      "README.md",
      "SECURITY.md",
      "bench",
      "components",
      "dist",
      "docs",
      "examples",
      "lib",
      "package.json",
      "schema",
      "tests",
    ],
  );
  expect(readdirSync(join(top, "tests"), { recursive: true }).sort()).toEqual(["conformance", "conformance/FORMAT.md"]);
  expect(readdirSync(join(top, "lib"), { recursive: true }).sort()).toEqual(["emulator", "emulator/README.md"]);
  for (const file of ["mogplex.mjs", "mod.mjs", "mogplex-emulator.mjs"]) {
    for (const name of [file, `${file}.sha256`, `${file}.licenses.txt`]) {
      expect(`${name} ${existsSync(join(top, "dist", name))}`).toBe(`${name} true`);
    }
  }
});

test("the package's documents link to files that are in it, too", () => {
  const top = join(consumer, "node_modules/@mogplex/ci");
  const documents = [...new Bun.Glob("**/*.md").scanSync(top)].sort();
  const links = documents.flatMap((name) =>
    [...readFileSync(join(top, name), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = ""]) => ({
      name,
      target: join(dirname(name), target),
    }))
  );
  expect(new Set(links.map(({ name }) => name)).size).toBeGreaterThan(8);
  expect(links.filter(({ target }) => !existsSync(join(top, target)))).toEqual([]);
});
