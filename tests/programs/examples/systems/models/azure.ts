/**
 * Runs a pipeline of Azure Pipelines with one job. Source: Azure Pipelines, "YAML schema reference", "Define variables",
 * "Pipeline conditions", "Logging commands".
 */
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Machine } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields } from "../../../../unit/examples/strict.ts";

const PIPELINE = ["trigger", "pr", "schedules", "pool", "variables", "jobs"];
const JOB = ["job", "displayName", "timeoutInMinutes", "cancelTimeoutInMinutes", "steps"];
const STEP = [
  "checkout",
  "persistCredentials",
  "bash",
  "task",
  "publish",
  "name",
  "displayName",
  "condition",
  "env",
  "inputs",
  "artifact",
];
const STATUSES = { success: "Succeeded", failed: "Failed", cancelled: "Canceled" };

/** Variables of the pipeline; secret ones get into no environment by themselves. */
interface Variables {
  open: Record<string, string>;
  secret: Record<string, string>;
}

function readVariables(value: unknown, token: string): Variables {
  const variables: Variables = { open: { "System.JobAttempt": "1" }, secret: {} };
  for (const each of list(value, "variables")) {
    const { group, name, value: own } = fields(each, "variable", ["group", "name", "value"]);
    if (group === "mogplex") variables.secret.MOGPLEX_API_KEY = token;
    else variables.open[text(name, "name of a variable")] = text(own, "value of a variable");
  }
  return variables;
}

/** Replaces `$(name)`. Azure leaves names alone that it does not know; here they are errors. */
function expand(source: string, { open, secret }: Variables): string {
  return source.replace(/\$\(([\w.]+)\)/g, (all, name: string) => {
    const value = open[name] ?? secret[name];
    if (value === undefined) throw new ReferenceError(`Cannot expand ${all}`);
    return value;
  });
}

class Job {
  readonly build: Build = emptyBuild();
  readonly #machine: Machine;
  readonly #variables: Variables;
  readonly #cwd: string;
  readonly #id: string;

  constructor(machine: Machine, variables: Variables, { id }: BuildOptions) {
    this.#machine = machine;
    this.#variables = variables;
    this.#cwd = machine.checkout();
    this.#id = id;
  }

  async step(value: unknown): Promise<void> {
    const step = fields(value, "step", STEP);
    if (step.condition !== undefined && step.condition !== "always()") {
      throw new SyntaxError(`Unknown: ${step.condition}`);
    }
    if (step.condition === undefined && this.build.status !== "success") return;
    if (step.checkout !== undefined) {
      if (step.checkout !== "self" || step.persistCredentials !== false) {
        throw new TypeError("The checkout would keep a token");
      }
      return;
    }
    if (step.bash !== undefined) return await this.#script(step);
    if (step.publish !== undefined) return this.#publish(step);
    if (step.task !== "PublishTestResults@2") throw new TypeError(`Unknown task: ${step.task}`);
    const { testResultsFormat, testResultsFiles = "" } = textFields(step.inputs, "inputs");
    if (testResultsFormat !== "JUnit") throw new TypeError("The format is not JUnit");
    // A file that is missing is a warning.
    const report = join(this.#cwd, testResultsFiles);
    if (existsSync(report)) this.build.tests = readFileSync(report, "utf8");
  }

  #publish(step: Fields): void {
    expand(text(step.artifact, "artifact"), this.#variables);
    const from = join(this.#cwd, text(step.publish, "publish"));
    // A directory that is missing is an error.
    if (existsSync(from)) this.build.artifacts = copyMatching(["**"], from, this.#machine.directory());
    else if (this.build.status === "success") this.build.status = "failed";
  }

  async #script(step: Fields): Promise<void> {
    const name = text(step.displayName, "displayName");
    const environment = Object.entries(textFields(step.env, `env of ${name}`));
    // Dots of names become underscores, all letters capitals.
    const open = Object.entries(this.#variables.open).map((
      [key, each],
    ) => [key.toUpperCase().replaceAll(".", "_"), each]);
    const { code, stopped, stdout } = await this.#machine.run({
      name,
      text: expand(text(step.bash, `bash of ${name}`), this.#variables),
      shell: ["bash", "--noprofile", "--norc"],
      env: {
        ...Object.fromEntries(open),
        SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "https://dev.azure.example/acme/",
        SYSTEM_COLLECTIONURI: "https://dev.azure.example/acme/",
        SYSTEM_TEAMPROJECTID: "42",
        SYSTEM_TEAMPROJECT: "web",
        BUILD_BUILDID: this.#id,
        BUILD_REPOSITORY_NAME: "acme/web",
        SYSTEM_STAGENAME: "__default",
        SYSTEM_PHASENAME: "cleanup",
        SYSTEM_JOBNAME: "cleanup",
        SYSTEM_STAGEATTEMPT: "1",
        SYSTEM_PHASEATTEMPT: "1",
        AGENT_JOBSTATUS: STATUSES[this.build.status],
        ...Object.fromEntries(environment.map(([key, each]) => [key, expand(each, this.#variables)])),
      },
      cwd: this.#cwd,
    });
    this.#obey(stdout, step.name === undefined ? undefined : text(step.name, `name of ${name}`));
    if (stopped) this.build.status = "cancelled";
    else if (code !== 0 && this.build.status === "success") this.build.status = "failed";
  }

  /** Commands in the log of a step. */
  #obey(log: string, name: string | undefined): void {
    for (const [, command = "", properties = "", data = ""] of log.matchAll(/^##vso\[(\S+) ?(.*?)\](.*)$/gm)) {
      if (command === "task.setvariable") {
        const variable = /^variable=(\w+);isOutput=true$/.exec(properties)?.[1];
        if (variable === undefined) throw new SyntaxError(`Unknown properties: ${properties}`);
        if (name !== undefined) this.build.outputs[`${name}.${variable}`] = data;
      } else if (command === "task.uploadsummary") {
        if (!isAbsolute(data)) throw new TypeError(`The path of the summary is not absolute: ${data}`);
        this.build.outputs.summary = readFileSync(data, "utf8");
      } else if (command !== "task.logissue") throw new SyntaxError(`Unknown command: ${command}`);
    }
  }
}

/** Runs the one job of a pipeline. */
export async function runAzure(recipe: string, machine: Machine, options: BuildOptions): Promise<Build> {
  const pipeline = fields(parseYaml(recipe), "pipeline", PIPELINE);
  const [first, ...others] = list(pipeline.jobs, "jobs");
  if (others.length > 0) throw new TypeError("The pipeline has more than one job");
  const { steps } = fields(first, "job", JOB);
  const job = new Job(machine, readVariables(pipeline.variables, machine.token), options);
  for (const step of list(steps, "steps")) await job.step(step);
  return job.build;
}
