/**
 * Fails unless this GitLab pipeline has certain jobs with certain statuses: `tools/pipeline_jobs.ts NAME=STATUS…`, run in one of the pipeline's jobs.
 *
 * A pipeline also succeeds if a component was not included, so the existence of the component's jobs must be checked. Runs on Deno without any
 * package.
 */
import process from "node:process";

interface Job {
  name: string;
  status: string;
}

export interface Pipeline {
  api: string;
  project: string;
  pipeline: string;
  token?: string | undefined;
}

/**
 * Lists the last attempt of each job.
 *
 * @throws if the status of GitLab's answer is not 2xx. Source: GitLab, "Jobs API", "List pipeline jobs". GitLab answers 401 to a job token (issue
 * 37136).
 */
async function jobsOf({ api, project, pipeline, token }: Pipeline): Promise<Job[]> {
  const jobs: Job[] = [];
  for (let page = "1"; page !== "";) {
    const url = `${api}/projects/${project}/pipelines/${pipeline}/jobs?per_page=100&page=${page}`;
    const headers: Record<string, string> = token === undefined ? {} : { "private-token": token };
    const answer = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(30_000) });
    if (!answer.ok) {
      throw new Error(
        `Cannot list jobs of pipeline ${pipeline}: GitLab answered ${answer.status} ` +
          `(a project that is not public needs PIPELINE_TOKEN, which may read the API)`,
      );
    }
    jobs.push(...await answer.json() as Job[]);
    page = answer.headers.get("x-next-page") ?? "";
  }
  return jobs;
}

export async function jobProblems(where: Pipeline, wanted: Readonly<Record<string, string>>): Promise<string[]> {
  const jobs = await jobsOf(where);
  return Object.entries(wanted).flatMap(([name, status]) => {
    const found = jobs.filter((job) => job.name === name);
    if (found.length !== 1) return [`Cannot find job "${name}": the pipeline has ${found.length} of that name`];
    return found[0]?.status === status ? [] : [`Job "${name}" is not "${status}": "${found[0]?.status}"`];
  });
}

async function main(args: readonly string[]): Promise<number> {
  const { CI_API_V4_URL = "", CI_PROJECT_ID = "", CI_PIPELINE_ID = "", PIPELINE_TOKEN } = process.env;
  const where = { api: CI_API_V4_URL, project: CI_PROJECT_ID, pipeline: CI_PIPELINE_ID, token: PIPELINE_TOKEN };
  const wanted = Object.fromEntries(args.map((arg) => arg.split("=") as [string, string]));
  const problems = await jobProblems(where, wanted);
  for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
  if (problems.length === 0) process.stdout.write(`${args.length} jobs are as expected\n`);
  return problems.length === 0 && args.length > 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = 70;
  process.exitCode = await main(process.argv.slice(2));
}
