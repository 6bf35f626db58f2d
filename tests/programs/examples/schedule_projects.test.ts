/** `examples/gitlab/schedule-projects.sh`, with a model of GitLab's API. */
import { spawnSync } from "node:child_process";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { root } from "../../../tools/setup.mjs";
import { launch } from "../processes/world/service.ts";
import { which } from "./shell/shells.ts";

const MOVE =
  "move other jobs to a file, such as ci/pipeline.yml, and include it with rules: [{ if: $MOGPLEX_SCHEDULE == null }]";
const SCRIPT = join(root, "examples/gitlab/schedule-projects.sh");
const CAN_RUN = which("jq") !== undefined && which("curl") !== undefined;

const folder = mkdtempSync(join(tmpdir(), "mogplex-schedules-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the script with these projects, or without a list. */
async function runScript(env: Record<string, string>, list: string | undefined) {
  const cwd = mkdtempSync(join(folder, "projects-"));
  if (list !== undefined) writeFileSync(join(cwd, "projects.txt"), list);
  const all = { PATH: process.env.PATH ?? "", HOME: cwd, ...env };
  const { code, stdout, stderr } = await launch(["sh", SCRIPT, "projects.txt"], { cwd, env: all }).ended;
  return { code, stdout, stderr };
}

test.skipIf(which("shellcheck") === undefined)("schedule-projects.sh has nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", [SCRIPT], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

/**
 * A GitLab with projects, by its documentation: "Project-level CI/CD variables API" (PUT answers 404 for a variable that does not exist, POST 400 for
 * one that does), "Pipeline schedules API" (a list has no variables; active by default; `lib/api/ci/pipeline_schedules.rb` answers 403 for a variable
 * that `ci_pipeline_variables_minimum_override_role` does not allow), "Projects API" (`ci_config_path` is null by default), "Repository files API" and
 * "CI Lint API" (`merged_yaml` is the whole pipeline, with a colon before its names in the examples of the page, and `lib/gitlab/ci/lint.rb` has it for
 * a pipeline without jobs, too).
 */
async function startProjects() {
  interface Schedule {
    id: number;
    description: string;
    ref: string;
    cron: string;
    active: boolean;
    variables: { key: string; value: string }[];
  }
  const empty = () => ({
    variables: new Map<string, object>(),
    schedules: [] as Schedule[],
    allowsVariables: true,
    configPath: null as string | null,
    /** Undefined if the project has no such file. */
    pipeline: "include: [{ local: ci/pipeline.yml, rules: [{ if: $MOGPLEX_SCHEDULE == null }] }]\n" as
      | string
      | undefined,
    merged: "---\nstages:\n- test\nmogplex-run:\n  script:\n  - node mogplex.mjs\n" as string | null,
  });
  const projects = new Map(["acme/web", "acme/sub/api", "acme/docs"].map((name) => [name, empty()]));
  const server = createServer(async (request, response) => {
    const { url = "", method, headers } = request;
    const answer = (status: number, body: object = {}) => void response.writeHead(status).end(JSON.stringify(body));
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    const text = Buffer.concat(parts).toString("utf8");
    const body = text === "" ? {} : JSON.parse(text);
    if (headers["private-token"] !== "glpat-1") return answer(401, { message: "401 Unauthorized" });
    const [, name = "", what = "", key = "", more = ""] =
      /^\/api\/v4\/projects\/([^/?]+)(?:\/(\w+)(?:\/([\w.%-]+))?(?:\/([\w.%-]+))?(?:\/raw)?)?(?:\?.*)?$/.exec(url) ??
        [];
    const project = projects.get(decodeURIComponent(name));
    if (project === undefined) return answer(404, { message: "404 Project Not Found" });
    const { variables, schedules, allowsVariables, configPath, pipeline, merged } = project;
    if (what === "") return answer(200, { default_branch: "main", ci_config_path: configPath });
    if (what === "repository" && key === "files") {
      const path = decodeURIComponent(more);
      if (pipeline === undefined || path !== (configPath ?? ".gitlab-ci.yml")) {
        return answer(404, { message: "404 File Not Found" });
      }
      return void response.writeHead(200).end(pipeline);
    }
    if (what === "ci" && url.endsWith("/lint?dry_run=true")) {
      const errors = merged === null ? ["(<unknown>): did not find expected key"] : [];
      return answer(200, { valid: merged !== null, errors, warnings: [], merged_yaml: merged });
    }
    if (what === "variables") {
      if (method === "PUT" && !variables.has(key)) return answer(404, { message: "404 Variable Not Found" });
      if (method === "POST" && variables.has(body.key)) {
        return answer(400, { message: { key: ["(MOGPLEX_API_KEY) has already been taken"] } });
      }
      if (body.value.length < 8) return answer(400, { message: { value: ["is invalid"] } });
      variables.set(body.key, body);
      return answer(method === "PUT" ? 200 : 201, body);
    }
    if (what !== "pipeline_schedules") return answer(404, { error: "404 Not Found" });
    if (key === "" && method === "GET") return answer(200, schedules.map(({ variables: _, ...each }) => each));
    if (key === "") {
      schedules.push({ id: schedules.length + 7, active: true, ...body, variables: [] });
      return answer(201, schedules.at(-1));
    }
    const schedule = schedules.find(({ id }) => id === Number(key));
    if (schedule === undefined) return answer(404, { message: "404 Pipeline Schedule Not Found" });
    if (more === "variables" && !allowsVariables) return answer(403, { message: "403 Forbidden" });
    if (more === "variables") schedule.variables.push(body);
    else if (method === "PUT") Object.assign(schedule, body);
    answer(more === "variables" ? 201 : 200, schedule);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, projects, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh spreads the schedules of all projects, can be repeated, and shows GitLab's message",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      let progress = "";
      const setUp = async (env: Record<string, string> = {}) => {
        const all = { GITLAB_URL: url, GITLAB_TOKEN: "glpat-1", MOGPLEX_API_KEY: "", HOURS: "13", ...env };
        const { code, stdout, stderr } = await runScript(all, "acme/web\nacme/gone\nacme/sub/api\nacme/docs\n");
        expect(code).toBe(1);
        progress = stdout;
        return stderr;
      };
      const shown = (...results: string[]) =>
        ["1 of 4: acme/web", "2 of 4: acme/gone", "3 of 4: acme/sub/api", "4 of 4: acme/docs"]
          .map((line, at) => `${line}${results[at]}\n`).join("");
      const gone = 'failed: acme/gone: cannot read the project: HTTP 404 "404 Project Not Found"\n1 of 4 failed\n';
      const schedule = (cron: string) => ({
        ...{ id: 7, description: "mogplex", ref: "main", cron, active: true },
        variables: [{ key: "MOGPLEX_SCHEDULE", value: "run" }],
      });
      const crons = { "acme/web": "37 1 * * *", "acme/sub/api": "7 8 * * *", "acme/docs": "22 11 * * *" };
      const expectWith = (token: string | undefined) =>
        expect([...projects].map(([name, { variables, schedules }]) => [name, [...variables.values()], schedules]))
          .toEqual(
            Object.entries(crons).map(([name, cron]) => [
              name,
              token === undefined ? [] : [{ key: "MOGPLEX_API_KEY", value: token, masked: true, protected: true }],
              [schedule(cron)],
            ]),
          );
      expect(await setUp()).toBe(gone);
      expectWith(undefined);
      expect(progress).toBe(shown(": created", "", ": created", ": created"));
      // Again, with a token, then with the next one; a schedule that has lost its variable gets it back, and another time stays.
      projects.get("acme/web")?.schedules.splice(0, 1, { ...schedule(crons["acme/web"]), variables: [] });
      expect(await setUp({ MOGPLEX_API_KEY: "mog_00000001" })).toBe(gone);
      expectWith("mog_00000001");
      expect(progress).toBe(shown(": kept, with the missing variable added", "", ": kept", ": kept"));
      expect(await setUp({ MOGPLEX_API_KEY: "mog_00000002", HOURS: "1" })).toBe(gone);
      expectWith("mog_00000002");
      const refused = 'cannot store MOGPLEX_API_KEY: HTTP 400 {"value":["is invalid"]}';
      expect((await setUp({ MOGPLEX_API_KEY: "mog_3" })).split("\n")).toEqual([
        `failed: acme/web: ${refused}`,
        'failed: acme/gone: cannot read the project: HTTP 404 "404 Project Not Found"',
        ...[`failed: acme/sub/api: ${refused}`, `failed: acme/docs: ${refused}`, "4 of 4 failed", ""],
      ]);
      // A wrong token is wrong for every project.
      expect(await setUp({ GITLAB_TOKEN: "glpat-wrong" })).toBe(
        'failed: acme/web: cannot read the project: HTTP 401 "401 Unauthorized"\nstopped: GitLab rejects GITLAB_TOKEN\n',
      );
      expectWith("mog_00000002");
    } finally {
      server.close();
    }
  },
);

/** Runs the script with this token to store, if any. */
function scheduleProjects(url: string, list: string, hours = "", key = "") {
  return runScript({ GITLAB_URL: url, GITLAB_TOKEN: "glpat-1", MOGPLEX_API_KEY: key, HOURS: hours }, list);
}

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh creates no schedule in a project whose other jobs it could start, and names them",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      const change = (name: string, parts: object) => Object.assign(projects.get(name) ?? {}, parts);
      change("acme/web", {
        pipeline: "build: {}\n# rules: $MOGPLEX_SCHEDULE == null\n",
        merged:
          '---\nimage: node:22\nvariables:\n  A: b\n".base:x":\n  tags: []\n.base:\n  tags: []\nbuild:\n  script: make\n' +
          '"test: unit":\n  script: make\ntest:e2e:\n  script: make\nx: &x\n  script: make\nmogplex-run:\n  script: a\n',
      });
      change("acme/sub/api", {
        pipeline: 'job:\n  rules:\n    - if: $MOGPLEX_SCHEDULE == "run"\n',
        merged: "---\n:job:\n  :script: make\n",
      });
      change("acme/docs", {
        configPath: "ci/all.yml",
        pipeline: "job:\n  rules:\n    - if: $MOGPLEX_SCHEDULE\n      when: never\n",
      });
      expect(await scheduleProjects(url, "acme/web\nacme/sub/api\nacme/docs\n", "", "mog_00000001")).toEqual({
        code: 1,
        stdout: "1 of 3: acme/web\n2 of 3: acme/sub/api\n3 of 3: acme/docs: created\n",
        stderr: [
          `failed: acme/web: no active schedule, because it could also start build, test: unit, test:e2e, x; ${MOVE}`,
          `failed: acme/sub/api: no active schedule, because it could also start job; ${MOVE}`,
          "2 of 3 failed\n",
        ].join("\n"),
      });
      // Nor does it store the token there.
      expect([...projects.values()].map(({ schedules, variables }) => [schedules.length, variables.size])).toEqual([
        [0, 0],
        [0, 0],
        [1, 1],
      ]);
    } finally {
      server.close();
    }
  },
);

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh leaves no active schedule without its variable, and repairs it once the variable is allowed",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      const list = "acme/web\nacme/sub/api\nacme/docs\n";
      const schedule = { id: 7, description: "mogplex", ref: "main", cron: "0 0 * * *", active: true, variables: [] };
      const variable = { key: "MOGPLEX_SCHEDULE", value: "run" };
      // One project without a schedule, one whose schedule has lost its variable, and one whose set-up ended before the last request.
      Object.assign(projects.get("acme/web") ?? {}, { allowsVariables: false });
      const other = { allowsVariables: false, pipeline: "build: {}\n", merged: "---\nbuild:\n  script: make\n" };
      Object.assign(projects.get("acme/sub/api") ?? {}, { ...other, schedules: [{ ...schedule }] });
      Object.assign(projects.get("acme/docs") ?? {}, {
        schedules: [{ ...schedule, active: false, variables: [variable] }],
      });
      const statesOf = () =>
        [...projects.values()].map(({ schedules }) =>
          schedules.map(({ description, active, variables }) => [description, active, variables])
        );
      const refused = (name: string) =>
        `failed: ${name}: cannot add MOGPLEX_SCHEDULE to the schedule, which is inactive: HTTP 403 "403 Forbidden"; ` +
        'allow your role under Settings > CI/CD > Variables > "Minimum role to use pipeline variables"';
      expect((await scheduleProjects(url, list)).stderr.split("\n")).toEqual([
        refused("acme/web"),
        `failed: acme/sub/api: no active schedule, because it could also start build; ${MOVE}`,
        "2 of 3 failed",
        "",
      ]);
      expect(statesOf()).toEqual([
        [["mogplex", false, []]],
        [["mogplex", false, []]],
        [["mogplex", true, [variable]]],
      ]);
      Object.assign(projects.get("acme/sub/api") ?? {}, {
        pipeline: "build: {}\nrules: [{ if: $MOGPLEX_SCHEDULE == null }]\n",
      });
      expect((await scheduleProjects(url, list)).stderr.split("\n")).toEqual([
        ...[refused("acme/web"), refused("acme/sub/api"), "2 of 3 failed", ""],
      ]);
      for (const project of projects.values()) project.allowsVariables = true;
      expect((await scheduleProjects(url, list)).stderr).toBe("");
      expect(statesOf()).toEqual(Array.from(projects, () => [["mogplex", true, [variable]]]));
    } finally {
      server.close();
    }
  },
);

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh reads a list with empty lines, comments, CRLF and no end of the last line",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      expect(await scheduleProjects(url, "acme/web\r\n\r\n# later\r\n  acme/sub/api \r\n\n#acme/gone\nacme/docs"))
        .toEqual({
          code: 0,
          stdout: "1 of 3: acme/web: created\n2 of 3: acme/sub/api: created\n3 of 3: acme/docs: created\n" +
            "done: 3 of 3 have a schedule\n",
          stderr: "",
        });
      expect([...projects.values()].map(({ schedules }) => schedules.map(({ cron }) => cron))).toEqual([
        ["10 2 * * *"],
        ["30 6 * * *"],
        ["50 10 * * *"],
      ]);
      expect(await scheduleProjects(url, "# none\n\n")).toEqual({
        code: 2,
        stdout: "",
        stderr: "projects.txt names no project\n",
      });
    } finally {
      server.close();
    }
  },
);

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh makes weekly schedules when they are spread over more than a day",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      const list = "acme/web\nacme/sub/api\nacme/docs\n";
      expect((await scheduleProjects(url, list, "168")).stderr).toBe("");
      expect([...projects.values()].map(({ schedules }) => schedules.map(({ cron }) => cron))).toEqual([
        ["0 4 * * 2"],
        ["0 12 * * 4"],
        ["0 20 * * 6"],
      ]);
      for (const hours of ["169", "2000", "0", "08", "-1", "abc", "1.5"]) {
        expect(await scheduleProjects(url, list, hours)).toEqual({
          code: 2,
          stdout: "",
          stderr: `HOURS must be a number from 1 to 168, a week: "${hours}"\n`,
        });
      }
    } finally {
      server.close();
    }
  },
);

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh creates a schedule in a project that only includes the shared job, and none with an invalid pipeline",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      const pipeline = "include: [{ project: acme/ci-templates, ref: v1, file: mogplex.yml }]\n";
      Object.assign(projects.get("acme/web") ?? {}, { pipeline });
      Object.assign(projects.get("acme/docs") ?? {}, { pipeline: "a: [\n", merged: null });
      expect((await scheduleProjects(url, "acme/web\nacme/docs\n")).stderr).toBe(
        "failed: acme/docs: .gitlab-ci.yml: (<unknown>): did not find expected key\n1 of 2 failed\n",
      );
      expect([...projects.values()].map(({ schedules }) => schedules.length)).toEqual([1, 0, 0]);
    } finally {
      server.close();
    }
  },
);

test.skipIf(!CAN_RUN)("schedule-projects.sh creates a schedule in a project whose only jobs init wrote", async () => {
  const { server, projects, url } = await startProjects();
  try {
    const written = (job: string) => `${job}:\n  rules:\n    - if: $MOGPLEX_SCHEDULE == "run"\n  script: a\n`;
    const pipeline = written("mogplex") + written("mogplex-respond");
    Object.assign(projects.get("acme/web") ?? {}, { pipeline, merged: `---\n${pipeline}` });
    Object.assign(projects.get("acme/docs") ?? {}, { pipeline, merged: `---\n${pipeline}deploy:\n  script: a\n` });
    expect((await scheduleProjects(url, "acme/web\nacme/docs\n")).stderr).toBe(
      `failed: acme/docs: no active schedule, because it could also start deploy; ${MOVE}\n1 of 2 failed\n`,
    );
    expect([...projects.values()].map(({ schedules }) => schedules.length)).toEqual([1, 0, 0]);
  } finally {
    server.close();
  }
});

test.skipIf(!CAN_RUN)("schedule-projects.sh stops without an answer, and without a list", async () => {
  const gone = await scheduleProjects("http://127.0.0.1:1", "acme/web\nacme/docs\n");
  expect([gone.code, gone.stdout, gone.stderr.split("\n").slice(1)]).toEqual([1, "1 of 2: acme/web\n", [
    "stopped: no answer from http://127.0.0.1:1/api/v4/projects; run the script again later",
    "",
  ]]);
  expect(await runScript({ GITLAB_TOKEN: "glpat-1" }, undefined)).toEqual({
    code: 2,
    stdout: "",
    stderr: "projects.txt does not exist; write one project path per line\n",
  });
  const { stderr } = await runScript({}, "acme/web\n");
  expect(stderr).toEndWith("GITLAB_TOKEN: give a token with the api scope and the Maintainer role\n");
});

test.skipIf(!CAN_RUN)(
  "schedule-projects.sh checks the whole pipeline when the pipeline file is in another project, or at a URL",
  async () => {
    const { server, projects, url } = await startProjects();
    try {
      const change = (name: string, parts: object) =>
        Object.assign(projects.get(name) ?? {}, { pipeline: undefined, ...parts });
      const other = "---\nmogplex-run:\n  script: a\ndeploy:\n  script: a\n";
      change("acme/web", { configPath: ".gitlab-ci.yml@acme/ci-templates" });
      change("acme/sub/api", { configPath: "ci/all.yaml@acme/ci-templates:v1", merged: other });
      change("acme/docs", { configPath: "https://ci.example.com/all.yml", merged: null });
      expect(await scheduleProjects(url, "acme/web\nacme/sub/api\nacme/docs\n")).toEqual({
        code: 1,
        stdout: "1 of 3: acme/web: created\n2 of 3: acme/sub/api\n3 of 3: acme/docs\n",
        stderr: [
          `failed: acme/sub/api: no active schedule, because it could also start deploy; ${MOVE}`,
          "failed: acme/docs: https://ci.example.com/all.yml: (<unknown>): did not find expected key",
          "2 of 3 failed\n",
        ].join("\n"),
      });
    } finally {
      server.close();
    }
  },
);

test.skipIf(!CAN_RUN)("schedule-projects.sh names the pipeline file that a project lacks", async () => {
  const { server, projects, url } = await startProjects();
  try {
    Object.assign(projects.get("acme/sub/api") ?? {}, { pipeline: undefined });
    expect((await scheduleProjects(url, "acme/sub/api\n")).stderr).toBe(
      'failed: acme/sub/api: cannot read .gitlab-ci.yml: HTTP 404 "404 File Not Found"\n1 of 1 failed\n',
    );
  } finally {
    server.close();
  }
});
