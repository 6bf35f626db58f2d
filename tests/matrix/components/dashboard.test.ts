/** The job of the component `dashboard`, as a pipeline. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { main } from "../../../lib/cli/component/dashboard.ts";
import { historyLine, type HistoryRecord, recordOf } from "../../../lib/report/history.ts";
import { root } from "../../../tools/setup.mjs";
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
  predefined,
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

const lineOf = (runId: string) =>
  historyLine({ ...recordOf(sampleResult(), Date.now(), "nightly") as HistoryRecord, runId });

test.skipIf(!CAN_RUN)(
  "the documented example of the dashboard component counts the runs of its histories",
  async () => {
    const example = readFileSync(join(root, "components/dashboard/example.gitlab-ci.yml"), "utf8");
    const template = Object.values(templateFiles("templates/dashboard.yml"))[0] ?? "";
    const histories = {
      "runs/a.ndjson": lineOf("run-a"),
      "runs/b.ndjson": lineOf("run-b"),
      "more/c.ndjson": lineOf("c"),
    };
    const oneLine = "history: runs/*.ndjson";
    expect(example).toContain(oneLine);
    const twoLines = "history: |\n        runs/a.ndjson\n        more/*.ndjson";
    const counts = [];
    for (const text of [example, example.replace(oneLine, twoLines)]) {
      const cwd = newProject(service.folder, "example", {
        "ci/mogplex-dashboard.yml": template,
        ".gitlab-ci.yml": text,
        ...histories,
      });
      const { jobs, text: log } = await runPipeline(cwd, {
        image: imageOf(service.folder, "deno"),
        variables: projectVariables(service.url, service.readOnlyToken),
        args: predefined({ CI_PIPELINE_SOURCE: "schedule", MOGPLEX_SCHEDULE: "dashboard" }),
      });
      expect([jobs.pages?.code, jobs.pages?.code === 0 ? "" : log]).toEqual([0, ""]);
      counts.push(JSON.parse(jobs.pages?.artifact("public/data.json") ?? "").covers);
    }
    expect(counts).toMatchObject([{ histories: 2, lines: 2 }, { histories: 2, lines: 2 }]);
  },
);

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
