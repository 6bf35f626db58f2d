import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/component/main.ts";
import { fakeIo, type FakeIoOptions } from "../fake_io.ts";
import { READ_ONLY_TOKEN, REPO, TOKEN, world } from "../world.ts";

const RUN = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch"];
const NOWHERE = "00000000-0000-4000-8000-000000000000";
// What a job before this one left.
const STALE = { "mogplex-ci/outputs.env": "MOGPLEX_OUTCOME=success\n", "mogplex-ci/junit.xml": "<green/>" };

const WRONG: Record<string, [args: string[], code: number, options?: FakeIoOptions]> = {
  "no prompt": [["run", "--follow", "--repo", REPO], 2],
  "no repository": [["run", "--follow", "x"], 2],
  "unknown repository": [["run", "--follow", "x", "--repo", NOWHERE], 2],
  "two prompts": [[...RUN, "--prompt-file", "task.md"], 2],
  "--follow and --detach": [[...RUN, "--detach"], 2],
  "a value out of range": [[...RUN, "--timeout", "0"], 2],
  "no token": [RUN, 64, { env: { MOGPLEX_API_KEY: "" } }],
  "no way to the token": [RUN, 2, { env: { MOGPLEX_URL: "http://example.com" } }],
  "a state file that cannot be written": [[...RUN, "--state", "/read-only/run.json"], 2],
  "follow without a run": [["follow"], 2],
  "follow of no id": [["follow", "7"], 2],
  "report without a token": [["report", NOWHERE], 64, { env: { MOGPLEX_API_KEY: "$TOKEN" } }],
};

test("an error before the run stands in every report, and not a word of the earlier job", async () => {
  for (const [what, [args, expected, options]] of Object.entries(WRONG)) {
    const { cli } = world();
    const readOnly = (path: string) => path.startsWith("/read-only");
    const env = { MOGPLEX_CI_JOB: "nightly", ...options?.env };
    const { code, stdout, stderr, io } = await cli(args, { files: STALE, readOnly, ...options, env });
    expect({ what, code }).toEqual({ what, code: expected });
    expect(stdout).toMatch(
      new RegExp(
        `^\\n?verdict {7}.+ \\(exit code ${expected}\\)\n(?:.+\n)*reports {7}mogplex-ci/: result\\.json .+\n$`,
      ),
    );
    const reason = /^error: (.+)\n$/.exec(stderr)?.[1] ?? "";
    const file = (name: string) => io.files.get(`mogplex-ci/${name}`) ?? "";
    expect({ what, ...JSON.parse(file("result.json")) }).toMatchObject({
      what,
      outcome: "error",
      exitCode: expected,
      reason,
      runId: args[0] === "report" ? NOWHERE : null,
      resume: null,
    });
    expect({ what, dotenv: file("outputs.env") }).toMatchObject({
      what,
      dotenv: expect.stringContaining("MOGPLEX_OUTCOME=error\n"),
    });
    expect(file("junit.xml")).toMatch(/<(?:failure|error)\b/);
    expect(file("metrics.txt")).toContain('outcome="error"');
  }
});

test("in CI, every start that is refused ends with the same block: reason, what to do, reports", async () => {
  const wrong: [args: string[], env: Record<string, string>, code: number, reason: RegExp, step: RegExp][] = [
    [RUN, { MOGPLEX_API_KEY: "" }, 64, /^Cannot read token: /, /^Store the token in the secrets /],
    [["run", "--follow", "--repo", REPO], {}, 2, /^Cannot start run: a prompt is missing$/, /^Give an argument, /],
    [
      ["run", "--follow", "x", "--repo", "nobody/nothing"],
      {},
      2,
      /^Cannot find repository "nobody\/nothing": /,
      /repos list/,
    ],
    [RUN, { MOGPLEX_API_KEY: READ_ONLY_TOKEN }, 65, /^Cannot start run: the token lacks /, /^Create a token /],
  ];
  for (const [args, env, expected, reason, step] of wrong) {
    const { code, stdout, stderr } = await world().cli(args, { env: { CI: "true", ...env } });
    const row = (label: string) => new RegExp(`^${label} +(.+)$`, "m").exec(stdout)?.[1] ?? "";
    expect([code, row("verdict")]).toEqual([expected, `not started (exit code ${expected})`]);
    expect(row("reason")).toMatch(reason);
    expect(row("what to do")).toMatch(step);
    expect(row("reports")).toContain("mogplex-ci/: result.json");
    expect(stderr.split("\n").at(-2)).toStartWith("error: Cannot ");
  }
});

test("in CI, the report of a job without a token names the repository and the task, unless the task is hidden", async () => {
  const args = ["run", "--follow", "--repo", "acme/billing", "Update it"];
  const env = { CI: "true", MOGPLEX_API_KEY: "" };
  const namesOf = async (more: string[] = []) => {
    const { code, stdout, io } = await world().cli([...args, ...more], { env });
    const { repository, task } = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
    return [code, /^repository +(.+)$/m.exec(stdout)?.[1], /^task +(.+)$/m.exec(stdout)?.[1], repository, task];
  };
  expect(await namesOf()).toEqual([64, "acme/billing", "Update it", "acme/billing", "Update it"]);
  expect(await namesOf(["--show-task", "false"])).toEqual([64, "acme/billing", undefined, "acme/billing", null]);
});

test("in CI, the report of a job without its task file names the repository", async () => {
  const args = ["run", "--follow", "--repo", "acme/billing", "--prompt-file", "task.md"];
  const { code, stdout, io } = await world().cli(args, { env: { CI: "true" } });
  const { repository } = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
  expect([code, /^repository +(.+)$/m.exec(stdout)?.[1], repository]).toEqual([2, "acme/billing", "acme/billing"]);
});

test("outside CI, an error before the first request writes no reports, and leaves those of the last job alone", async () => {
  const files = {
    "mogplex-ci/run.html": "<p>last",
    "mogplex-ci/summary.md": "last",
    "mogplex-ci/junit.xml": "<last/>",
  };
  const wrong: [args: string[], env?: Record<string, string>][] = [
    [[...RUN, "--timeout", "0"]],
    [["run", "--follow", "Fix it", "--repo", "no repository"]],
    [[...RUN, "--history", "/read-only/history.ndjson"]],
    [RUN, { MOGPLEX_API_KEY: "" }],
    [RUN, { MOGPLEX_URL: "http://127.0.0.1:1" }],
    [["follow", "7"]],
    [["report", NOWHERE], { MOGPLEX_API_KEY: "$TOKEN" }],
  ];
  for (const terminal of [true, false]) {
    for (const [args, env = {}] of wrong) {
      const { cli, requests } = world();
      const readOnly = (path: string) => path.startsWith("/read-only");
      const { code, io } = await cli(args, { files, terminal, env, readOnly });
      const left = Object.fromEntries(io.files);
      expect({ args, env, isError: code !== 0, requests, left }).toEqual({
        ...{ args, env, isError: true, requests: [], left: files },
      });
    }
  }
  const { cli } = world();
  const first = await cli([...RUN, "--timeout", "0"], { terminal: true });
  expect([first.code, Object.fromEntries(first.io.files)]).toEqual([2, {}]);
});

const REFUSED = ["run", "--follow", "x", "--repo", "nobody/nothing"];

test("outside CI, a refused start keeps every report of a finished run, and says whose reports they are", async () => {
  const { cli } = world("success");
  const files = {
    ...Object.fromEntries((await cli(RUN)).io.files),
    "mogplex-ci/value.json": "{}",
    "s.json": '{"type":"object"}',
  };
  const names = Object.keys(files).filter((path) => path !== "mogplex-ci/run.json");
  const result = [...REFUSED, "--result", "r.json", "--schema", "s.json"];
  for (const [args, terminal] of [[REFUSED, false], [REFUSED, true], [result, true]] as const) {
    const { code, stderr, io } = await cli([...args], { files, terminal });
    expect([code, stderr.includes('note: "mogplex-ci" still has the reports of an earlier command\n')])
      .toEqual([2, true]);
    expect(names.filter((path) => io.files.get(path) !== files[path as keyof typeof files])).toEqual([]);
  }
  // In CI each job has its own reports.
  const inCi = await cli(REFUSED, { files, env: { CI: "true" } });
  expect([inCi.stderr.includes("still has"), inCi.io.files.get("mogplex-ci/junit.xml")]).toEqual([
    false,
    expect.stringContaining("not started"),
  ]);
});

test("outside CI, a refused start replaces the reports of another refused start, and a run replaces both", async () => {
  const { cli } = world("success");
  const repositories: unknown[] = [];
  let files = {};
  for (const args of [REFUSED, ["run", "--follow", "x", "--repo", "nobody/else"], RUN, REFUSED]) {
    const { io } = await cli(args, { files });
    files = Object.fromEntries(io.files);
    repositories.push(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "").repository);
  }
  expect(repositories).toEqual(["nobody/nothing", "nobody/else", "acme/api", "acme/api"]);
});

test("a repository that is not found leaves the command that lists them, to be copied, and the requests that were sent", async () => {
  const { cli, requests } = world();
  const { stderr, io } = await cli(["run", "--follow", "x", "--repo", "nobody/nothing"], {
    env: { HOME: "/h" },
  });
  const summary = io.files.get("mogplex-ci/summary.md") ?? "";
  expect(summary).toContain(
    "**What to do now:** `Set --repo or MOGPLEX_REPO_ID; mogplex-ci repos list shows the names that the token can access; a hidden repository can be found only by its id`" +
      "\n\n ```text\n mogplex-ci repos list\n ```\n",
  );
  expect(summary).toContain(`| Requests | ${requests.length} |`);
  // Nothing was started, so there is no start, no change and no branch.
  expect(summary.match(/^\| (?:Started|Changes|Branch) .*$/gm)).toBeNull();
  expect(requests.length).toBe(3);
  expect(stderr).toContain("; set --repo or MOGPLEX_REPO_ID; `mogplex-ci repos list` shows the names");
  const page = io.files.get("mogplex-ci/run.html")?.replace(/<\/?span[^>]*>/g, "");
  expect(page).toMatch(/<code[^>]*>.*mogplex-ci.* repos list<\/code>/);
});

/** What each report, the annotation and the step summary say at the top. */
function headlines(stdout: string, files: ReadonlyMap<string, string>): (string | undefined)[] {
  const text = (name: string) => files.get(name) ?? "";
  return [
    /^::(?:error|warning) title=([^:]+)::/m.exec(stdout)?.[1],
    /^([^#\n].+) \(exit code \d+\)\.$/m.exec(text("/summary"))?.[1],
    /^([^#\n].+) \(exit code \d+\)\.$/m.exec(text("mogplex-ci/summary.md"))?.[1],
    /&#10;&#10;([^&]+?) \(exit code/.exec(text("mogplex-ci/junit.xml"))?.[1],
  ];
}

test("a start that was refused is headlined as not started, and one of a run that exists is not", async () => {
  const env = { GITHUB_ACTIONS: "true", MOGPLEX_CI_JOB: "nightly", GITHUB_STEP_SUMMARY: "/summary" };
  const unknown = "mog_unknownToken00000000000000000001";
  const refusals: [args: string[], own: Record<string, string>, code: number][] = [
    [RUN, { MOGPLEX_API_KEY: "" }, 64],
    [RUN, { MOGPLEX_API_KEY: unknown }, 64],
    [RUN, { MOGPLEX_API_KEY: READ_ONLY_TOKEN }, 65],
    [["run", "--follow", "x", "--repo", NOWHERE], {}, 2],
    [["run", "--follow", "--repo", REPO], {}, 2],
  ];
  for (const [args, own, expected] of refusals) {
    const { code, stdout, io } = await world().cli(args, { env: { ...env, ...own } });
    expect([code, ...headlines(stdout, io.files)]).toEqual([
      expected,
      ...Array(4).fill("The Mogplex run was not started"),
    ]);
  }
  // A refused token is found before the request is planned.
  const { stdout: log, io: refused } = await world().cli(["run", "--follow", "Fix it", "--repo", "acme/api"], {
    env: { ...env, MOGPLEX_API_KEY: unknown },
  });
  expect(log).toContain("\ntask          Fix it\n");
  expect(refused.files.get("/summary")).toStartWith("\n## ❌ `acme/api`: `Fix it` → not started");
  for (const token of ["", unknown]) {
    const { stdout, io } = await world().cli(["follow", NOWHERE], { env: { ...env, MOGPLEX_API_KEY: token } });
    const words = "The result of the Mogplex run is unknown";
    expect(headlines(stdout, io.files)).toEqual(Array(4).fill(words));
  }
});

test("outputs of a step name the error once", async () => {
  const { cli } = world();
  for (const args of [["run", "--follow", "--repo", REPO], ["run", "--follow", "x", "--repo", NOWHERE]]) {
    const env = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "/runner/out", GITHUB_STEP_SUMMARY: "/runner/summary" };
    const { code, io } = await cli(args, { env });
    const outputs = io.files.get("/runner/out") ?? "";
    expect([code, outputs.match(/^outcome\b/gm)?.length, outputs.includes("error")]).toEqual([2, 1, true]);
    expect(io.files.get("/runner/summary")?.match(/^## /gm)?.length).toBe(1);
  }
});

test("nothing is written where --report, --out or the arguments themselves are wrong", async () => {
  const { cli } = world();
  for (const more of [["--report", "pdf"], ["--report", "json=a", "--report", "dotenv=a"], ["--outt", "x"]]) {
    const { code, io } = await cli([...RUN, ...more], { files: STALE });
    expect([code, Object.fromEntries(io.files)]).toEqual([2, STALE]);
  }
});

test("a reason in a report holds no token, whatever the user has put where", async () => {
  const { cli } = world();
  const { code, io } = await cli(["follow", TOKEN], {
    env: { MOGPLEX_CI_JOB: "nightly", MOGPLEX_API_KEY: "", OTHER: TOKEN },
  });
  expect(code).toBe(2);
  expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "").reason).toContain("Cannot use run id");
  for (const text of io.files.values()) expect(text).not.toContain(TOKEN);
});

test("a job of the component without a task is red on the page of tests", async () => {
  const io = fakeIo({ env: { GITLAB_CI: "true", MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO }, files: STALE });
  expect(await main(["run"], io)).toBe(2);
  expect(io.files.get("mogplex-ci/outputs.env")).toContain("MOGPLEX_OUTCOME=error\n");
  expect(io.files.get("mogplex-ci/junit.xml")).toContain("Cannot start run: a prompt is missing");
});

test("a job on a terminal prints the error once when the service refuses the token or does not know the repository", async () => {
  const unknownToken = { MOGPLEX_API_KEY: "mog_unknown" };
  const missing = "398c55ce-2c6c-4f6e-8d4b-e2d2fe0c0a00";
  const cases: [string[], Record<string, string>, number][] = [
    [["run", "--follow", "x", "--repo", "acme/web"], unknownToken, 64],
    [["run", "--detach", "x", "--repo", "acme/web"], unknownToken, 64],
    [["follow", missing], unknownToken, 64],
    [["report", missing], unknownToken, 64],
    [["run", "--follow", "x", "--repo", "acme/nope"], {}, 2],
    [["run", "--follow", "x", "--repo", missing], {}, 2],
  ];
  for (const [args, env, expected] of cases) {
    const { code, stdout, stderr } = await world("").cli(args, { env, terminal: true });
    const count = `${stdout}\n${stderr}`.match(/^(?:error: |reason {8})/gm)?.length;
    expect({ args, code, count }).toEqual({ args, code: expected, count: 1 });
  }
});
