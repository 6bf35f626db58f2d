import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, runtimes } from "../../tools/setup.mjs";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import {
  ATTW,
  DENO,
  DENO_BUNDLE,
  NODE_24,
  type Program,
  PUBLINT,
  ROLLDOWN,
  ROLLUP,
  TYPESCRIPTS,
  VITE,
  VITEST,
  WEBPACK,
} from "../programs.ts";

export const SCRIPT = `
import { createMogplex, EXIT, exitCodeFor, UsageError } from "@mogplex/ci";
import { createCampaigns } from "@mogplex/ci/campaigns";
import { createEmulator, virtualClock } from "@mogplex/ci/testing";
const clock = virtualClock();
const service = createEmulator({ clock });
const mogplex = createMogplex({ ...service.options, url: "https://mogplex.example" });
const repos = await mogplex.api.listRepos();
const missing = await createCampaigns(mogplex).of("no-such.yml").read().catch((error) => error instanceof UsageError);
console.log(mogplex.api.origin, exitCodeFor(new UsageError("x")), repos.length, missing);
await service.close();
process.exitCode = EXIT.cancelled;
`;
export const ENDED = { code: 3, stdout: "https://mogplex.example 2 1 true\n", stderr: "" };

const SMALL = 16 * 1024;

/** Maximum size of a minified bundle with `createMogplex`. */
const MOST_KB = 340;

const MINIFIED = `!input.endsWith("script.mjs")`;

export async function consumer(bench: Bench, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = bench.newFolder();
  const cwd = root;
  const packed = await bench.run(["npm", "pack", "--ignore-scripts", "--pack-destination", folder], { cwd });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  bench.writeFiles(folder, { "package.json": `{ "name": "consumer", "private": true, "type": "module" }`, ...files });
  const install = ["npm", "install", "--offline", "--no-audit", "--no-fund", join(folder, archive)];
  const { code, stderr } = await bench.run(install, { cwd: folder });
  if (code !== 0) throw new Error(`Cannot install the package: ${packed.stderr}${stderr}`);
  return folder;
}

const WITH_CLIENT = `export { createMogplex } from "@mogplex/ci";\n`;

function checkClient(bench: Bench, bundle: string): void {
  const kB = readFileSync(bundle).length / 1_000;
  bench.check(`createMogplex takes ${kB.toFixed(1)} kB minified, of at most ${MOST_KB}`, kB <= MOST_KB);
}

const DRIVERS: Readonly<Record<string, (packages: string) => string>> = {
  rollup: (packages) => `
import { rollup } from "${packages}/rollup/dist/es/rollup.js";
import { nodeResolve } from "${packages}/@rollup/plugin-node-resolve/dist/es/index.js";
import { transformSync } from "${root}/node_modules/esbuild/lib/main.js";
// Rollup leaves this to others.
const minifier = { name: "minifier", renderChunk: (code) => transformSync(code, { minify: true, format: "esm", target: "node20" }) };
const bundle = await rollup({
  input, external: [/^node:/], onwarn: ({ message }) => console.log(message),
  plugins: [nodeResolve({ preferBuiltins: true }), ${MINIFIED} && minifier],
});
await bundle.write({ file: output, format: "esm", inlineDynamicImports: true });
await bundle.close();
`,
  rolldown: (packages) => `
import { rolldown } from "${packages}/rolldown/dist/index.mjs";
const bundle = await rolldown({ input, platform: "node", onwarn: ({ message }) => console.log(message) });
await bundle.write({ file: output, format: "esm", codeSplitting: false, minify: ${MINIFIED} });
await bundle.close();
`,
  vite: (packages) => `
import { build } from "${packages}/vite/dist/node/index.js";
import { basename, dirname } from "node:path";
await build({
  root: dirname(input), configFile: false, logLevel: "warn", ssr: { noExternal: true },
  build: {
    ssr: input, outDir: dirname(output), emptyOutDir: false, minify: ${MINIFIED}, target: "node20",
    rolldownOptions: { output: { entryFileNames: basename(output), codeSplitting: false } },
  },
});
`,
  webpack: (packages) => `
import webpack from "${packages}/webpack/lib/index.js";
import { basename, dirname } from "node:path";
const compiler = webpack({
  mode: "production", target: "node20", entry: input, context: dirname(input), experiments: { outputModule: true },
  // Webpack leaves what is not used to the minifier.
  optimization: { minimize: ${MINIFIED} },
  output: { path: dirname(output), filename: basename(output), module: true, chunkFormat: "module", library: { type: "module" } },
});
const stats = await new Promise((done, fail) => compiler.run((error, result) => error ? fail(error) : done(result)));
for (const { message } of [...stats.toJson().errors, ...stats.toJson().warnings]) console.log(message);
await new Promise((done) => compiler.close(done));
`,
};

async function bundled(bench: Bench, bundler: Program): Promise<void> {
  const packages = join(dirname(bundler.provide()), "..");
  const driver = `const [input, output] = process.argv.slice(2);${DRIVERS[bundler.name]?.(packages) ?? ""}`;
  const small =
    `import { EXIT, exitCodeFor } from "@mogplex/ci";\nconsole.log(EXIT.usage, exitCodeFor(new Error("x")));\n`;
  const files = { "driver.mjs": driver, "script.mjs": SCRIPT, "small.mjs": small, "client.mjs": WITH_CLIENT };
  const cwd = await consumer(bench, files);
  // Run the bundle outside the folder of the package, because it must contain everything.
  const elsewhere = bench.newFolder();
  const build = async (name: string) => {
    const output = join(elsewhere, `${name}-bundle.mjs`);
    const { code, stdout, stderr } = await bench.run(
      [runtimes.node, "driver.mjs", join(cwd, `${name}.mjs`), output],
      { cwd },
    );
    const said = (stdout + stderr).trim();
    bench.check(`${name}.mjs is bundled without a warning`, code === 0 && said === "", `${code}: ${said}`);
    return output;
  };
  const ended = await bench.run([runtimes.node, await build("script")], { cwd: elsewhere });
  const { code, stdout, stderr } = ended;
  bench.check("the bundle runs", JSON.stringify({ code, stdout, stderr }) === JSON.stringify(ENDED), stdout + stderr);
  const bytes = readFileSync(await build("small")).length;
  bench.check("a bundle has of the package what a script uses", bytes < SMALL, `${bytes} bytes`);
  checkClient(bench, await build("client"));
}

async function bundledByDeno(bench: Bench): Promise<void> {
  const cwd = await consumer(bench, { "script.mjs": SCRIPT, "client.mjs": WITH_CLIENT });
  const elsewhere = bench.newFolder();
  const env = { DENO_DIR: DENO_BUNDLE.provide() };
  const build = async (name: string, ...flags: string[]) => {
    const output = join(elsewhere, `${name}-bundle.mjs`);
    const line = [runtimes.deno, "bundle", "--quiet", "--node-modules-dir=manual", ...flags, "-o", output];
    const { code, stderr } = await bench.run([...line, `${name}.mjs`], { cwd, env });
    bench.check(`${name}.mjs is bundled without a warning`, code === 0 && stderr === "", `${code}: ${stderr}`);
    return output;
  };
  const script = await build("script");
  const run = [runtimes.deno, "run", "--no-prompt", "--allow-all", "--no-config", script];
  const ended = await bench.run(run, { cwd: elsewhere, env });
  const said = { code: ended.code, stdout: ended.stdout, stderr: ended.stderr };
  bench.check("the bundle runs", JSON.stringify(said) === JSON.stringify(ENDED), ended.stdout + ended.stderr);
  checkClient(bench, await build("client", "--minify"));
}

/** Every flag that makes a compiler stricter, except flags about the style of the project. */
export const STRICT_FLAGS: readonly string[] = [
  "strict",
  "exactOptionalPropertyTypes",
  "noFallthroughCasesInSwitch",
  "noImplicitOverride",
  "noImplicitReturns",
  "noPropertyAccessFromIndexSignature",
  "noUncheckedIndexedAccess",
  "noUnusedLocals",
  "noUnusedParameters",
  "isolatedModules",
  "verbatimModuleSyntax",
  "forceConsistentCasingInFileNames",
].map((flag) => `--${flag}`);

export const TYPED = `
import { type AutomationHandleItem, createMogplex, type Mogplex, MogplexError, report, type RunHandleItem, type RunResult, type StartedRun, type WorkHandle } from "@mogplex/ci";
import { type CampaignHandle, createCampaigns } from "@mogplex/ci/campaigns";
import { createEmulator } from "@mogplex/ci/testing";
const service = createEmulator({ scenario: "agent-failure" });
const mogplex: Mogplex = createMogplex(service.options);
const handle: WorkHandle<RunHandleItem, RunResult, StartedRun> = mogplex.run({ repo: "acme/web", prompt: "x", mode: "AUTO" });
let code = 70;
for await (const item of handle) if (item.type === "end") code = item.exitCode;
const { runId }: StartedRun = await handle.started;
const why: string | null = await handle.then(({ reason }) => reason, (error) => error instanceof MogplexError ? error.why : null);
const items: AutomationHandleItem[] = [];
const onItem = (item: AutomationHandleItem) => items.push(item);
for await (const item of mogplex.automations.attach("x", runId, { onItem })) onItem(item);
const campaign: CampaignHandle = createCampaigns(mogplex).of({ name: "x", prompt: "y", repositories: ["acme/web"] }).run();
await report(await campaign, [{ format: "csv", path: "x" }], { mogplex });
await report(await handle, [{ format: "junit", path: "x" }], { mogplex, secrets: ["hunter2-hunter2"] });
export { code, runId, why };
`;

async function compiled(bench: Bench): Promise<void> {
  const cwd = await consumer(bench, { "right.mts": TYPED });
  writeFileSync(join(cwd, "wrong.mts"), TYPED.replace('"AUTO"', '"ATUO"'));
  for (const compiler of TYPESCRIPTS) {
    const tsc = [runtimes.node, compiler.provide(), "--noEmit", "--target", "es2022", "--pretty", "false"];
    for (const [module, resolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]] as const) {
      const line = [...tsc, ...STRICT_FLAGS, "--module", module, "--moduleResolution", resolution];
      const what = `${compiler.version()} with ${resolution}`;
      const right = await bench.run([...line, "right.mts"], { cwd });
      bench.check(`the declarations are clean in ${what}`, right.code === 0, right.stdout);
      const wrong = await bench.run([...line, "wrong.mts"], { cwd });
      const errors = wrong.stdout.match(/error TS/g)?.length;
      bench.check(`a wrong word is an error in ${what}`, errors === 1 && wrong.stdout.includes('"ATUO"'), wrong.stdout);
    }
  }
}

async function checkedByDeno(bench: Bench): Promise<void> {
  const imports = ["mod", "campaigns", "testing"].map((name) => `import * as ${name} from "${root}/${name}.ts";`);
  const text = (type: string) =>
    `${imports.join("\n")}
export const codes: ${type}[] = [mod.EXIT.usage, testing.createEmulator().repos.length];
export const made: campaigns.Campaigns = campaigns.createCampaigns(mod.createMogplex());
`;
  const cwd = bench.newFolder();
  bench.writeFiles(cwd, {
    "package.json": `{ "private": true, "type": "module" }`,
    "right.ts": text("number"),
    "wrong.ts": text("string"),
  });
  // Node's types are the only package of the project.
  mkdirSync(join(cwd, "node_modules/@types"), { recursive: true });
  symlinkSync(join(root, "node_modules/@types/node"), join(cwd, "node_modules/@types/node"));
  const check = [DENO.provide(), "check", "--no-lock", "--quiet", "--node-modules-dir=manual"];
  const env = { NO_COLOR: "1" };
  const right = await bench.run([...check, "right.ts"], { cwd, env });
  bench.check("the sources are clean", right.code === 0, right.stderr);
  const wrong = await bench.run([...check, "wrong.ts"], { cwd, env });
  bench.check("wrong uses are errors", wrong.stderr.match(/TS\d+ \[ERROR\]/g)?.length === 2, wrong.stderr);
}

/** A test with fake timers. `vi.useFakeTimers()` also replaces `setImmediate`. */
const FAKED = `import { expect, test, vi } from "vitest";
import { createMogplex } from "@mogplex/ci";
import { createEmulator } from "@mogplex/ci/testing";
test("the kit has the real timers", async () => {
  vi.useFakeTimers();
  const service = createEmulator({ scenario: "stuck-streaming", repos: ["acme/web"] });
  service.fault({ kind: "503", times: 5 });
  const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
  const { outcome } = await createMogplex(service.options).run(request, { throwOnFailure: false });
  vi.useRealTimers();
  expect(outcome).toBe("deadline");
});
test("a test that fails is red", () => expect(1).toBe(2));
`;

async function underVitest(bench: Bench): Promise<void> {
  const cwd = await consumer(bench, { "faked.test.mjs": FAKED });
  const vitest = VITEST.provide();
  symlinkSync(dirname(vitest), join(cwd, "node_modules/vitest"));
  const { code, stdout, stderr } = await bench.run([NODE_24.provide(), vitest, "run", "--root", cwd], {
    cwd,
    env: { NO_COLOR: "1" },
  });
  const text = `${stdout}${stderr}`;
  bench.check(
    "a test under fake timers passes, and one that fails is red",
    code === 1 && /1 failed \| 1 passed/.test(text),
    text,
  );
}

async function judged(bench: Bench): Promise<void> {
  const cwd = await consumer(bench, {});
  const archive = readdirSync(cwd).find((name) => name.endsWith(".tgz")) ?? "";
  const publint = await bench.run([runtimes.node, PUBLINT.provide(), archive, "--strict"], { cwd });
  bench.check("publint finds nothing", publint.code === 0 && publint.stdout.includes("All good!"), publint.stdout);
  const attw = await bench.run([runtimes.node, ATTW.provide(), archive, "--profile", "esm-only"], { cwd });
  bench.check("attw finds nothing for modules", attw.code === 0, attw.stdout);
}

export const PACKAGE: readonly Experiment[] = [
  {
    name: "package-vitest",
    system: "Test runners",
    programs: [VITEST, NODE_24],
    tried: "a test of the packed package with vitest's fake timers",
    run: underVitest,
  },
  ...[ROLLUP, ROLLDOWN, VITE, WEBPACK].map((bundler): Experiment => ({
    name: `package-${bundler.name}`,
    system: "Bundlers",
    programs: [bundler],
    tried:
      "a bundle of the packed package runs; a bundle with only the exit codes contains nothing else; a bundle with a client is small",
    limitSeconds: 180,
    run: (bench) => bundled(bench, bundler),
  })),
  {
    name: "package-deno-bundle",
    system: "Bundlers",
    programs: [DENO_BUNDLE],
    tried: "a bundle of the packed package runs; a bundle with a client is small",
    limitSeconds: 180,
    run: bundledByDeno,
  },
  {
    name: "package-typescript",
    system: "Compilers",
    programs: TYPESCRIPTS,
    tried:
      "the declarations of the packed package compile with all strict flags in TypeScript 5.0, 5.4, 5.9 and 6.0, with two kinds of module resolution",
    limitSeconds: 300,
    run: compiled,
  },
  {
    name: "package-deno-check",
    system: "Compilers",
    programs: [DENO],
    tried: "another project uses the types from the sources in a checkout; incorrect uses are errors",
    limitSeconds: 180,
    run: checkedByDeno,
  },
  {
    name: "package-judges",
    system: "Compilers",
    programs: [PUBLINT, ATTW],
    tried: "publint and attw report no problems in the packed package",
    run: judged,
  },
];
