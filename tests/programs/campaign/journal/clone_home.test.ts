/** `home: git:origin#BRANCH` in a person's clone, with this machine's own Git. */
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { campaignFile } from "../../../unit/campaign/world.ts";
import { cliWorld } from "../../../unit/cli/campaign/world.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

const BRANCH = "mogplex-campaign/moment";
const env = { MOGPLEX_DEV: "1", PATH: process.env.PATH ?? "" };

/** A world whose campaign file has a home in Git, in a clone of a remote. */
function cloneOf(origin: string, world = cliWorld({ count: 1 })) {
  world.files.set("campaign.yml", campaignFile({ home: `git:origin#${BRANCH}` }));
  world.files.set(".git/config", `[core]\n\tbare = false\n[remote "origin"]\n\turl = ${origin}\n\tfetch = +refs/*\n`);
  return (verb: string, more: Record<string, string> = {}) =>
    world.cli(["campaign", verb, "campaign.yml"], { env: { ...env, ...more } });
}

test("home: git:origin#BRANCH of a campaign file is the origin of the clone outside CI", async () => {
  const remote = remotes.make("clone.git");
  const campaign = cloneOf(remote);
  const { code, stdout } = await campaign("plan");
  expect(code).toBe(0);
  expect(stdout).toEndWith(`Wrote the plan to branch ${BRANCH}; nothing was started\n`);
  expect((await campaign("run")).code).toBe(0);
  expect((await campaign("status")).stdout).toContain("is done: its item succeeded");
  expect(remotes.git(remote, "for-each-ref", "--format=%(refname:short)")).toBe(BRANCH);
});

test("home: git:origin#BRANCH is refused in a job whose CI system names no repository, whatever its checkout has", async () => {
  const remote = remotes.make("job.git");
  const { code, stderr } = await cloneOf(remote)("plan", { CI: "true" });
  expect([code, stderr]).toEqual([
    2,
    "error: Cannot use the home of a campaign because this is neither a CI job with a known repository nor a " +
    `clone with a remote named origin: "git:origin#${BRANCH}"; use --home git:ADDRESS#BRANCH, or set MOGPLEX_CAMPAIGN_HOME\n`,
  ]);
  expect(remotes.git(remote, "for-each-ref")).toBe("");
});

test("an origin with a password is refused, and the password is not printed", async () => {
  const { code, stdout, stderr } = await cloneOf("https://kim:hunter2@git.example.com/acme/web.git")("plan");
  expect(code).toBe(2);
  expect(stderr).toContain("git.example.com");
  expect(stdout + stderr).not.toContain("hunter2");
});

test("a campaign on a branch never replaces the reports of a campaign in the same directory", async () => {
  const world = cliWorld({ count: 1 });
  const campaign = cloneOf(remotes.make("mixed.git"), world);
  world.files.set("mogplex-campaign/lock.json", JSON.stringify({ campaign: "first", round: "2" }));
  world.files.set("mogplex-campaign/campaign.json", "{}");
  expect((await campaign("plan")).code).toBe(0);
  for (const verb of ["run", "advance", "report"]) {
    const { code, stderr } = await campaign(verb);
    expect([verb, code, stderr]).toEqual([
      verb,
      2,
      expect.stringContaining(
        'error: Cannot write reports because the directory belongs to campaign "first", round "2": ' +
          '"mogplex-campaign"; use another directory with --dir\n',
      ),
    ]);
  }
  expect((await campaign("stop")).code).toBe(0);
  expect(world.files.get("mogplex-campaign/campaign.json")).toBe("{}");
  expect((await campaign("status")).code).toBe(0);
});
