/** Runs a job of GitHub Actions, or of Forgejo and Gitea, as the runner does: environment, files, conditions, outputs. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPO } from "../../../processes/service.ts";
import { parseGithubFile } from "../../../hostile/file_parsers.ts";
import { holds, interpolate, type Scope, type Value } from "./github_expressions.ts";
import type { Machine } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields } from "../../strict.ts";

/** What a job is started with. */
export interface JobOptions {
  /** Id of the workflow run; its re-run has the same. */
  runId: string;
  /** Which run it is. @default {1} */
  attempt?: number;
  /** `github.event`. @default {{}} */
  event?: Value;
  /** Inputs of the dispatch. @default {{}} */
  inputs?: Record<string, string>;
  /** Variables of the repository beside the id that Mogplex gives it. @default {{}} */
  vars?: Record<string, string>;
  /** Further marks by which the runner says who it is. @default {{}} */
  marks?: Record<string, string>;
  /** Node of the matrix. @default {{}} */
  matrix?: Record<string, Value>;
}

/** What became of a job. */
export interface JobEnd {
  /** Its status; `skipped` when its own condition did not hold. */
  status: "success" | "failure" | "cancelled" | "skipped";
  /** Outputs of the job, evaluated. */
  outputs: Record<string, string>;
  /** Names of the steps that were run. */
  ran: string[];
  /** Summaries of the steps, put together. */
  summary: string;
}

const WORKFLOW = ["name", "on", "permissions", "concurrency", "jobs"];
const JOB = ["name", "if", "strategy", "runs-on", "container", "timeout-minutes", "outputs", "env", "steps"];
const STEP = ["name", "id", "if", "env", "run"];

/** The one job of a workflow, and its name. */
export function readJob(workflow: string): [string, Fields] {
  const { jobs } = fields(parseYaml(workflow), "workflow", WORKFLOW);
  const [[name, job], more] = Object.entries(jobs as Fields) as [[string, unknown], unknown];
  if (more !== undefined) throw new TypeError("The workflow has more than one job");
  return [name, fields(job, `job ${name}`, JOB)];
}

/** Nodes of the matrix of a job, and how many may be at work at the same time. */
export function readMatrix(workflow: string): { nodes: Record<string, Value>[]; maxParallel: number } {
  const [, job] = readJob(workflow);
  const strategy = fields(job.strategy, "strategy", ["fail-fast", "max-parallel", "matrix"]);
  const { repository } = fields(strategy.matrix, "matrix", ["repository"]);
  const nodes = list(repository, "matrix.repository").map((each) => ({ repository: textFields(each, "repository") }));
  return { nodes, maxParallel: Number(strategy["max-parallel"]) };
}

/** Files that a step writes for the runner. */
const FILES = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] as const;

/** One job at work. */
class Job {
  readonly end: JobEnd = { status: "success", outputs: {}, ran: [], summary: "" };
  readonly #machine: Machine;
  readonly #name: string;
  readonly #options: JobOptions;
  readonly #cwd: string;
  readonly #steps: Record<string, Value> = {};
  readonly #added: Record<string, string> = {};
  #path: string[] = [];

  constructor(machine: Machine, name: string, options: JobOptions) {
    this.#machine = machine;
    this.#name = name;
    this.#options = options;
    this.#cwd = machine.directory();
  }

  scope(): Scope {
    const { status } = this.end;
    const { inputs = {}, matrix = {}, vars = {}, event = {} } = this.#options;
    if (status === "skipped") throw new Error("A skipped job has no steps");
    const contexts: Record<string, Value> = {
      github: { repository: "acme/web", event },
      secrets: { MOGPLEX_API_KEY: this.#machine.token },
      vars: { MOGPLEX_REPO_ID: REPO, ...vars },
      job: { status },
      steps: this.#steps,
      inputs,
      matrix,
    };
    return { contexts, status };
  }

  /** Variables of a mapping, evaluated. */
  variables(value: unknown, where: string): Record<string, string> {
    const entries = Object.entries(textFields(value, where));
    return Object.fromEntries(entries.map(([name, each]) => [name, interpolate(each, this.scope())]));
  }

  #defaults(): Record<string, string> {
    return {
      CI: "true",
      GITHUB_ACTIONS: "true",
      ...this.#options.marks,
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_REPOSITORY: "acme/web",
      GITHUB_RUN_ID: this.#options.runId,
      GITHUB_RUN_ATTEMPT: String(this.#options.attempt ?? 1),
      GITHUB_JOB: this.#name,
      GITHUB_REF: "refs/tags/v1.2.3",
      GITHUB_SHA: "0123456789abcdef0123456789abcdef01234567",
      GITHUB_WORKSPACE: this.#cwd,
    };
  }

  async step(value: unknown, jobEnv: Record<string, string>): Promise<void> {
    const step = fields(value, "step", STEP);
    const name = text(step.name, "name of a step");
    const id = step.id === undefined ? undefined : text(step.id, `id of ${name}`);
    if (!holds(step.if === undefined ? undefined : text(step.if, `if of ${name}`), this.scope())) {
      if (id !== undefined) this.#steps[id] = { outcome: "skipped", outputs: {} };
      return;
    }
    this.end.ran.push(name);
    const folder = this.#machine.directory();
    const files = Object.fromEntries(FILES.map((file) => [file, join(folder, file)]));
    for (const file of Object.values(files)) writeFileSync(file, "");
    const { code, stopped } = await this.#machine.run({
      name,
      text: interpolate(text(step.run, `run of ${name}`), this.scope()),
      // Source: GitHub, "Workflow syntax", defaults.run.shell: without one, bash -e.
      shell: ["bash", "-e"],
      env: {
        ...this.#defaults(),
        ...files,
        ...this.#added,
        ...jobEnv,
        ...this.variables(step.env, `env of ${name}`),
        PATH: this.#path.join(":"),
      },
      cwd: this.#cwd,
    });
    const written = (file: string) => readFileSync(files[file] as string, "utf8");
    const outputs = Object.fromEntries(parseGithubFile(written("GITHUB_OUTPUT")));
    Object.assign(this.#added, Object.fromEntries(parseGithubFile(written("GITHUB_ENV"))));
    this.#path = [...written("GITHUB_PATH").split("\n").filter(Boolean), ...this.#path];
    this.end.summary += written("GITHUB_STEP_SUMMARY");
    const outcome = stopped ? "cancelled" : code === 0 ? "success" : "failure";
    if (id !== undefined) this.#steps[id] = { outcome, outputs };
    if (outcome !== "success" && this.end.status === "success") this.end.status = outcome;
  }
}

/** Runs the one job of a workflow. */
export async function runGithubJob(workflow: string, machine: Machine, options: JobOptions): Promise<JobEnd> {
  const [name, definition] = readJob(workflow);
  const job = new Job(machine, name, options);
  if (!holds(definition.if === undefined ? undefined : text(definition.if, "if of the job"), job.scope())) {
    return { ...job.end, status: "skipped" };
  }
  const jobEnv = job.variables(definition.env, "env of the job");
  for (const step of list(definition.steps, "steps")) await job.step(step, jobEnv);
  job.end.outputs = job.variables(definition.outputs, "outputs of the job");
  return job.end;
}
