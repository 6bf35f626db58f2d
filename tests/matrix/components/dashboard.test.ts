/** The job of the component `dashboard`, as a pipeline. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { stringify } from "yaml";
import { main } from "../../../lib/cli/component/dashboard.ts";
import { sampleResult } from "../../unit/report/sample.ts";
import { fakeIo } from "../../unit/cli/fake_io.ts";
import { READ_ONLY_TOKEN, world } from "../../unit/cli/world.ts";
import { breaches, elementsOf } from "../../unit/report/page_parser.ts";
import { type Service, startService } from "../../programs/processes/world/service.ts";
import {
  CAN_RUN,
  imageOf,
  include,
  newProject,
  projectVariables,
  runPipeline,
  templateFiles,
} from "../../programs/components/project.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service.close());

// A dashboard leaves out runs of more than 12 weeks ago.
const createdAt = new Date().toISOString();
const RESULT = sampleResult({
  outcome: "failed",
  exitCode: 1,
  repository: "acme/<b>web",
  createdAt,
  updatedAt: createdAt,
});
const ALWAYS = [{ when: "always" }];

// The runtimes differ in what the command does, which tests/processes shows; Deno alone needs permissions.
test.skipIf(!CAN_RUN)("the dashboard component publishes a page from a token that only reads, on Deno", async () => {
  const cwd = newProject(service.folder, "dashboard", {
    ...templateFiles("templates/dashboard.yml"),
    ".gitlab-ci.yml": stringify({
      include: [
        include("dashboard", { rules: ALWAYS, results: "reports/**/result.json\nreports/none.json" }),
        include("dashboard", { "job-name": "refused", rules: ALWAYS, "token-variable": "WRITE_TOKEN" }),
      ],
    }),
    "reports/a/result.json": JSON.stringify(RESULT),
  });
  const variables = { ...projectVariables(service.url, service.readOnlyToken), WRITE_TOKEN: service.token() };
  const { jobs, text } = await runPipeline(cwd, {
    image: imageOf(service.folder, "deno"),
    variables,
  });
  expect([jobs.pages?.code, jobs.refused?.code, jobs.pages === undefined ? text : ""]).toEqual([0, 2, ""]);
  const data = JSON.parse(jobs.pages?.artifact("public/data.json") ?? "");
  expect(data.runs).toMatchObject([{ file: "reports/a/result.json", repository: "acme/<b>web" }]);
  expect(data.fileProblems).toMatchObject([{ file: "reports/none.json" }]);
  const page = jobs.pages?.artifact("public/index.html") ?? "";
  expect(breaches(page, elementsOf(page), /^(#|https?:\/\/|data\.json$|metrics\.prom$)/)).toEqual([]);
  expect(jobs.refused?.log).toContain("the token can start runs or automations");
});

test("the program of the dashboard component ends with the code of what is missing, unless a part is enough", async () => {
  for (const [partial, expected] of [["true", 0], ["false", 69]] as const) {
    const { emulator, clock } = world();
    const fetch = (url: string, init: RequestInit) =>
      url.includes("/repos") ? Promise.resolve(new Response("", { status: 503 })) : emulator.fetch(url, init);
    const io = fakeIo({
      env: { GITLAB_CI: "true", CI: "true", MOGPLEX_API_KEY: READ_ONLY_TOKEN, MOGPLEX_INPUT_PARTIAL: partial },
    });
    expect(await main(["dashboard"], io, { fetch, clock })).toBe(expected);
    expect(io.files.has("public/index.html")).toBe(true);
  }
  const io = fakeIo({ env: { GITLAB_CI: "true" } });
  expect(await main(["run"], io)).toBe(2);
});
