import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { seeded } from "../../../../../bench/fleet_world.ts";
import { makeRemotes, type Remotes } from "../../../git/remotes.ts";
import { withOwnTemporaryFolder } from "../../../temporary.ts";
import { type CampaignWorld, campaignWorld, failureOf, type Step, verdicts } from "../../../../unit/campaign/world.ts";

withOwnTemporaryFolder();

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

const env = (name: string) => ({ MOGPLEX_DEV: "1", PATH: process.env.PATH ?? "" })[name];
const homeOf = (remote: string) => ({ home: `git:${remote}#mogplex-campaign/moment`, env });
const log = (remote: string) =>
  remotes.git(remote, "log", "--reverse", "--format=%s", "mogplex-campaign/moment").split("\n");

/** Waves with a distance of 15 minutes until the campaign is done. */
async function toTheEnd(world: CampaignWorld, wave: () => Promise<Step>): Promise<Step> {
  for (let count = 0; count < 50; count++) {
    const made = await wave();
    if (made.problem !== null) throw new Error(made.problem);
    if (made.view.state === "done") return made;
    await world.clock.sleep(15 * 60_000);
  }
  throw new Error("the campaign did not end");
}

test("a campaign on a branch has one commit a wave, each says what it did, and no file stays on the machine", async () => {
  const remote = remotes.make("waves.git");
  const world = campaignWorld({ count: 4 });
  await world.plan(homeOf(remote));
  const end = await toTheEnd(world, () => world.advance(homeOf(remote)));
  expect(end.view.counts.succeeded).toBe(4);
  expect(log(remote)).toEqual([
    "replace-moment: plan",
    "replace-moment: wave 1, 3 starts",
    "replace-moment: wave 2, 1 start, 3 ends",
    "replace-moment: wave 3, 1 end",
  ]);
  expect(remotes.git(remote, "ls-tree", "-r", "--name-only", "mogplex-campaign/moment").split("\n")).toEqual([
    "journal/000001.ndjson",
    "lock.json",
  ]);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("mogplex-git-"))).toEqual([]);
  expect([...world.files.paths()].filter((path) => path.startsWith("d/"))).toEqual([]);
});

test("two jobs that make waves on one branch at the same time start each run once, and lose no record", async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const remote = remotes.make(`race-${seed}.git`);
    const world = campaignWorld({ count: 5, scenarios: "play: success" });
    const random = seeded(seed);
    await world.plan(homeOf(remote));
    const wave = () => world.advance({ ...homeOf(remote), internals: { random } });
    const end = await toTheEnd(world, async () => {
      const [one, two] = await Promise.all([wave(), wave()]);
      return one.view.state === "done" ? one : two;
    });
    expect(world.runs().length).toBe(5);
    expect(new Set(Object.values(verdicts(end.view)))).toEqual(new Set(["succeeded"]));
    expect(new Set(world.starts.map(({ key }) => key)).size).toBe(5);
  }
});

test("a job that loses a race reads the journal again, and says so", async () => {
  const remote = remotes.make("lost.git");
  const world = campaignWorld({ count: 2 });
  await world.plan(homeOf(remote));
  let others = 0;
  world.before = async (request) => {
    if (request !== "POST /runs" || others++ > 0) return;
    await world.decide({ kind: "skip", select: { only: ["acme/project-0002"] }, reason: "not today" }, homeOf(remote));
  };
  const { view } = await world.advance(homeOf(remote));
  expect(world.notices).toContain("another job has written to the journal meanwhile: it is read again");
  expect(verdicts(view)).toMatchObject({ "acme/project-0001": "running" });
  expect(world.runs()).toHaveLength(2);
  expect(log(remote)).toEqual([
    "replace-moment: plan",
    "replace-moment: 1 skip",
    expect.stringMatching(/^replace-moment: wave 1, 1 start/),
  ]);
});

test("advance() starts nothing when the branch may not be written", async () => {
  const remote = remotes.make("protected.git");
  writeFileSync(
    join(remote, "hooks/pre-receive"),
    "#!/bin/sh\necho 'You are not allowed to push code to protected branches'\nexit 1\n",
  );
  chmodSync(join(remote, "hooks/pre-receive"), 0o755);
  const world = campaignWorld();
  const failure = await failureOf(() => world.advance({ ...homeOf(remote), internals: { plans: true } }));
  expect(failure).toStartWith('2 Cannot write to branch "mogplex-campaign/moment"');
  expect(world.starts).toEqual([]);
});

test("advance() ends with 2 and the place when a line on the branch was edited by hand", async () => {
  const remote = remotes.make("edited.git");
  const world = campaignWorld();
  await world.advance({ ...homeOf(remote), internals: { plans: true } });
  const starts = world.starts.length;
  const work = join(remotes.folder, "edited");
  remotes.git(remotes.folder, "clone", "-q", "-b", "mogplex-campaign/moment", remote, work);
  const path = join(work, "journal/000001.ndjson");
  writeFileSync(path, (await Bun.file(path).text()).replace('"started"', '"skipped"'));
  remotes.git(work, "commit", "-qam", "edit");
  remotes.git(work, "push", "-q", "origin", "HEAD");
  const failure = await failureOf(() => world.advance(homeOf(remote)));
  expect(failure).toMatch(/^2 Cannot read journal as .*"branch mogplex-campaign\/moment\/journal\/000001\.ndjson:\d+"/);
  expect(world.starts).toHaveLength(starts);
});

test("advance() ends with 69 when the repository is out of reach, and starts nothing", async () => {
  const world = campaignWorld();
  const failure = await failureOf(() => world.advance({ home: "git:https://127.0.0.1:9/acme/web.git#state", env }));
  expect(failure).toStartWith('69 Cannot read branch "state" of "https://127.0.0.1:9/acme/web.git"');
  expect(world.requests).toEqual([]);
});
