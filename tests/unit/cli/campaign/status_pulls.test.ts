import { expect, test } from "bun:test";
import { SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { project } from "../../campaign/world.ts";
import { aNode, githubForge, json, rollup } from "../../forge/github_forge.ts";
import { GITHUB_TOKEN } from "../../forge/world.ts";
import { cliWorld } from "./world.ts";

const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');
const TOKEN = { env: { GITHUB_TOKEN } };

/** A campaign that is done: pull requests that are ready, red and merged. */
async function done() {
  const world = cliWorld({ count: 3, scenarios: SCENARIO, file: { branch: "mogplex/replace-moment" } });
  const github = githubForge();
  [aNode({ updatedAt: "2099-01-01T00:00:00Z" }), aNode(rollup("FAILURE")), aNode({ state: "MERGED" })].forEach((
    node,
    index,
  ) => github.pulls.set(`${project(index + 1)}#7`, node));
  world.forge = github;
  await world.campaign("run");
  return { world, github };
}

test("campaign status reads pull requests with a token, and says once what to set without one", async () => {
  const { world, github } = await done();
  const without = await world.campaign("status");
  expect(without.stdout.match(/3 pull requests; to see which are merged, set GITHUB_TOKEN/g)).toHaveLength(1);
  expect(without.stdout).not.toMatch(/not read|not checked|PR STATE/);
  expect(github.received).toHaveLength(0);
  const { code, stdout } = await world.campaign("status", [], TOKEN);
  expect(code).toBe(0);
  expect(stdout).toContain("3 pull requests: 2 open (1 stuck), 1 merged");
  expect(stdout).toContain("stuck: failed-checks (1): the checks of the pull request failed; owner: acme");
  expect(stdout).toContain("mogplex-ci campaign retry campaign.yml --dir DIR --cause failed-checks");
  const json = JSON.parse((await world.campaign("status", ["--json"], TOKEN)).stdout);
  expect(json.items[1]).toMatchObject({ stuck: "failed-checks", pullRequestState: { state: "open", checks: "red" } });
  expect(`${stdout}${JSON.stringify(json)}`).not.toContain(GITHUB_TOKEN);
  // The word of a cause that only the screen knows is good for a retry.
  const { stdout: retried } = await world.campaign("retry", ["--cause", "failed-checks"], TOKEN);
  expect(retried).toContain(
    "1 item will be started again, ahead of the items that are waiting, on the branch of the pull request",
  );
});

test("campaign status --stuck-after says how long nothing may happen to a pull request", async () => {
  const { world, github } = await done();
  github.pulls.set(
    `${project(1)}#7`,
    aNode({ reviewDecision: "REVIEW_REQUIRED", updatedAt: new Date(world.clock.wallTime() - 7_200_000).toISOString() }),
  );
  expect((await world.campaign("status", [], TOKEN)).stdout).not.toContain("inactive");
  expect((await world.campaign("status", ["--stuck-after", "2h"], TOKEN)).stdout).toContain("stuck: inactive (1)");
  expect((await world.campaign("status", ["--stuck-after", "1d"], TOKEN)).stdout).not.toContain("inactive");
  expect((await world.campaign("status", ["--stuck-after", "soon"], TOKEN)).code).toBe(2);
  expect((await world.campaign("status", ["--forge-host", "x y"], TOKEN)).code).toBe(2);
});

test("campaign report writes what the forge says now", async () => {
  const { world } = await done();
  await world.campaign("report", [], TOKEN);
  expect(world.report("campaign.md")).toContain("3 pull requests: 2 open (1 stuck), 1 merged");
  expect(world.report("ci/campaign.csv")).toContain('"open","red"');
  expect(world.report("ci/metrics.txt")).toContain('mogplex_campaign_pull_requests_stuck{cause="failed-checks"} 1');
});

test("run, advance, status and the reports agree that a campaign is merging, and run names the command for the rest", async () => {
  const file = { branch: "mogplex/replace-moment", "on-failed-checks": { prompt: "Fix it" } };
  const world = cliWorld({ count: 1, scenarios: SCENARIO, file });
  const github = githubForge();
  github.pulls.set(`${project(1)}#7`, aNode({ ...rollup("PENDING"), updatedAt: "2099-01-01T00:00:00Z" }));
  world.forge = github;
  const waits = "1 pull request is waiting: 1 for checks";
  const run = await world.campaign("run", [], TOKEN);
  const first = `Campaign replace-moment is merging: its item succeeded; ${waits}`;
  expect([run.code, run.stdout]).toEqual([0, expect.stringContaining(first)]);
  expect(run.stdout).toContain(`${waits}: mogplex-ci campaign advance campaign.yml --dir DIR`);
  const [advance, status] = [await world.campaign("advance", [], TOKEN), await world.campaign("status", [], TOKEN)];
  for (const { code, stdout } of [advance, status]) {
    expect([code, stdout]).toEqual([0, expect.stringContaining(first)]);
    expect(stdout).toContain("Nothing needs attention: the campaign continues with the next wave");
  }
  expect((await world.campaign("status", ["--exit-status"], TOKEN)).code).toBe(0);
  expect(world.report("ci/outputs.env")).toContain("MOGPLEX_CAMPAIGN_STATE=merging\n");
  expect(world.report("campaign.md")).toContain(`is merging\n\nIts item succeeded; ${waits}.`);
  expect(world.report("campaign.html")).toContain(waits);
  expect(world.report("ci/metrics.txt")).toContain('mogplex_campaign_state{state="merging"} 1');
  expect(JSON.parse(world.report("campaign.json"))).toMatchObject({
    state: "merging",
    pending: { merges: false, groups: [{ reason: "checks", items: [`${project(1)}@main`] }] },
  });
  github.pulls.set(`${project(1)}#7`, aNode(rollup("SUCCESS")));
  await world.clock.sleep(3_600_000);
  expect((await world.campaign("advance", [], TOKEN)).stdout).toContain("Campaign replace-moment is done");
});

test("campaign retry takes what status prints, with the same --forge-host, when checks turn red after the campaign is done", async () => {
  const { world, github } = await done();
  const forge = ["--forge-host", "github.com=FORGE_KEY", "--stuck-after", "5d"];
  const token = { env: { FORGE_KEY: GITHUB_TOKEN } };
  github.pulls.set(`${project(2)}#7`, aNode({ updatedAt: "2099-01-01T00:00:00Z" }));
  await world.clock.sleep(600_000);
  await world.campaign("advance", forge, token);
  github.pulls.set(`${project(2)}#7`, aNode(rollup("FAILURE")));
  const { stdout } = await world.campaign("status", forge, token);
  const flags = "--dir DIR --forge-host github.com=FORGE_KEY --stuck-after 120h";
  expect(stdout).toContain(`mogplex-ci campaign retry campaign.yml ${flags} --cause failed-checks`);
  // A new run would open a second pull request.
  const only = await world.campaign("retry", [...forge, "--only", project(2)], token);
  expect(only.code).toBe(2);
  expect(only.stderr).toContain(
    `a new run would open a second pull request for ${project(2)}, whose pull request is stuck: failed-checks`,
  );
  expect(only.stderr).toContain(`campaign retry campaign.yml ${flags} --cause failed-checks --only ${project(2)}`);
  const again = await world.campaign("retry", [...forge, "--only", project(2), "--keep-task", "--dry-run"], token);
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining("the campaign follows the new one")]);
  const retry = await world.campaign("retry", [...forge, "--cause", "failed-checks"], token);
  expect([retry.code, retry.stdout]).toEqual([0, expect.stringContaining("on the branch of the pull request")]);
});

test("campaign retry, ask and close exit with the forge's error if it cannot be read, not with a mistake in the command", async () => {
  const { world, github } = await done();
  const calls: [verb: string, ...args: string[]][] = [
    ["retry", "--cause", "failed-checks"],
    ["retry", "--only", project(2)],
    ["ask", "--cause", "no-reviewer", "--reviewer", "ann"],
    ["ask", "--only", project(1), "--reviewer", "ann"],
    ["close", "--cause", "failed-checks", "--reason", "no"],
    ["close", "--only", project(1), "--reason", "no"],
  ];
  for (const [status, exit] of [[503, 69], [401, 64]] as const) {
    for (const [verb, ...args] of calls) {
      github.faults.push(...Array.from({ length: 20 }, () => json(status, { message: "no" })));
      const { code, stderr } = await world.campaign(verb, args, TOKEN);
      github.faults.length = 0;
      expect([verb, code, stderr]).toEqual([verb, exit, expect.stringContaining(`HTTP ${status}`)]);
    }
  }
});
