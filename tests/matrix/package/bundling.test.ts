import { afterAll, beforeAll, expect, test } from "bun:test";
import { build, transform } from "esbuild";
import fc from "fast-check";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { ACTION, ARTEFACTS, COMPONENT } from "../../../tools/build/artefacts.ts";
import { problems } from "../../../tools/build/bundle.ts";
import { MistakeList } from "../../../lib/campaign/file/mistakes.ts";
import { parseText } from "../../../lib/campaign/file/syntax/parse.ts";
import { Source } from "../../../lib/campaign/file/syntax/tree.ts";
import type * as Yaml from "../../../lib/campaign/file/syntax/yaml.ts";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { EXIT } from "../../../lib/exit_codes.ts";
import { VERSION } from "../../../lib/version.ts";
import { WRONG_FILES } from "../../unit/campaign/file/wrong_files.ts";
import { built } from "../../built.ts";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";
import { propertyRuns } from "../../property_runs.ts";

const root = join(import.meta.dir, "../../..");
let folder: string;

// That a second build gives the same bytes, that sizes are below their limits and that only node: is imported is what `build --check` looks at.
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-bundling-"));
  for (const { file } of ARTEFACTS) cpSync(built(file), join(folder, file));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The lazy parts of a built file by their names, what each gets as arguments, and the file without them. */
function textsOf(file: string) {
  const found = new Map<string, string>();
  const given = new Map<string, string[]>();
  const whole = text(file);
  const rest = whole.replace(
    /^function (\w+)Text\(\) \{\n {2}(?:\/\*([^]*?)\*\/|return `((?:[^`\\]|\\.)*)`;)\n\}$/gms,
    (_, name: string, comment: string | undefined, string = "") => {
      found.set(name, comment?.replaceAll("*{/}", "*/") ?? string.replace(/\\(.)/gs, "$1"));
      const call = String
        .raw`const (given\d*) = \{ ([^}]*) \};\s*return loaded\d* \?\?= new Function\(\.\.\.Object\.keys\(\1\), codeOf\(${name}Text`;
      const [, , list = ""] = new RegExp(call).exec(whole) ?? [];
      given.set(name, list.split(", ").map((each) => each.split(":")[0] ?? ""));
      return "";
    },
  );
  return { found, given, rest };
}

test("problems() names a foreign import and a size above the limit when a file has them", () => {
  const artefact = { file: "x.mjs", entry: "x.ts", program: true, limit: { readable: 3, gzipped: 1000 } };
  expect(problems({ artefact, text: "1234", imports: ["node:fs", "hono"], packages: [] })).toEqual([
    `x.mjs imports "hono", only node: modules may be left`,
    "x.mjs has 4 bytes readable, the limit is 3",
  ]);
});

const text = (file: string) => readFileSync(join(folder, file), "utf8");
// A message of the YAML parser, one of the reader of campaign files, and a function of zod.
const YAML_TEXT = "are not allowed in compact mappings";
const CAMPAIGN_TEXT = "the file is nested more than";
const ZOD_TEXT = "Invalid discriminated union option";
// A heading of a page.
const PAGES_TEXT = "Requests and waits";

test("bundle() keeps traces and history out of component and action", () => {
  for (const { file } of [COMPONENT, ACTION]) expect(text(file)).not.toMatch(/resourceSpans|OTEL_|skippedCount/);
});

test("bundle() keeps campaigns and the YAML parser out of the component", () => {
  for (const part of [YAML_TEXT, CAMPAIGN_TEXT]) expect(text(COMPONENT.file)).not.toContain(part);
});

test("bundle() leaves no code of campaigns, pages, the YAML parser or zod in the command but in comments", () => {
  const { found, rest } = textsOf("mogplex.mjs");
  expect([...found.keys()].sort()).toEqual(["campaign", "dashboard", "extras", "pages", "setup", "yaml", "zod"]);
  expect(found.get("yaml")).toContain(YAML_TEXT);
  expect(found.get("campaign")).toContain(CAMPAIGN_TEXT);
  expect(found.get("zod")).toContain(ZOD_TEXT);
  expect(found.get("pages")).toContain(PAGES_TEXT);
  for (const part of [YAML_TEXT, CAMPAIGN_TEXT, ZOD_TEXT, PAGES_TEXT]) expect(rest).not.toContain(part);
  expect(rest).not.toMatch(
    /^\/\/ (?:lib\/(?:campaign(?!\/verdicts)|dashboard|telemetry)|lib\/pages(?!\/page_link)|lib\/cli\/campaign\/verbs|node_modules\/(?:zod|yaml))\//m,
  );
  expect([...text("mogplex.mjs")].filter((each) => each > "~")).toEqual([]);
  // Readable: the names of sources, and one statement a line.
  expect(found.get("campaign")).toMatch(/^\/\/ lib\/campaign\/jobs\.ts$/m);
  expect(found.get("campaign")?.split("\n").length).toBeGreaterThan(5_000);
});

/** What becomes of a text: the tree and the mistakes, or what was thrown. */
async function treeOf(text: string, load?: () => Promise<typeof Yaml>) {
  const mistakes = new MistakeList();
  try {
    const parsed = await parseText(new Source("f", text), mistakes, load);
    return { ...parsed, mistakes: mistakes.empty ? [] : mistakes.error("f").lines };
  } catch (error) {
    return { thrown: String(error) };
  }
}

test("the YAML parser in the command, from which much is left out, reads every text as the whole package does", async () => {
  const parser = new Function(textsOf("mogplex.mjs").found.get("yaml") ?? "")() as typeof Yaml;
  const same = async (text: string) =>
    expect(await treeOf(text, () => Promise.resolve(parser))).toEqual(await treeOf(text));
  for (const { text } of WRONG_FILES) await same(text);
  const pieces = [
    ...[
      "a: ",
      "b:",
      "- ",
      "? ",
      ": ",
      "[",
      "]",
      "{",
      "}",
      ", ",
      "\n",
      "\n  ",
      "\n    ",
      "# c",
      "|\n",
      ">-\n",
      "'x'",
      '"y\\n"',
      "\t",
    ],
    ...[
      "&a ",
      "*a",
      "!t ",
      "!!int ",
      "!!str ",
      "!!map ",
      "!!set ",
      "!<tag:yaml.org,2002:str> ",
      "!<!> ",
      "! ",
      "!!",
      "!e!x ",
      "%YAML 1.1\n",
    ],
    ...[
      "---\n",
      "...\n",
      "<<: ",
      "1",
      "-0x1f",
      "1.50",
      ".inf",
      "~",
      "null",
      "true",
      "yes",
      "2026-12-01",
      "é",
      "\u{1f600}",
      "\ufeff",
      "=",
      "@",
    ],
  ];
  const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 25 }).map((each) => each.join(""));
  await fc.assert(fc.asyncProperty(texts, same), { numRuns: propertyRuns(1_000) });
});

test("bundle() leaves no code of campaigns, pages or the YAML parser in the library but in strings, which bundlers keep", () => {
  const { found, rest } = textsOf("mod.mjs");
  expect([...found.keys()].sort()).toEqual(["campaign", "pages", "yaml"]);
  for (const part of [YAML_TEXT, CAMPAIGN_TEXT, PAGES_TEXT]) expect(rest).not.toContain(part);
});

test("a lazy part gets every name that it uses and does not declare", () => {
  for (const file of ["mogplex.mjs", "mod.mjs"]) {
    const { found, given } = textsOf(file);
    const code = found.get("campaign") ?? "";
    const names = given.get("campaign") ?? [];
    expect(names.length).toBeGreaterThan(50);
    const script = join(folder, `names-${file.replace(".mjs", ".js")}`);
    writeFileSync(script, `function part(${names.join(", ")}) {\n${code}\n}\n`);
    const line = [
      "tsc",
      "--allowJs",
      "--checkJs",
      "--noEmit",
      "--strict",
      "false",
      "--target",
      "es2024",
      "--types",
      "node",
    ];
    const [tsc = "", ...more] = [join(root, "node_modules/typescript/bin/tsc"), ...line.slice(1)];
    const roots = ["--typeRoots", join(root, "node_modules/@types"), "--lib", "es2024,dom", "--ignoreConfig"];
    const { stdout } = runToEnd([runtimes.node, tsc, ...more, ...roots, script]);
    expect(stdout.split("\n").filter((each) => /Cannot find name|error TS1\d\d\d:|error TS5\d\d\d:/.test(each)))
      .toEqual([]);
    if (file !== "mogplex.mjs") continue;
    // The check sees a name that is missing.
    writeFileSync(script, `function part(${names.slice(1).join(", ")}) {\n${code}\n}\n`);
    expect(runToEnd([runtimes.node, tsc, ...more, ...roots, script]).stdout).toContain(
      `Cannot find name '${names[0]}'`,
    );
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

  test(`mogplex.mjs says on ${name} what is wrong when another program removed its comments`, async () => {
    const file = join(folder, `no-comments-${name}.mjs`);
    writeFileSync(file, (await transform(text("mogplex.mjs"), { legalComments: "none" })).code);
    const line = [...runtime, file];
    expect(runToEnd([...line, "--version"]).code).toBe(EXIT.success);
    expect(runToEnd([...line, "campaign", "check", "x.yml"])).toMatchObject({
      code: EXIT.internal,
      stderr: expect.stringContaining("use the file as it was published"),
    });
  });

  test(`mod.mjs reads a campaign on ${name} when it was bundled into a script and minified`, async () => {
    const script = join(folder, "campaign_script.mjs");
    const file = join(folder, `campaign-by-esbuild-${name}.mjs`);
    writeFileSync(join(folder, "script.yaml"), "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme/web]\n");
    writeFileSync(
      script,
      `import { readCampaign, UsageError } from "./mod.mjs";
readCampaign("script.yaml", { directory: "none" }).catch((error) => console.log(error instanceof UsageError, error.message));\n`,
    );
    const options = { bundle: true, minify: true, platform: "node", format: "esm" } as const;
    await build({ ...options, entryPoints: [script], outfile: file });
    expect(runToEnd([...runtime, file], { cwd: folder })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^true Cannot read campaign: nothing was planned/),
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

// All verbs are in one part, which the test above loads on each runtime.
test("mogplex.mjs loads and calls every campaign verb", () => {
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
    const sends = ["campaign plan", "campaign advance", "campaign run"].includes(verb);
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

test("mod.ts can be imported on Deno when no permission is given", () => {
  const script = join(folder, "no_permission.ts");
  writeFileSync(script, `import { exitCodeFor } from "${join(root, "mod.ts")}";\nconsole.log(exitCodeFor(0));\n`);
  const line = [runtimes.deno, "run", "--no-prompt", "--config", join(root, "deno.json"), script];
  expect(runToEnd(line)).toEqual({ code: 0, stdout: "70\n", stderr: "" });
});
