import { readFileSync } from "node:fs";
import { expect, test } from "bun:test";
import { project } from "../../campaign/world.ts";
import { cliWorld } from "../campaign/world.ts";
import { world } from "../world.ts";

/** The working directory of a fake world. */
const CWD = "/work";
const HOME = { HOME: "/h/me" };
const RECENT = "/h/me/.local/state/mogplex-ci/recent.ndjson";
const RUN = ["run", "--follow", "Fix the flaky tests", "--repo", "acme/api"];
const VERBS = [["follow"], ["report"], ["runs", "get"], ["runs", "events"], ["runs", "cancel"]];

/** A line of the file of recent runs. */
const start = (runId: string, origin = "https://mogplex.com") =>
  `${JSON.stringify({ startedAt: "2026-12-01T00:00:00.000Z", runId, origin })}\n`;

for (const start of [RUN, RUN.filter((word) => word !== "--follow")]) {
  test(`wholeRunId() finds a run that this machine started with ${start.slice(0, 2).join(" ")} by its first digits, in each verb, and prints its id first`, async () => {
    const { cli, emulator, clock } = world("success");
    const { io } = await cli(start, { env: HOME });
    clock.advance(3_600_000);
    const recent = { [RECENT]: io.files.get(RECENT) ?? "" };
    const [runId = ""] = emulator.world.store.runs.keys();
    for (const verb of VERBS) {
      const { code, stderr } = await cli([...verb, runId.slice(0, 8)], { env: HOME, files: recent });
      expect([verb, code, stderr.split("\n")[0]]).toEqual([verb, 0, "note: run <run>"]);
    }
    const upper = await cli(["runs", "get", runId.slice(0, 13).toUpperCase(), "--json"], { env: HOME, files: recent });
    expect(JSON.parse(upper.stdout).runId).toBe("<run>");
  });
}

test("wholeRunId() finds the run of the folder's state file when this machine remembers none", async () => {
  const { cli, emulator } = world("success");
  const { io } = await cli(RUN, { env: { ...HOME, MOGPLEX_RECENT: "off" } });
  const files = { "mogplex-ci/run.json": io.files.get("mogplex-ci/run.json") ?? "" };
  const [runId = ""] = emulator.world.store.runs.keys();
  const get = ["runs", "get", runId.slice(0, 8)];
  expect((await cli(get, { files })).code).toBe(0);
  const forged = { "mogplex-ci/run.json": (files["mogplex-ci/run.json"] ?? "").replace("success", "failed") };
  expect((await cli(get, { files: forged })).code).toBe(2);
});

test("wholeRunId() finds the runs of this folder's campaign, whose directory the campaign file may name", async () => {
  const world = cliWorld({ count: 1 });
  await world.campaign("run");
  const report = world.report("campaign.json");
  const { runId } = JSON.parse(report).items[0];
  const get = (files: Record<string, string>) => world.cli(["runs", "get", runId.slice(0, 8)], { files });
  expect((await get({ "mogplex-campaign/campaign.json": report })).code).toBe(0);
  const file = `${world.files.get("campaign.yml")}\nhome: work/c1\n`;
  expect((await get({ "work/c1/campaign.json": report, "campaign.yml": file })).code).toBe(0);
  const other = report.replaceAll("https://mogplex.com", "http://127.0.0.1:4000");
  expect((await get({ "mogplex-campaign/campaign.json": other })).code).toBe(2);
  expect(report).toContain(project(1));
});

test("wholeRunId() finds a run of a campaign by its journal, before the report has the run", async () => {
  const world = cliWorld({ count: 1 });
  await world.campaign("run");
  const { runId } = JSON.parse(world.report("campaign.json")).items[0];
  const [lock, journal] = ["lock.json", "journal/000001.ndjson"].map((name) =>
    readFileSync(`${world.directory}/${name}`, "utf8")
  );
  const get = (files: Record<string, string | undefined>) =>
    world.cli(["runs", "get", runId.slice(0, 8)], { files: files as Record<string, string> });
  for (const folder of ["mogplex-campaign", "second"]) {
    const files = { [`${folder}/lock.json`]: lock, [`${folder}/journal/000001.ndjson`]: journal };
    expect((await get(files)).code).toBe(0);
    const other = lock?.replaceAll("https://mogplex.com", "http://127.0.0.1:4000");
    expect((await get({ ...files, [`${folder}/lock.json`]: other })).code).toBe(2);
  }
});

test("wholeRunId() finds the runs of a campaign and of a job whose folders only an earlier command has named", async () => {
  const campaign = cliWorld({ count: 1 });
  await campaign.campaign("run");
  const report = campaign.report("campaign.json");
  const { runId } = JSON.parse(report).items[0];
  const get = (folder: string) =>
    campaign.cli(["runs", "get", runId.slice(0, 8)], { files: { [`${folder}/campaign.json`]: report } });
  expect((await get("far/second")).code).toBe(2);
  expect((await get("second")).code).toBe(0);
  const job = world("success");
  const { io } = await job.cli([...RUN, "--out", "r4"], { env: { ...HOME, MOGPLEX_RECENT: "off" } });
  const [jobRun = ""] = job.emulator.world.store.runs.keys();
  const files = { "r4/run.json": io.files.get("r4/run.json") ?? "", "a/run.json": "{}", "b/campaign.json": "[]" };
  expect((await job.cli(["follow", jobRun.slice(0, 8)], { files })).code).toBe(0);
});

test("wholeRunId() finds the runs of a campaign in any directory that an earlier command has used at the same service", async () => {
  const world = cliWorld({ count: 1 });
  const place = ["campaign.yml", "--dir", world.directory];
  await world.cli(["campaign", "run", ...place], { env: HOME });
  const { runId } = JSON.parse(world.report("campaign.json")).items[0];
  const recent = world.files.get(RECENT) ?? "";
  // Each command reads the plan, and only the first one is remembered.
  await world.cli(["campaign", "status", ...place], { env: HOME });
  expect([world.files.get(RECENT), recent.match(/"campaign"/g)]).toEqual([recent, ['"campaign"']]);
  const get = async (lines: string) => {
    world.files.set(RECENT, lines);
    return (await world.cli(["runs", "get", runId.slice(0, 8)], { env: HOME })).code;
  };
  const other = recent.replaceAll("https://mogplex.com", "http://127.0.0.1:4000");
  expect([await get(recent), await get(other), await get("")]).toEqual([0, 2, 2]);
});

test("rememberCampaign() writes nothing for a dry run, and nothing when the user turned the list off", async () => {
  const world = cliWorld({ count: 1 });
  await world.campaign("plan", [], { env: { ...HOME, MOGPLEX_RECENT: "off" } });
  await world.campaign("run", ["--dry-run"], { env: HOME });
  expect(world.files.has(RECENT)).toBe(false);
  await world.campaign("status", [], { env: HOME });
  expect(world.files.get(RECENT)).toBe(
    `{"campaign":"${world.directory}","file":"${CWD}/campaign.yml","home":null,"origin":"https://mogplex.com"}\n`,
  );
});

test("wholeRunId() looks into no more than 50 folders that have runs", async () => {
  const campaign = cliWorld({ count: 1 });
  await campaign.campaign("run");
  const report = campaign.report("campaign.json");
  const { runId } = JSON.parse(report).items[0];
  const other = report.replaceAll(runId, "1d29863d-0000-4000-8000-000000000001");
  const get = (count: number) => {
    const others = Array.from({ length: count }, (_, index) => [`a${index}/campaign.json`, other]);
    return campaign.cli(["runs", "get", runId.slice(0, 8)], {
      files: Object.fromEntries([...others, ["z/campaign.json", report]]),
    });
  };
  expect([(await get(49)).code, (await get(50)).code]).toEqual([0, 2]);
});

test("wholeRunId() reports that no run here begins with the digits, and sends nothing", async () => {
  const { cli, requests } = world("success");
  const files = { [RECENT]: start("1d29863d-0000-4000-8000-000000000001", "http://127.0.0.1:4000") };
  const { code, stderr } = await cli(["runs", "cancel", "1d29863d"], { env: HOME, files });
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toBe(
    'error: Cannot find run: no run id on this machine starts with "1d29863d"; give the full id\n',
  );
});

test("wholeRunId() names the runs that begin with the digits when there are more than one", async () => {
  const { cli, requests } = world("success");
  const ids = ["1d29863d-0000-4000-8000-000000000001", "1d29863d-0000-4000-8000-000000000002"];
  const files = { [RECENT]: ids.map((id) => start(id)).join("") };
  const { code, stderr } = await cli(["follow", "1d29863d"], { env: HOME, files });
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toContain(
    `Cannot use run id because several ids start with these digits: "1d29863d"; give one of ${ids.join(", ")}\n`,
  );
});

test("wholeRunId() takes whole ids only in CI, and no fewer than 8 digits", async () => {
  const { cli, requests } = world("success");
  const files = { [RECENT]: start("1d29863d-0000-4000-8000-000000000001") };
  const short = await cli(["follow", "1d29863"], { env: HOME, files });
  const inCi = await cli(["follow", "1d29863d"], { env: { ...HOME, CI: "true", GITLAB_CI: "true" }, files });
  expect([short.code, inCi.code, requests]).toEqual([2, 2, []]);
  expect([short.stderr, inCi.stderr]).toEqual([
    'error: Cannot use run id because it must be a full id, or at least its first 8 digits: "1d29863"; "runs recent" shows the ids\n',
    expect.stringContaining("Cannot use run id because it must be a UUID"),
  ]);
});

test("wholeRunId() ends with 64 when there is no token, since it compares the service of each run", async () => {
  const { cli } = world("success");
  expect((await cli(["follow", "1d29863d"], { env: { ...HOME, MOGPLEX_API_KEY: "" } })).code).toBe(64);
});

test("lastRunId() is in the message about a missing id, for a person in the folder of a run", async () => {
  const { cli, clock, emulator } = world("");
  const { io } = await cli(["run", "--detach", "x", "--repo", "acme/api"], { env: HOME });
  const [id = ""] = emulator.world.store.runs.keys();
  const files = Object.fromEntries(io.files);
  const messages = async (env: Record<string, string>, more: Record<string, string> = files) =>
    (await cli(["report"], { env, files: more })).stderr.replaceAll(id.slice(0, 8), "<digits>");
  const person = await messages(HOME);
  expect(person).toContain(
    "Cannot report: the run id is missing; for the last run in this folder, use `mogplex-ci report <digits>`\n",
  );
  // The files of a second run are beside those of the first one, which has not ended.
  clock.advance(1_000);
  const second = await cli(["run", "--detach", "y", "--repo", "acme/api"], { env: HOME, files });
  const [, secondId = ""] = emulator.world.store.runs.keys();
  expect(second.io.files.has("mogplex-ci/run-2/run.json")).toBe(true);
  expect(await messages(HOME, Object.fromEntries(second.io.files))).toContain(
    `\`mogplex-ci report ${secondId.slice(0, 8)}\``,
  );
  expect(await messages(HOME, {})).not.toContain("last run");
  expect(await messages({ ...HOME, CI: "true", GITLAB_CI: "true" })).not.toContain("last run");
});

test("campaignRetry() lets report name the campaign of a failed run, in the log, on the page and in the summary", async () => {
  const campaign = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  await campaign.campaign("run");
  const report = campaign.report("campaign.json");
  const { runId } = JSON.parse(report).items[1];
  const show = async (files: Record<string, string>) => {
    campaign.files.clear();
    const { io, stdout } = await campaign.cli(["report", runId], { files });
    const [page = "", summary = ""] = ["run.html", "summary.md"].map((name) => io.files.get(`mogplex-ci/${name}`));
    return { stdout, page: page.replace(/<[^<>]*>/g, ""), summary };
  };
  const retry = (file: string) => `mogplex-ci campaign retry ${file} --only ${project(2)}`;
  const inCampaign = await show({ "mogplex-campaign/campaign.json": report, "campaign.yml": "name: x\n" });
  expect(inCampaign.stdout).toContain(
    "campaign      replace-moment\n" +
      "what to do    Fix the cause, then have the campaign start the run again.\n" +
      `retry         ${retry("campaign.yml")}\n`,
  );
  for (const text of [inCampaign.page, inCampaign.summary]) {
    expect(text).toContain("Fix the cause, then have the campaign start the run again.");
    expect(text).toContain(retry("campaign.yml"));
    expect(text).not.toContain("--new");
    expect(text).not.toContain("start a new run");
  }
  expect(inCampaign.page).toContain("Start it again in campaign replace-moment");
  const skipped = JSON.parse(report);
  skipped.items[1].verdict = "skipped";
  expect(
    (await show({ "mogplex-campaign/campaign.json": JSON.stringify(skipped), "campaign.yml": "name: x\n" })).stdout,
  )
    .toContain(
      "what to do    The campaign skips this item. If you still want the run, have the campaign start it again.\n" +
        `retry         ${retry("campaign.yml")}\n`,
    );
  const second = JSON.parse(report);
  second.about.file = "c40.yml";
  const files = { "second/campaign.json": JSON.stringify(second) };
  expect((await show({ ...files, "c40.yml": "name: x\n" })).stdout).toContain(retry("c40.yml --dir second"));
  // A command with a placeholder could not be pasted.
  const unknown = await show(files);
  expect([unknown.stdout, unknown.page, unknown.summary].join("\n")).not.toContain("campaign retry");
  expect(unknown.stdout).toContain("what to do    Fix the cause, then have the campaign start the run again.\n");
  const outside = await show({ "campaign.yml": "name: x\n" });
  expect([outside.stdout.includes("campaign"), outside.page.includes("--new")]).toEqual([false, true]);
});

test("campaignRetry() prints the command of a campaign in a nested directory, with the flags that find it", async () => {
  const campaign = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  await campaign.campaign("run", [], { env: HOME });
  const { runId } = JSON.parse(campaign.report("campaign.json")).items[1];
  const shown = async (id: string, recent = campaign.files.get(RECENT)) => {
    campaign.files.set(RECENT, recent ?? "");
    const { stdout } = await campaign.cli(["report", id], { env: HOME });
    return /^retry.*$/m.exec(stdout)?.[0];
  };
  const own = `--only ${project(2)}`;
  expect(await shown(runId)).toBe(`retry         mogplex-ci campaign retry campaign.yml --dir DIR ${own}`);
  expect(await shown(runId.slice(0, 8))).toBe(`retry         mogplex-ci campaign retry campaign.yml --dir DIR ${own}`);
  const line = { campaign: `${CWD}/c2/d`, file: `${CWD}/campaign.yml`, home: null, origin: "https://mogplex.com" };
  campaign.files.set(`${CWD}/c2/d/campaign.json`, campaign.report("campaign.json"));
  campaign.files.set("c2/d/campaign.json", campaign.report("campaign.json"));
  expect(await shown(runId, JSON.stringify(line))).toBe(
    `retry         mogplex-ci campaign retry campaign.yml --dir c2/d ${own}`,
  );
  const home = { ...line, home: "git:origin#mogplex-campaign/x" };
  expect(await shown(runId, JSON.stringify(home))).toBe(
    `retry         mogplex-ci campaign retry campaign.yml --dir c2/d --home 'git:origin#mogplex-campaign/x' ${own}`,
  );
});
