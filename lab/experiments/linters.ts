import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { jobFile, RECIPES, respondRecipe } from "../../lib/cli/setup/recipes.ts";
import { root } from "../../tools/setup.mjs";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { ACTIONLINT, CHECK_JSONSCHEMA, KUBERNETES_VALIDATE, SHELLCHECK, ZIZMOR } from "../programs.ts";

function examples(folder: string): string[] {
  const names = readdirSync(join(root, "examples", folder)).filter((name) => /\.ya?ml$/.test(name)).sort();
  return names.map((name) => join(root, "examples", folder, name));
}

const WORKFLOWS = () => [
  ...examples("github-actions"),
  ...examples("forgejo"),
  ...examples("dashboards"),
  ...examples("identity").filter((file) => file.endsWith(".github.yml")),
  join(root, "examples/updates/github.yml"),
  join(root, ".github/workflows/release.yml"),
];

function shownName(file: string): string {
  return file.startsWith(`${root}/`) ? file.slice(root.length + 1) : basename(file);
}

const ACTIONS = ["github", "forgejo", "gitea"];

const ACTION = join(root, "dist/action/action.yml");

async function actionlint(bench: Bench): Promise<void> {
  const files = [...WORKFLOWS(), ...initJobs(...ACTIONS)];
  const folder = bench.newFolder();
  bench.writeFiles(folder, { "actionlint.yaml": "self-hosted-runner: { labels: [docker] }\n" });
  const line = [ACTIONLINT.provide(), "-no-color", "-config-file", join(folder, "actionlint.yaml")];
  for (const file of files) {
    // The steps of drop-in.yml are the product's own lines, which we do not change.
    const ignored = file.endsWith("drop-in.yml") ? ["-ignore", "SC2015"] : [];
    const { code, stdout } = await bench.run([...line, ...ignored, file]);
    bench.check(`${shownName(file)} is clean`, code === 0, stdout);
  }
  // The linter must report a broken workflow. Otherwise, a clean result would prove nothing.
  const broken =
    "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps: [{ run: 'echo ${{ nothing.here }}' }]\n";
  const { code } = await bench.run([ACTIONLINT.provide(), "-"], { stdin: broken });
  bench.check("a broken workflow is not clean", code === 1, `it ended with ${code}`);
}

async function zizmor(bench: Bench): Promise<void> {
  const line = [ZIZMOR.provide(), "--offline", "--persona=regular", "--no-progress", "--color=never"];
  for (const file of [...WORKFLOWS(), ...initJobs(...ACTIONS), ACTION]) {
    const { code, stdout } = await bench.run([...line, "--format=plain", file]);
    const findings = [...stdout.matchAll(/^\w+\[[\w-]+\]: .*/gm)].map(([found]) => found).join("; ");
    bench.check(`${shownName(file)} is clean`, code === 0, findings || `it ended with ${code}`);
  }
}

function initJobs(...systems: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-init-"));
  return systems.flatMap((system) => {
    const recipe = RECIPES.get(system);
    if (recipe === undefined) throw new Error(`Cannot write the job of ${system}: init does not know it`);
    return [recipe, respondRecipe(recipe)].filter((each) => each !== undefined).map((each, index) => {
      const file = join(folder, `init-${system}${index === 0 ? "" : "-respond"}.yml`);
      writeFileSync(file, jobFile(each, "acme/web", ""));
      return file;
    });
  });
}

interface Kind {
  schema: string;
  files(): string[];
  prepare?(text: string): string;
  args?: readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    schema: "vendor.gitlab-ci",
    files: () => [
      ...initJobs("gitlab"),
      ...examples("gitlab"),
      ...["run", "dashboard"].map((name) => join(root, `examples/../components/${name}/example.gitlab-ci.yml`)),
    ],
    args: ["--data-transform", "gitlab-ci"],
    // A header with inputs is a separate document. The schema supports such a header, but the program does not.
    prepare: (text) => text.split(/^---$/m).at(-1) ?? "",
  },
  {
    schema: "vendor.github-workflows",
    files: () => [...WORKFLOWS(), ...initJobs(...ACTIONS)],
  },
  { schema: "vendor.github-actions", files: () => [ACTION] },
  {
    schema: "vendor.bitbucket-pipelines",
    files: () => [...examples("bitbucket"), ...initJobs("bitbucket")],
    // The vendored schema is older than final steps, which have the keys of a step.
    prepare: (text) => text.replace(/^( +- )final:$/m, "$1step:"),
  },
  {
    schema: "vendor.buildkite",
    files: () => [...examples("buildkite"), ...initJobs("buildkite")],
  },
  { schema: "vendor.circle-ci", files: () => [...examples("circleci"), ...initJobs("circleci")] },
  { schema: "vendor.woodpecker-ci", files: () => [...examples("woodpecker"), ...initJobs("woodpecker")] },
];

/** Versions of Kubernetes whose schemas must accept a recipe: the oldest version in the recipes, and all later versions. */
const KUBERNETES_VERSIONS = ["1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"];

async function kubernetes(bench: Bench): Promise<void> {
  const line = (version: string) => [KUBERNETES_VALIDATE.provide(), "--strict", "-k", version];
  const cwd = bench.newFolder();
  const recipe = readFileSync(join(root, "examples/kubernetes/campaign.yaml"), "utf8");
  const labelled = recipe.replace(/# (nodeSelector: .*?)(?= #)/g, "$1");
  bench.check(
    "the recipe shows a label of nodes with an empty value",
    labelled.includes('\n      nodeSelector: { example.com/agents: "" }'),
  );
  bench.writeFiles(cwd, {
    "campaign.yaml": recipe,
    "labelled.yaml": labelled,
    "wrong.yaml": recipe.replace("concurrencyPolicy:", "concurencyPolicy:"),
  });
  for (const version of KUBERNETES_VERSIONS) {
    const { code, stdout, stderr } = await bench.run([...line(version), "campaign.yaml", "labelled.yaml"], { cwd });
    bench.check(`Kubernetes ${version} accepts the recipe, also with an empty label`, code === 0, stdout + stderr);
    const wrong = await bench.run([...line(version), "wrong.yaml"], { cwd });
    bench.check(`Kubernetes ${version} refuses a wrong file`, wrong.code === 1, `it ended with ${wrong.code}`);
  }
}

const CAMPAIGN = ["--schemafile", join(root, "schema/campaign.schema.json")];

const WRONG: Readonly<Record<string, string>> = {
  "vendor.gitlab-ci": "job: { script: 7 }\n",
  "vendor.github-workflows": "on: push\njobs: 7\n",
  "vendor.github-actions": "name: 7\nruns: 7\n",
  "vendor.bitbucket-pipelines": "pipelines: 7\n",
  "vendor.buildkite": "steps: 7\n",
  "vendor.circle-ci": "version: 2.1\njobs: 7\n",
  "vendor.woodpecker-ci": "steps: 7\n",
};

async function schemas(bench: Bench): Promise<void> {
  for (const { schema, files, prepare = (text: string) => text, args = [] } of KINDS) {
    const line = [CHECK_JSONSCHEMA.provide(), "--no-cache", "--builtin-schema", schema, ...args];
    const cwd = bench.newFolder();
    const names = files().map((file, index) => {
      const name = `${index}-${file.split("/").at(-1)}`;
      bench.writeFiles(cwd, { [name]: prepare(readFileSync(file, "utf8")) });
      return name;
    });
    const { code, stdout } = await bench.run([...line, ...names], { cwd });
    bench.check(`${schema} accepts ${names.length} files`, code === 0 && names.length > 0, stdout.slice(0, 600));
    bench.writeFiles(cwd, { "wrong.yml": WRONG[schema] ?? "" });
    const wrong = await bench.run([...line, "wrong.yml"], { cwd });
    bench.check(`${schema} refuses a wrong file`, wrong.code === 1 && wrong.stdout.includes("$."), wrong.stdout);
  }
}

async function campaignSchema(bench: Bench): Promise<void> {
  const line = [CHECK_JSONSCHEMA.provide(), "--no-cache", ...CAMPAIGN];
  const cwd = bench.newFolder();
  const good = readFileSync(join(root, "examples/campaign/campaign.yml"), "utf8");
  bench.writeFiles(cwd, { "campaign.yml": good, "wrong.yml": good.replace("repositories:", "repositoris:") });
  const { code, stdout } = await bench.run([...line, "campaign.yml"], { cwd });
  bench.check("campaign.schema.json accepts examples/campaign/campaign.yml", code === 0, stdout.slice(0, 600));
  const wrong = await bench.run([...line, "wrong.yml"], { cwd });
  bench.check(
    "campaign.schema.json refuses a wrong file",
    wrong.code === 1 && wrong.stdout.includes("$"),
    wrong.stdout,
  );
}

function vendored(name: string): unknown {
  const lib = join(CHECK_JSONSCHEMA.provide(), "../../lib");
  const python = readdirSync(lib).find((each) => each.startsWith("python")) ?? "";
  const path = join(lib, python, "site-packages/check_jsonschema/builtin_schemas/vendor", `${name}.json`);
  return JSON.parse(readFileSync(path, "utf8"));
}

// check-jsonschema cannot read the patterns of this schema, because they escape characters that need no escape. Numbers and booleans are texts in
// this schema, because Azure inserts values into the file before it reads the file.
function azure(bench: Bench): Promise<void> {
  const ajv = new Ajv({ strict: false, allErrors: false, unicodeRegExp: false, validateFormats: false });
  const judge = ajv.compile(vendored("azure-pipelines") as object);
  for (const file of examples("azure")) {
    const accepted = judge(parse(readFileSync(file, "utf8"), { schema: "failsafe" }));
    bench.check(`the schema accepts ${file.slice(root.length + 1)}`, accepted, ajv.errorsText(judge.errors));
  }
  bench.check("the schema refuses a wrong file", !judge({ jobs: 7 }));
  return Promise.resolve();
}

export const LINTERS: readonly Experiment[] = [
  {
    name: "actionlint",
    system: "GitHub Actions, Forgejo, Gitea",
    programs: [ACTIONLINT, SHELLCHECK],
    tried: "no findings in any workflow, in its shell scripts, or in the workflows that init writes",
    run: actionlint,
  },
  {
    name: "zizmor",
    system: "GitHub Actions, Forgejo, Gitea",
    programs: [ZIZMOR],
    tried: "no findings in any workflow, in the action, or in the workflows that init writes: regular persona, offline",
    run: zizmor,
  },
  {
    name: "schemas",
    system: "GitLab, GitHub, Bitbucket, Buildkite, CircleCI, Woodpecker",
    programs: [CHECK_JSONSCHEMA],
    tried: "the schemas that editors use accept every recipe, and refuse an invalid file",
    run: schemas,
  },
  {
    name: "schema-kubernetes",
    system: "Kubernetes 1.29 to 1.37",
    programs: [KUBERNETES_VALIDATE],
    tried: "the Kubernetes schemas accept the recipe, even with an empty label, and refuse an invalid file",
    run: kubernetes,
  },
  {
    name: "schema-campaign",
    system: "Editors that support JSON Schema",
    programs: [CHECK_JSONSCHEMA],
    tried: "our schema accepts the example campaign file, and refuses an invalid file",
    run: campaignSchema,
  },
  {
    name: "schema-azure",
    system: "Azure Pipelines",
    programs: [CHECK_JSONSCHEMA],
    tried: "the schema that editors use accepts the recipe, and refuses an invalid file (checked with ajv)",
    run: azure,
  },
];
