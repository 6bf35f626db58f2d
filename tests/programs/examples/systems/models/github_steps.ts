/** Runs a job of GitHub Actions, or of Forgejo and Gitea, as the runner does: environment, files, conditions, outputs. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPO } from "../../../processes/world/service.ts";
import { parseGithubFile } from "../../../../unit/hostile/parsers/file_parsers.ts";
import {
  asksStatus,
  holds,
  interpolate,
  type Scope,
  type Value,
} from "../../../../unit/examples/systems/models/github_expressions.ts";
import { type GithubCache, runAction } from "./github_actions.ts";
import { type JsAction, readJsAction, type Stage } from "./github_js_action.ts";
import type { Done, Machine } from "../machine.ts";
import { runtimes } from "../../../../../tools/setup.mjs";
import { type Fields, fields, list, text, textFields } from "../../../../unit/examples/strict.ts";
import { readJob, readJobs, readMatrix, titleOf } from "./github_workflow.ts";

export { readJob, readMatrix };

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
  /** Further variables by which the runner says who it is, or others than those of this model. @default {{}} */
  marks?: Record<string, string>;
  /** Node of the matrix. @default {{}} */
  matrix?: Record<string, Value>;
  /** Jobs that this one needs, with their outputs. @default {{}} */
  needs?: Record<string, Value>;
  /** Name of the workflow. @default none */
  workflow?: string;
  /** What has started the workflow. @default {"workflow_dispatch"} */
  eventName?: string;
  /** Branch that it runs on; `main` is the default branch. @default {"main"} */
  branch?: string;
  /** Files of the repository, by path. @default {{}} */
  files?: Readonly<Record<string, string>>;
  /** Caches of the repository, the oldest first. @default none */
  caches?: GithubCache[];
  /** `github.token`. @default {"ghs_token"} */
  githubToken?: string;
  /** Base of GitHub's API. @default {"https://api.github.example"} */
  githubApi?: string;
  /** Name of the step with which the machine of the job is lost, when that step is stopped. @default none */
  lostWith?: string;
}

/** What happened to a job. */
export interface JobEnd {
  /** Its status; `skipped` when its own condition did not hold. */
  status: "success" | "failure" | "cancelled" | "skipped";
  /** Outputs of the job, evaluated. */
  outputs: Record<string, string>;
  /** Names of the steps that were run. */
  ran: string[];
  /** Summaries of the steps, put together. */
  summary: string;
  /** Files that were uploaded, by the name of their artifact. */
  artifacts: Record<string, string[]>;
}

const STEP = ["name", "id", "if", "env", "run", "uses", "with"];

/** Files that a step writes for the runner. */
const FILES = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_STATE"] as const;

/** A process of a step. */
interface Process {
  name: string;
  /** Text of a script; an empty one for an action. */
  text: string;
  shell: readonly string[];
  /** Variables of the step, which win over those of the job. */
  env: Record<string, string>;
}

/** An action whose post step is due at the end of the job. */
interface PostStep {
  name: string;
  action: JsAction;
  step: Fields;
  /** What the step has written into GITHUB_STATE. */
  state: Record<string, string>;
}

const SHA = "0123456789abcdef0123456789abcdef01234567";

/** One job at work. */
class Job {
  /** Whether the machine is gone, so that nothing more is run. */
  lost = false;
  readonly end: JobEnd = { status: "success", outputs: {}, ran: [], summary: "", artifacts: {} };
  readonly #machine: Machine;
  readonly #name: string;
  readonly #options: JobOptions;
  readonly #cwd: string;
  readonly #temporary: string;
  readonly #steps: Record<string, Value> = {};
  readonly #added: Record<string, string> = {};
  readonly #posts: PostStep[] = [];
  #path: string[] = [];

  constructor(machine: Machine, name: string, options: JobOptions) {
    this.#machine = machine;
    this.#name = name;
    this.#options = options;
    this.#cwd = machine.directory();
    this.#temporary = machine.directory();
  }

  get #ref(): string {
    return this.#options.branch === undefined ? "refs/tags/v1.2.3" : `refs/heads/${this.#options.branch}`;
  }

  scope(): Scope {
    const { status } = this.end;
    const { inputs = {}, matrix = {}, vars = {}, event = {}, needs = {}, runId, attempt = 1 } = this.#options;
    const { eventName = "workflow_dispatch", branch = "main", githubToken: token = "ghs_token" } = this.#options;
    if (status === "skipped") throw new Error("A skipped job has no steps");
    const contexts: Record<string, Value> = {
      github: {
        ...{ repository: "acme/web", event, token, run_id: runId, run_attempt: String(attempt) },
        server_url: "https://github.example",
        ...{ event_name: eventName, ref_name: branch, ref: this.#ref, sha: SHA },
      },
      // Secrets that are not set are empty.
      secrets: { MOGPLEX_API_KEY: this.#machine.token, CAMPAIGN_READ_TOKEN: "", CAMPAIGN_MERGE_TOKEN: "" },
      vars: { MOGPLEX_REPO_ID: REPO, ...vars },
      job: { status },
      env: { ACT: "" },
      steps: this.#steps,
      inputs,
      matrix,
      needs,
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
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_REPOSITORY: "acme/web",
      GITHUB_RUN_ID: this.#options.runId,
      GITHUB_RUN_ATTEMPT: String(this.#options.attempt ?? 1),
      GITHUB_JOB: this.#name,
      GITHUB_WORKFLOW: this.#options.workflow ?? "",
      GITHUB_ACTOR: "octocat",
      GITHUB_REF: this.#ref,
      GITHUB_SHA: SHA,
      GITHUB_WORKSPACE: this.#cwd,
      GITHUB_API_URL: this.#options.githubApi ?? "https://api.github.example",
      RUNNER_TEMP: this.#temporary,
      ...this.#options.marks,
    };
  }

  #act(step: Fields, name: string): void {
    const { branch = "main", files = {}, caches = [] } = this.#options;
    runAction(step, name, {
      ...{ branch, files, caches, machine: this.#machine, cwd: this.#cwd, artifacts: this.end.artifacts },
      evaluate: (each) => interpolate(each, this.scope()),
    });
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
    const uses = step.uses === undefined ? "" : text(step.uses, `uses of ${name}`);
    if (uses !== "" && !uses.startsWith("./")) return this.#act(step, name);
    const env = { ...jobEnv, ...this.variables(step.env, `env of ${name}`) };
    const run = uses === "" ? text(step.run, `run of ${name}`) : "";
    const action = uses === "" ? undefined : readJsAction(uses, this.#cwd);
    // Source: GitHub, "Workflow syntax", defaults.run.shell: without one, bash -e.
    const process = { name, text: interpolate(run, this.scope()), shell: ["bash", "-e"], env };
    const post = action && { name: `Post ${name}`, action, step: { ...step, env }, state: {} };
    if (post !== undefined) this.#posts.unshift(post);
    const { done: { code, stopped }, written } =
      await (post === undefined ? this.#process(process) : this.#stage(post, "main"));
    const outputs = Object.fromEntries(parseGithubFile(written("GITHUB_OUTPUT")));
    // GitHub sets undeclared outputs, too (source: "Metadata syntax", outputs). A schema names those that start with result_.
    const names = Object.keys(outputs).filter((output) => !output.startsWith("result_") || output === "result_path");
    const strange = names.find((output) => action?.outputs.includes(output) === false);
    if (strange !== undefined) throw new TypeError(`${uses} does not declare its output ${strange}`);
    const outcome = stopped ? "cancelled" : code === 0 ? "success" : "failure";
    if (id !== undefined) this.#steps[id] = { outcome, outputs };
    this.lost = stopped && this.#options.lostWith === name;
    this.#became(outcome);
  }

  #became(outcome: "success" | "failure" | "cancelled"): void {
    if (outcome !== "success" && this.end.status === "success") this.end.status = outcome;
  }

  /** Runs what is due at the end of the job, the last step first. */
  async finish(): Promise<void> {
    for (const post of this.#posts) {
      this.end.ran.push(post.name);
      const { done: { code } } = await this.#stage(post, "post");
      this.#became(code === 0 ? "success" : "failure");
    }
  }

  async #stage(post: PostStep, stage: Stage): Promise<Ran> {
    const { name, action, step, state } = post;
    const kept = Object.entries(state).map(([key, value]) => [`STATE_${key}`, value]);
    const env = {
      ...step.env as Record<string, string>,
      ...Object.fromEntries(kept),
      ...action.inputs(step.with, this.scope()),
    };
    const shell = [runtimes.node, action.program(stage)];
    const ran = await this.#process({
      name: stage === "main" ? name.slice("Post ".length) : name,
      text: "",
      shell,
      env,
    });
    Object.assign(state, Object.fromEntries(parseGithubFile(ran.written("GITHUB_STATE"))));
    return ran;
  }

  async #process({ name, text, shell, env }: Process): Promise<Ran> {
    const folder = this.#machine.directory();
    const files = Object.fromEntries(FILES.map((file) => [file, join(folder, file)]));
    for (const file of Object.values(files)) writeFileSync(file, "");
    const done = await this.#machine.run({
      ...{ name, text, shell, cwd: this.#cwd },
      env: { ...this.#defaults(), ...files, ...this.#added, ...env, PATH: this.#path.join(":") },
    });
    const written = (file: string) => readFileSync(files[file] as string, "utf8");
    Object.assign(this.#added, Object.fromEntries(parseGithubFile(written("GITHUB_ENV"))));
    this.#path = [...written("GITHUB_PATH").split("\n").filter(Boolean), ...this.#path];
    this.end.summary += written("GITHUB_STEP_SUMMARY");
    return { done, written };
  }
}

/** A process that has ended, and the files that it wrote for the runner. */
interface Ran {
  done: Done;
  written(file: typeof FILES[number]): string;
}

/** Runs all jobs of a workflow, one after the other: each is listed after those that it needs. */
export async function runGithubWorkflow(
  workflow: string,
  machine: Machine,
  options: JobOptions,
): Promise<Record<string, JobEnd>> {
  const ends: Record<string, JobEnd> = {};
  const title = titleOf(workflow);
  for (const [name, definition] of readJobs(workflow)) {
    const wanted = definition.needs === undefined ? [] : [text(definition.needs, "needs")];
    const entries = wanted.map((each) => {
      const end = ends[each];
      if (end === undefined) throw new ReferenceError(`No job before is called "${each}"`);
      return [each, { result: end.status, outputs: end.outputs }];
    });
    const needs: Record<string, Value> = Object.fromEntries(entries);
    // Source: GitHub, "Workflow syntax", jobs.<job_id>.needs: a job is skipped when one that it needs has not succeeded.
    const due = wanted.every((each) => ends[each]?.status === "success") || asksStatus(definition.if);
    ends[name] = due
      ? await runJob(name, definition, machine, { workflow: title, ...options, needs })
      : { status: "skipped", outputs: {}, ran: [], summary: "", artifacts: {} };
  }
  return ends;
}

/** Runs the first job of a workflow. */
export async function runGithubJob(workflow: string, machine: Machine, options: JobOptions): Promise<JobEnd> {
  return await runJob(...readJob(workflow), machine, options);
}

async function runJob(name: string, definition: Fields, machine: Machine, options: JobOptions): Promise<JobEnd> {
  const job = new Job(machine, name, options);
  if (!holds(definition.if === undefined ? undefined : text(definition.if, "if of the job"), job.scope())) {
    return { ...job.end, status: "skipped" };
  }
  const jobEnv = job.variables(definition.env, "env of the job");
  for (const step of list(definition.steps, "steps")) if (!job.lost) await job.step(step, jobEnv);
  if (!job.lost) await job.finish();
  if (!job.lost) job.end.outputs = job.variables(definition.outputs, "outputs of the job");
  return job.end;
}
