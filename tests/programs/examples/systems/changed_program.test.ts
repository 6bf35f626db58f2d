/** What the jobs run although an earlier step has failed: the check of the program in front of it, on a real shell. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jobFile, RECIPES, respondRecipe } from "../../../../lib/cli/setup/recipes.ts";
import { CHECK_SCHEDULES } from "../../../../lib/respond/checks.ts";
import { root, sha256 } from "../../../../tools/setup.mjs";
import { parseYaml } from "../../../unit/examples/strict.ts";

/** Notes that it ran. */
const PROGRAM = `import { writeFileSync } from "node:fs";\nwriteFileSync("ran", "");\n`;

const WITH_CHECK = "sha256sum -c mogplex.mjs.sha256";
const LATE = /mogplex\.mjs (?:cleanup|runs cancel)/;

/** All texts in a YAML document. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The commands of a job that may run after its first check has failed, or on another machine. */
function lateCommands(file: string, text: string): string[] {
  const quoted = [...text.matchAll(/"""(.*?)"""|(?:scriptContent =|sh) (["'])(?!["'])(.*?)\2/g)]
    .map(([, long, , short]) => long ?? short ?? "");
  return (/Jenkinsfile|\.kts$/.test(file) ? quoted : textsIn(parseYaml(text))).filter((each) => LATE.test(each));
}

/** Whether the program ran. */
function runs(command: string, checksum: string): boolean {
  const cwd = mkdtempSync(join(tmpdir(), "changed-program-"));
  try {
    for (const folder of ["ci", "mogplex-ci"]) mkdirSync(join(cwd, folder));
    writeFileSync(join(cwd, "ci/mogplex.mjs"), PROGRAM);
    writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${checksum}  mogplex.mjs\n`);
    writeFileSync(join(cwd, "mogplex-ci/outputs.env"), "MOGPLEX_RUN_ID=1\n");
    spawnSync("bash", ["-c", command], { cwd, env: { PATH: process.env.PATH, RUN_ID: "1" } });
    return existsSync(join(cwd, "ran"));
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

const JOBS = [...RECIPES].flatMap(([name, recipe]) =>
  [recipe, ...CHECK_SCHEDULES.map((schedule) => respondRecipe(recipe, schedule))].filter((each) => each !== undefined)
    .map((each) => [`init ${name}`, each.file, jobFile(each, "acme/web", "")] as const)
);
const EXAMPLES = [...new Bun.Glob("**/{*.yml,*.yaml,*.kts,Jenkinsfile}").scanSync(join(root, "examples"))].sort()
  .map((file) => [file, file, readFileSync(join(root, "examples", file), "utf8")] as const)
  .filter(([, , text]) => text.includes(WITH_CHECK) && LATE.test(text));
const COMMANDS = [...JOBS, ...EXAMPLES].flatMap(([name, file, text]) =>
  lateCommands(file, text).map((command) => [name, command] as const)
);

test("every job that checks the program checks it again before what runs after a failed check", () => {
  const names = new Set(COMMANDS.map(([name]) => name));
  // Buildkite's hook has its own check.
  expect([...RECIPES.keys()].filter((name) => !names.has(`init ${name}`))).toEqual(["buildkite"]);
  expect(EXAMPLES.length).toBeGreaterThan(15);
  for (const command of new Set(COMMANDS.map(([, each]) => each))) {
    expect([command, runs(command, sha256(PROGRAM)), runs(command, "0".repeat(64))]).toEqual([command, true, false]);
  }
});

test("a job whose program has changed ends with 70 and what to do", () => {
  const checks = [...JOBS, ...EXAMPLES].flatMap(([name, file, text]) =>
    /Jenkinsfile|\.kts$/.test(file) ? [] : textsIn(parseYaml(text)).filter((each) => each.includes(`${WITH_CHECK}) ||`))
      .map((each) => [name, each.trim()] as const)
  );
  expect([...RECIPES.keys()].filter((name) => !["jenkins", "teamcity"].includes(name)))
    .toEqual([...RECIPES.keys()].filter((name) => checks.some(([each]) => each === `init ${name}`)));
  for (const command of new Set(checks.map(([, each]) => each))) {
    const cwd = mkdtempSync(join(tmpdir(), "changed-program-"));
    try {
      mkdirSync(join(cwd, "ci"));
      writeFileSync(join(cwd, "ci/mogplex.mjs"), PROGRAM);
      writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${"0".repeat(64)}  mogplex.mjs\n`);
      const { status, stdout } = spawnSync("sh", ["-c", command], { cwd, env: { PATH: process.env.PATH } });
      const last = String(stdout).trim().split("\n").at(-1);
      expect([command, status, last]).toEqual([
        command,
        70,
        "ci/mogplex.mjs has changed; see git log ci, or replace it with npm --prefix ../mogplex-ci run init -- --update --force",
      ]);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  }
});
