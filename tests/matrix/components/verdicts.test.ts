/** The whole job, as GitLab runs it, on each runtime: color, reason, reports. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Service, sharedService, startService } from "../../programs/processes/world/service.ts";
import {
  CAN_RUN,
  imageOf,
  include,
  type JobEnd,
  newProject,
  projectVariables,
  runPipeline,
  templateFiles,
} from "../../programs/components/project.ts";

const RUNTIMES = ["deno", "bun", "node"] as const;

let service: Service;
const files = templateFiles("templates/run.yml", "templates/follow.yml");

/** A service that refuses every start for a day. */
let busy: Service;

beforeAll(async () => {
  service = await sharedService();
  busy = await startService();
  await busy.control("fault", { kind: "429", route: "POST /runs", retryAfter: 86_400, times: 99 });
});

afterAll(() => busy.close());

/** An address without a server: a port that was free a moment ago. */
const NOBODY = await (async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return `http://127.0.0.1:${port}`;
})();

interface Case {
  /** What the job ends with. */
  code: number;
  /** What the log says. */
  says: RegExp;
  /** Inputs of the component. */
  inputs?: Record<string, unknown>;
  /** Variables that the consumer gives this one job. */
  variables?: () => Record<string, string>;
}

const CASES: Record<string, Case> = {
  success: { code: 0, says: /^> verdict +success \(exit code 0\)$/m },
  "agent-failure": { code: 1, says: /^> reason +Agent run exited with code 1\.$/m },
  "cancelled-during-boot": { code: 3, says: /^> verdict +cancelled \(exit code 3\)$/m },
  "awaiting-input": { code: 4, says: /^> verdict +needs an answer \(exit code 4\)$/m },
  "token-empty": {
    code: 64,
    says:
      /^> reason +Cannot read token: variable EMPTY_TOKEN is empty\n> what to do +Store the token in Settings > CI\/CD > Variables \(protected variables .* from forks get no variables\)$/m,
    inputs: { "token-variable": "EMPTY_TOKEN" },
  },
  "token-read-only": {
    code: 65,
    says: /^> reason +Cannot start run.*403/m,
    inputs: { "token-variable": "READ_ONLY_TOKEN" },
  },
  "service-down": {
    code: 69,
    says: /^> reason +Cannot start run: the network failed: .*refused/im,
    inputs: { timeout: 2 },
    variables: () => ({ MOGPLEX_URL: NOBODY }),
  },
  "rate-limited": {
    code: 75,
    says:
      /^> reason +Cannot start run: the .* has been reached .*\n> what to do +Wait until 20.*use a timeout that ends after that time/m,
    inputs: { timeout: 2 },
    variables: () => ({ MOGPLEX_URL: busy.url }),
  },
  "stuck-streaming": {
    code: 124,
    says: /^> verdict +did not finish in time \(exit code 124\)$/m,
    inputs: { timeout: 2 },
  },
  "bad-repository": {
    code: 2,
    says: /^> reason +Cannot start run: the token cannot access repository "00000000-/m,
    inputs: { "repo-id": "00000000-0000-4000-8000-000000000000" },
  },
};

function pipeline(names: [string, Case][]): string {
  return stringify({
    stages: ["test"],
    include: names.map(([name, { inputs }]) =>
      include("run", { "job-name": name, prompt: `<${name}> do it`, ...inputs })
    ),
    ...Object.fromEntries(
      names.flatMap(([name, { variables }]) => variables ? [[name, { variables: variables() }]] : []),
    ),
  });
}

function expectReports({ artifact, artifacts }: JobEnd, code: number): void {
  const { exitCode, outcome } = JSON.parse(artifact("mogplex-ci/result.json"));
  expect(exitCode).toBe(code);
  expect(artifact("mogplex-ci/outputs.env")).toContain(`MOGPLEX_OUTCOME=${outcome}\n`);
  for (const name of ["junit.xml", "annotations.json", "metrics.txt", "summary.md", "run.html", "events.ndjson"]) {
    expect({ name, empty: artifact(`mogplex-ci/${name}`).trim() === "" && name !== "events.ndjson" }).toEqual({
      name,
      empty: false,
    });
  }
  expect(existsSync(join(artifacts, ".mogplex-ci"))).toBe(false);
}

/** What differs by runtime: the code that a process ends with, and the words for a network that fails. */
const OF_EVERY_RUNTIME = ["success", "agent-failure", "service-down"];

test.skipIf(!CAN_RUN).each([...RUNTIMES])(
  "the run component ends with the verdict of each kind of run, on %s",
  async (runtime) => {
    const cases = Object.entries(CASES).filter(([name]) => runtime === "deno" || OF_EVERY_RUNTIME.includes(name));
    const token = service.token();
    const { MOGPLEX_URL = "", ...variables } = projectVariables(service.url, token);
    // As variables of the pipeline, so that one job can have another address: a project variable would win over it.
    const top = `variables: { MOGPLEX_URL: ${MOGPLEX_URL} }\n`;
    const project = newProject(service.folder, runtime, { ...files, ".gitlab-ci.yml": top + pipeline(cases) });
    const { jobs, text } = await runPipeline(project, {
      image: imageOf(service.folder, runtime),
      variables: { ...variables, READ_ONLY_TOKEN: service.readOnlyToken, EMPTY_TOKEN: "" },
    });
    expect(text).not.toContain("another job wrote it");
    for (const [name, { code, says }] of cases) {
      const job = jobs[name];
      expect({ name, code: job?.code, color: job?.color }).toEqual({
        name,
        code,
        color: code === 0 ? "green" : "red",
      });
      expect(job?.log).toMatch(says);
      expectReports(job as JobEnd, code);
    }
    for (const secret of [token, service.readOnlyToken]) expect(text).not.toContain(secret);
  },
);
