import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { campaignFile } from "../../campaign/world.ts";
import { cliWorld } from "./world.ts";

test("without --dir a campaign is in mogplex-campaign, and no command names it", async () => {
  const before = process.cwd();
  process.chdir(realpathSync(mkdtempSync(join(tmpdir(), "mogplex-place-"))));
  try {
    const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
    expect((await world.cli(["campaign", "status", "campaign.yml"])).stderr).toBe(
      'error: Cannot read the campaign: there is no plan in "mogplex-campaign"; ' +
        "if it was planned elsewhere, specify that place with --dir, --home, MOGPLEX_CAMPAIGN_HOME, or the key home in the campaign file; " +
        "for a new campaign, run `mogplex-ci campaign plan campaign.yml`\n",
    );
    const { code, stdout } = await world.cli(["campaign", "run", "campaign.yml"]);
    expect([code, stdout.includes("mogplex-ci campaign retry campaign.yml --cause agent-run-exited")]).toEqual([
      1,
      true,
    ]);
    expect(readFileSync("mogplex-campaign/lock.json", "utf8")).toContain('"campaign": "replace-moment"');
    expect(world.files.has("mogplex-campaign/campaign.json")).toBe(true);
  } finally {
    process.chdir(before);
  }
});

test("commands quote names that a shell would take apart", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  world.files.set("my campaign's.yml", campaignFile());
  const args = ["my campaign's.yml", "--dir", world.directory];
  const { code, stdout } = await world.cli(["campaign", "run", ...args]);
  expect([code, stdout]).toEqual([
    1,
    expect.stringContaining(`campaign retry 'my campaign'\\''s.yml' --dir DIR --cause`),
  ]);
});

test("--home is a directory or a branch, and every verb refuses anything else", async () => {
  const world = cliWorld({ count: 1 });
  expect((await world.campaign("plan", ["--home", "dir"])).code).toBe(0);
  for (const verb of ["plan", "advance", "run", "status", "stop", "report"]) {
    const { code, stderr } = await world.campaign(verb, ["--home", "git:origin#x"]);
    expect([verb, code, stderr]).toEqual([
      verb,
      2,
      "error: Cannot use the home of a campaign because this is neither a CI job with a known repository nor a " +
      'clone with a remote named origin: "git:origin#x"; use --home git:ADDRESS#BRANCH, or set MOGPLEX_CAMPAIGN_HOME\n',
    ]);
  }
});

test("the token of the environment is masked in everything that verbs without requests print", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  const { stdout, stderr } = await world.campaign("skip", [
    "--only",
    "acme/*1",
    "--reason",
    `because of ${world.token}`,
  ]);
  expect(stdout + stderr).not.toContain(world.token);
  for (const args of [[], ["--json"], ["--all"]]) {
    const status = await world.campaign("status", args);
    expect(status.stdout + status.stderr).not.toContain(world.token);
    expect(status.stdout).toContain("skipped");
  }
  await world.campaign("report");
  for (const [path, text] of world.files) if (path.startsWith(world.directory)) expect(text).not.toContain(world.token);
  // A decision is masked before it is recorded.
  expect(readFileSync(`${world.directory}/journal/000001.ndjson`, "utf8")).not.toContain(world.token);
});

test("a file that is missing or no campaign file ends every verb with 2", async () => {
  const world = cliWorld();
  for (const verb of ["check", "plan", "advance", "run", "status", "retry", "approve", "stop", "resume", "report"]) {
    const none = await world.cli(["campaign", verb]);
    expect([verb, none.code, none.stderr]).toEqual([verb, 2, expect.stringContaining("<file> is missing")]);
    const gone = await world.cli(["campaign", verb, "nope.yml"]);
    expect([verb, gone.code, gone.stdout + gone.stderr]).toEqual([
      verb,
      2,
      expect.stringContaining('Cannot read campaign file because it does not exist: "nope.yml"; check the path'),
    ]);
  }
});

test("the address of a webhook is masked in decisions, in what is printed and in the reports", async () => {
  const secret = "/services/T0123/B0123/aVerySecretPartOfThePath";
  const notify = { "webhook-variable": "CAMPAIGN_HOOK", host: "hooks.example", on: ["done"] };
  const world = cliWorld({ count: 2, file: { notify } });
  const env = { CAMPAIGN_HOOK: `https://hooks.example${secret}`, MOGPLEX_DEV: "1", MOGPLEX_URL: "http://localhost" };
  expect((await world.campaign("plan", [], { env })).code).toBe(0);
  const reason = `see https://hooks.example${secret}`;
  const skipped = await world.campaign("skip", ["--only", "acme/*", "--reason", reason, "--by", secret], { env });
  expect(skipped.code).toBe(0);
  const shown = await world.campaign("status", ["--all", "--json"], { env });
  const written = await world.campaign("report", [], { env });
  const journal = readFileSync(`${world.directory}/journal/000001.ndjson`, "utf8");
  const all = [journal, ...[skipped, shown, written].flatMap(({ stdout, stderr }) => [stdout, stderr])];
  expect(all.join("")).toContain("[redacted]");
  expect([...all, ...world.files.values()].filter((text) => text.includes("aVerySecretPart"))).toEqual([]);
});

test("--webhook-variable permits one name beside the usual ones, and no variable of others", async () => {
  const notify = (name: string) => ({ "webhook-variable": name, host: "hooks.example", on: ["done"] });
  const world = cliWorld({ count: 1, file: { notify: notify("HOOK") } });
  const check = ["campaign", "check", "campaign.yml"];
  expect((await world.cli(check)).stdout).toContain("allow it with --webhook-variable HOOK");
  expect((await world.cli([...check, "--webhook-variable", "OTHER"])).code).toBe(2);
  expect((await world.cli([...check, "--webhook-variable", "HOOK"])).code).toBe(0);
  expect((await world.campaign("plan", ["--webhook-variable", "HOOK"])).code).toBe(0);
  const foreign = cliWorld({ count: 1, file: { notify: notify("GITHUB_TOKEN") } });
  expect((await foreign.cli([...check, "--webhook-variable", "GITHUB_TOKEN"])).code).toBe(2);
});

test("home in the campaign file says for every verb where the campaign is; a flag and the variable win", async () => {
  const world = cliWorld({ count: 1 });
  const file = (home: string) => world.files.set("campaign.yml", campaignFile({ home }));
  const status = (args: string[], env: Record<string, string> = {}) =>
    world.cli(["campaign", "status", "campaign.yml", ...args], { env });
  file("state/waves");
  expect((await status([])).stderr).toContain('there is no plan in "state/waves"; if it was planned elsewhere');
  expect((await status(["--dir", "other"])).stderr).toContain('there is no plan in "other"');
  file("git:origin#waves");
  expect((await status([])).stderr).toContain(
    '"git:origin#waves"; use --home git:ADDRESS#BRANCH, or set MOGPLEX_CAMPAIGN_HOME',
  );
  expect((await status(["--home", "dir"])).stderr).toContain('there is no plan in "mogplex-campaign"');
  const variable = { MOGPLEX_CAMPAIGN_HOME: "git:origin#others" };
  expect((await status([], variable)).stderr).toContain('"git:origin#others"');
  expect((await status(["--home", "dir"], variable)).stderr).toContain('there is no plan in "mogplex-campaign"');
});
