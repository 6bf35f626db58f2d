/** Runs every documented pipeline unchanged, in the situation that it is meant for, with nothing set but the secret. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { predictPipeline } from "../../../lib/cli/setup/gitlab_rules.ts";
import { VERSION } from "../../../lib/version.ts";
import { RECIPES, stampedFiles } from "../../../tools/docs/component_docs.ts";
import { componentNames, splitTemplate } from "../../../tools/build/templates.ts";
import { releasedText, unreleasedText } from "../../../tools/publish/released.ts";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import { historyLine, type HistoryRecord, recordOf } from "../../../lib/report/history.ts";
import { sampleResult } from "../../unit/report/sample.ts";
import { gitlabProject, PROJECT } from "../../unit/cli/verbs/gitlab_project.ts";
import { GITLAB_TOKEN, gitlabServer } from "../../unit/report/gitlab_server.ts";
import { answering } from "../../programs/examples/answers.ts";
import { listen } from "../../programs/report/listen.ts";
import { type Recorder, START, startRecorder } from "../../programs/processes/world/recorder.ts";
import { launch, REPO, type Service, startService } from "../../programs/processes/world/service.ts";
import {
  CAN_RUN,
  cleanCheckout,
  commitAll,
  gitlabCiLocal,
  imageOf,
  newProject,
  type Pipeline,
  predefined,
  projectVariables,
  runPipeline,
  templateFiles,
  writeFiles,
} from "../../programs/components/project.ts";

// Tasks of the examples.
const TASKS = [
  "Keep what passes.",
  "fails on this branch",
  "Fix the flaky tests",
  "slowest test",
  "Write the tests",
  "Bring the doc",
];

// What agents answer to the tasks of examples with a result.
const FINDING = { path: "src/a.js", line: 3, severity: "minor", rule: "unchecked-error", description: "Nobody looks." };
const ANSWERS: Readonly<Record<string, unknown>> = {
  "safe to deploy": { safe: true, reason: "Only a comment has changed." },
  "unchecked errors": { findings: [FINDING] },
  "the next version": { version: "1.3.0", notes: ["A flag."] },
};

let repositories: string;
let service: Service;
const files = templateFiles(...componentNames().map((name) => `templates/${name}.yml`));
/** The templates where the examples include them. */
const local = Object.fromEntries(
  Object.entries(files).map(([path, text]) => [path.replace("templates/", "ci/mogplex-"), text]),
);
/** Commands of other people's jobs in the examples. */
let stubs: string;

beforeAll(async () => {
  repositories = mkdtempSync(join(tmpdir(), "mogplex-repositories-"));
  const others = ["acme/api", "acme/docs"].map((name) => {
    const path = join(repositories, name);
    spawnSync("git", ["init", "-q", "-b", "main", path]);
    commitAll(path);
    return `${name}=${path}`;
  });
  const scenarios = Object.fromEntries(TASKS.map((task) => [task, "success"]));
  const answers = Object.entries(ANSWERS).flatMap(([task, json], index) => {
    const path = join(repositories, `answer-${index}.json`);
    writeFileSync(path, JSON.stringify(answering(task, json)));
    return ["--scenario", path];
  });
  service = await startService(scenarios, [...others.flatMap((repo) => ["--repo", repo]), ...answers]);
  stubs = mkdtempSync(join(service.folder, "stubs-"));
});

afterAll(async () => {
  await service.close();
  rmSync(repositories, { recursive: true, force: true });
});

const read = (path: string) => readFileSync(join(root, path), "utf8");

/** A document or a pipeline as the first release has it, with the component of this commit. */
function atThisCommit(text: string): string {
  const values = { version: "$CI_COMMIT_SHA", github: "acme/mogplex-ci", gitlab: "$CI_PROJECT_PATH" };
  const changed = releasedText(text, values);
  expect(changed).not.toMatch(/- local:|GROUP\/PROJECT|X\.Y\.Z`? *#/);
  return changed;
}

/** The blocks of YAML of a document. */
const yamlBlocks = (text: string) => [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = ""]) => block);

interface Situation {
  server?: Record<string, string>;
  /** Variables of the project or the pipeline; an empty one is absent. */
  variables?: Record<string, string>;
  /** Names of manual jobs that a person starts. */
  manual?: string[];
  /** Job to retry. */
  retry?: string;
  args?: string[];
}

interface Copied {
  cwd: string;
  recorder: Recorder;
  run(situation?: Situation): Promise<Pipeline>;
  /** Names of the jobs that GitLab creates in this situation. */
  jobs(situation?: Situation): Promise<string[]>;
  /** Starts that the service received. */
  starts(): { prompt: string; repoId: string; baseBranch?: string; createBranch?: boolean }[];
}

/** Its path is the name of a repository that the token reaches. */
const ORIGIN = "https://gitlab.example.com/acme/web.git";

/** A project with a copied pipeline. `npm` exits with the code in the file `npm-exit-code`. */
async function copied(text: string, more: Record<string, string> = {}): Promise<Copied> {
  const recorder = await startRecorder(service.url);
  const cwd = newProject(service.folder, "copied", { ".gitlab-ci.yml": text, ...more }, ORIGIN);
  writeFiles(stubs, { "npm.sh": `#!/bin/sh\necho "npm $*"\nexit "$(cat npm-exit-code 2> /dev/null || echo 0)"\n` });
  if (!existsSync(join(stubs, "npm"))) spawnSync("ln", ["-s", "npm.sh", join(stubs, "npm")]);
  const { MOGPLEX_REPO_ID: _, ...own } = projectVariables(recorder.url, service.token());
  // The lab checks each recipe against the schema.
  function options({ server = {}, variables = {}, manual = [], retry, args = [] }: Situation, more: string[] = []) {
    const all = Object.entries({ ...own, ...variables }).filter(([, value]) => value !== "");
    const buttons = manual.flatMap((name) => ["--manual", name]);
    return {
      image: `${stubs}:${imageOf(service.folder, "bun")}`,
      variables: Object.fromEntries(all),
      retry,
      args: [...(Object.keys(server).length > 0 ? predefined(server) : []), ...buttons, ...args, ...more],
    };
  }
  return {
    cwd,
    recorder,
    run(situation = {}) {
      cleanCheckout(cwd);
      return runPipeline(cwd, options(situation));
    },
    async jobs(situation = {}) {
      const list = await gitlabCiLocal(cwd, options(situation, ["--list-csv"]));
      const rows = /^name;stage;.*\n((?:.+;.+\n)*)/m.exec(list)?.[1];
      if (rows === undefined) throw new Error(`Cannot list jobs: ${list}`);
      return rows.split("\n").filter(Boolean).map((row) => row.split(";")[0] ?? "");
    },
    starts: () => recorder.of(START).map(({ body }) => JSON.parse(body)),
  };
}

/** A project with an unchanged recipe, after `init`, and with nothing set but the secret. */
async function recipe(file: string, more: Record<string, string> = {}): Promise<Copied> {
  programs();
  return await copied(read(`${RECIPES}/${file}`), { ...programFiles(), ...more });
}
const codes = ({ jobs }: Pipeline) => Object.fromEntries(Object.entries(jobs).map(([name, { code }]) => [name, code]));
const SCHEDULE = { CI_PIPELINE_SOURCE: "schedule" };
const scheduleOf = (job: string) => ({ ...SCHEDULE, MOGPLEX_SCHEDULE: job });

/** Node, for jobs without a component. */
function programs(): void {
  spawnSync("ln", ["-sf", runtimes.node, join(stubs, "node")]);
}

/** The program as `init` puts it into a repository. */
function programFiles(checksum?: string): Record<string, string> {
  const program = readFileSync(built("mogplex.mjs"), "utf8");
  return { "ci/mogplex.mjs": program, "ci/mogplex.mjs.sha256": `${checksum ?? sha256(program)}  mogplex.mjs\n` };
}

/** The schema of a result, where the examples have it. */
const schemaFile = (name: string) => ({ [`ci/${name}.schema.yml`]: read(`examples/results/${name}.schema.yml`) });

/** A project with a campaign, and the program as `init` puts it there. */
function campaignProject(): Record<string, string> {
  return {
    "campaign.yml": "version: 1\nname: codemod\nprompt-file: task.md\nrepositories: [acme/web]\n",
    "task.md": "Fix the flaky tests.\n",
    ...programFiles(),
  };
}

const SITUATIONS: Readonly<Record<string, () => Promise<void>>> = {
  async "fix-failing-pipeline.yml"() {
    const { cwd, run, jobs, starts } = await recipe("fix-failing-pipeline.yml", { "npm-exit-code": "0" });
    const server = { CI_COMMIT_BRANCH: "feature/login" };
    expect(codes(await run({ server }))).toEqual({ "unit-tests": 0 });
    writeFiles(cwd, { "npm-exit-code": "7" });
    const sha = commitAll(cwd);
    const { text, ...red } = await run({ server });
    expect(codes({ text, ...red })).toEqual({ "unit-tests": 7, "fix-tests": 0 });
    expect(text).toMatch(/^ FAIL {2}unit-tests/m);
    expect(starts()).toHaveLength(1);
    expect(starts()[0]).toMatchObject({ baseBranch: "feature/login", createBranch: true });
    expect(starts()[0]?.prompt).toStartWith(`"npm test" fails on this branch at commit ${sha}. Find out why`);
    expect(await jobs({ server: { CI_COMMIT_BRANCH: "mogplex/external/1" } })).toEqual(["unit-tests"]);
  },

  async "matrix-repositories.yml"() {
    const { run, recorder, starts } = await recipe("matrix-repositories.yml");
    const { jobs, text } = await run({ server: { CI_PIPELINE_SOURCE: "web" } });
    expect(codes({ jobs, text })).toEqual({
      "codemod: [acme/web]": 0,
      "codemod: [acme/api]": 0,
      "codemod: [acme/docs]": 0,
    });
    expect(new Set(starts().map(({ repoId }) => repoId)).size).toBe(3);
    expect(new Set(recorder.of(START).map(({ key }) => key)).size).toBe(3);
  },

  async "manual-button.yml"() {
    const { run, starts } = await recipe("manual-button.yml");
    expect(codes(await run())).toEqual({});
    expect(codes(await run({ manual: ["agent"] }))).toEqual({ agent: 0 });
    // A variable that a person enters for a manual job is a pipeline variable, so it wins.
    const typed = { MOGPLEX_PROMPT: "Fix the flaky tests instead" };
    expect(codes(await run({ retry: "agent", variables: typed }))).toEqual({ agent: 0 });
    expect(starts().map(({ prompt }) => prompt)).toEqual([
      expect.stringMatching(/^Find the slowest test/),
      typed.MOGPLEX_PROMPT,
    ]);
  },

  async "comment-trigger.yml"() {
    programs();
    const gitlab = gitlabProject(() => new Date().toISOString());
    const note = gitlab.say("issues/8", "kim", "@mogplex Keep what passes. $(touch PWNED) $MOGPLEX_API_KEY");
    const payload = {
      object_kind: "note",
      project: { id: PROJECT },
      object_attributes: { id: note.id },
      issue: { iid: 8 },
    };
    const end = await listen(gitlab);
    try {
      const text = read(`${RECIPES}/comment-trigger.yml`);
      const { cwd, run, jobs, starts } = await copied(text, programFiles());
      const server = {
        ...{ CI_PIPELINE_SOURCE: "trigger", CI_API_V4_URL: gitlab.api, CI_PROJECT_ID: String(PROJECT) },
        TRIGGER_PAYLOAD: JSON.stringify(payload),
      };
      const variables = { GITLAB_TOKEN };
      expect(codes(await run({ server, variables }))).toEqual({ agent: 2 });
      // The address of the local Mogplex is not the service's own.
      expect(starts()).toEqual([]);
      const poll = { ...server, CI_PIPELINE_SOURCE: "schedule", TRIGGER_PAYLOAD: "" };
      expect(codes(await run({ server: poll, variables: { ...variables, MOGPLEX_SCHEDULE: "respond" } }))).toEqual({
        agent: 0,
      });
      expect(starts()).toMatchObject([{ prompt: expect.stringContaining("$(touch PWNED) $MOGPLEX_API_KEY") }]);
      expect(existsSync(join(cwd, "PWNED"))).toBe(false);
      const byHand = { ...server, CI_PIPELINE_SOURCE: "web", TRIGGER_PAYLOAD: "" };
      expect(codes(await run({ server: byHand, variables }))).toEqual({});
      const checked = await run({ server: byHand, variables, manual: ["agent"] });
      expect([codes(checked), checked.text]).toEqual([
        { agent: 0 },
        expect.stringContaining("all completed checks passed"),
      ]);
      const { GITLAB_TOKEN: _, ...without } = variables;
      const refused = await run({ server: byHand, variables: without, manual: ["agent"] });
      expect([codes(refused), refused.text]).toEqual([{ agent: 64 }, expect.stringMatching(/failed +forge/)]);
      expect(await jobs({ server: { CI_PIPELINE_SOURCE: "push" } })).toEqual([]);
    } finally {
      end();
    }
  },

  async "merge-request-note.yml"() {
    const gitlab = gitlabServer("42", "7");
    const end = await listen(gitlab);
    try {
      const { run, jobs, starts } = await recipe("merge-request-note.yml");
      const server = {
        CI_PIPELINE_SOURCE: "merge_request_event",
        CI_API_V4_URL: gitlab.api,
        CI_MERGE_REQUEST_IID: "7",
        CI_MERGE_REQUEST_PROJECT_ID: "42",
        CI_MERGE_REQUEST_SOURCE_PROJECT_ID: "42",
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "feature/login",
        CI_MERGE_REQUEST_DIFF_BASE_SHA: "0123456789abcdef0123456789abcdef01234567",
      };
      const variables = { GITLAB_TOKEN };
      expect(codes(await run({ server, variables }))).toEqual({ "missing-tests": 0 });
      expect(codes(await run({ server, variables }))).toEqual({ "missing-tests": 0 });
      expect(gitlab.notes.map(({ body }) => body)).toEqual([
        expect.stringMatching(/\n✅ \*\*Succeeded\*\* in .* is ready for review/),
      ]);
      const task = expect.stringContaining(`since commit ${server.CI_MERGE_REQUEST_DIFF_BASE_SHA}.`);
      expect(starts()[0]).toMatchObject({ baseBranch: "feature/login", prompt: task });
      expect(await jobs({ server: { ...server, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: "43" } })).toEqual([]);
      expect(await jobs({ server: { ...server, CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: "mogplex/1" } })).toEqual([]);
    } finally {
      end();
    }
  },

  async "yes-or-no.yml"() {
    const { run, jobs } = await recipe("yes-or-no.yml", schemaFile("yes-or-no"));
    expect(await jobs({ server: { CI_COMMIT_BRANCH: "mogplex/1" } })).toEqual([]);
    const yes = await run();
    expect(codes(yes)).toEqual({ review: 0, deploy: 0 });
    expect(yes.jobs.deploy?.log).toContain("npm run deploy");
    expect(yes.jobs.review?.artifact("mogplex-ci/outputs.env")).toContain("MOGPLEX_RESULT_SAFE=true\n");
    const no = await copied(
      read(`${RECIPES}/yes-or-no.yml`).replace("safe to deploy", "<success>"),
      { ...programFiles(), ...schemaFile("yes-or-no") },
    );
    // The agent answers nothing.
    const { jobs: { review, deploy } } = await no.run();
    expect([review?.code, deploy]).toEqual([1, undefined]);
  },

  async "code-quality.yml"() {
    const { run, jobs } = await recipe("code-quality.yml", schemaFile("findings"));
    expect(await jobs()).toEqual([]);
    const { jobs: { findings } } = await run({ server: scheduleOf("code-quality") });
    expect(findings?.code).toBe(0);
    // Source: GitLab, "Code Quality", "Code Quality report format".
    expect(JSON.parse(findings?.artifact("gl-code-quality-report.json") ?? "")).toEqual([{
      description: FINDING.description,
      check_name: FINDING.rule,
      severity: "minor",
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      location: { path: FINDING.path, lines: { begin: 3 } },
    }]);
  },

  async "release-version.yml"() {
    const { run } = await recipe("release-version.yml", schemaFile("version"));
    const { jobs: { version, release } } = await run({ manual: ["version", "release"] });
    expect([version?.code, release?.code]).toEqual([0, 0]);
    expect(release?.log).toContain("Releasing 1.3.0");
  },

  async "plain-job.yml"() {
    programs();
    const text = read(`${RECIPES}/plain-job.yml`);
    const right = await copied(text, programFiles());
    expect(await right.jobs()).toEqual([]);
    const { jobs } = await right.run({ server: scheduleOf("run") });
    expect(jobs.agent?.code).toBe(0);
    expect(jobs.agent?.log).toContain("nothing to clean up");
    expect(jobs.agent?.artifact("mogplex-ci/outputs.env")).toContain("MOGPLEX_OUTCOME=success\n");
    expect(readdirSync(join(jobs.agent?.artifacts ?? "", "mogplex-ci"))).not.toContain("run.json");
    expect(right.starts()).toMatchObject([{ prompt: expect.stringMatching(/^Update minor/), repoId: REPO }]);
    const elsewhere = await copied(text, programFiles());
    const other = await elsewhere.run({ server: scheduleOf("run"), variables: { MOGPLEX_REPO_ID: "acme/api" } });
    expect([other.jobs.agent?.code, elsewhere.starts()[0]?.repoId === REPO]).toEqual([0, false]);
    const wrong = await copied(text, programFiles("f".repeat(64)));
    const stopped = await wrong.run({ server: scheduleOf("run") });
    expect(stopped.jobs.agent?.code).toBe(70);
    expect(wrong.recorder.requests).toEqual([]);
  },

  async "start-then-follow.yml"() {
    const { run, jobs: names, starts } = await recipe("start-then-follow.yml");
    expect(await names({ server: { CI_COMMIT_BRANCH: "mogplex/1" } })).toEqual(["build"]);
    const { jobs, text } = await run();
    expect(codes({ jobs, text })).toEqual({ "start-agent": 0, build: 0, agent: 0, report: 0 });
    expect(jobs["start-agent"]?.log).toContain("started, not followed");
    expect(jobs.report?.log).toMatch(/> The agent ended success on branch mogplex\/\S+ with pull request http\S+$/m);
    expect(starts()).toHaveLength(1);
  },

  async "campaign-child-pipeline.yml"() {
    const { cwd, recorder, run, jobs, starts } = await recipe("campaign-child-pipeline.yml", campaignProject());
    const web = { CI_PIPELINE_SOURCE: "web" };
    expect(await jobs({ server: SCHEDULE })).toEqual([]);
    expect((await jobs({ server: web })).sort()).toEqual(["campaign", "waves"]);
    // The child pipeline gets variables of the project alone, which gitlab-ci-local reads from this file.
    const { MOGPLEX_REPO_ID: _, ...own } = projectVariables(recorder.url, service.token());
    writeFiles(cwd, { ".gitlab-ci-local-variables.yml": stringify(own) });
    commitAll(cwd);
    const { text, jobs: { campaign: planned } } = await run({ server: web });
    expect(planned?.code).toBe(0);
    expect(planned?.artifact("mogplex-campaign-pipeline/campaign.gitlab-ci.yml")).toContain("wave-1:");
    expect(text).toContain("Campaign codemod is done: its item succeeded");
    expect(starts()).toHaveLength(1);
  },

  async "campaign-in-git.yml"() {
    programs();
    const remote = mkdtempSync(join(service.folder, "campaign-"));
    spawnSync("git", ["init", "-q", "--bare", remote]);
    const text = read(`${RECIPES}/campaign-in-git.yml`);
    const home = `git:file://${remote}#`;
    const { cwd, run, jobs, starts, recorder } = await copied(text.replaceAll("git:origin#", home), campaignProject());
    expect(await jobs()).toEqual([]);
    // The branch may have been lost.
    const { jobs: { campaign: unplanned } } = await run({ server: scheduleOf("campaign") });
    expect([unplanned?.code, starts()]).toEqual([2, []]);
    const env = { MOGPLEX_URL: recorder.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
    const plan = ["campaign", "plan", "campaign.yml", "--home", `${home}mogplex-campaign/codemod`];
    expect((await launch([runtimes.node, built("mogplex.mjs"), ...plan], { cwd, env }).ended).code).toBe(0);
    const states = [];
    for (let waves = 0; waves < 20 && states.at(-1) !== "done"; waves++) {
      const { jobs: { campaign } } = await run({ server: scheduleOf("campaign") });
      expect(campaign?.code).toBe(0);
      states.push(JSON.parse(campaign?.artifact("mogplex-campaign/campaign.json") ?? "").state);
    }
    // On a slow machine the run ends within the first wave.
    expect([states.at(-1), starts().length]).toEqual(["done", 1]);
  },

  async "scheduled-campaign.yml"() {
    const { run, jobs, starts } = await recipe("scheduled-campaign.yml", {
      "campaign.yml": "version: 1\nname: replace-moment\nprompt-file: task.md\nrepositories: [acme/web, acme/api]\n",
      "task.md": "Fix the flaky tests.\n",
    });
    expect(await jobs()).toEqual([]);
    expect(await jobs({ server: { ...scheduleOf("campaign"), CI_COMMIT_BRANCH: "feature/login" } })).toEqual([]);
    // gitlab-ci-local keeps caches of isolated shells only.
    const args = ["--shell-isolation"];
    const web = { CI_PIPELINE_SOURCE: "web" };
    const plan = await run({ server: web, args: [...args, "--input", "command=plan campaign.yml"] });
    expect(codes(plan)).toEqual({ campaign: 0 });
    expect(starts()).toEqual([]);
    const states = [];
    for (let waves = 0; waves < 20 && states.at(-1) !== "done"; waves++) {
      const { jobs: { campaign } } = await run({ server: scheduleOf("campaign"), args });
      const outputs = campaign?.artifact("mogplex-campaign/ci/outputs.env") ?? "";
      states.push(/^MOGPLEX_CAMPAIGN_STATE=(.*)$/m.exec(outputs)?.[1]);
      expect(campaign?.code).toBe(0);
    }
    expect([states.at(-1), starts().length]).toEqual(["done", 2]);
  },

  async "dashboard.yml"() {
    const createdAt = new Date().toISOString();
    const result = sampleResult({ repository: "acme/web", createdAt, updatedAt: createdAt });
    const record = recordOf(result, Date.now(), "nightly") as HistoryRecord;
    const more = { "runs/a.ndjson": historyLine(record) };
    // The pipeline reads the campaign, which nobody has planned.
    const file = "version: 1\nname: codemod\nprompt: Upgrade.\nrepositories: [acme/web]\n";
    const unplanned = await (await recipe("dashboard.yml", { ...more, "campaign.yml": file })).run({
      ...{ server: scheduleOf("dashboard"), variables: { MOGPLEX_READ_KEY: service.readOnlyToken } },
    });
    expect([unplanned.jobs.pages?.code, unplanned.jobs.pages?.artifact("public/index.html")]).toEqual([
      0,
      expect.stringContaining("campaigns/codemod/campaign.json"),
    ]);
    const { run, jobs, recorder } = await recipe("dashboard.yml", more);
    expect(await jobs()).toEqual([]);
    const variables = { MOGPLEX_READ_KEY: service.readOnlyToken };
    const { jobs: { pages } } = await run({ server: scheduleOf("dashboard"), variables });
    // The question whether the token can start runs has neither key nor task.
    expect([pages?.code, recorder.of(START).map(({ body }) => body)]).toEqual([0, [""]]);
    expect(pages?.artifact("public/index.html")).toContain("acme/web");
    expect(recorder.requests.length).toBeLessThanOrEqual(30);
    const refused = await run({ server: scheduleOf("dashboard"), variables: { MOGPLEX_READ_KEY: service.token() } });
    expect(codes(refused)).toEqual({ pages: 2 });
    const collector = readFileSync(join(root, "examples/dashboards/collect-gitlab.mjs"), "utf8");
    const many = { ...more, "ci/projects.txt": "acme/web\n", "ci/collect-gitlab.mjs": collector };
    const noToken = await (await recipe("dashboard.yml", many)).run({ server: scheduleOf("dashboard"), variables });
    expect([codes(noToken), noToken.jobs.pages?.log.match(/GITLAB_TOKEN is empty/g)]).toEqual([
      { pages: 64 },
      ["GITLAB_TOKEN is empty"],
    ]);
  },

  // deno-lint-ignore require-await
  async "mirror.sh"() {
    const git = (cwd: string, ...args: string[]) => {
      const who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
      return spawnSync("git", [...who, ...args], { cwd, encoding: "utf8" }).stdout.trim();
    };
    const source = newProject(service.folder, "source", files);
    git(source, "tag", "-a", "-m", VERSION, VERSION);
    const commit = git(source, "rev-parse", "HEAD");
    git(source, "bundle", "create", "components.bundle", "--tags");
    // Paths are relative to the working directory of the script, as in the catalog page.
    for (const from of [source, join(source, "components.bundle"), "components.bundle"]) {
      const target = mkdtempSync(join(service.folder, "target-"));
      const to = from === "components.bundle" ? relative(source, target) : target;
      git(target, "init", "-q", "--bare");
      const mirror = (hash: string) =>
        spawnSync("sh", [join(root, RECIPES, "mirror.sh"), from, to, VERSION, hash], { cwd: source, encoding: "utf8" });
      expect(mirror("f".repeat(40))).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(`is commit ${commit}`),
      });
      expect(git(target, "for-each-ref")).toBe("");
      expect(mirror(commit)).toMatchObject({ status: 0, stdout: `mirrored ${VERSION} at ${commit}\n` });
      expect(git(target, "rev-parse", "main", `${VERSION}^{commit}`)).toBe(`${commit}\n${commit}`);
      expect(mirror(commit).status).toBe(0);
    }
  },
};

test("there is a situation for every recipe", () => {
  // These need a forge and no agent: gate.test.ts and schedule_projects.test.ts in tests/programs/examples.
  const recipes = readdirSync(join(root, RECIPES)).filter((file) =>
    !["gate.yml", "schedule-projects.sh"].includes(file)
  );
  expect(recipes.sort()).toEqual(Object.keys(SITUATIONS).sort());
});

test("every job that starts an agent says in which pipelines, and names a stage first", () => {
  const recipes = readdirSync(join(root, RECIPES)).filter((file) => file.endsWith(".yml"));
  for (const file of recipes) {
    const documents = parseAllDocuments(read(`${RECIPES}/${file}`)).map((document) => document.toJS());
    const jobs = Object.values<Record<string, unknown>>(documents.at(-1)).filter((job) =>
      JSON.stringify(job).includes("node ci/mogplex.mjs")
    );
    expect(jobs.length, file).toBeGreaterThan(0);
    for (const job of jobs) {
      expect(Object.keys(job)[0], file).toBe("stage");
      expect(job.rules, file).toContainEqual(expect.objectContaining({ if: expect.any(String) }));
    }
  }
  const examples = componentNames().map((name) => read(`components/${name}/example.gitlab-ci.yml`));
  for (const text of [...examples, read("components/README.md"), read("README.md")]) {
    expect(text).toMatch(/ inputs:\n( +job-name: .*\n)? +stage: .*# must be one of the stages of your pipeline/);
    expect(text).toMatch(/rules: \[\{ if: |rules:\n(?: +#.*\n)* +- if: /);
  }
});

test("no recipe begins with an address that nobody has published: the program of init runs in each", () => {
  for (const file of readdirSync(join(root, RECIPES)).filter((name) => name.endsWith(".yml"))) {
    const text = read(`${RECIPES}/${file}`);
    expect(text, file).toMatch(/^# \.gitlab-ci\.yml\n/);
    expect(text, file).toContain(
      "# The program is ci/mogplex.mjs, where `mogplex-ci init` puts it: see docs/install.md.\n",
    );
    expect(text, file).not.toMatch(/- component:|<group>/);
  }
});

for (const [file, situation] of Object.entries(SITUATIONS)) {
  test.skipIf(!CAN_RUN)(`${file} does what it says in the situation that it is for`, situation);
}

test.skipIf(!CAN_RUN)(
  "the example of the run component starts at the push of its button, and the next job reads what it hands on",
  async () => {
    const { run, starts } = await copied(read("components/run/example.gitlab-ci.yml"), local);
    const { jobs, text } = await run({ manual: ["mogplex-run"] });
    expect(codes({ jobs, text })).toEqual({ "unit-tests": 0, "mogplex-run": 0, report: 0 });
    expect(jobs.report?.log).toMatch(/> Run \S+ ended success on branch mogplex\/\S+$/m);
    expect(starts()).toMatchObject([{ prompt: "Fix the flaky tests.\nDo not weaken or skip any." }]);
  },
);

test.skipIf(!CAN_RUN)("the example of the follow component has the verdict of the run that it is given", async () => {
  const { run, jobs, recorder } = await copied(read("components/follow/example.gitlab-ci.yml"), local);
  for (const [prompt, code] of [["<success>", 0], ["<agent-failure>", 1]] as const) {
    const headers = {
      authorization: `Bearer ${service.token()}`,
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
    };
    const body = JSON.stringify({ repoId: REPO, prompt, createBranch: true });
    const answer = await fetch(`${service.url}/api/v1/mogplex/runs`, { method: "POST", headers, body });
    const { data } = await answer.json() as { data: { runId: string } };
    expect(codes(await run({ variables: { MOGPLEX_RUN_ID: data.runId } }))).toEqual({ "mogplex-follow": code });
  }
  expect(recorder.of(START)).toEqual([]);
  expect(await jobs()).toEqual([]);
});

test.skipIf(!CAN_RUN)(
  "a job with the name of the component's job gives it a matrix, and values that GitLab expands",
  async () => {
    const text = `${yamlBlocks(unreleasedText(read("components/README.md")))[0]}
mogplex-run:
  variables:
    MOGPLEX_BASE_BRANCH: $CI_COMMIT_BRANCH
  parallel:
    matrix:
      - { NAME: web, MOGPLEX_INPUT_REPO_ID: acme/web }
      - { NAME: api, MOGPLEX_INPUT_REPO_ID: acme/api }
`;
    const { run, starts } = await copied(text, local);
    // The variable of the project would win over one of this name in the matrix.
    const pipeline = await run({ server: scheduleOf("run"), variables: { MOGPLEX_REPO_ID: "acme/docs" } });
    expect(Object.values(codes(pipeline))).toEqual([0, 0]);
    expect(new Set(starts().map(({ repoId }) => repoId)).size).toBe(2);
    expect(starts().map(({ baseBranch }) => baseBranch)).toEqual(["main", "main"]);
  },
);

/** The jobs of each component's example, in a project that has nothing but the copied template. */
const EXAMPLE_JOBS: Readonly<Record<string, readonly [Situation, readonly string[]]>> = {
  campaign: [{ server: { CI_PIPELINE_SOURCE: "web" } }, ["mogplex-campaign", "waves-mogplex-campaign"]],
  dashboard: [{ server: scheduleOf("dashboard") }, ["pages"]],
  follow: [{ variables: { MOGPLEX_RUN_ID: REPO } }, ["mogplex-follow"]],
  respond: [{ server: { CI_PIPELINE_SOURCE: "trigger" } }, ["mogplex-respond"]],
  run: [{}, ["unit-tests", "mogplex-run", "report"]],
};

test.skipIf(!CAN_RUN).each(componentNames())(
  "the example of the component %s is a pipeline with its copied template, and with the component",
  async (name) => {
    const text = read(`components/${name}/example.gitlab-ci.yml`);
    const [situation, expected] = EXAMPLE_JOBS[name] ?? [{}, []];
    const pasted = await copied(unreleasedText(text), local);
    expect((await pasted.jobs(situation)).sort()).toEqual([...expected].sort());
    const released = await copied(atThisCommit(text), files);
    expect((await released.jobs(situation)).sort()).toEqual([...expected].sort());
  },
);

/** Jobs of recipes that start in the pipelines of `respond`: stand-ins for jobs of the reader. */
const READERS_JOBS: Readonly<Record<string, readonly string[]>> = {
  "fix-failing-pipeline.yml": ["unit-tests"],
  "start-then-follow.yml": ["build"],
};

test.skipIf(!CAN_RUN)(
  "no recipe, nor the job of init, starts in the pipelines of respond or of a schedule for something else",
  async () => {
    const poll = { server: SCHEDULE, variables: { MOGPLEX_SCHEDULE: "respond" } };
    const trigger = { server: { CI_PIPELINE_SOURCE: "trigger" } };
    const names = readdirSync(join(root, RECIPES)).filter((name) =>
      name.endsWith(".yml") && name !== "comment-trigger.yml"
    );
    for (const name of names) {
      const { jobs } = await recipe(name, local);
      const own = READERS_JOBS[name] ?? [];
      for (const job of ["respond", "something-else"]) {
        expect([name, job, await jobs({ server: scheduleOf(job) })]).toEqual([name, job, [...own]]);
      }
      // `gate` is started by a webhook, too, and starts no agent.
      if (name !== "gate.yml") expect([name, await jobs(trigger)]).toEqual([name, [...own]]);
      // Someone who knows the trigger token can set variables of the pipeline.
      const schedule = /MOGPLEX_SCHEDULE == "([-\w]+)"/.exec(read(`${RECIPES}/${name}`))?.[1];
      if (name !== "gate.yml" && schedule !== undefined) {
        const server = { ...trigger.server, MOGPLEX_SCHEDULE: schedule };
        expect([name, await jobs({ server })]).toEqual([name, [...own]]);
      }
    }
    const cwd = mkdtempSync(join(service.folder, "init-"));
    writeFiles(cwd, {
      "build.yml": "build:\n  script: [make]\nnightly:\n  script: [make]\n  rules: [{ if: $MOGPLEX_SCHEDULE }]\n",
    });
    for (const more of [[], ["--respond"]]) {
      spawnSync(runtimes.node, [built("mogplex.mjs"), "init", "gitlab", ...more], { cwd });
    }
    const pipeline = `${readFileSync(join(cwd, ".gitlab-ci.yml"), "utf8")}include:\n` +
      "  - local: ci/mogplex-respond.gitlab-ci.yml\n  - local: build.yml\n";
    const files = {
      "ci/mogplex-respond.gitlab-ci.yml": readFileSync(join(cwd, "ci/mogplex-respond.gitlab-ci.yml"), "utf8"),
      "build.yml": readFileSync(join(cwd, "build.yml"), "utf8"),
    };
    const { jobs } = await copied(pipeline, files);
    const all: Readonly<Record<string, string>> = { ...files, ".gitlab-ci.yml": pipeline };
    const run = { server: SCHEDULE, variables: { MOGPLEX_SCHEDULE: "run" } };
    for (
      const { server, variables } of [poll, run, { ...trigger, variables: {} }, { server: SCHEDULE, variables: {} }]
    ) {
      const source = server.CI_PIPELINE_SOURCE;
      const { jobs: list } = predictPipeline({ read: (path) => all[path], source, variables });
      expect((await jobs({ server, variables })).toSorted()).toEqual(list.toSorted());
    }
    expect((await jobs(poll)).toSorted()).toEqual(["build", "mogplex-respond", "nightly"]);
    expect((await jobs(run)).toSorted()).toEqual(["build", "mogplex", "nightly"]);
    expect(await jobs({ server: SCHEDULE })).toEqual(["build"]);
  },
);

test.skipIf(!CAN_RUN)(
  "the job of init starts on a schedule, and by hand only as a button on the default branch",
  async () => {
    const cwd = mkdtempSync(join(service.folder, "init-"));
    spawnSync(runtimes.node, [built("mogplex.mjs"), "init", "gitlab"], { cwd });
    // Commands for the reader's jobs: the job of init neither fails by them nor shows them its token.
    const others = "default: { before_script: [bundle install] }\n";
    const { run, jobs, starts } = await copied(readFileSync(join(cwd, ".gitlab-ci.yml"), "utf8") + others, {
      ...programFiles(),
      "ci/mogplex-task.md": "<success>",
    });
    const web = { CI_PIPELINE_SOURCE: "web" };
    expect(codes(await run({ server: web }))).toEqual({});
    expect(starts()).toEqual([]);
    expect(codes(await run({ server: web, manual: ["mogplex"] }))).toEqual({ mogplex: 0 });
    expect(await jobs({ server: { ...web, CI_COMMIT_BRANCH: "topic" } })).toEqual([]);
    expect(codes(await run({ server: scheduleOf("run") }))).toEqual({ mogplex: 0 });
  },
);

test.skipIf(!CAN_RUN)("the pipelines in the READMEs run as they stand there, and with the component", async () => {
  for (const [file, more] of [["README.md", { "task.md": "<success>" }], ["components/README.md", {}]] as const) {
    const states = [[unreleasedText(read(file)), local], [atThisCommit(read(file)), files]] as const;
    for (const [page, around] of states) {
      const [text = "", ...others] = yamlBlocks(page).filter((block) => /^include:/m.test(block));
      expect(others).toEqual([]);
      const { run, starts } = await copied(text, { ...around, ...more });
      expect(codes(await run({ server: scheduleOf("run") }))).toEqual({ "mogplex-run": 0 });
      expect(starts()).toMatchObject([{ repoId: REPO }]);
    }
  }
});

test("the line of components/README.md takes the program out of a template and compares it", () => {
  const [, line = ""] = /```sh\n(sed .*)\n```/.exec(read("components/README.md")) ?? [];
  const { bundle: text = "" } = splitTemplate(files["templates/run.yml"] ?? "") ?? {};
  const digest = sha256(text);
  for (const [sum, status] of [[digest, 0], ["f".repeat(64), 1]] as const) {
    const cwd = mkdtempSync(join(service.folder, "extract-"));
    const template = files["templates/run.yml"] ?? "";
    writeFiles(cwd, {
      "dist/templates/run.yml": template,
      "dist/mogplex-component.mjs.sha256": `${sum}  mogplex-component.mjs\n`,
    });
    expect(spawnSync("sh", ["-c", line], { cwd }).status).toBe(status);
    expect(readFileSync(join(cwd, "mogplex-component.mjs"), "utf8")).toBe(text);
  }
});

test("every document and example names the component by the same placeholder", () => {
  const named = stampedFiles().flatMap((path) =>
    [...read(path).matchAll(/component: (\$\S+)/g)].map(([, address = ""]) => ({ path, address }))
  );
  expect(named.length).toBeGreaterThan(10);
  const right = /^\$CI_SERVER_FQDN\/GROUP\/PROJECT\/(run|follow|respond|campaign|dashboard)@X\.Y\.Z$/;
  for (const { path, address } of named) expect([path, right.test(address)]).toEqual([path, true]);
});
