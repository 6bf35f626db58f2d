/** Reads a workflow of GitHub Actions: its jobs, and the nodes of a matrix. */
import { type Fields, fields, list, parseYaml, text, textFields } from "../../../../unit/examples/strict.ts";
import type { Value } from "../../../../unit/examples/systems/models/github_expressions.ts";

const WORKFLOW = ["name", "on", "permissions", "concurrency", "jobs"];
const JOB = ["name", "if", "needs", "strategy", "concurrency", "runs-on", "container", "permissions"]
  .concat("timeout-minutes", "outputs", "env", "steps");

/** The jobs of a workflow by name, in the order of the file. */
export function readJobs(workflow: string): [string, Fields][] {
  const { jobs } = fields(parseYaml(workflow), "workflow", WORKFLOW);
  return Object.entries(jobs as Fields).map(([name, job]) => [name, fields(job, `job ${name}`, JOB)]);
}

/** The first job of a workflow, and its name. */
export function readJob(workflow: string): [string, Fields] {
  return readJobs(workflow)[0] as [string, Fields];
}

/** Nodes of the matrix of a job, and how many may be at work at the same time. */
export function readMatrix(workflow: string): { nodes: Record<string, Value>[]; maxParallel: number } {
  const [, job] = readJob(workflow);
  const strategy = fields(job.strategy, "strategy", ["fail-fast", "max-parallel", "matrix"]);
  const { repository } = fields(strategy.matrix, "matrix", ["repository"]);
  const nodes = list(repository, "matrix.repository").map((each) => ({ repository: textFields(each, "repository") }));
  return { nodes, maxParallel: Number(strategy["max-parallel"]) };
}

/** Name of a workflow. */
export function titleOf(workflow: string): string {
  return text(fields(parseYaml(workflow), "workflow", WORKFLOW).name, "name of the workflow");
}
