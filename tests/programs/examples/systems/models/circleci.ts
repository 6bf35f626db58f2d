/**
 * Runs the one workflow of a CircleCI configuration. Source: CircleCI, "Configuration reference": steps, default shell, `requires`
 * with statuses; "Project values and variables". A cancelled job is killed, and none of its later steps runs.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Machine } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields, texts } from "../../../../unit/examples/strict.ts";

const JOB = ["docker", "resource_class", "environment", "steps"];
const STEPS = ["run", "persist_to_workspace", "attach_workspace", "store_test_results", "store_artifacts"];

type Status = "success" | "failed" | "canceled" | "not_run";

class Workflow {
  readonly build: Build = emptyBuild();
  readonly statuses: Record<string, Status> = {};
  readonly #machine: Machine;
  readonly #id: string;
  readonly #workspace: string;

  constructor(machine: Machine, { id }: BuildOptions) {
    this.#machine = machine;
    this.#id = id;
    this.#workspace = machine.directory();
  }

  /** Whether everything that a job waits for has the status that it wants. */
  isDue(requires: unknown[]): boolean {
    return requires.every((each) => {
      const wanted = typeof each === "string" ? { [each]: "success" } : textFields(each, "requires");
      return Object.entries(wanted).every(([name, status]) => {
        if (this.statuses[name] === undefined) throw new ReferenceError(`No job before is called "${name}"`);
        return this.statuses[name] === status;
      });
    });
  }

  async job(name: string, job: Fields): Promise<Status> {
    const steps = list(job.steps, `steps of ${name}`);
    const cwd = steps.includes("checkout") ? this.#machine.checkout() : this.#machine.directory();
    if (steps.includes("checkout")) {
      spawnSync("git", ["init", "--quiet", cwd]);
      spawnSync("git", ["-C", cwd, "remote", "add", "origin", "git@git.example:acme/web.git"]);
    }
    let status: Status = "success";
    const env = {
      CI: "true",
      CIRCLECI: "true",
      CIRCLE_BUILD_URL: "https://circleci.example/gh/acme/web/1",
      CIRCLE_PROJECT_ID: "42",
      CIRCLE_WORKFLOW_WORKSPACE_ID: this.#id,
      CIRCLE_JOB: name,
      CIRCLE_WORKFLOW_JOB_ID: crypto.randomUUID(),
      CIRCLE_NODE_INDEX: "0",
      CIRCLE_NODE_TOTAL: "1",
      MOGPLEX_API_KEY: this.#machine.token,
      ...textFields(job.environment, `environment of ${name}`),
    };
    for (const each of steps.filter((step) => step !== "checkout")) {
      const step = fields(each, "step", STEPS);
      if (status === "canceled") break;
      if (step.run === undefined) this.#builtIn(step, cwd, status);
      else if (status === "success") status = await this.#run(step.run, env, cwd);
    }
    return status;
  }

  async #run(value: unknown, env: Record<string, string>, cwd: string): Promise<Status> {
    const { name, command } = fields(value, "run", ["name", "command"]);
    const { code, stopped } = await this.#machine.run({
      name: text(name, "name of a step"),
      text: text(command, "command"),
      shell: ["bash", "-eo", "pipefail"],
      env,
      cwd,
    });
    return stopped ? "canceled" : code === 0 ? "success" : "failed";
  }

  #builtIn(step: Fields, cwd: string, status: Status): void {
    if (step.persist_to_workspace !== undefined && status === "success") {
      const { root, paths } = fields(step.persist_to_workspace, "persist_to_workspace", ["root", "paths"]);
      const wanted = texts(paths, "paths");
      const copied = copyMatching(wanted, join(cwd, text(root, "root")), this.#workspace);
      if (copied.length !== wanted.length) throw new Error(`The workspace gets ${copied} only`);
    }
    if (step.attach_workspace !== undefined && status === "success") {
      const { at } = fields(step.attach_workspace, "attach_workspace", ["at"]);
      copyMatching(["**"], this.#workspace, join(cwd, text(at, "at")));
    }
    // Reports are kept after a failure, too.
    if (step.store_test_results !== undefined) {
      const report = join(cwd, text(fields(step.store_test_results, "store_test_results", ["path"]).path, "path"));
      if (existsSync(report)) this.build.tests = readFileSync(report, "utf8");
    }
    if (step.store_artifacts !== undefined) {
      const { path } = fields(step.store_artifacts, "store_artifacts", ["path"]);
      const from = join(cwd, text(path, "path"));
      if (existsSync(from)) this.build.artifacts.push(...copyMatching(["**"], from, this.#machine.directory()));
    }
  }
}

export async function runCircle(recipe: string, machine: Machine, options: BuildOptions): Promise<Build> {
  const { jobs, workflows } = fields(parseYaml(recipe), "file", ["version", "jobs", "workflows"]);
  const definitions = Object.values(workflows as Fields);
  if (definitions.length !== 1) throw new TypeError("There is not just one workflow");
  const workflow = new Workflow(machine, options);
  for (const each of list(fields(definitions[0], "workflow", ["jobs"]).jobs, "jobs")) {
    const [[name, value] = ["", {}]] = Object.entries(each as Fields);
    const { requires = [] } = fields(value, name, ["context", "requires"]);
    const job = fields((jobs as Fields)[name], `job ${name}`, JOB);
    const due = workflow.isDue(list(requires, "requires"));
    workflow.statuses[name] = due ? await workflow.job(name, job) : "not_run";
  }
  const statuses = Object.values(workflow.statuses);
  if (statuses.includes("canceled")) workflow.build.status = "cancelled";
  else if (statuses.includes("failed")) workflow.build.status = "failed";
  return workflow.build;
}
