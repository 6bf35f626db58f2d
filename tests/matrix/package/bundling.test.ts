import { afterAll, beforeAll, expect, test } from "bun:test";
import { build } from "esbuild";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENVIRONMENT } from "../../../lib/cli/environment.ts";
import { flagsOf } from "../../../lib/cli/verb.ts";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { EXIT } from "../../../lib/exit_codes.ts";
import { VERSION } from "../../../lib/version.ts";
import { ACTION, bundleLibrary, bundleProgram, type Program, PROGRAMS } from "../../../tools/build/bundle.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";
import { unusedIn } from "./unused.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-bundling-"));
  const dist = join(built("mogplex.mjs"), "..");
  for (const file of readdirSync(dist).filter((each) => each.endsWith(".mjs"))) {
    cpSync(join(dist, file), join(folder, file));
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (file: string) => readFileSync(built(file), "utf8");

test("a second build gives the same bytes", async () => {
  const again = [...await Promise.all(PROGRAMS.map(bundleProgram)), ...await bundleLibrary()];
  for (const { file, text } of again) {
    const path = file === ACTION.file ? "action/main.mjs" : file;
    expect([path, text === textOf(path)]).toEqual([path, true]);
  }
});

test("component, dashboard and action have no campaigns, no other CI systems, no memory of a laptop and no texts of the help", () => {
  // A message of the reader of campaign files, a variable of a CI system, a note of a laptop, attributes of traces, a rehearsal, and merges.
  const parts = [
    "the file is nested more than",
    "TEAMCITY_PROJECT_NAME",
    "BUILDKITE_BUILD_ID",
    ", so the files of this run go to ",
    "resourceSpans",
    "Dry run: nothing is sent",
    "enqueuePullRequest",
    "merge_when_pipeline_succeeds",
  ];
  for (const part of parts) expect([part, textOf("mogplex.mjs").includes(part)]).toEqual([part, true]);
  const helps = [...ENVIRONMENT, ...VERBS.flatMap(flagsOf)].map(({ help }) => help).filter((help) => help.length > 30);
  // Some are made from numbers and names when the program runs.
  const wholeHelps = helps.filter((help) => textOf("mogplex.mjs").includes(help));
  expect(wholeHelps.length).toBeGreaterThan(helps.length * 0.8);
  const others = [...parts, ...wholeHelps, ...VERBS.map(({ summary }) => summary)];
  for (const file of ["mogplex-component.mjs", "mogplex-dashboard.mjs", "action/main.mjs"]) {
    expect([file, others.filter((part) => textOf(file).includes(part))]).toEqual([file, []]);
  }
});

test("component, dashboard and action carry only the forges that their jobs can meet", () => {
  // A sentence, or an address, of each.
  const forges = {
    GitHub: "api.github.com",
    GitLab: "/-/merge_requests/",
    Gitea: "shows users' permissions only to administrators",
  };
  const programs = {
    "mogplex.mjs": ["GitHub", "GitLab", "Gitea"],
    // Jobs of GitLab read the result files of repositories of GitHub.
    "mogplex-component.mjs": ["GitHub", "GitLab"],
    "mogplex-dashboard.mjs": [],
    "action/main.mjs": ["GitHub", "Gitea"],
  };
  for (const [file, names] of Object.entries(programs)) {
    const text = textOf(file);
    expect([file, Object.entries(forges).filter(([, part]) => text.includes(part)).map(([name]) => name)])
      .toEqual([file, names]);
  }
});

test.each(PROGRAMS.filter(({ minify }) => minify).map((program): [string, Program] => [program.file, program]))(
  "%s contains nothing that it does not use",
  async (_, program) => {
    const { text } = await bundleProgram({ ...program, minify: false });
    const unused = unusedIn(text);
    // The bundler keeps values that are computed, such as sets and encoders. Anything as large as the row of a verb was imported for nothing.
    expect([...unused].filter(([, size]) => size >= 300)).toEqual([]);
    const sum = [...unused.values()].reduce((total, size) => total + size, 0);
    expect(sum, [...unused.keys()].join(", ")).toBeLessThan(2_000);
  },
);

test("component, dashboard and action have no more kilobytes than they need", () => {
  // About 3 % above the sizes, so changed words fit and a new dependency does not.
  const limits = { "mogplex-component.mjs": 669, "mogplex-dashboard.mjs": 307, "action/main.mjs": 702 };
  const sizes = Object.entries(limits).map(([file, limit]) => ({ file, limit, kB: textOf(file).length / 1_000 }));
  expect(sizes.filter(({ kB, limit }) => kB > limit)).toEqual([]);
});

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  test(`mogplex.mjs reads a campaign file on ${name}, and needs no permission but to read on Deno`, () => {
    const good = join(folder, `good-${name}.yaml`);
    const wrong = join(folder, `wrong-${name}.yaml`);
    writeFileSync(good, "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme/web]\n");
    writeFileSync(wrong, "version: 1\nname: 1\nprompt: Fix it\nrepositories: [acme/web]\n");
    const line = runtime.map((each) => each === "--allow-all" ? `--allow-read=${folder}` : each);
    const check = (file: string) => runToEnd([...line, join(folder, "mogplex.mjs"), "campaign", "check", file]);
    expect(check(good)).toEqual({
      code: 0,
      stdout: `${good} is valid: campaign "fix", 1 repository\n`,
      stderr: "",
    });
    expect(check(wrong)).toMatchObject({ code: 2, stdout: expect.stringContaining(":2:7: name: it is the number 1;") });
  });

  test(`mogplex.mjs alone in an empty folder prints its help, and checks and prints a vendored campaign on ${name}`, () => {
    const cwd = mkdtempSync(join(folder, "alone-"));
    mkdirSync(join(cwd, "ci"));
    cpSync(built("mogplex.mjs"), join(cwd, "ci/mogplex.mjs"));
    writeFileSync(join(cwd, "campaign.yml"), "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme/web]\n");
    const line = [...runtime, "ci/mogplex.mjs"];
    expect(runToEnd([...line, "--help"], { cwd })).toMatchObject({ code: 0, stderr: "" });
    expect(runToEnd([...line, "campaign", "check", "campaign.yml"], { cwd })).toMatchObject({ code: 0, stderr: "" });
    // Nothing is planned yet, which only the code of campaigns knows.
    expect(runToEnd([...line, "campaign", "status", "campaign.yml"], { cwd })).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining("there is no plan"),
    });
  });

  test(`campaigns.mjs reads a campaign on ${name} when it was bundled into a script and minified`, async () => {
    const script = join(folder, "campaign_script.mjs");
    const file = join(folder, `campaign-by-esbuild-${name}.mjs`);
    writeFileSync(join(folder, "script.yaml"), "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme/web]\n");
    writeFileSync(
      script,
      `import { createMogplex, UsageError } from "./mod.mjs";
import { createCampaigns } from "./campaigns.mjs";
const campaigns = createCampaigns(createMogplex({ token: "mog_abcdefghijklmnopqrstuvwx" }));
campaigns.of("script.yaml", { home: "none" }).read().catch((error) => console.log(error instanceof UsageError, error.message));\n`,
    );
    const options = { bundle: true, minify: true, platform: "node", format: "esm" } as const;
    await build({ ...options, entryPoints: [script], outfile: file });
    expect(runToEnd([...runtime, file], { cwd: folder })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^true Cannot read the campaign: there is no plan/),
    });
  });

  test(`mogplex.mjs runs as a command on ${name} when it is started directly or through a symbolic link`, () => {
    const file = join(folder, "mogplex.mjs");
    const link = join(folder, `link-${name}.mjs`);
    symlinkSync(file, link);
    for (const path of [file, link]) {
      expect(runToEnd([...runtime, path, "--version"])).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(VERSION),
      });
      expect(runToEnd([...runtime, path, "no-such-verb"]).code).toBe(2);
    }
  });

  test(`mogplex.mjs and mogplex-emulator.mjs do nothing on ${name} when they are imported`, () => {
    for (const file of ["mogplex.mjs", "mogplex-emulator.mjs", "mod.mjs"]) {
      const script = join(folder, `import-${name}-${file}`);
      writeFileSync(script, `await import("./${file}");\nconsole.log("imported", process.exitCode ?? 0);\n`);
      expect(runToEnd([...runtime, script, "no-such-verb"])).toEqual({ code: 0, stdout: "imported 0\n", stderr: "" });
    }
  });

  test(`a user's script that was bundled with mod.ts runs itself and not our command on ${name}`, async () => {
    const script = join(folder, "script.ts");
    writeFileSync(
      script,
      `import { exitCodeFor } from "${join(root, "mod.ts")}";\nconsole.log("mine", exitCodeFor(new Error("x")));\n`,
    );
    const files = [join(folder, `by-esbuild-${name}.mjs`), join(folder, `by-bun-${name}.mjs`)] as const;
    await build({
      entryPoints: [script],
      outfile: files[0],
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "error",
      absWorkingDir: root,
    });
    expect(runToEnd([runtimes.bun, "build", "--target=node", `--outfile=${files[1]}`, script], { cwd: root }).code)
      .toBe(0);
    for (const file of files) {
      expect(runToEnd([...runtime, file, "no-such-verb"])).toEqual({ code: 0, stdout: "mine 70\n", stderr: "" });
    }
  });
}

test("mogplex.mjs calls every campaign verb", () => {
  const file = join(folder, "verbs.yaml");
  writeFileSync(file, "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme/web]\n");
  const verbs = VERBS.filter(({ name }) => name.startsWith("campaign "));
  expect(verbs.length).toBeGreaterThan(10);
  for (const { name: verb } of verbs) {
    const more = verb.endsWith("skip") ? ["--reason", "x", "--failed"] : verb.endsWith("retry") ? ["--failed"] : [];
    const words = [
      ...verb.split(" "),
      file,
      ...verb.endsWith("check") ? [] : ["--dir", join(folder, "none")],
      ...more,
    ];
    const { code, stderr } = runToEnd([...RUNTIMES.bun, join(folder, "mogplex.mjs"), ...words], { cwd: folder });
    // There is no plan, and no token to make one.
    const sends = ["campaign plan", "campaign run"].includes(verb);
    const expected = verb.endsWith("check") ? EXIT.success : sends ? EXIT.unauthorized : EXIT.usage;
    expect({ verb, code, stderr }).toEqual({ verb, code: expected, stderr: expect.any(String) });
  }
});

test("mod.ts runs as a command when it is itself the main module", () => {
  const lines = [
    [runtimes.bun, "--no-env-file", join(root, "mod.ts")],
    [runtimes.deno, "run", "--no-prompt", "--allow-all", "--config", join(root, "deno.json"), join(root, "mod.ts")],
  ];
  for (const line of lines) {
    expect(runToEnd([...line, "--version"])).toMatchObject({ code: 0, stdout: expect.stringContaining(VERSION) });
    expect(runToEnd([...line, "no-such-verb"]).code).toBe(2);
  }
});

/** What Deno needs for the sources: the packages in the `node_modules` of the checkout, where this is all that is in the test's own folder. */
const SOURCES = ["--cached-only", "--no-check", "--allow-env"];

// Deno reads no import map of a folder that a test imports from.
test.each([
  ["a build", () => join(built("mod.mjs"), ".."), "mjs", {}, []],
  ["a checkout, with a package.json", () => root, "ts", { "package.json": { type: "module" } }, SOURCES],
  ["a checkout, with a deno.json", () => root, "ts", { "deno.json": { nodeModulesDir: "manual" } }, SOURCES],
])("a test of Deno beside %s loads it without the configuration of the checkout", (_, place, type, files, flags) => {
  const own = mkdtempSync(join(folder, "beside-"));
  for (const [name, value] of Object.entries(files)) writeFileSync(join(own, name), JSON.stringify(value));
  const text = `import { createMogplex } from "${join(place(), `mod.${type}`)}";
import { createEmulator } from "${join(place(), `testing.${type}`)}";
Deno.test("own", async () => {
  const service = createEmulator();
  const request = { repoId: service.repos[0]?.id ?? "", prompt: "Fix it" };
  const { outcome } = await createMogplex(service.options).run(request);
  if (outcome !== "success") throw new Error(outcome);
});\n`;
  writeFileSync(join(own, "own.test.ts"), text);
  const { code, stdout } = runToEnd([runtimes.deno, "test", "--no-prompt", "--no-lock", ...flags], { cwd: own });
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("1 passed") });
});

test("mod.ts can be imported on Deno when no permission is given", () => {
  const script = join(folder, "no_permission.ts");
  writeFileSync(script, `import { exitCodeFor } from "${join(root, "mod.ts")}";\nconsole.log(exitCodeFor(0));\n`);
  const line = [runtimes.deno, "run", "--no-prompt", "--config", join(root, "deno.json"), script];
  expect(runToEnd(line)).toEqual({ code: 0, stdout: "70\n", stderr: "" });
});
