/** Variables of a project in the two types that GitLab has, as the jobs of the run component get them. */
import { beforeAll, expect, test } from "bun:test";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { type Service, sharedService } from "../../programs/processes/world/service.ts";
import { START } from "../../programs/processes/world/recorder.ts";
import { type ComponentJob, type ComponentJobOptions, openComponentJob } from "./component_job.ts";
import { readFileSync } from "node:fs";
import { built } from "../../built.ts";

let service: Service;
let template = "";

beforeAll(async () => {
  service = await sharedService();
  template = readFileSync(built("templates/run.yml"), "utf8");
});

/** A test with jobs in an image of the runtime that starts quickest. */
function withJobs(
  what: string,
  body: (open: (options: Partial<ComponentJobOptions>) => Promise<ComponentJob>) => Promise<void>,
) {
  test(what, async () => {
    const jobs: ComponentJob[] = [];
    await body(async (options) => {
      const job = await openComponentJob({ name: "bun", runtime: RUNTIMES.bun, service }, { template, ...options });
      jobs.push(job);
      return job;
    });
    for (const { recorder } of jobs) recorder.close();
  });
}

withJobs(
  "a token of type File ends the job with 64 before anything is sent, and says what to call it",
  async (open) => {
    const job = await open({ inputs: { prompt: "<success>" }, files: { MOGPLEX_API_KEY: "mog_never" } });
    const { code, stdout } = await job.script().ended;
    expect({ code, requests: job.recorder.requests }).toEqual({ code: 64, requests: [] });
    expect(stdout).toContain(
      "\nreason        Cannot read token: variable MOGPLEX_API_KEY is of type File, so its value is the path of a file\n" +
        "what to do    Rename it to MOGPLEX_API_KEY_FILE, or change its type to Variable\n",
    );
  },
);

withJobs("token and task can be variables of type File under the names that end in _FILE", async (open) => {
  const token = await open({});
  const files = {
    MOGPLEX_API_KEY_FILE: `${token.env.MOGPLEX_API_KEY}\n`,
    MOGPLEX_PROMPT_FILE: "<success> of a file\n",
  };
  const job = await open({ more: { MOGPLEX_API_KEY: "" }, files });
  expect((await job.script().ended).code).toBe(0);
  expect(job.recorder.of(START).map(({ body }) => JSON.parse(body).prompt)).toEqual(["<success> of a file"]);
});

withJobs("a text of type File ends the job with 2 before anything is sent, whichever it is", async (open) => {
  for (const name of ["MOGPLEX_PROMPT", "MOGPLEX_BASE_BRANCH", "MOGPLEX_REPO_ID", "MOGPLEX_ROOT"]) {
    const inputs = name === "MOGPLEX_PROMPT" ? {} : { prompt: "<success>" };
    const job = await open({ inputs, files: { [name]: "text" } });
    const { code, stdout } = await job.script().ended;
    expect({ name, code, requests: job.recorder.requests }).toEqual({ name, code: 2, requests: [] });
    expect(stdout).toContain(`\nreason        Cannot use ${name}: this variable is of type File`);
  }
});
