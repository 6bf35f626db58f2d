import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../../lib/cli/main.ts";
import type { DashboardData } from "../../../lib/dashboard/data.ts";
import { campaignRecordOf, historyLine, type HistoryRecord, recordOf } from "../../../lib/report/history.ts";
import { page as renderPage } from "../../../lib/report/page.ts";
import { breaches, elementsOf, textsOf } from "../report/page_parser.ts";
import { sampleResult } from "../report/sample.ts";
import { anItem, viewOf } from "../campaign/report/sample_view.ts";
import { CAMPAIGN_FORMATS } from "../../../lib/campaign/report/write.ts";
import { good } from "../service/answers.ts";
import { fakeIo } from "./fake_io.ts";
import { READ_ONLY_TOKEN, REPO, TOKEN, world } from "./world.ts";

const env = { MOGPLEX_API_KEY: READ_ONLY_TOKEN };
const RESULT = sampleResult({ outcome: "failed", exitCode: 1, repository: "acme/api" });

test("dashboard writes its files from a token that only reads, and shows the given runs", async () => {
  const { cli, requests } = world();
  const files = { "out/result.json": JSON.stringify(RESULT), "broken.json": "{" };
  const results = ["out/result.json", "broken.json", "no-such-folder/*.json"].flatMap((path) => ["--results", path]);
  const args = ["dashboard", "--out", "public/", ...results];
  const { code, stdout, stderr, io } = await cli(args, { env, files });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: ["data.json", "metrics.prom", "index.html"].map((name) => `wrote public/${name}\n`).join(""),
  });
  expect(stderr).toContain("note: broken.json: Line 1 is not valid JSON\n");
  const data = JSON.parse(io.files.get("public/data.json") ?? "");
  expect(data.runs).toMatchObject([{ file: "out/result.json", outcome: "failed" }]);
  expect(data.fileProblems).toMatchObject([
    { file: "no-such-folder/*.json", kind: "pattern" },
    { file: "broken.json", kind: "file" },
  ]);
  expect(data.requests).toBe(requests.length);
  expect(data.requests).toBeLessThanOrEqual(30);
  expect(requests.filter((each) => !each.startsWith("GET "))).toEqual(["POST /runs"]);
  const index = io.files.get("public/index.html") ?? "";
  expect(breaches(index, elementsOf(index), /^(#|https?:\/\/|data\.json$|metrics\.prom$)/)).toEqual([]);
  // Everything else a job has in its directory stays.
  expect(io.files.get("out/result.json")).toBe(files["out/result.json"]);
});

test("dashboard shows a run that waits for an answer when its token belongs to another user", async () => {
  const { cli, clock, emulator, start } = world();
  const runId = await start();
  const createdAt = new Date(clock.wallTime() - 60_000).toISOString();
  const run = sampleResult({ outcome: "awaiting_input", exitCode: 4, repository: "acme/api", runId, createdAt });
  const line = historyLine(recordOf(run, clock.wallTime(), "nightly") as HistoryRecord);
  const lead = String(emulator.control("addToken", { user: "lead", scopes: ["read"] })["token"]);
  const args = ["dashboard", "--history", "runs.ndjson"];
  const { code, stdout } = await cli(args, { env: { MOGPLEX_API_KEY: lead }, files: { "runs.ndjson": line } });
  expect(code).toBe(0);
  expect(stdout).toContain("was waiting for an answer when its job ended");
  expect(stdout).toContain("it was deleted, or it belongs to another user");
  expect(stdout).not.toContain("its state is unknown");
});

test("dashboard shows on a terminal what a run failed with, and a longer text without its middle", async () => {
  const { cli, clock } = world();
  const createdAt = new Date(clock.wallTime() - 60_000).toISOString();
  const show = async (reason: string) => {
    const run = { ...RESULT, createdAt, runId: "3f0e2c51-8d9a-4f6b-9c7d-000000000003", reason };
    const { stdout } = await cli(["dashboard", "--results", "result.json"], {
      env,
      files: { "result.json": JSON.stringify(run) },
    });
    return stdout.replace(/\s+/g, " ");
  };
  const step = "the step failed; ";
  expect(await show(`${step.repeat(18)}retry the job`)).toContain(`${step.repeat(17)}retry the job. `);
  const long = await show(`${step.repeat(50)}retry the job`);
  expect(long).toContain("the step failed; […] ");
  expect(long).not.toContain("characters]");
});

test("dashboard skips the other files of a job that a wide pattern matches, but not one that is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-dashboard-"));
  const texts = { "result.json": JSON.stringify(RESULT), "other.json": "{}" };
  const others = Object.fromEntries(["run.json", "annotations.json", "value.json"].map((name) => [name, "{}"]));
  const files = Object.fromEntries(
    Object.entries({ ...texts, ...others }).map(([name, text]) => [join(folder, name), text]),
  );
  for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
  const problemsOf = async (...results: string[]) => {
    const args = ["dashboard", "--json", ...results.flatMap((path) => ["--results", path])];
    const { stdout, stderr } = await world().cli(args, { env, files });
    const { fileProblems, runs } = JSON.parse(stdout) as DashboardData;
    return {
      runs: runs.length,
      why: fileProblems.map(({ file, why }) => [file.slice(folder.length + 1), why]),
      stderr,
    };
  };
  const why = "It has no schemaVersion";
  expect(await problemsOf(join(folder, "*.json"))).toEqual({
    ...{ runs: 1, why: [["other.json", why]] },
    stderr: `note: ${join(folder, "other.json")}: ${why}\n`,
  });
  expect(await problemsOf(join(folder, "run.json"))).toMatchObject({ runs: 0, why: [["run.json", why]] });
  rmSync(folder, { recursive: true });
});

test("dashboard counts the question of a campaign as open on screen and in data and metrics, and asks for attention", async () => {
  const reason = "the run is waiting for an answer";
  const items = [anItem(0, "succeeded"), anItem(1, "failed"), anItem(2, "needs-input", { reason })];
  const files = { "campaign.json": CAMPAIGN_FORMATS.json.render(viewOf(items)) };
  const args = ["dashboard", "--results", "campaign.json"];
  const { stdout } = await world().cli(args, { env, files });
  const lines = stdout.split("\n").map((line) => line.trim());
  expect(lines[lines.findIndex((line) => line.includes("needs an answer")) + 1])
    .toBe("acme/service-2: answer in the app, or cancel the run.");
  expect(lines.filter((line) => line.includes("replace-moment"))).toEqual([
    "1 item of “replace-moment, round 2026-12” needs an answer, for under 1 min",
    expect.stringContaining("1 item of “replace-moment, round 2026-12” failed"),
    "replace-moment, round 2026-12    waiting   2 of 3 finished, 1 failed, 1 needs an answer",
  ]);
  const { io } = await world().cli([...args, "--out", "d"], { env, files });
  const [campaign] = JSON.parse(io.files.get("d/data.json") ?? "").campaigns;
  expect(campaign).toMatchObject({ items: 3, ended: 2, good: 1, failed: 1, asking: 1 });
  const metrics = (io.files.get("d/metrics.prom") ?? "").split("\n").filter((line) => /^\w+_campaign_items/.test(line));
  expect(metrics.map((line) => line.replace(/\{.*\}/, "").replace("mogplex_dashboard_campaign_items", "items")))
    .toEqual([
      "items 3",
      "items_ended 2",
      "items_good 1",
      "items_failed 1",
      "items_asking 1",
      "items_open 1",
    ]);
});

test("dashboard lists the failed items of a campaign of which it read only a history", async () => {
  const { cli, clock } = world();
  const lineOf = (index: number, outcome: "success" | "failed") =>
    historyLine(campaignRecordOf(
      {
        ...{ campaign: "node-24", runId: `3f0e2c51-8d9a-4f6b-9c7d-00000000000${index}`, repository: `acme/r${index}` },
        ...{ outcome, reason: outcome === "failed" ? "npm test failed" : null, pullRequest: null },
        lastLine: outcome === "failed" ? `r${index}.test.ts failed` : null,
        startedAt: new Date(clock.wallTime() - 3_600_000).toISOString(),
        endedAt: new Date(clock.wallTime() - (index + 1) * 60_000).toISOString(),
      },
      clock.wallTime(),
      "wave",
    ));
  const files = { "camp.ndjson": [lineOf(1, "failed"), lineOf(2, "failed"), lineOf(3, "success")].join("") };
  const { stdout } = await cli(["dashboard", "--history", "camp.ndjson"], { env, files });
  const lines = stdout.split("\n");
  const start = lines.findIndex((line) => line.includes("node-24"));
  expect(lines.slice(start, start + 5)).toEqual([
    "The state of the campaign “node-24” is unknown",
    "Gates, stops and late waves are not shown because its campaign.json was not read. Pass the file with --results. If the campaign is on a branch, write its file first:",
    "mogplex-ci campaign report FILE --home HOME --dir campaigns/node-24",
    "2 items of the campaign “node-24” failed, 2 min ago",
    "acme/r1, acme/r2: Last failure: npm test failed. Last line from the agent: “r1.test.ts failed”.",
  ]);
});

test("dashboard says that the runs of a history have stopped", async () => {
  const { cli, clock } = world();
  const lines = [8, 10, 12, 14, 16].map((days) => {
    const ms = clock.wallTime() - days * 86_400_000;
    const createdAt = new Date(ms).toISOString();
    const runId = `3f0e2c51-8d9a-4f6b-9c7d-0000000000${String(days).padStart(2, "0")}`;
    return historyLine(recordOf(sampleResult({ runId, createdAt }), ms, "nightly") as HistoryRecord);
  });
  const { stdout } = await cli(["dashboard", "--history", "runs.ndjson"], {
    env,
    files: { "runs.ndjson": lines.join("") },
  });
  expect(stdout).toMatch(
    /^nightly: no run for \d days \(before that, 4 runs a week\)\nCheck its schedule and its token\.$/m,
  );
  expect(stdout).toContain("\nruns in the last 7 days: 0\n");
});

test("dashboard shows on a terminal the success rate, the 95% limit, the agent time, and the command for a gate", async () => {
  const { cli, clock } = world();
  const historyOf = (count: number) =>
    Array.from({ length: count }, (_, index) => {
      const outcome = index % 4 === 3 ? "failed" : "success";
      const record = recordOf(sampleResult({ runId: `r${index}` }), clock.wallTime() - 60_000, "nightly");
      return historyLine({ ...record, outcome, endedAt: record?.at, tookMs: 600_000 + index } as HistoryRecord);
    }).join("");
  const campaign = { ...viewOf([anItem(0, "succeeded")]), state: "gated", about: { file: "ci/node.yml" } };
  const show = async (count: number) => {
    const files = { "runs.ndjson": historyOf(count), "campaign.json": JSON.stringify(campaign) };
    const { stdout } = await cli(["dashboard", "--history", "runs.ndjson", "--results", "campaign.json"], {
      env,
      files,
    });
    return stdout.split("\n").map((line) => line.trim());
  };
  const lines = await show(24);
  expect(lines).toContain(
    "runs in the last 7 days: 24, 18 of 24 succeeded (75%), median 10 min, 95% within 10 min, 4 h of agent time",
  );
  expect(lines).toContain("mogplex-ci campaign approve ci/node.yml");
  expect((await show(3)).find((line) => line.startsWith("runs in the last 7 days"))).toMatch(
    /: 3, 3 of 3 succeeded, median [^,]*, \d+ min of agent time$/,
  );
});

const page = (heading: string) =>
  renderPage({ title: "", path: [], asOf: null, tone: "none", heading, summary: null, body: null, notes: [] });

test("dashboard copies the pages beside its files, with a way back, and links the copies", async () => {
  const campaign = { schema: 1, round: "", state: "running", counts: {}, items: [] };
  const files = {
    "a/campaign.json": JSON.stringify({ ...campaign, campaign: "with-page" }),
    "a/campaign.html": page("of a campaign"),
    "b/campaign.json": JSON.stringify({ ...campaign, campaign: "without" }),
    "b/result.json": JSON.stringify(RESULT),
    "b/run.html": page("of a run"),
    "c/result.json": JSON.stringify({ ...RESULT, runId: "3f0e2c51-8d9a-4f6b-9c7d-000000000003" }),
    "c/run.html": "<p>not one of ours</p><script>alert(1)</script>",
  };
  const results = Object.keys(files).filter((path) => path.endsWith(".json")).flatMap((path) => ["--results", path]);
  const { io, stdout, stderr } = await world().cli(["dashboard", "--out", "public", ...results], { env, files });
  const data = JSON.parse(io.files.get("public/data.json") ?? "");
  const pages = [...data.campaigns, ...data.runs].map((each) => each.page).filter((each) => each !== null);
  expect(pages.length).toBe(2);
  const copies = pages.map((path) => io.files.get(`public/${path}`) ?? "");
  expect(copies.map((text) => textsOf(text, "h1"))).toEqual([["of a campaign"], ["of a run"]]);
  for (const text of copies) {
    expect(elementsOf(text).some(({ attributes }) => attributes.href === "../index.html")).toBe(true);
  }
  const links = [...(io.files.get("public/index.html") ?? "").matchAll(/href="(pages\/[^"]+\.html)"/g)].map((
    [, href],
  ) => href);
  expect([...new Set(links)].toSorted()).toEqual(pages.toSorted());
  expect(stdout).toContain("wrote 2 pages to public/pages\n");
  expect(stderr).toContain("note: c/run.html: this version cannot publish this page, so there is no link to it");
  expect([...io.files.values()].filter((text) => text.includes("alert(1)"))).toEqual([files["c/run.html"]]);
});

test("dashboard counts the runs of histories, and asks the forge for their pull requests with the token of the environment", async () => {
  const { emulator, clock } = world();
  const run = sampleResult({ repository: "acme/api", createdAt: new Date(clock.wallTime() - 60_000).toISOString() });
  const line = historyLine(recordOf(run, clock.wallTime(), "nightly") as HistoryRecord);
  const io = fakeIo({ env: { ...env, GITHUB_TOKEN: "ghp_forgeToken" }, files: { "runs.ndjson": line } });
  const asked: string[] = [];
  const fetch = (url: string, init: RequestInit) => {
    if (!url.startsWith("https://api.github.com/")) return emulator.fetch(url, init);
    asked.push(`${url} ${new Headers(init.headers).get("authorization")}`);
    return Promise.resolve(new Response(JSON.stringify({ data: { p0: null } }), { status: 200 }));
  };
  const code = await main(["dashboard", "--out", "public", "--history", "runs.ndjson"], io, {
    fetch,
    clock,
  });
  const data = JSON.parse(io.files.get("public/data.json") ?? "");
  expect([code, data.days.last.runs, data.covers]).toMatchObject([0, 1, { histories: 1, lines: 1, jobs: ["nightly"] }]);
  expect([...new Set(asked)]).toEqual(["https://api.github.com/graphql Bearer ghp_forgeToken"]);
  expect(data.pullRequests).toMatchObject({ state: "failed", count: 1, merged: null, waiting: null });
  const terminal = fakeIo({ env: { ...env, GITHUB_TOKEN: "ghp_forgeToken" }, files: { "runs.ndjson": line } });
  await main(["dashboard", "--history", "runs.ndjson"], terminal, { fetch, clock });
  expect(terminal.text.stdout).toContain(
    "pull requests in the last 7 days: 1 opened; the pull request could not be read: ",
  );
});

test("dashboard says which forge it asks, and writes its page after 20 s if the forge does not answer", async () => {
  const { emulator, clock } = world();
  const createdAt = new Date(clock.wallTime() - 60_000).toISOString();
  const lines = [1, 2, 3].map((number) => {
    const pullRequest = { state: "open" as const, url: `https://github.com/acme/api/pull/${number}` };
    const run = sampleResult({ runId: `5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b1${number}`, createdAt, pullRequest });
    return historyLine(recordOf(run, clock.wallTime(), "nightly") as HistoryRecord);
  });
  const files = { "runs.ndjson": lines.join("") };
  const io = fakeIo({ env: { ...env, GITHUB_TOKEN: "ghp_forgeToken" }, files });
  const asked: number[] = [];
  const fetch = (url: string, init: RequestInit) => {
    if (!url.startsWith("https://api.github.com/")) return emulator.fetch(url, init);
    asked.push(clock.now());
    return new Promise<Response>((_, reject) => {
      init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  };
  const code = await main(["dashboard", "--out", "public", "--history", "runs.ndjson"], io, { fetch, clock });
  expect(code).toBe(0);
  expect(io.text.stderr).toContain("note: Reading 3 pull requests from github.com\n");
  expect(io.text.stderr).toContain(
    "note: None of the 3 pull requests could be read: no complete response within 20 seconds (github.com)",
  );
  expect([asked.length, clock.now() - (asked[0] ?? 0)]).toEqual([1, 20_000]);
  const { pullRequests } = JSON.parse(io.files.get("public/data.json") ?? "");
  expect(pullRequests).toMatchObject({ state: "failed", count: 3 });
  expect(io.files.get("public/index.html")).toContain("None of the 3 pull requests could be read");
});

test("dashboard lists the five oldest open pull requests", async () => {
  const { cli, clock } = world();
  const items = [1, 2, 3, 4, 5, 6].map((number) => ({
    ...{ id: `i${number}`, runId: `r${number}`, verdict: "succeeded", repository: "acme/api", startedAt: null },
    ...{ endedAt: null, pullRequest: `https://github.com/acme/api/pull/${number}` },
    pullRequestState: {
      ...{ state: "open", checks: number === 6 ? "red" : null, owner: number === 6 ? "mira" : null },
      review: number === 6 ? "changes-requested" : null,
      createdAt: new Date(clock.wallTime() - number * 86_400_000).toISOString(),
    },
  }));
  const campaign = { schema: 1, campaign: "node-24", round: "", state: "running", counts: {}, items };
  const files = { "campaign.json": JSON.stringify(campaign) };
  const { stdout } = await cli(["dashboard", "--results", "campaign.json"], { env, files });
  const lines = stdout.split("\n");
  const start = lines.indexOf("open pull requests, oldest first");
  expect(lines.slice(start, start + 7).map((line) => line.trim().replace(/ +/g, " "))).toEqual([
    "open pull requests, oldest first",
    "acme/api #6 6 d checks failed changes requested mira node-24",
    ...[5, 4, 3, 2].map((number) => `acme/api #${number} ${number} d node-24`),
    "… and 1 more",
  ]);
});

test("dashboard shows a run that outlived its job as the service reports it, and not as the job saw it", async () => {
  const { cli, clock, requests } = world();
  const args = ["run", "Fix it", "--repo", REPO, "--create-branch", "--follow", "--timeout", "10s"];
  const job = await cli([...args, "--history", "h.ndjson", "--out", "rep"]);
  expect(job.code).toBe(124);
  const files = Object.fromEntries(["h.ndjson", "rep/result.json"].map((name) => [name, job.io.files.get(name) ?? ""]));
  const dashboard = ["dashboard", "--json", "--history", "h.ndjson", "--results", "rep/result.json"];
  const look = async () => JSON.parse((await cli(dashboard, { env, files })).stdout) as DashboardData;
  const running = await look();
  expect([running.runs[0]?.outcome, running.days.last.runs]).toEqual(["started", 1]);
  expect((await cli(dashboard.filter((word) => word !== "--json"), { env, files })).stdout).toContain(
    "runs in the last 7 days: 1, 1 is running\n",
  );
  clock.advance(3_600_000);
  requests.length = 0;
  const { runs: [run], days, pullRequests, lists } = await look();
  expect(run).toMatchObject({ outcome: "success", exitCode: 0, reason: null });
  expect([days.last.succeeded, days.last.medianMs === run?.durationMs, (run?.durationMs ?? 0) > 10_000]).toEqual([
    1,
    true,
    true,
  ]);
  expect([pullRequests.count, lists.openRuns.state]).toEqual([1, "complete"]);
  expect(requests.filter((each) => each.startsWith("GET /runs/")).length).toBe(2);
  const { stdout } = await cli(dashboard.filter((word) => word !== "--json"), { env, files });
  expect(stdout).toMatch(/runs in the last 7 days: 1, 1 of 1 succeeded, median (.+), \1 of agent time\n/);
  expect(stdout).not.toContain("did not finish in time");
});

test("dashboard does not say that all is well if its histories have only old runs, or cannot be read", async () => {
  const { emulator, clock } = world();
  const fetch = async (url: string, init: RequestInit) => {
    if (url.includes("/sandboxes")) return good({ sandboxes: [] });
    if (url.includes("/automations")) return good({ automations: [], nextCursor: null });
    return await emulator.fetch(url, init);
  };
  const linesOf = (days: number) =>
    [1, 2, 3].map((number) => {
      const endMs = clock.wallTime() - days * 86_400_000;
      const run = sampleResult({ runId: `5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b1${number}` });
      const record = recordOf(run, endMs, "nightly") as HistoryRecord;
      return historyLine({ ...record, endedAt: new Date(endMs).toISOString() });
    }).join("");
  const headingOf = async (text: string, ...more: string[]) => {
    const io = fakeIo({ env, terminal: true, files: { "runs.ndjson": text } });
    await main(["dashboard", "--history", "runs.ndjson", ...more], io, { fetch, clock });
    expect(io.text.stdout).not.toContain("All is well");
    return io.text.stdout.split("\n").filter((line) => line.includes("No run")).join();
  };
  expect(await headingOf(linesOf(100))).toBe(
    "\x1b[33mNo runs are counted because every run is older than 12 weeks.\x1b[0m",
  );
  expect(await headingOf(linesOf(56))).toBe("\x1b[33mNo run ended in the last 7 days\x1b[0m");
  expect(await headingOf("not JSON\n", "--history", "nope.ndjson")).toBe(
    "No runs are counted because no file could be read.",
  );
});

test("dashboard writes nothing if no list was read, as its help says", async () => {
  const { cli } = world();
  const refused = await cli(["dashboard", "--out", "public"], { env: { MOGPLEX_API_KEY: `${TOKEN.slice(0, -2)}xx` } });
  expect([refused.code, refused.io.files.size]).toEqual([64, 0]);
  const { stdout } = await cli(["dashboard", "--help"]);
  expect(stdout.replace(/\s+/g, " ")).toContain(
    "64 no token, or the service refused it; no page if no list was read",
  );
});

test("dashboard refuses a token that could start something, and starts nothing", async () => {
  const { cli, requests, emulator } = world();
  const { code, stderr, io } = await cli(["dashboard", "--out", "public"]);
  expect([code, requests, emulator.world.store.runs.size, io.files.size]).toEqual([2, ["POST /runs"], 0, 0]);
  expect(stderr).toContain("the token can start runs or automations");
  const allowed = await cli(["dashboard", "--out", "public", "--allow-write-token"], {
    env: { MOGPLEX_API_KEY: TOKEN },
  });
  expect([allowed.code, allowed.io.files.size]).toEqual([0, 3]);
});

test("dashboard without files says that no runs are counted, and does not say that all is well", async () => {
  const { emulator, clock } = world();
  const io = fakeIo({ env, terminal: true });
  const fetch = async (url: string, init: RequestInit) => {
    if (url.includes("/sandboxes")) return good({ sandboxes: [] });
    if (url.includes("/automations")) return good({ automations: [], nextCursor: null });
    return await emulator.fetch(url, init);
  };
  expect(await main(["dashboard"], io, { fetch, clock })).toBe(0);
  expect(io.text.stdout.split("\n", 1)).toEqual([
    "\x1b[33mNo runs are counted because neither --history nor --results was given.\x1b[0m",
  ]);
  expect(io.text.stdout).not.toContain("All is well");
  const { stdout } = await world().cli(["dashboard"], { env });
  expect(stdout.match(/^(?:.* need attention|No runs are counted because .*)$/gm)).toEqual([
    expect.stringMatching(/need attention$/),
    "No runs are counted because neither --history nor --results was given.",
  ]);
});

test("dashboard reports a pattern that matches only files that it does not read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-dashboard-"));
  writeFileSync(join(folder, "run.html"), "<p>");
  try {
    const { stdout, stderr } = await world().cli(["dashboard", "--results", `${folder}/*.html`], { env });
    expect(stdout).toContain(`No runs are counted because no file that a dashboard reads matches ${folder}/*.html.`);
    expect(stderr).toContain("This pattern matches only files that a dashboard does not read, such as run.html");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("dashboard advises to put a pattern in quotes if a shell has replaced it", async () => {
  const { code, stderr } = await world().cli(["dashboard", "--history", "runs/a.ndjson", "runs/b.ndjson"], { env });
  expect([code, stderr.includes('there is an unexpected argument: "runs/b.ndjson"; put a pattern in quotes')]).toEqual([
    2,
    true,
  ]);
});

test("dashboard --json prints the data alone", async () => {
  const { cli } = world();
  const { code, stdout, io } = await cli(["dashboard", "--json"], { env });
  expect([code, JSON.parse(stdout).schema, io.files.size]).toEqual([0, 1, 0]);
});

test("dashboard names the file that it cannot write", async () => {
  const locked = await world().cli(["dashboard", "--out", "d"], { env, readOnly: () => true });
  expect([locked.code, locked.stderr.includes('"d/data.json" cannot be written')]).toEqual([2, true]);
});

test("dashboard writes what it has when a list fails, and ends with its code unless a part is enough", async () => {
  for (const [flags, expected] of [[[], 69], [["--partial"], 0]] as const) {
    const { emulator, clock } = world();
    const io = fakeIo({ env });
    const fetch = (url: string, init: RequestInit) =>
      url.includes("/sandboxes") ? Promise.resolve(new Response("<html>", { status: 502 })) : emulator.fetch(url, init);
    const code = await main(["dashboard", "--out", "d", ...flags], io, { fetch, clock });
    expect(code).toBe(expected);
    expect(JSON.parse(io.files.get("d/data.json") ?? "")).toMatchObject({
      exitCode: 69,
      lists: { sandboxes: { state: "failed" } },
    });
    expect(io.text.stderr).toContain("HTTP 502");
  }
});

test("dashboard names no start of a run when the service refuses the token", async () => {
  const { code, stderr } = await world().cli(["dashboard", "--out", "public"], {
    env: { MOGPLEX_API_KEY: `${TOKEN}x` },
  });
  expect(code).toBe(64);
  expect(stderr).toContain("Cannot check the token: the service refuses the token");
});

test("dashboard without --out prints the table once and writes no file, and hostile names stay on their lines", async () => {
  const { emulator, clock } = world();
  const io = fakeIo({ env, terminal: true });
  const fetch = async (url: string, init: RequestInit) => {
    const answer = await emulator.fetch(url, init);
    if (!url.includes("/automations?")) return answer;
    const text = (await answer.text()).replace("Nightly review", "\\u001b[2JEvil\\n::error::name\\u202e");
    return new Response(text, { status: answer.status, headers: answer.headers });
  };
  const code = await main(["dashboard"], io, { fetch, clock });
  expect([code, io.files.size]).toEqual([0, 0]);
  expect(io.text.stdout.match(/sandboxes in use: /g)).toHaveLength(1);
  expect(io.text.stdout).toContain("Evil");
  expect(io.text.stdout).not.toContain("\u202e");
  expect(io.text.stdout).not.toContain("\x1b[2J");
  expect(io.text.stdout).not.toMatch(/^::error::/m);
});
