import { expect, test } from "bun:test";
import { SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { cliWorld } from "./world.ts";

const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');

test("campaign merge needs a token that merges before anything is read or merged", async () => {
  const world = cliWorld({ count: 1, scenarios: SCENARIO });
  await world.campaign("run");
  const { code, stdout, stderr } = await world.campaign("merge");
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(
    "Cannot merge pull requests: no merge token is set for github.com; " +
      "set MOGPLEX_MERGE_TOKEN_VARIABLE=github.com=VARIABLE, with the name of the variable that holds the token",
  );
});

test("campaign merge names the variable of the missing token also for pull requests at an address of this machine", async () => {
  const local = SCENARIO.replace("https://github.com/", "http://127.0.0.1:3000/");
  const world = cliWorld({ count: 1, scenarios: local });
  await world.campaign("run");
  for (const args of [[], ["--dry-run"]]) {
    const { code, stdout, stderr } = await world.campaign("merge", args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(
      "no merge token is set for 127.0.0.1:3000; a local Mogplex has no forge, so its pull requests cannot be changed; " +
        "if this is a forge, set MOGPLEX_MERGE_TOKEN_VARIABLE=127.0.0.1:3000=VARIABLE",
    );
  }
});

test("campaign merge refuses contradictions, and exceptions without names outside of a terminal", async () => {
  const world = cliWorld({ count: 1, scenarios: SCENARIO });
  await world.campaign("plan");
  const refused = async (args: string[], env: Record<string, string> = {}) => {
    const { code, stderr } = await world.campaign("merge", args, { env });
    return `${code} ${stderr.split("\n")[0]}`;
  };
  expect(await refused(["--without-review", "--without-checks", "--only", "acme/x"])).toMatch(
    /^2 .*neither a review nor checks/,
  );
  expect(await refused(["--without-review"])).toMatch(/^2 .*--without-review needs the names of the items/);
  expect(await refused(["--without-checks", "--only", "acme/*"])).toMatch(/^2 .*--without-checks needs the names/);
  expect(await refused(["--own-approval"], { CI: "true", GITHUB_ACTIONS: "true" })).toMatch(
    /^2 .*--own-approval is not allowed in CI jobs/,
  );
  expect(await refused(["--at-most", "0"])).toMatch(/^2 .*from 1 to 10000/);
  expect(await refused(["--method", "octopus"])).toMatch(/^2 /);
  expect(await refused(["--cause", "red"])).toMatch(/^2 .*there is no such cause/);
  expect(await refused(["--only", "other/*"])).toMatch(/^2 .*no item matches/);
});

test("campaign merge says that there is nothing to merge, and ends well", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  await world.campaign("run");
  const { code, stdout } = await world.campaign("merge", ["--dry-run"]);
  expect([code, stdout]).toEqual([0, "there is no pull request to merge\n"]);
  const json = await world.campaign("merge", ["--json"]);
  expect(JSON.parse(json.stdout)).toEqual({ dryRun: false, pullRequests: [], mergedBefore: 0, exitCode: 0 });
});

test("campaign merge takes the item of a run by the first digits of its id outside CI, and names the run once", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  await world.campaign("run");
  const runId = JSON.parse(world.report("campaign.json")).items[1].runId as string;
  const short = ["--only", runId.slice(0, 8), "--dry-run"];
  const nothing = { code: 0, stdout: "there is no pull request to merge\n" };
  expect(await world.campaign("merge", short)).toMatchObject({ ...nothing, stderr: `note: run ${runId}\n` });
  const ci = { env: { CI: "true" } };
  expect((await world.campaign("merge", short, ci)).code).toBe(2);
  expect(await world.campaign("merge", ["--only", runId, "--dry-run"], ci)).toMatchObject({ ...nothing, stderr: "" });
});
