/**
 * Runs a job of GitLab that has no component: its rules, its script in one shell, its caches and artifacts. Source: GitLab, "CI/CD YAML syntax
 * reference", "Caching in GitLab CI/CD"; gitlab-runner, common/build.go and commands/helpers/cache_archiver.go.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { copyMatching, type Machine } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields, texts } from "../../../../unit/examples/strict.ts";
import { writeFiles } from "../../../components/project.ts";

/** What a job is started with. */
export interface GitlabOptions {
  /** What has started the pipeline. */
  source: string;
  /** Variable `MOGPLEX_SCHEDULE` of the schedule. @default {""} (absent) */
  schedule?: string;
  /** Branch of the pipeline; `main` is the default branch. @default {"main"} */
  branch?: string;
  /** Inputs of the pipeline. @default {{}} */
  inputs?: Readonly<Record<string, string>>;
  /** Files of the project. @default {{}} */
  files?: Readonly<Record<string, string>>;
  /** Folders with what jobs have kept, by key. */
  caches: Map<string, string>;
}

/** What happened to a job. */
export interface GitlabEnd {
  /** `none`: the pipeline has no job. `warning`: the pipeline passes, although the job has failed. */
  status: "none" | "success" | "warning" | "failed" | "cancelled";
  /** Files that were kept. */
  artifacts: string[];
  /** Variables for later jobs. */
  outputs: Record<string, string>;
  /** The JUnit report that GitLab shows. */
  tests: string | undefined;
}

const JOB = ["stage", "image", "timeout", "rules", "variables", "script", "allow_failure", "retry", "resource_group"]
  .concat("cache", "artifacts");

/** Puts the inputs into all texts, as GitLab does before anything else. */
function withInputs(value: unknown, inputs: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string") {
    return value.replace(/\$\[\[ inputs\.(\w+) \]\]/g, (_all, name: string) => {
      const input = inputs[name];
      if (input === undefined) throw new ReferenceError(`There is no input called "${name}"`);
      return input;
    });
  }
  if (Array.isArray(value)) return value.map((each) => withInputs(each, inputs));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withInputs(each, inputs)]));
}

/** The only job of a file, with its inputs. */
function readJob(recipe: string, given: Readonly<Record<string, string>>): [string, Fields] {
  const [header = "", body = ""] = recipe.split(/^---$/m);
  const { spec } = fields(parseYaml(header), "header", ["spec"]);
  const declared = Object.entries(fields(spec, "spec", ["inputs"]).inputs as Fields);
  const values = declared.map(([name, input]) => {
    const { default: usual } = fields(input, name, ["description", "default"]);
    return [name, given[name] ?? text(usual, `default of ${name}`)];
  });
  const [[name, job] = ["", {}], ...others] = Object.entries(parseYaml(body) as Fields);
  if (others.length > 0) throw new TypeError("The file has more than one job");
  return [name, fields(withInputs(job, Object.fromEntries(values)), name, JOB)];
}

/** Whether a rule holds: comparisons with `==`, joined by `&&`. */
function holds(condition: string, variables: Readonly<Record<string, string>>): boolean {
  return condition.split(" && ").every((each) => {
    // A variable alone holds if it has a value. Source: GitLab, "Specify when jobs run with rules", "Check if a variable exists".
    const [, alone] = /^\$(\w+)$/.exec(each) ?? [];
    if (alone !== undefined) return (variables[alone] ?? "") !== "";
    const [, left = "", right = ""] = /^\$(\w+) == (\$\w+|"[^"]*")$/.exec(each) ?? [];
    if (left === "") throw new SyntaxError(`Cannot read rule: ${each}`);
    return variables[left] === (right.startsWith("$") ? variables[right.slice(1)] : right.slice(1, -1));
  });
}

/** Variables of a job. One that is not to be expanded may have a dollar sign. */
function variablesOf(job: Fields): Record<string, string> {
  const entries = Object.entries(job.variables as Fields).map(([name, value]) => {
    if (typeof value !== "object") {
      if (String(value).includes("$")) throw new SyntaxError(`Variable ${name} would be expanded`);
      return [name, value];
    }
    const { value: own, expand } = fields(value, name, ["value", "expand"]);
    if (expand !== false) throw new SyntaxError(`Variable ${name} would be expanded`);
    return [name, own];
  });
  return textFields(Object.fromEntries(entries), "variables");
}

interface Cache {
  key: string;
  paths: string[];
  when: string;
}

function cachesOf(job: Fields): Cache[] {
  return list(job.cache, "cache").map((each) => {
    const { key, paths, when = "on_success" } = fields(each, "cache", ["key", "paths", "when"]);
    const folders = texts(paths, "paths").map((path) => `${path}**`);
    return { key: text(key, "key"), paths: folders, when: text(when, "when") };
  });
}

/** Keeps a cache. A runner that found nothing to keep keeps just that. */
function keep({ key, paths, when }: Cache, cwd: string, machine: Machine, caches: Map<string, string>, good: boolean) {
  if (when !== "always" && !good) return;
  const folder = machine.directory();
  copyMatching(paths, cwd, folder);
  caches.set(key, folder);
}

/** Runs the job of a file, in a pipeline of its own. A job that is stopped keeps nothing. */
export async function runGitlabJob(recipe: string, machine: Machine, options: GitlabOptions): Promise<GitlabEnd> {
  const { source, schedule = "", branch = "main", inputs = {}, files = {}, caches } = options;
  const [name, job] = readJob(recipe, inputs);
  const predefined = {
    CI: "true",
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_PROJECT_ID: "42",
    CI_PIPELINE_ID: String(machine.done.length + 1),
    CI_PIPELINE_SOURCE: source,
    ...schedule === "" ? {} : { MOGPLEX_SCHEDULE: schedule },
    CI_COMMIT_BRANCH: branch,
    CI_DEFAULT_BRANCH: "main",
    CI_JOB_NAME: name,
    GITLAB_USER_LOGIN: "tanuki",
  };
  const end: GitlabEnd = { status: "none", artifacts: [], outputs: {}, tests: undefined };
  // The first rule that holds decides.
  const rules = list(job.rules, "rules").map((each) => fields(each, "rule", ["if", "when"]));
  const rule = rules.find((each) => holds(text(each.if, "if"), predefined));
  if (rule === undefined || rule.when === "never") return end;
  const cwd = machine.checkout();
  writeFiles(cwd, files);
  for (const { key, paths } of cachesOf(job)) {
    const folder = caches.get(key);
    if (folder !== undefined) copyMatching(paths, folder, cwd);
  }
  const { code, stopped } = await machine.run({
    name,
    text: `set -eo pipefail\n${texts(job.script, "script").join("\n")}\n`,
    shell: ["bash"],
    env: { ...predefined, ...variablesOf(job), MOGPLEX_API_KEY: machine.token },
    cwd,
  });
  if (stopped) return { ...end, status: "cancelled" };
  for (const cache of cachesOf(job)) keep(cache, cwd, machine, caches, code === 0);
  const { exit_codes: allowed } = fields(job.allow_failure, "allow_failure", ["exit_codes"]);
  end.status = code === 0 ? "success" : list(allowed, "exit_codes").includes(code) ? "warning" : "failed";
  publish(job, cwd, machine, end);
  return end;
}

/** Keeps the artifacts, and reads the reports. */
function publish(job: Fields, cwd: string, machine: Machine, end: GitlabEnd): void {
  const artifacts = fields(job.artifacts, "artifacts", ["when", "access", "expire_in", "paths", "exclude", "reports"]);
  if (artifacts.when !== "always") throw new TypeError("The reports of a red job would be lost");
  const without = texts(artifacts.exclude, "exclude").map((each) => new Bun.Glob(each));
  const paths = texts(artifacts.paths, "paths").map((path) => `${path}**`);
  end.artifacts = copyMatching(paths, cwd, machine.directory())
    .filter((file) => !without.some((glob) => glob.match(file)));
  const reports = textFields(artifacts.reports, "reports");
  const read = (path = "") => existsSync(join(cwd, path)) ? readFileSync(join(cwd, path), "utf8") : undefined;
  const lines = read(reports.dotenv)?.split("\n").filter(Boolean) ?? [];
  // Source: GitLab, "artifacts:reports:dotenv": 20 variables at most, unless that limit was raised.
  if (lines.length > 20) throw new RangeError("The dotenv report has more than 20 variables");
  end.outputs = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  end.tests = read(reports.junit);
}
