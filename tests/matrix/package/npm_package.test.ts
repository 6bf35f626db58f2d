import { afterAll, beforeAll, expect, test } from "bun:test";
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ENDED, SCRIPT, STRICT_FLAGS, TYPED } from "../../../lab/experiments/package.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";

const root = join(import.meta.dir, "../../..");
let folder: string;
let consumer: string;

/** Most bytes that a user's minified bundle may have: about 3 % above its size, so changed words fit and a new dependency does not. */
const LIMITS = { exit: 4_000, follow: 241_000, client: 259_000 };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-package-"));
  consumer = join(folder, "consumer");
  mkdirSync(consumer);
  // The package holds what is in dist/.
  const checkout = dirname(dirname(built("mod.mjs")));
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: checkout, stdio: "ignore" });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  execFileSync("npm", ["install", "--offline", "--no-audit", "--no-fund", join(folder, archive)], {
    cwd: consumer,
    stdio: "ignore",
  });
  writeFileSync(join(consumer, "script.mjs"), SCRIPT);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Without --no-config: Deno finds packages by the configuration of the project.
const deno = [runtimes.deno, "run", "--no-prompt", "--allow-all", "--node-modules-dir=manual"];

for (const [name, runtime] of Object.entries({ ...RUNTIMES, deno })) {
  test(`the package can be imported on ${name} when it is installed in an empty project`, () => {
    expect(runToEnd([...runtime, "script.mjs"], { cwd: consumer })).toEqual(ENDED);
  });
}

/** Bundlers as commands that write `out-NAME`, and how the bundle is run. Rollup, Vite, webpack and `deno bundle` are in the lab. */
const BUNDLERS: Readonly<Record<string, { command: readonly string[]; run: readonly string[] }>> = {
  "esbuild": {
    command: [
      join(root, "node_modules/.bin/esbuild"),
      "script.mjs",
      "--bundle",
      "--minify",
      "--platform=node",
      "--format=esm",
      "--log-level=warning",
      "--outfile=out-esbuild.mjs",
    ],
    run: [runtimes.node, "out-esbuild.mjs"],
  },
  "bun build": {
    command: [runtimes.bun, "build", "--target=node", "--outfile=out-bun.mjs", "script.mjs"],
    run: [runtimes.node, "out-bun.mjs"],
  },
  "bun build --compile": {
    command: [runtimes.bun, "build", "--compile", "--outfile=out-exe", "script.mjs"],
    run: ["./out-exe"],
  },
};

for (const [name, { command, run }] of Object.entries(BUNDLERS)) {
  test(`the package is bundled by ${name}, and the bundle runs`, () => {
    expect(runToEnd(command, { cwd: consumer })).toMatchObject({ code: 0, stderr: "" });
    // Not where the package is: the bundle has everything.
    expect(runToEnd(run.map((word) => word.replace(/^(?=out-)|^\.\/(?=out-)/, `${consumer}/`)), { cwd: folder }))
      .toEqual(ENDED);
  });
}

test("a bundle has only the parts of the package that the script uses", async () => {
  const sizeOf = async (contents: string, splitting = false) => {
    const stdin = { contents, resolveDir: consumer };
    const options = { bundle: true, minify: true, write: false, format: "esm", platform: "node" } as const;
    const rest = { splitting, metafile: true, outdir: folder, target: "node20", logLevel: "silent" } as const;
    const { metafile: { outputs } } = await build({ ...options, ...rest, stdin });
    // What the script loads: only one that asks for a result loads what reads and checks it.
    const loaded = new Set(Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === "<stdin>"));
    for (const path of loaded) {
      for (const { path: next, kind } of outputs[path]?.imports ?? []) {
        if (kind === "import-statement" && next in outputs) loaded.add(next);
      }
    }
    return [...loaded].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
  };
  expect(await sizeOf(`import "@mogplex/ci"; import "@mogplex/ci/campaigns"; import "@mogplex/ci/testing";`)).toBe(0);
  expect(await sizeOf(`export { EXIT } from "@mogplex/ci";`)).toBeLessThan(LIMITS.exit);
  expect(await sizeOf(`export { EXIT, exitCodeFor } from "@mogplex/ci";`)).toBeLessThan(LIMITS.exit);
  expect(await sizeOf(`export { follow } from "@mogplex/ci";`, true)).toBeLessThan(LIMITS.follow);
  expect(await sizeOf(`export { createMogplex } from "@mogplex/ci";`, true)).toBeLessThan(LIMITS.client);
});

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
  expect({ code, first: stdout.split("\n")[0] }).toEqual({
    code: 0,
    first: "Setting up GitHub Actions for the repository acme/web",
  });
  execFileSync("sha256sum", ["--check", "--quiet", "mogplex.mjs.sha256"], { cwd: join(repository, "ci") });
  const copy = [runtimes.node, "ci/mogplex.mjs", "init"];
  expect(runToEnd(copy, { cwd: repository }).stdout).not.toContain("\nwrite ");
  expect(runToEnd([...copy, "--uninstall"], { cwd: repository })).toMatchObject({ code: 0, stderr: "" });
  expect(readdirSync(repository).filter((name) => name !== ".git" && name !== ".github")).toEqual([]);
});

// Older compilers are in the lab.
test("the package's declarations are clean under every strict flag of TypeScript 7, and a wrong use is not", () => {
  writeFileSync(join(consumer, "right.mts"), TYPED);
  writeFileSync(
    join(consumer, "wrong.mts"),
    `
import { run } from "@mogplex/ci";
export const result = await run({ repoId: 5, prompt: "y" });
`,
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const tsc = [runtimes.node, compiler, "--noEmit", ...STRICT_FLAGS, "--module", "nodenext", "--target", "es2022"];
  expect(runToEnd([...tsc, "right.mts"], { cwd: consumer })).toMatchObject({ code: 0, stdout: "" });
  const wrong = runToEnd([...tsc, "wrong.mts"], { cwd: consumer });
  expect(wrong.code).not.toBe(0);
  expect(wrong.stdout).toContain("Type 'number' is not assignable to type 'string'");
});

// The types of a checkout's sources are checked in the lab.
test("deno check finds the types of the package's files, and wrong uses; a checkout loads from another project", () => {
  const project = join(folder, "deno-project");
  mkdirSync(join(project, "node_modules/@types"), { recursive: true });
  // Types of Node are the only package of the project.
  symlinkSync(join(root, "node_modules/@types/node"), join(project, "node_modules/@types/node"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  // Copied out of the package: in `node_modules` Deno takes the types that package.json names, and no others.
  const dist = join(project, "dist");
  cpSync(join(consumer, "node_modules/@mogplex/ci/dist"), dist, { recursive: true });
  const files = `
import * as mod from "${dist}/mod.mjs";
import * as testing from "${dist}/testing.mjs";
import { type Campaigns, createCampaigns } from "${dist}/campaigns.mjs";
const campaigns: Campaigns = createCampaigns(mod.createMogplex());
console.log(mod.EXIT.usage, typeof campaigns.of, testing.createEmulator().repos.length);
`;
  const sources = `
import * as mod from "${root}/mod.ts";
import * as campaigns from "${root}/campaigns.ts";
import * as testing from "${root}/testing.ts";
console.log(mod.EXIT.usage, typeof campaigns.createCampaigns(mod.createMogplex()).of, testing.createEmulator().repos.length);
`;
  writeFileSync(join(project, "files.ts"), files);
  writeFileSync(join(project, "sources.ts"), sources);
  writeFileSync(
    join(project, "wrong.ts"),
    `${files}export const wrong: string[] = [mod.EXIT.usage, testing.createEmulator().repos];\n`,
  );
  const flags = ["--no-lock", "--quiet", "--node-modules-dir=manual"];
  const options = { cwd: project };
  // The YAML parser of a checkout reads two variables.
  for (const file of ["files.ts", "sources.ts"]) {
    expect(runToEnd([runtimes.deno, "run", "--no-prompt", "--allow-env", ...flags, file], options), file)
      .toEqual({ code: 0, stdout: "2 function 1\n", stderr: "" });
  }
  const { code, stderr } = runToEnd([runtimes.deno, "check", ...flags, "wrong.ts"], options);
  expect([code, stderr.match(/TS\d+ \[ERROR\]/g)?.length]).toEqual([1, 2]);
});

test("the declarations are one file an entry and one that both use, and import no package", () => {
  const types = join(consumer, "node_modules/@mogplex/ci/dist/types");
  expect(readdirSync(types).sort()).toEqual(["campaigns.d.ts", "mod.d.ts", "shared.d.ts", "shared.js", "testing.d.ts"]);
  for (const name of ["campaigns.d.ts", "mod.d.ts", "shared.d.ts", "testing.d.ts"]) {
    const text = readFileSync(join(types, name), "utf8");
    expect(
      [...text.matchAll(/^(?:import|export) .*from ["']([^"']+)["']|\bimport\(["']([^"']+)["']\)/gm)].map((
        [, from, called],
      ) => from ?? called)
        .filter((from) => from !== "./shared.js"),
    ).toEqual([]);
  }
});

test("the package holds the command with its checksum, the library with its notices, and the schema when it is packed", () => {
  const top = join(consumer, "node_modules/@mogplex/ci");
  expect(readdirSync(top).sort()).toEqual(["LICENSE", "README.md", "dist", "package.json", "schema"]);
  const others = readdirSync(join(top, "dist")).filter((name) => !name.endsWith(".mjs"));
  expect(others.sort()).toEqual([
    "LICENSES.txt",
    "mogplex.mjs.cdx.json",
    "mogplex.mjs.licenses.txt",
    "mogplex.mjs.sha256",
    "types",
  ]);
  const notices = readFileSync(join(top, "dist/LICENSES.txt"), "utf8");
  for (const name of ["@hono/node-server", "eventsource-parser", "hono", "yaml", "zod"]) {
    expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, "m"));
  }
});

test("the package has every file that the library imports, and neither templates nor action a second time", () => {
  const dist = join(consumer, "node_modules/@mogplex/ci/dist");
  const files = readdirSync(dist).filter((name) => name.endsWith(".mjs"));
  const imported = files.flatMap((
    name,
  ) => [
    ...readFileSync(join(dist, name), "utf8").matchAll(
      /^} from "\.\/([^"]+)";|^import "\.\/([^"]+)";|\bimport\("\.\/([^"]+)"\)/gm,
    ),
  ]).map((
    [, from, alone, later],
  ) => from ?? alone ?? later);
  expect(imported.length).toBeGreaterThan(3);
  expect(imported.filter((name = "") => !files.includes(name))).toEqual([]);
  const programs = ["mogplex.mjs", "emulator.mjs", "mod.mjs", "campaigns.mjs", "testing.mjs", "browser.mjs"];
  expect(files.filter((name) => !programs.includes(name) && !imported.includes(name))).toEqual([]);
  expect(readdirSync(dist).filter((name) => !name.includes(".")).sort()).toEqual(["types"]);
});

test("the library has each module once", () => {
  const dist = join(consumer, "node_modules/@mogplex/ci/dist");
  // That of browsers stands for the others, and is whole.
  const whole = ["mogplex.mjs", "browser.mjs"];
  const library = readdirSync(dist).filter((name) => name.endsWith(".mjs") && !whole.includes(name));
  // esbuild writes the path of a module above its code.
  const modules = library.flatMap((name) => [
    ...new Set(readFileSync(join(dist, name), "utf8").match(/^\/\/ (?:lib|node_modules)\/.+\.(?:ts|m?js)$/gm)),
  ]);
  expect(modules.length).toBeGreaterThan(200);
  expect(modules.filter((path, index) => modules.indexOf(path) !== index)).toEqual([]);
});
