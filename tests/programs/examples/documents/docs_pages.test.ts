/** Every block of the README and of the pages that answer a question, pasted as it is there. */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { predictPipeline } from "../../../../lib/cli/setup/gitlab_rules.ts";
import { jobFile, type Recipe, RECIPES } from "../../../../lib/cli/setup/recipes.ts";
import { unreleasedText } from "../../../../tools/publish/released.ts";
import { root, runtimes } from "../../../../tools/setup.mjs";
import { built } from "../../../built.ts";
import { CAN_RUN, commitAll, compiledGitlabCiLocal, writeFiles } from "../../components/project.ts";
import { type Ended, launch, REPO, sharedService } from "../../processes/world/service.ts";
import { CANCEL, START } from "../../processes/world/recorder.ts";
import { type Block, blocksOf, readPage } from "./pages.ts";
import { type ScriptService, withService } from "../scripts.ts";
import { openWorkFolder, type WorkFolder } from "../systems/campaign_recipes.ts";
import { onMachine, readExample, signalledAll } from "../systems/machine.ts";
import { newRun } from "../systems/github_recipes.ts";
import { runGithubJob } from "../systems/models/github_steps.ts";

const PAGES = [
  "README.md",
  "docs/gitlab.md",
  "docs/gitlab-on-a-laptop.md",
  "docs/github.md",
  "docs/other-runners.md",
  "docs/scripts.md",
  "docs/emulator.md",
  "docs/exit-codes.md",
  "docs/troubleshooting.md",
  "docs/README.md",
  "docs/automations.md",
  "docs/results.md",
];

const path = (process.env.PATH ?? "").split(delimiter);
const HAS_JQ = path.some((folder) => Bun.file(join(folder, "jq")).size > 0);

let work: WorkFolder;
let emulator: string;

beforeAll(() => {
  work = openWorkFolder();
  emulator = built("mogplex-emulator.mjs");
  // The clone next to the repository of the reader.
  symlinkSync(root, join(work.folder, "mogplex-ci"));
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

/** The blocks that a test has run, by their text. */
const RAN = new Set<string>();

/** The block of a page in a language that contains a text; it is then marked as run. */
function block(page: string, language: string, word: string): string {
  const found = blocksOf(unreleasedText(readPage(page))).filter((each) =>
    each.language === language && each.text.includes(word)
  );
  if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks of ${language} with "${word}"`);
  const [{ text }] = found as [Block];
  RAN.add(text);
  return text;
}

/** A folder with the programs under their names, and what runs a script there. */
function place(env: Record<string, string>, files: Readonly<Record<string, string>> = {}) {
  const cwd = mkdtempSync(join(work.folder, "docs-"));
  writeFiles(cwd, files);
  copyFileSync(work.command, join(cwd, "mogplex.mjs"));
  // Where `init` puts it.
  mkdirSync(join(cwd, "ci"), { recursive: true });
  copyFileSync(work.command, join(cwd, "ci/mogplex.mjs"));
  copyFileSync(emulator, join(cwd, "mogplex-emulator.mjs"));
  const bin = mkdtempSync(join(work.folder, "bin-"));
  for (const name of ["mogplex-ci", "mogplex"]) copyFileSync(work.command, join(bin, name));
  for (const name of ["node", "deno", "bun"] as const) {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec "${runtimes[name]}" "$@"\n`, { mode: 0o755 });
  }
  for (const name of ["mogplex-ci", "mogplex"]) {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec node "${work.command}" "$@"\n`, { mode: 0o755 });
  }
  const all = { PATH: `${bin}${delimiter}${process.env.PATH}`, HOME: cwd, ...env };
  return { cwd, run: (script: string): Promise<Ended> => launch(["sh", "-eu", "-c", script], { cwd, env: all }).ended };
}

function variables({ recorder, token, repos }: ScriptService): Record<string, string> {
  const repo = repos[0]?.id ?? "";
  return { MOGPLEX_DEV: "1", MOGPLEX_URL: recorder.url, MOGPLEX_API_KEY: token, MOGPLEX_REPO_ID: repo };
}

const FAST = { speed: 10_000 };

test(
  "the lines for any CI system check the setup, run an agent and clean up",
  () =>
    withService(FAST, async (service) => {
      const { run } = place(variables(service));
      const readme = block("README.md", "sh", "export MOGPLEX_API_KEY").replace("=…", `=${service.token}`);
      const whole = await run(readme);
      expect([whole.code, whole.stdout.includes("a run can start")]).toEqual([0, true]);
      expect(whole.stdout).toMatch(/^verdict +success/m);
      expect(service.statuses()).toEqual(["success"]);
      for (const word of ["node ci/mogplex.mjs run --follow", "cleanup", "doctor"]) {
        expect(await run(block("docs/other-runners.md", "sh", word)), word).toMatchObject({ code: 0 });
      }
      expect(await run(block("docs/troubleshooting.md", "sh", "doctor"))).toMatchObject({ code: 0 });
      const list = await run(block("docs/gitlab.md", "sh", "repos list").replace("=…", `=${service.token}`));
      expect([list.code, list.stdout.includes("acme/web")]).toEqual([0, true]);
    }),
);

test(
  "the campaign of the README is planned, and starts nothing",
  () =>
    withService({ ...FAST, names: ["web", "lib-a", "other"] }, async (service) => {
      const { run } = place(variables(service), { "campaign.yml": block("README.md", "yaml", "version: 1") });
      const { code, stdout } = await run(block("README.md", "sh", "campaign plan"));
      expect([code, stdout.includes("2 items")]).toEqual([0, true]);
      expect(service.statuses()).toEqual([]);
    }),
);

test(
  "the loop of docs/exit-codes.md tries again on 75 with the same key, at most twice, and on no other code",
  () =>
    withService({ ...FAST, scenario: "agent-failure" }, async (service) => {
      const { run } = place({ ...variables(service), CI: "true", MOGPLEX_CI_JOB: "loop" });
      const script = `sleep() { echo "slept $1"; }\n${block("docs/exit-codes.md", "sh", "until")}`;
      const refuse = (times: number) =>
        service.emulator.control("fault", { kind: "429", route: "POST /runs", retryAfter: 86_400, times });
      refuse(3);
      const ends = [await run(script)];
      refuse(1);
      ends.push(await run(script));
      expect(ends.map(({ code, stdout }) => [code, stdout.match(/^slept \d+$/gm)])).toEqual([
        [75, ["slept 300", "slept 600"]],
        [1, ["slept 300"]],
      ]);
      expect(new Set(service.recorder.of(START).map(({ key }) => key)).size).toBe(1);
    }),
);

test.skipIf(!HAS_JQ)("the lines of docs/scripts.md print what they say", () =>
  withService(FAST, async (service) => {
    const { run } = place(variables(service));
    const cases: [word: string, last: RegExp][] = [
      ["runs events", /success\n$/],
      ["agent.log", /^http:\S+\/acme\/web\/pull\/\d+\n$/],
      ["tail -n 1", /^success\n$/],
    ];
    for (const [word, last] of cases) {
      const { code, stdout } = await run(block("docs/scripts.md", "sh", word));
      expect({ word, code, stdout }).toEqual({ word, code: 0, stdout: expect.stringMatching(last) });
    }
  }));

test(
  "the program of docs/scripts.md runs an agent and prints the pull request",
  () =>
    withService(FAST, async (service) => {
      const text = block("docs/scripts.md", "ts", "import").replace(
        '"@mogplex/ci"',
        JSON.stringify(join(root, "mod.ts")),
      );
      const { cwd } = place({}, { "script.ts": text });
      const env = { ...variables(service), PATH: process.env.PATH ?? "" };
      const { code, stdout } = await launch([runtimes.bun, "--no-env-file", "script.ts"], { cwd, env }).ended;
      expect([code, stdout]).toEqual([0, expect.stringMatching(/^http:\S+\/acme\/web\/pull\/1\n$/)]);
    }),
);

test(
  "the lines and the program of docs/automations.md list, show and trigger",
  () =>
    withService({ ...FAST, scenario: "success" }, async (service) => {
      const [id = ""] = service.emulator.world.store.automations.keys();
      const env = { ...variables(service), AUTOMATION_ID: id };
      const { cwd, run } = place(env);
      const lines = block("docs/automations.md", "sh", "automations list").trim().split("\n");
      expect(lines).toHaveLength(3);
      for (const line of lines) expect({ line, code: (await run(line)).code }).toEqual({ line, code: 0 });
      const text = block("docs/automations.md", "ts", "automations.run");
      writeFileSync(join(cwd, "script.ts"), text.replace('"@mogplex/ci"', JSON.stringify(join(root, "mod.ts"))));
      const line = [runtimes.bun, "--no-env-file", "script.ts"];
      expect(await launch(line, { cwd, env: { ...env, PATH: process.env.PATH ?? "" } }).ended).toMatchObject({
        code: 0,
      });
    }),
);

test.skipIf(!HAS_JQ)("the lines of docs/emulator.md start a local service, for one command and for many", async () => {
  const { run } = place({});
  const one = await run(block("docs/emulator.md", "sh", "exec --speed 20 -- node"));
  expect([one.code, /^verdict +success/m.test(one.stdout)]).toEqual([0, true]);
  const lines = ["emulator.json", "kill $!\n"].map((word) => block("docs/emulator.md", "sh", word));
  const many = await run(lines.join(""));
  expect([many.code, many.stdout]).toEqual([0, expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\n$/)]);
  const own = await run(block("docs/emulator.md", "sh", "--harness"));
  expect([own.code, /^files +README\.md$/m.test(own.stdout)]).toEqual([0, true]);
  const failing = await run(block("docs/emulator.md", "sh", "agent-failure"));
  expect(failing.stdout).toEndWith("ends with 1\n");
});

test("the workflow in docs/results.md has only lines of its recipe", () => {
  const lines = block("docs/results.md", "yaml", "result_safe").split("\n").map((line) => line.replace(/ *# .*/, ""));
  const recipe = readExample("github-actions/yes-or-no.yml").split("\n");
  expect(lines.filter((line) => !recipe.includes(line))).toEqual([]);
});

test("the lines of docs/results.md end with the answer of an agent", async () => {
  const { run } = place({});
  const { code, stdout } = await run(block("docs/results.md", "sh", "MOGPLEX_RESULT_PATH"));
  expect([code, stdout.slice(stdout.lastIndexOf("{"))]).toEqual([0, '{\n  "files": 3\n}\n']);
  expect(stdout).toMatch(/^verdict +success/m);
});

test("docs/github.md has the workflow that init writes, and the README its main steps", () => {
  const workflow = jobFile(RECIPES.get("github") as Recipe, "acme/web", "");
  expect(block("docs/github.md", "yaml", "Written by mogplex-ci init")).toBe(workflow);
  const [, ...steps] = block("README.md", "yaml", "steps:").trimEnd().split("\n");
  for (const line of steps) expect(workflow).toContain(`\n    ${line}\n`);
});

for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
  test(`the lines of the README for Deno and Bun end with ${code} when their run plays ${scenario}`, () =>
    withService({ ...FAST, scenario }, async (service) => {
      for (const word of ["deno run", "bun --no-env-file"]) {
        const { run } = place(variables(service));
        expect([word, (await run(block("README.md", "sh", word))).code]).toEqual([word, code]);
      }
    }));

  test(`the script of the README prints the pull request, writes its summary and ends with ${code} when its run plays ${scenario}`, () =>
    withService({ ...FAST, scenario }, async (service) => {
      const { cwd } = place({});
      const text = block("README.md", "ts", "cancelOn").replace('"@mogplex/ci"', JSON.stringify(join(root, "mod.ts")));
      writeFileSync(join(cwd, "fix.ts"), text);
      const env = { ...variables(service), PATH: process.env.PATH ?? "" };
      const script = await launch([runtimes.bun, "--no-env-file", "fix.ts"], { cwd, env }).ended;
      expect(script.code).toBe(code);
      // It prints notices, so that a wait is not silent.
      expect(script.stderr).toContain("mogplex: sending requests and the token to ");
      expect(script.stdout).toMatch(code === 0 ? /^success https?:\S+\/acme\/web\/pull\/\d+$/m : /^failed $/m);
      expect(readFileSync(join(cwd, "summary.md"), "utf8")).toContain(code === 0 ? "✅" : "❌");
    }));
}

test("the workflow of docs/github.md follows its run, and cancels it with the job", async () => {
  const workflow = block("docs/github.md", "yaml", "on: { workflow_dispatch: }");
  const service = await sharedService();
  const files = { "ci/mogplex.mjs": readFileSync(work.command, "utf8") };
  const given = () => ({ ...newRun(), files, vars: { MOGPLEX_REPO_ID: REPO } });
  const playing = (scenario: string) => workflow.replace("Fix the flaky tests", `<${scenario}>`);
  await onMachine(service, async (machine) => {
    for (const [scenario, status] of [["success", "success"], ["agent-failure", "failure"]] as const) {
      expect((await runGithubJob(playing(scenario), machine, given())).status).toBe(status);
    }
    machine.stop = signalledAll("SIGKILL");
    expect((await runGithubJob(playing("stuck-streaming"), machine, given())).status).toBe("cancelled");
    expect(machine.recorder.of(CANCEL)).toHaveLength(1);
  });
});

/** A Git repository with gitlab-ci-local on the PATH and the folder `MOGPLEX_CI`, and what runs the lines of the page there. */
async function laptop(files: Readonly<Record<string, string>>) {
  const { cwd, run } = place({ MOGPLEX_CI: "" });
  writeFiles(cwd, {
    "bin.sh": `#!/bin/sh\nexec "${compiledGitlabCiLocal()}" --no-artifacts-to-source "$@"\n`,
    ".gitignore": "mogplex*.mjs\n/bin\n/ci.project\n.cache\n",
    "ci.project/dist/mogplex-emulator.mjs": readFileSync(emulator, "utf8"),
    ...files,
  });
  await run(`mkdir bin && mv bin.sh bin/gitlab-ci-local && ln -s "${runtimes.node}" bin/node`);
  commitAll(cwd);
  const head = `PATH="$PWD/bin:$PATH" MOGPLEX_CI="$PWD/ci.project"\nexport MOGPLEX_CI PATH\n`;
  return { cwd, run: (script: string) => run(head + script) };
}

const NEEDS_NODE = "gitlab-ci-local needs Node 22 or newer\n";
/** Whether the Node of the tests is one that the page refuses. */
const OLD_NODE = Number(/^v(\d+)/.exec(spawnSync(runtimes.node, ["--version"], { encoding: "utf8" }).stdout)?.[1]) < 22;

/** A block without its check of Node: the gitlab-ci-local of the tests is a program of its own. */
function withoutNodeCheck(text: string): string {
  const rest = text.replace(/^node -e .*exit 2; \}\n/m, "");
  expect(rest).not.toBe(text);
  return rest;
}

test.skipIf(!CAN_RUN)("docs/gitlab-on-a-laptop.md runs the job that init writes, green and red", async () => {
  const { cwd, run } = await laptop({});
  expect(
    (await run("git remote set-url origin git@gitlab.example:acme/billing.git && node mogplex.mjs init gitlab")).code,
  )
    .toBe(0);
  const page = block("docs/gitlab-on-a-laptop.md", "sh", "acme/billing=.");
  if (OLD_NODE) expect((await run(page)).stdout).toContain(NEEDS_NODE);
  const start = withoutNodeCheck(page);
  const good = await run(start);
  expect(good.stdout, good.stderr).toMatch(/PASS +mogplex\b/);
  expect(good.code).toBe(0);
  // Such a green says that it has changed nothing.
  expect(good.stderr).toContain(
    "note: a scenario simulated the run: the repository at . is unchanged, and the pull request is made up.",
  );
  expect((await run("git branch --list 'mogplex/*'")).stdout).toBe("");
  expect(existsSync(join(cwd, ".gitlab-ci-local/artifacts/mogplex/mogplex-ci/result.json"))).toBe(true);
  expect(existsSync(join(cwd, "mogplex-ci/result.json"))).toBe(true);
  expect((await run("git add -A && git diff --cached --name-only")).stdout).not.toMatch(
    /try\.sh|mogplex-ci\/|ci-local/,
  );
  const red = await run(start.replace("--speed 20", "--speed 20 --scenario agent-failure"));
  expect(red.stdout).toMatch(/FAIL +mogplex\b/);
  expect(red.code).toBe(1);
  expect(red.stderr).not.toContain("a scenario played");
});

test.skipIf(!CAN_RUN)("docs/gitlab-on-a-laptop.md runs the component, and says what tags: [] does", async () => {
  const { run } = await laptop({
    "ci.project/dist/templates/run.yml": readFileSync(built("templates/run.yml"), "utf8"),
  });
  const copy = block("docs/gitlab-on-a-laptop.md", "sh", "mkdir -p ci");
  const page = block("docs/gitlab-on-a-laptop.md", "sh", "minItems");
  if (OLD_NODE) expect((await run(copy + page)).stdout).toContain(NEEDS_NODE);
  const start = withoutNodeCheck(page);
  const good = await run(copy + start);
  expect(good.stdout, good.stderr).toMatch(/PASS +mogplex-run/);
  expect(good.code).toBe(0);
  const strict = start.replace(/--ignore-schema-paths "[^"]+"/, "--list");
  const refused = await run(strict);
  expect(refused.stdout + refused.stderr).toContain("property 'tags' must not have fewer than 1 items");
  const tagged = copy.replace("rules:", "tags: [laptop]\n      rules:");
  expect((await run(tagged + strict)).stdout).toContain("mogplex-run");
});

test.skipIf(!CAN_RUN)(
  "the pipeline of docs/gitlab.md for one of many projects starts only the agent on its schedule, and only the other jobs on a push",
  async () => {
    const shared = "  - local: mogplex.yml\n";
    const text = block("docs/gitlab.md", "yaml", "- project:").replace(/ {2}- project:(?:.*\n){3}/, shared);
    expect(text).toContain(shared);
    const files: Record<string, string> = {
      ".gitlab-ci.yml": text,
      "ci/pipeline.yml": "deploy: { script: [echo], rules: [{ if: $CI_COMMIT_BRANCH }] }\nbuild: { script: [echo] }\n",
      "mogplex.yml": block("docs/gitlab.md", "yaml", "- local: run.yml"),
      "run.yml": readFileSync(built("templates/run.yml"), "utf8"),
      "ci/mogplex-task.md": "Fix the flaky tests\n",
    };
    const { run } = await laptop(files);
    const jobs = async (variables: string) => {
      const list =
        `gitlab-ci-local --list-csv --ignore-schema-paths "#/definitions/tags/minItems" --ignore-predefined-vars CI_PIPELINE_SOURCE ${variables}`;
      const { code, stdout, stderr } = await run(list);
      expect(code, stderr).toBe(0);
      return stdout.trim().split("\n").slice(1).map((line) => line.split(";")[0]);
    };
    expect([
      await jobs("--variable CI_PIPELINE_SOURCE=schedule --variable MOGPLEX_SCHEDULE=run"),
      (await jobs("--variable CI_PIPELINE_SOURCE=push")).toSorted(),
    ]).toEqual([["mogplex-run"], ["build", "deploy"]]);
    // `init` predicts the same.
    const predicted = (source: string, variables?: Record<string, string>) =>
      predictPipeline({ read: (path) => files[path], source, variables }).jobs.toSorted();
    expect([predicted("schedule", { MOGPLEX_SCHEDULE: "run" }), predicted("push")])
      .toEqual([["mogplex-run"], ["build", "deploy"]]);
  },
);

test.skipIf(!CAN_RUN)(
  "the pipeline of docs/gitlab.md keeps the other jobs out of the schedule of the job that init wrote",
  async () => {
    const others = "deploy: { script: [echo], rules: [{ if: $CI_COMMIT_BRANCH }] }\nbuild: { script: [echo] }\n";
    const { run } = await laptop({
      ".gitlab-ci.yml": others,
      "ci/pipeline.yml": others,
      "after.yml": block("docs/gitlab.md", "yaml", "mogplex.gitlab-ci.yml"),
    });
    expect((await run("node mogplex.mjs init gitlab && mv after.yml .gitlab-ci.yml && git add -A")).code).toBe(0);
    const jobs = async (variables: string) => {
      const { code, stdout, stderr } = await run(
        `gitlab-ci-local --list-csv --ignore-predefined-vars CI_PIPELINE_SOURCE ${variables}`,
      );
      expect(code, stderr).toBe(0);
      return stdout.trim().split("\n").slice(1).map((line) => line.split(";")[0]).toSorted();
    };
    expect([
      await jobs("--variable CI_PIPELINE_SOURCE=schedule --variable MOGPLEX_SCHEDULE=run"),
      await jobs("--variable CI_PIPELINE_SOURCE=schedule"),
      await jobs("--variable CI_PIPELINE_SOURCE=push"),
    ]).toEqual([["mogplex"], ["build", "deploy"], ["build", "deploy"]]);
  },
);

test.skipIf(!CAN_RUN)(
  "the shared file of docs/gitlab.md gives each project the job, whose rules a project can replace",
  async () => {
    const files = {
      "mogplex.yml": block("docs/gitlab.md", "yaml", "- local: run.yml"),
      "run.yml": readFileSync(built("templates/run.yml"), "utf8"),
      "ci/mogplex-task.md": "Fix the flaky tests\n",
    };
    // As a project includes it, but from its own folder.
    const include = "include: [{ local: mogplex.yml }]\n";
    const jobs = async (text: string, variable: string) => {
      const { run } = await laptop({ ...files, ".gitlab-ci.yml": text });
      const list =
        `gitlab-ci-local --list-csv --ignore-schema-paths "#/definitions/tags/minItems" --ignore-predefined-vars CI_PIPELINE_SOURCE --variable ${variable}`;
      const { code, stdout, stderr } = await run(list);
      expect(code, stderr).toBe(0);
      return stdout.includes("mogplex-run");
    };
    const replaced = `${include}mogplex-run: { rules: [{ if: $CI_PIPELINE_SOURCE == "web" }] }\n`;
    const schedule = "CI_PIPELINE_SOURCE=schedule --variable MOGPLEX_SCHEDULE=run";
    const [push, web] = ["CI_PIPELINE_SOURCE=push", "CI_PIPELINE_SOURCE=web"];
    expect([await jobs(include, schedule), await jobs(include, push)]).toEqual([true, false]);
    expect([await jobs(replaced, schedule), await jobs(replaced, web)]).toEqual([false, true]);
  },
);

test.skipIf(!HAS_JQ)(
  "the lines of docs/gitlab.md for many schedules start with the first project of their list",
  async () => {
    const { run } = place({ GITLAB_URL: "http://127.0.0.1:1" });
    const { code, stdout, stderr } = await run(block("docs/gitlab.md", "sh", "schedule-projects.sh"));
    expect([code, stdout]).toEqual([1, "1 of 2: acme/web\n"]);
    expect(stderr).toEndWith(
      "stopped: no answer from http://127.0.0.1:1/api/v4/projects; run the script again later\n",
    );
  },
);

test("the block of the README for a component copies the template of this checkout to the path that its pipeline includes", async () => {
  const { cwd, run } = place({});
  expect((await run(block("README.md", "sh", "templates/run.yml"))).code).toBe(0);
  const { include: [{ local }] } = Bun.YAML.parse(block("README.md", "yaml", "include:")) as {
    include: [{ local: string }];
  };
  expect(readFileSync(join(cwd, local), "utf8")).toBe(readFileSync(built("templates/run.yml"), "utf8"));
});

for (const [scenario, code] of [["success", 0], ["agent-failure", 1]] as const) {
  test(`the line of docs/other-runners.md for Jenkins with Bun ends with ${code} when its run plays ${scenario}`, () =>
    withService({ ...FAST, scenario }, async (service) => {
      const { MOGPLEX_REPO_ID: _, ...env } = variables(service);
      const { run } = place({
        ...env,
        ...{ JENKINS_URL: "https://jenkins.example.com/", GIT_URL: "https://github.com/acme/web.git" },
        ...{ JOB_NAME: "agent", BUILD_NUMBER: "7", BUILD_TAG: "jenkins-agent-7", STAGE_NAME: "Agent" },
      });
      expect((await run(block("docs/other-runners.md", "sh", "GIT_URL"))).code).toBe(code);
    }));
}

/** Blocks that are not run here, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  [block("README.md", "sh", "npm start")]: "tests/programs/package/demo.test.ts runs npm start",
  "npm --prefix ../mogplex-ci run init -- --dry-run    # then without --dry-run\n":
    "tests/cli/setup runs init; ways_in.test.ts runs its released twin",
  "npm --prefix ../mogplex-ci run init -- gitlab\n": "the same",
  'npm --prefix ../mogplex-ci run init -- github\ngit add ci .github .gitattributes && git commit -m "Mogplex"\n':
    "the same",
  "npm --prefix ../mogplex-ci run init -- jenkins\n": "the same",
  [block("README.md", "yaml", "include:")]: "tests/matrix/components/examples.test.ts runs both of its states",
  [block("docs/github.md", "sh", "cat > try.sh")]: "the lab's act-page runs it, with act",
  [block("docs/results.md", "yaml", "result_safe")]: "systems/results.test.ts runs yes-or-no.yml, which has its lines",
};

test("every block of these pages is run", () => {
  const skipped = [
    ...CAN_RUN ? [] : ["docs/gitlab-on-a-laptop.md", "docs/gitlab.md"],
    ...HAS_JQ ? [] : ["docs/scripts.md", "docs/emulator.md", "docs/gitlab.md"],
  ];
  const left = PAGES.filter((page) => !skipped.includes(page)).flatMap((page) =>
    blocksOf(unreleasedText(readPage(page))).filter(({ text }) => !RAN.has(text) && !Object.hasOwn(NOT_RUN, text))
      .map(({ text }) => `${page}: ${text.split("\n")[0]}`)
  );
  expect(left).toEqual([]);
});
