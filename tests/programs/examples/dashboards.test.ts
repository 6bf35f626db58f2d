/** `examples/dashboards/`: lists for dashboards, with a token that may only read. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import type { DashboardData } from "../../../lib/dashboard/data.ts";
import { REPO, type Service, startService } from "../processes/world/service.ts";
import { createShell, MISSING, type Shell } from "../shell/shell.ts";
import { which } from "./shell/shells.ts";

const FILES = ["repositories.sh", "sandboxes.sh"];
const PUSH = "push-history.sh";
const pathOf = (file: string) => join(root, "examples/dashboards", file);

let service: Service;
let shell: Shell;

beforeAll(async () => {
  service = await startService();
  shell = createShell(service, service.token());
  const start = `mogplex run --repo ${REPO} --create-branch --json "<stuck-streaming>" | jq -r .runId\n`;
  const runId = (await shell.run(start)).stdout.trim();
  await shell.run(`mogplex runs events ${runId} --follow --timeout 2\n`);
});

afterAll(() => service.close());

const dashboard = test.skipIf(MISSING.length > 0);

function show(file: string, env: Record<string, string> = {}) {
  return shell.run(readFileSync(pathOf(file), "utf8"), { MOGPLEX_API_KEY: service.readOnlyToken, ...env });
}

test.skipIf(which("shellcheck") === undefined)("dashboards have nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", [...FILES, PUSH].map(pathOf), { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

dashboard("repositories.sh lists what agents can work in, one a line", async () => {
  const { code, stdout, stderr } = await show("repositories.sh");
  expect({ code, stderr: stderr.replace(/^note: .*\n/, "") }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`{"id":"${REPO}","full_name":"acme/web"}\n`);
});

dashboard("sandboxes.sh lists what is running, of one repository on request", async () => {
  const { code, stdout } = await show("sandboxes.sh");
  const shown = stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  expect({ code, shown }).toEqual({ code: 0, shown: [expect.objectContaining({ repo_id: REPO, status: "running" })] });

  const script = readFileSync(pathOf("sandboxes.sh"), "utf8");
  const other = script.replace("set -eu\n", `set -eu\nset -- 0f0f0f0f-0000-4000-8000-00000000dead\n`);
  const none = await shell.run(other, { MOGPLEX_API_KEY: service.readOnlyToken });
  expect({ code: none.code, stdout: none.stdout }).toEqual({ code: 0, stdout: "" });
});

dashboard("dashboards run the file with Node where the command is not on the PATH", async () => {
  const PATH = `${dirname(runtimes.node)}:${process.env.PATH}`;
  for (const file of FILES) {
    const { code, stdout } = await show(file, { PATH, MOGPLEX_FILE: built("mogplex.mjs") });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(REPO) });
  }
});

/** A failure of the service, and the code that a dashboard gets. */
const TROUBLE = [["503", 69], ["429", 75]] as const;

dashboard("dashboards print nothing and end with the code of the command when they know nothing", async () => {
  for (const file of FILES) {
    const wrong = await show(file, { MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" });
    expect({ file, code: wrong.code, stdout: wrong.stdout }).toEqual({ file, code: 64, stdout: "" });
    for (const [kind, expected] of TROUBLE) {
      await service.control("fault", { kind, retryAfter: 3_600 });
      const { code, stdout } = await show(file);
      expect({ file, code, stdout }).toEqual({ file, code: expected, stdout: "" });
    }
  }
});

/** Runs push-history.sh. @returns Its exit code and what it prints. */
function pushed(
  file: string,
  project: string,
  remote: string | undefined,
  path = process.env.PATH,
): Promise<[code: number | null, out: string]> {
  const env = { PATH: path, HISTORY_REMOTE: remote };
  const child = spawn("sh", [pathOf(PUSH), file, project], { env });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => out += chunk);
  return new Promise((resolve) => child.on("close", (code) => resolve([code, out])));
}

test.skipIf(which("git") === undefined)(
  "push-history.sh adds the new lines of each project to the branch, also when projects push at the same time",
  async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mogplex-history-"));
    try {
      const remote = join(cwd, "remote.git");
      spawnSync("git", ["init", "--quiet", "--bare", remote]);
      const file = (name: string, ...lines: string[]) => {
        writeFileSync(join(cwd, name), lines.map((line) => `${line}\n`).join(""));
        return join(cwd, name);
      };
      const read = (name: string) =>
        spawnSync("git", ["-C", remote, "show", `mogplex-history:runs/${name}`], { encoding: "utf8" }).stdout;
      const [web, api] = [file("web", '{"runId":"1"}', '{"runId":"2"}'), file("api", '{"runId":"3"}')];
      expect(await Promise.all([pushed(web, "acme/web", remote), pushed(api, "acme/api", remote)])).toEqual([
        [0, "added 2 runs of acme/web\n"],
        [0, "added 1 run of acme/api\n"],
      ]);
      expect([read("acme-web.ndjson"), read("acme-api.ndjson")]).toEqual([
        '{"runId":"1"}\n{"runId":"2"}\n',
        '{"runId":"3"}\n',
      ]);
      // A later job has the same lines and a new one, and one that has nothing pushes nothing.
      const more = file("more", '{"runId":"2"}', '{"runId":"4"}');
      expect([await pushed(more, "acme/web", remote), await pushed(api, "acme/api", remote)]).toEqual([
        [0, "added 1 run of acme/web\n"],
        [0, "no new run of acme/api: the branch mogplex-history has them all\n"],
      ]);
      expect(read("acme-web.ndjson")).toBe('{"runId":"1"}\n{"runId":"2"}\n{"runId":"4"}\n');
      const commits = spawnSync("git", ["-C", remote, "rev-list", "--count", "mogplex-history"], { encoding: "utf8" });
      expect(commits.stdout.trim()).toBe("3");
      // A job with --history that starts no run leaves an empty file. A path that does not exist is a mistake.
      const [empty, gone] = [file("empty"), join(cwd, "gone")];
      expect(await pushed(empty, "acme/web", remote)).toEqual([0, `no new run of acme/web: ${empty} is empty\n`]);
      expect(await pushed(gone, "acme/web", remote)).toEqual([
        1,
        `Cannot push the history because the file does not exist: "${gone}"; give the path that the job has after --history\n`,
      ]);
      for (const none of ["", undefined]) {
        const [code, out] = await pushed(web, "acme/web", none);
        expect([code, out.split("\n").length]).toEqual([2, 2]);
        expect(out).toStartWith("Cannot push the history: variable HISTORY_REMOTE is empty ");
      }
    } finally {
      rmSync(cwd, { recursive: true });
    }
  },
);

test.skipIf(which("git") === undefined)("push-history.sh prints Git's message without the token", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-history-"));
  // Counts the pauses instead of waiting.
  writeFileSync(join(cwd, "sleep"), `#!/bin/sh\necho "$1" >>"${cwd}/pauses"\n`, { mode: 0o755 });
  const path = `${cwd}:${process.env.PATH}`;
  const file = join(cwd, "web");
  writeFileSync(file, '{"runId":"1"}\n');
  const server = createServer((_request, response) => void response.writeHead(403).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const noAccess = (message: string): [number, string] => [
      1,
      `Cannot push the history because Git gets no access: "${message}"; check HISTORY_REMOTE and its token\n`,
    ];
    const address = `127.0.0.1:${port}/dashboard.git`;
    expect(await pushed(file, "acme/web", `http://ci:glpat-1@${address}`, path)).toEqual(
      noAccess(`fatal: unable to access 'http://${address}/': The requested URL returned error: 403`),
    );
    // What Git prints if the server refuses the key, does not know the repository, or is not known to the job.
    const [end, ssh] = ["fatal: Could not read from remote repository.", "git@git.example.com:acme/dashboard.git"];
    for (
      const [log, message] of [
        [
          `Warning: Permanently added 'git.example.com' (ED25519) to the list of known hosts.\ngit@git.example.com: Permission denied (publickey).\n${end}`,
          "git@git.example.com: Permission denied (publickey).",
        ],
        [`ERROR: Repository not found.\n${end}`, "ERROR: Repository not found."],
        [
          `remote: \nremote: ERROR: The project you were looking for could not be found.\n${end}`,
          "ERROR: The project you were looking for could not be found.",
        ],
        [`Host key verification failed.\n${end}`, "Host key verification failed."],
      ] as const
    ) {
      writeFileSync(join(cwd, "ssh"), `#!/bin/sh\ncat >&2 <<'END'\n${log}\nEND\nexit 255\n`, { mode: 0o755 });
      const check = "HISTORY_REMOTE, and for SSH the job's key and its known_hosts";
      expect(await pushed(file, "acme/web", ssh, path)).toEqual([
        1,
        `Cannot push the history because Git gets no access: "${message}"; check ${check}\n`,
      ]);
    }
    const gone = join(cwd, "gone.git");
    expect((await pushed(file, "acme/web", gone, path))[1]).toContain(
      `because Git gets no access: "fatal: '${gone}' does not appear to be a git repository"; check `,
    );
    expect(existsSync(join(cwd, "pauses"))).toBe(false);
    // Another push holds the lock of the branch all the time.
    const remote = join(cwd, "remote.git");
    spawnSync("git", ["init", "--quiet", "--bare", remote]);
    writeFileSync(join(remote, "refs/heads/mogplex-history.lock"), "");
    const [code, out] = await pushed(file, "acme/web", remote, path);
    expect([code, out]).toEqual([
      1,
      expect.stringContaining(
        'because Git could not push the branch mogplex-history in 10 attempts: "! [remote rejected]',
      ),
    ]);
    expect(readFileSync(join(cwd, "pauses"), "utf8")).toBe("2\n3\n4\n5\n6\n7\n8\n9\n10\n");
  } finally {
    server.close();
    rmSync(cwd, { recursive: true });
  }
});

/**
 * A GitLab with the jobs of projects, by its documentation: "Jobs API", "List all jobs for a project" and "Job artifacts API", "Download a single
 * artifact file by job ID".
 * @param histories Of the jobs of each project, newest first. @param hours From one job to the next.
 * @param nameOf Names of jobs that do not have the usual ones.
 */
async function startGitlab(
  histories: Readonly<Record<string, readonly (string | undefined)[]>>,
  hours = 0,
  nameOf: (project: string, id: number) => string | undefined = () => undefined,
) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://gitlab");
    const answer = (status: number, body: unknown) =>
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    if (request.headers["private-token"] !== "glpat-1") return void answer(401, { message: "401 Unauthorized" });
    const [, project = "", jobId, path] =
      /^\/api\/v4\/projects\/([^/]+)\/jobs(?:\/(\d+)\/artifacts\/(.+))?$/.exec(url.pathname) ?? [];
    const jobs = histories[decodeURIComponent(project)];
    if (jobs === undefined) return void answer(404, { message: "404 Project Not Found" });
    if (project === "acme%2Fguest") return void answer(403, { message: "403 Forbidden" });
    requests.push(`${decodeURIComponent(project)} ${jobId ?? `page ${url.searchParams.get("page")}`}`);
    if (jobId !== undefined) {
      const text = path === "mogplex-ci/runs.ndjson" ? jobs[Number(jobId)] : undefined;
      return void (text === undefined ? answer(404, { message: "404 Not Found" }) : answer(200, text));
    }
    const from = (Number(url.searchParams.get("page")) - 1) * 100;
    answer(
      200,
      jobs.map((_text, id) => ({
        id,
        name: nameOf(decodeURIComponent(project), id) ??
          (id === 1 ? "build" : id % 2 === 0 ? "mogplex" : "mogplex-run"),
        status: "failed",
        created_at: new Date(Date.now() - id * hours * 3_600_000).toISOString(),
        artifacts: [{ file_type: "archive", filename: "artifacts.zip" }],
      })).slice(from, from + 100),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function ndjsonIn(cwd: string): string[] {
  return readdirSync(join(cwd, "runs")).filter((name) => name.endsWith(".ndjson")).sort();
}

/** Runs collect-gitlab.mjs with these lines of projects.txt. */
function collected(cwd: string, projects: string, env: Record<string, string>, list = "projects.txt") {
  writeFileSync(join(cwd, "projects.txt"), projects);
  return new Promise<{ code: number | null; out: string }>((resolve) => {
    const child = spawn(runtimes.node, [pathOf("collect-gitlab.mjs"), list, "runs"], {
      ...{ cwd, env: { PATH: process.env.PATH, ...env } },
    });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => out += chunk);
    child.on("close", (code) => resolve({ code, out }));
  });
}

const problem = (source: string, why: string, empty = true) =>
  `${JSON.stringify({ schemaVersion: 1, kind: "problem", source, why, empty })}\n`;

test("collect-gitlab.mjs downloads each history once, also of failed jobs, and names projects that it cannot read", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-collect-"));
  const line = (id: number) => `{"runId":"${id}"}\n`;
  const many = Array.from({ length: 102 }, (_, id) => id === 0 || id === 101 ? line(id) : undefined);
  const { server, requests, url } = await startGitlab({
    "acme/web": [line(7), line(8), undefined, line(9)],
    "acme/sub/api": many,
    "acme/guest": [],
  });
  try {
    const collect = (projects: string) => collected(cwd, projects, { GITLAB_URL: url, GITLAB_TOKEN: "glpat-1" });
    const files = () =>
      Object.fromEntries(
        ndjsonIn(cwd).map((name) => [name, readFileSync(join(cwd, "runs", name), "utf8")]),
      );
    const all = "acme/web\r\n\nacme/gone\n# acme/later\nacme/sub/api";
    const why = "GitLab finds no such project (HTTP 404). Check its path, and give the token the Developer role there.";
    const gone = `Cannot collect the runs of acme/gone: ${why}\n`;
    expect(await collect(all)).toEqual({ code: 0, out: `acme/web: 2 new\n${gone}acme/sub/api: 2 new\n` });
    const histories = {
      "acme-web-0.ndjson": line(7),
      "acme-web-3.ndjson": line(9),
      "acme-sub-api-0.ndjson": line(0),
      "acme-sub-api-101.ndjson": line(101),
    };
    expect(files()).toEqual({ ...histories, "not-collected.ndjson": problem("acme/gone", why) });
    requests.length = 0;
    expect((await collect(all)).out).toBe(`acme/web: 0 new\n${gone}acme/sub/api: 0 new\n`);
    expect(requests.filter((each) => ["acme/web 0", "acme/web 1", "acme/web 3"].includes(each))).toEqual([]);
    // The files of others stay.
    writeFileSync(join(cwd, "runs/acme-sub-api.ndjson"), line(3));
    const { "acme-web-0.ndjson": first, "acme-web-3.ndjson": last } = histories;
    expect([await collect("acme/web\n"), files()]).toEqual([
      { code: 0, out: "acme/sub/api: no longer in projects.txt, 2 removed\nacme/web: 0 new\n" },
      { "acme-web-0.ndjson": first, "acme-web-3.ndjson": last, "acme-sub-api.ndjson": line(3) },
    ]);
    expect((await collect("acme/web\nacme/sub/api\n")).out).toBe("acme/web: 0 new\nacme/sub/api: 2 new\n");
    expect((await collect("acme/gone\n")).code).toBe(65);
    expect(await collect("acme/guest\n")).toEqual({
      code: 65,
      out:
        "Cannot collect the runs of acme/guest: GitLab refuses GITLAB_TOKEN for this project (HTTP 403). Give the token the Developer role there.\n",
    });
  } finally {
    server.close();
    rmSync(cwd, { recursive: true });
  }
});

test("collect-gitlab.mjs reads on until the last complete collection, and reports a project with more jobs than it reads", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-collect-"));
  const line = (id: number) => `{"runId":"${id}"}\n`;
  // 600 jobs in 25 days.
  const jobs = Array.from({ length: 600 }, (_, id) => id % 100 === 99 ? line(id) : undefined);
  const { server, requests, url } = await startGitlab({ "acme/web": jobs }, 1);
  try {
    const collect = async (env: Record<string, string> = {}) => {
      requests.length = 0;
      const { code, out } = await collected(cwd, "acme/web\n", { GITLAB_URL: url, GITLAB_TOKEN: "glpat-1", ...env });
      return { code, out, pages: requests.filter((each) => each.includes("page")).length };
    };
    const day = new Date(Date.now() - 299 * 3_600_000).toISOString().slice(0, 10);
    const why =
      `Not all jobs were read: the newest 300 jobs only go back to ${day}; set PAGES to more than 3, or SINCE to a later day`;
    const cut = { code: 0, out: `acme/web: 3 new\nacme/web: ${why}\n`, pages: 3 };
    expect(await collect({ PAGES: "3" })).toEqual(cut);
    expect(readFileSync(join(cwd, "runs/not-collected.ndjson"), "utf8")).toBe(problem("acme/web", why, false));
    // The hole is reported until it is filled.
    expect(await collect({ PAGES: "3" })).toEqual({ ...cut, out: cut.out.replace("3 new", "0 new") });
    expect(await collect()).toEqual({ code: 0, out: "acme/web: 3 new\n", pages: 7 });
    // 3 days before the last collection are 72 jobs.
    expect(await collect({ PAGES: "3" })).toEqual({ code: 0, out: "acme/web: 0 new\n", pages: 1 });
    expect(ndjsonIn(cwd)).toEqual([199, 299, 399, 499, 599, 99].map((id) => `acme-web-${id}.ndjson`));
    rmSync(join(cwd, "runs/collected.json"));
    const SINCE = new Date(Date.now() - 150 * 3_600_000).toISOString().slice(0, 10);
    expect(await collect({ PAGES: "3", SINCE })).toEqual({ code: 0, out: "acme/web: 0 new\n", pages: 2 });
  } finally {
    server.close();
    rmSync(cwd, { recursive: true });
  }
});

test("collect-gitlab.mjs collects parallel jobs, and lists a project of which no run was ever collected", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-collect-"));
  const history = '{"runId":"1"}\n';
  const { server, requests, url } = await startGitlab(
    {
      "acme/web": [history, history, history, history, undefined],
      "acme/api": Array.from({ length: 250 }, (_, id) => id === 0 ? "" : undefined),
      "acme/docs": [history],
      "acme/new": [],
    },
    1,
    (project, id) => {
      const web = ["mogplex: [a, b c]", "mogplex-run 2/3", "mogplex-other: [a]", "mogplex-campaign", "mogplex"];
      return project === "acme/web" ? web[id] : project === "acme/docs" ? "agent" : undefined;
    },
  );
  try {
    const collect = (env = {}) => {
      requests.length = 0;
      const projects = "acme/web\nacme/api\nacme/docs\nacme/new\n";
      return collected(cwd, projects, { GITLAB_URL: url, GITLAB_TOKEN: "glpat-1", ...env });
    };
    const whyFailed =
      "The newest job, mogplex, failed, but left no history. Look at its log, and check that it writes mogplex-ci/runs.ndjson and keeps it as an artifact.";
    const whyNone =
      "No job named mogplex, mogplex-run, mogplex-respond, or mogplex-campaign has finished. Check the name, or set JOBS.";
    const api = `acme/api: 0 new\nacme/api: ${whyFailed}\n`;
    const others = `acme/docs: 0 new\nacme/docs: ${whyNone}\nacme/new: 0 new\nacme/new: ${whyNone}\n`;
    expect(await collect()).toEqual({ code: 0, out: `acme/web: 3 new\n${api}${others}` });
    const files = ["acme-web-0.ndjson", "acme-web-1.ndjson", "acme-web-3.ndjson", "not-collected.ndjson"];
    expect(ndjsonIn(cwd)).toEqual(files);
    const report = () => readFileSync(join(cwd, "runs/not-collected.ndjson"), "utf8");
    const expected = problem("acme/api", whyFailed) + problem("acme/docs", whyNone) + problem("acme/new", whyNone);
    expect(report()).toBe(expected);
    // The runs of an earlier collection are enough. A project without a run is read again from the beginning.
    expect(await collect()).toEqual({ code: 0, out: `acme/web: 0 new\n${api}${others}` });
    expect(report()).toBe(expected);
    expect(requests.filter((each) => each.startsWith("acme/api page"))).toHaveLength(3);

    const dashboard = spawnSync(
      runtimes.node,
      [built("mogplex.mjs"), "dashboard", "--history", "runs/not-collected.ndjson", "--out", "page"],
      {
        cwd,
        env: {
          PATH: process.env.PATH,
          MOGPLEX_URL: service.url,
          MOGPLEX_DEV: "1",
          MOGPLEX_API_KEY: service.readOnlyToken,
        },
        encoding: "utf8",
      },
    );
    expect(dashboard.status, dashboard.stderr).toBe(0);
    const read = (file: string) => readFileSync(join(cwd, "page", file), "utf8");
    expect(read("metrics.prom")).toContain("\nmogplex_dashboard_projects_unread 3\n");
    expect(read("index.html")).toContain("No runs of acme/api have ever been collected");
    expect(read("index.html")).not.toContain("All is well");

    expect((await collect({ JOBS: "agent mogplex" })).out).toContain("acme/docs: 1 new\n");
    expect(report()).not.toContain("acme/docs");
  } finally {
    server.close();
    rmSync(cwd, { recursive: true });
  }
});

test("collect-gitlab.mjs names a list of projects that it cannot read", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-collect-"));
  try {
    expect(await collected(cwd, "", { GITLAB_TOKEN: "glpat-1" }, "ci/nope.txt")).toEqual({
      code: 2,
      out:
        'Cannot collect runs because the list of projects cannot be read: "ci/nope.txt" (ENOENT); give a file with one project path per line\n',
    });
    expect(readdirSync(cwd)).toEqual(["projects.txt"]);
  } finally {
    rmSync(cwd, { recursive: true });
  }
});

test("collect-gitlab.mjs reports a missing or refused token once, and fails if it can read no project", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-collect-"));
  const { server, requests, url } = await startGitlab({});
  const projects = "acme/web\nacme/api\n";
  try {
    const none = await collected(cwd, projects, { GITLAB_URL: url });
    expect(none).toEqual({
      code: 64,
      out: expect.stringMatching(/^Cannot collect runs: variable GITLAB_TOKEN is empty .*\n$/),
    });
    const old = await collected(cwd, projects, { GITLAB_URL: url, GITLAB_TOKEN: "glpat-expired" });
    const why = "GitLab refuses GITLAB_TOKEN (HTTP 401). Store a token that has not expired.";
    expect(old).toEqual({
      code: 64,
      out: `Cannot collect the runs of acme/web: ${why} No other project was read.\n`,
    });
    expect(readFileSync(join(cwd, "runs/not-collected.ndjson"), "utf8")).toBe(
      problem("acme/web", why) + problem("acme/api", why),
    );
    expect(requests).toEqual([]);
    server.close();
    const down = await collected(cwd, projects, { GITLAB_URL: url, GITLAB_TOKEN: "glpat-1" });
    const rest = `; ${url} cannot be reached, so no other project was read\n`;
    expect(down).toEqual({
      code: 69,
      out: expect.stringMatching(/^Cannot collect the runs of acme\/web: connect ECONNREFUSED [^\n]*\n$/),
    });
    expect(down.out).toEndWith(rest);
    expect(readFileSync(join(cwd, "runs/not-collected.ndjson"), "utf8").trim().split("\n").length).toBe(2);
  } finally {
    server.close();
    rmSync(cwd, { recursive: true });
  }
});

test("collect-gitlab.mjs says so if an answer is not from GitLab", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "mogplex-collect-"));
  const answers = ['{"jobs":[]}', "<html>Sign in</html>", "[1]", "null"];
  const server = createServer((_request, response) => void response.end(answers.shift() ?? "<html>busy</html>"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const GITLAB_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const projects = ["acme/web", "acme/api", "acme/app", "acme/docs"];
    const { code, out } = await collected(cwd, projects.join("\n"), { GITLAB_URL, GITLAB_TOKEN: "glpat-1" });
    const why = `the answer is not a list of jobs; check that ${GITLAB_URL} is GitLab`;
    expect({ code, out }).toEqual({
      code: 69,
      out: projects.map((project) => `Cannot collect the runs of ${project}: ${why}\n`).join(""),
    });
    expect(readFileSync(join(cwd, "runs/not-collected.ndjson"), "utf8")).toBe(
      projects.map((project) => problem(project, why)).join(""),
    );
  } finally {
    server.close();
    rmSync(cwd, { recursive: true });
  }
});

interface Step {
  name: string;
  uses?: string;
  run?: string;
  with?: Record<string, string>;
}

test("github-pages.yml takes actions of GitHub alone, by their commits, and writes nothing but the page", () => {
  const { permissions, jobs } = parse(readFileSync(pathOf("github-pages.yml"), "utf8"));
  expect([permissions, jobs.dashboard.permissions]).toEqual([
    {},
    { contents: "read", "pull-requests": "read", checks: "read", statuses: "read" },
  ]);
  expect(jobs.publish.permissions).toEqual({ "pages": "write", "id-token": "write" });
  const steps: Step[] = [...jobs.dashboard.steps, ...jobs.publish.steps];
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w/-]+@[0-9a-f]{40}$/);
});

test(
  "the steps of github-pages.yml make the page that the next job publishes",
  () => {
    const cwd = mkdtempSync(join(tmpdir(), "mogplex-pages-"));
    try {
      const { jobs: { dashboard } } = parse(readFileSync(pathOf("github-pages.yml"), "utf8"));
      cpSync(built("mogplex.mjs"), join(cwd, "ci/mogplex.mjs"));
      const digest = sha256(readFileSync(built("mogplex.mjs"), "utf8"));
      writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${digest}  mogplex.mjs\n`);
      const remote = join(cwd, "remote.git");
      spawnSync("git", ["init", "--quiet", "--bare", remote]);
      spawnSync("git", ["init", "--quiet", cwd]);
      spawnSync("git", ["-C", cwd, "remote", "add", "origin", remote]);
      const env = {
        GITHUB_OUTPUT: join(cwd, "output"),
        PATH: `${dirname(runtimes.node)}:${process.env.PATH}`,
        MOGPLEX_URL: service.url,
        MOGPLEX_DEV: "1",
      };
      const run = (token: string) => {
        const steps = (dashboard.steps as Step[]).flatMap(({ run }) => run ?? []);
        return steps.map((script) =>
          // As GitHub runs a step without `shell`.
          spawnSync("bash", ["-e", "-c", script], { cwd, env: { ...env, MOGPLEX_API_KEY: token }, encoding: "utf8" })
            .status
        );
      };
      expect(run(service.readOnlyToken)).toEqual([0, 0, 0, 0]);
      const data = () => JSON.parse(readFileSync(join(cwd, "dashboard/data.json"), "utf8")) as DashboardData;
      expect(data().campaigns).toEqual([]);
      const { path } = (dashboard.steps as Step[]).find(({ uses }) => uses?.includes("upload-pages-artifact"))?.with ??
        {};
      expect(readFileSync(join(cwd, path ?? "", "index.html"), "utf8")).toContain("acme/web");
      expect(run(service.token())).toEqual([0, 0, 0, 2]);

      // A campaign on a branch. Its wave had another token and another folder.
      writeFileSync(
        join(cwd, "campaign.yml"),
        "version: 1\nname: codemod\nprompt: Upgrade to Node 24.\nrepositories: [acme/web]\n",
      );
      expect([run(service.readOnlyToken), data().fileProblems.map(({ file, kind }) => [file, kind])]).toEqual([
        [0, 0, 0, 0],
        [["collected/runs/*.ndjson", "pattern"], ["campaigns/codemod/campaign.json", "file"]],
      ]);
      const home = "git:origin#mogplex-campaign/codemod";
      const planned = spawnSync(
        runtimes.node,
        ["ci/mogplex.mjs", "campaign", "plan", "campaign.yml", "--home", home, "--dir", "elsewhere"],
        { cwd, env: { ...env, MOGPLEX_API_KEY: service.token() }, encoding: "utf8" },
      );
      expect([planned.status, run(service.readOnlyToken)], planned.stderr).toEqual([0, [0, 0, 0, 0]]);
      const [campaign] = data().campaigns;
      expect(campaign).toMatchObject({ name: "codemod", items: 1, file: "campaigns/codemod/campaign.json" });
      expect(readFileSync(join(cwd, "dashboard", campaign?.page ?? ""), "utf8")).toContain("Upgrade to Node 24");

      // Only a missing branch is not a failure.
      expect(existsSync(env.GITHUB_OUTPUT)).toBe(false);
      spawnSync("git", ["-C", remote, "branch", "mogplex-history", "mogplex-campaign/codemod"]);
      expect([run(service.readOnlyToken), readFileSync(env.GITHUB_OUTPUT, "utf8")]).toEqual([
        [0, 0, 0, 0],
        "exist=true\n",
      ]);
      rmSync(remote, { recursive: true });
      expect(run(service.readOnlyToken)[0]).toBe(128);
    } finally {
      rmSync(cwd, { recursive: true });
    }
  },
);
