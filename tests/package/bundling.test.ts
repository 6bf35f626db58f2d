import { afterAll, beforeAll, expect, test } from "bun:test";
import { build } from "esbuild";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimes } from "../../tools/setup.mjs";
import { ARTEFACTS, COMPONENT } from "../../tools/build/artefacts.ts";
import { bundle, problems } from "../../tools/build/bundle.ts";
import { VERSION } from "../../lib/version.ts";
import { RUNTIMES, runToEnd } from "./runtimes.ts";

const root = join(import.meta.dir, "../..");
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-bundling-"));
  for (const artefact of ARTEFACTS) writeFileSync(join(folder, artefact.file), (await bundle(artefact)).text);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("bundle() leaves only node: imports and keeps the size limits when it is built from this tree", async () => {
  for (const artefact of ARTEFACTS) expect(problems(await bundle(artefact))).toEqual([]);
});

test("bundle() gives the same bytes when it is built twice", async () => {
  for (const artefact of ARTEFACTS) expect((await bundle(artefact)).text).toBe((await bundle(artefact)).text);
});

test("problems() names a foreign import and a size above the limit when a file has them", () => {
  const artefact = { file: "x.mjs", entry: "x.ts", program: true, limit: { readable: 3, gzipped: 1000 } };
  expect(problems({ artefact, text: "1234", imports: ["node:fs", "hono"], packages: [] })).toEqual([
    `x.mjs imports "hono", only node: modules may be left`,
    "x.mjs has 4 bytes readable, the limit is 3",
  ]);
});

test("bundle() keeps the YAML parser out of the component, and as a text in command and library", () => {
  const text = (file: string) => readFileSync(join(folder, file), "utf8");
  // A message of the parser, and one of the reader of campaign files.
  expect(text(COMPONENT.file)).not.toContain("are not allowed in compact mappings");
  expect(text(COMPONENT.file)).not.toContain("campaign file");
  for (const file of ["mogplex.mjs", "mod.mjs"]) {
    const lines = text(file).split("\n").filter((each) => each.includes("are not allowed in compact mappings"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("new Function(");
  }
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
      stdout: `${good}: no mistakes: campaign "fix", 1 repository\n`,
      stderr: "",
    });
    expect(check(wrong)).toMatchObject({ code: 2, stdout: expect.stringContaining(":2:7: name: it is the number 1;") });
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

test("mod.ts can be imported on Deno when no permission is given", () => {
  const script = join(folder, "no_permission.ts");
  writeFileSync(script, `import { exitCodeFor } from "${join(root, "mod.ts")}";\nconsole.log(exitCodeFor(0));\n`);
  const line = [runtimes.deno, "run", "--no-prompt", "--config", join(root, "deno.json"), script];
  expect(runToEnd(line)).toEqual({ code: 0, stdout: "70\n", stderr: "" });
});
