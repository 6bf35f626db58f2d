import process from "node:process";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { campaignWorld, failureOf, project } from "../../../unit/campaign/world.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

const BRANCH = "mogplex-campaign/moment";
const env = (name: string) => ({ MOGPLEX_DEV: "1", PATH: process.env.PATH ?? "" })[name];
const homeOf = (remote: string) => ({ home: `git:${remote}#${BRANCH}`, env });

test("a lost branch of the home ends every step but plan with 2, and no repository whose owner said no is started", async () => {
  const remote = remotes.make("lost_branch.git");
  const home = homeOf(remote);
  const world = campaignWorld({ count: 2 });
  await world.plan(home);
  await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "its owner said no" }, home);
  remotes.git(remote, "update-ref", "-d", `refs/heads/${BRANCH}`);
  const requests = world.requests.length;
  for (const act of [() => world.advance(home), () => world.run(home)]) {
    const failure = await failureOf(act);
    expect(failure).toStartWith(
      `2 Cannot continue the campaign because there is no plan on branch "${BRANCH}", or the branch was deleted`,
    );
    expect(failure).toContain(
      `run \`mogplex-ci campaign plan campaign.yml --dir d --home '${home.home}'\` once, by hand`,
    );
  }
  expect(await failureOf(() => world.decide({ kind: "resume" }, home))).toMatch(/^2 .*there is no plan on branch/);
  expect([world.requests.length, world.starts]).toEqual([requests, []]);
  expect(remotes.git(remote, "for-each-ref", "--format=%(refname:short)")).toBe("");
});

test("advance --plan and plan make a plan on a branch, and every step of a script does in an empty directory", async () => {
  const remote = remotes.make("planned.git");
  const world = campaignWorld({ count: 1 });
  expect((await world.advance({ ...homeOf(remote), internals: { plans: true } })).view.counts.running).toBe(1);
  expect((await world.advance(homeOf(remote))).problem).toBeNull();
  for (const way of ["advance", "run"] as const) {
    expect((await campaignWorld({ count: 1 })[way]()).problem).toBeNull();
  }
});
