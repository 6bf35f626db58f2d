import { chmodSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { seeded } from "../../../../bench/fleet_world.ts";
import { createCampaigns } from "../../../../campaigns.ts";
import { createMogplex } from "../../../../mod.ts";
import { createEmulator } from "../../../../testing.ts";
import { type CampaignWorld, campaignWorld, failureOf, type Step, verdicts } from "../../../unit/campaign/world.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";
import { withOwnTemporaryFolder } from "../../temporary.ts";

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

test("a campaign on a branch has a commit before a wave's starts and one after it, and no file stays on the machine", async () => {
  const remote = remotes.make("waves.git");
  const world = campaignWorld({ count: 4 });
  await world.plan(homeOf(remote));
  const end = await toTheEnd(world, () => world.advance(homeOf(remote)));
  expect(end.view.counts.succeeded).toBe(4);
  expect(log(remote)).toEqual([
    "replace-moment: plan",
    "replace-moment: wave 1, 3 intents",
    "replace-moment: wave 1, 3 starts",
    "replace-moment: wave 2, 1 intent, 3 ends",
    "replace-moment: wave 2, 1 start",
    "replace-moment: wave 3, 1 end",
  ]);
  const bodies = remotes.git(remote, "log", "--format=%b%x00", "mogplex-campaign/moment").split("\0").slice(0, -1);
  expect(bodies.filter((body) => !body.includes("[skip ci]"))).toEqual([]);
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
  const world = campaignWorld({ count: 4 });
  await world.plan(homeOf(remote));
  let others = 0;
  world.before = async (request) => {
    if (request !== "POST /runs" || others++ > 0) return;
    await world.decide({ kind: "skip", select: { only: ["acme/project-0004"] }, reason: "not today" }, homeOf(remote));
  };
  const { view } = await world.advance(homeOf(remote));
  expect(world.notices).toContain("another job has written to the journal in the meantime; reading it again");
  expect(verdicts(view)).toMatchObject({ "acme/project-0001": "running", "acme/project-0004": "skipped" });
  expect([world.runs().length, world.starts.length]).toEqual([3, 3]);
  expect(log(remote)).toEqual([
    "replace-moment: plan",
    "replace-moment: wave 1, 3 intents",
    "replace-moment: wave 1, 1 skip",
    "replace-moment: wave 2, 3 starts",
  ]);
});

test("a lost race for the branch replays no start: what was skipped meanwhile is not sent, and the runs of this job are recorded", async () => {
  const remote = remotes.make("replay.git");
  const world = campaignWorld({ count: 6, scenarios: "play: stuck-streaming" });
  await world.plan(homeOf(remote));
  let others = 0;
  world.before = async (request) => {
    const at = ["GET /sandboxes?limit=200", "POST /runs"][others];
    if (request !== at) return;
    const select = { only: [others++ === 0 ? "acme/project-0002" : "acme/project-0006"] };
    await world.decide({ kind: "skip", select, reason: "not today" }, homeOf(remote));
    if (others === 2) await world.decide({ kind: "stop", cancel: false }, homeOf(remote));
  };
  const { view, problem } = await world.advance(homeOf(remote));
  expect([problem, world.starts.length, view.counts.running]).toEqual([null, 3, 3]);
  expect(world.notices).toContain("another job has written to the journal in the meantime; reading it again");
  // What it reads is enough to follow them all, and another machine knows them.
  const { view: later } = await world.advance(homeOf(remote));
  expect([later.counts.running, later.counts.skipped, world.starts.length]).toEqual([3, 2, 3]);
  expect([later.quota.hour.used, later.state]).toEqual([3, "stopping"]);
});

test("a wave that refuses to go on pushes nothing, and one that ends with 64 does", async () => {
  const remote = remotes.make("refuses.git");
  const world = campaignWorld({ count: 4, scenarios: "play: stuck-streaming" });
  await world.plan(homeOf(remote));
  await world.advance(homeOf(remote));
  const before = log(remote);
  const right = world.token;
  world.token = world.otherToken();
  for (let wave = 0; wave < 2; wave++) {
    expect((await world.advance(homeOf(remote))).code).toBe(2);
    expect(log(remote)).toEqual(before);
  }
  world.token = "mog_nobodysToken";
  expect((await world.advance(homeOf(remote))).code).toBe(64);
  expect(log(remote).length).toBe(before.length + 1);
  world.token = right;
  expect((await world.advance(homeOf(remote))).problem).toBe(null);
});

test("advance() starts nothing when the branch may not be written", async () => {
  const remote = remotes.make("protected.git");
  writeFileSync(
    join(remote, "hooks/pre-receive"),
    "#!/bin/sh\necho 'You are not allowed to push code to protected branches'\nexit 1\n",
  );
  chmodSync(join(remote, "hooks/pre-receive"), 0o755);
  const world = campaignWorld();
  const { code, problem } = await world.advance({ ...homeOf(remote), internals: { plans: true } });
  expect(`${code} ${problem}`).toStartWith('2 Cannot write to branch "mogplex-campaign/moment"');
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
  expect(failure).toMatch(
    /^2 Cannot read journal because .*"branch mogplex-campaign\/moment\/journal\/000001\.ndjson:\d+"/,
  );
  expect(world.starts).toHaveLength(starts);
});

test("advance() ends with 69 when the repository is out of reach, and starts nothing", async () => {
  const world = campaignWorld();
  const failure = await failureOf(() => world.advance({ home: "git:https://127.0.0.1:9/acme/web.git#state", env }));
  expect(failure).toStartWith('69 Cannot read branch "state" of "https://127.0.0.1:9/acme/web.git"');
  expect(world.requests).toEqual([]);
});

test("`run` follows its runs and starts nothing while its branch cannot be written, and goes on when it can", async () => {
  const remote = remotes.make("down.git");
  const down = join(remotes.folder, "down");
  writeFileSync(
    join(remote, "hooks/pre-receive"),
    `#!/bin/sh\nif [ -e ${down} ]; then echo 'Internal Server Error'; exit 1; fi\n`,
  );
  chmodSync(join(remote, "hooks/pre-receive"), 0o755);
  const world = campaignWorld({ count: 9, scenarios: "{ play: success, duration: 3m }" });
  await world.plan(homeOf(remote));
  const starts: number[] = [];
  world.before = (request) => {
    if (request === "POST /runs" && starts.push(world.clock.now()) === 3) writeFileSync(down, "");
  };
  const held: number[] = [];
  const { code, problem, view } = await world.run({
    ...homeOf(remote),
    onEvent(item) {
      if (item.type !== "waiting" || item.limit !== "home" || held.push(world.clock.now()) > 1) return;
      void world.clock.sleep(8 * 60_000).then(() => rmSync(down));
    },
  });
  expect([code, problem, view.counts.succeeded, starts.length]).toEqual([0, null, 9, 9]);
  const [from = 0] = held;
  // Three sandboxes were free long before.
  expect(Math.min(...starts.filter((at) => at > from)) - from).toBeGreaterThanOrEqual(8 * 60_000);
  expect(world.notices).toContainEqual(expect.stringContaining("nothing starts until the branch is writable again"));
  expect(remotes.git(remote, "log", "-1", "--format=%s", "mogplex-campaign/moment")).toContain("end");
});

test("a webhook is told although a push fails, and again with the same id when the journal does not know of it", async () => {
  const remote = remotes.make("told.git");
  const down = join(remotes.folder, "told-down");
  writeFileSync(
    join(remote, "hooks/pre-receive"),
    `#!/bin/sh\nif [ -e ${down} ]; then echo 'Internal Server Error'; exit 1; fi\n`,
  );
  chmodSync(join(remote, "hooks/pre-receive"), 0o755);
  const notify = { "webhook-variable": "CAMPAIGN_HOOK", host: "hooks.example", on: ["done"] };
  const world = campaignWorld({ count: 1, file: { notify } });
  const ids: string[] = [];
  const given = {
    ...homeOf(remote),
    env: (name: string) => name === "CAMPAIGN_HOOK" ? "https://hooks.example/x" : env(name),
    fetch: (async (url: string, init: RequestInit) => {
      if (!url.startsWith("https://hooks.example/")) return await world.emulator.fetch(url, init);
      ids.push(JSON.parse(String(init.body)).id);
      return new Response("ok");
    }) as typeof globalThis.fetch,
  };
  await world.plan(given);
  await world.advance(given);
  await world.clock.sleep(30 * 60_000);
  writeFileSync(down, "");
  expect(await failureOf(() => world.advance(given))).toStartWith("69 Cannot write to branch");
  rmSync(down);
  expect((await world.advance(given)).view.state).toBe("done");
  await world.advance(given);
  expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
});

test("a campaign of the library with a branch as its home is read by another object, which has nothing else of it", async () => {
  const remote = remotes.make("library.git");
  const repositories = ["acme/one", "acme/two"];
  const service = createEmulator({ repos: repositories });
  const definition = { name: "moment", prompt: "Replace moment", repositories };
  const campaign = () =>
    createCampaigns(createMogplex({ ...service.options, env })).of(definition, {
      home: `git:${remote}#mogplex-campaign/moment`,
    });
  const first = campaign();
  await first.plan();
  const planned = await campaign().read();
  expect([planned.state, planned.counts.waiting]).toEqual(["planned", 2]);
  const { items, counts } = await first.run();
  const read = await campaign().read();
  expect([read.state, counts.succeeded, service.runs.length]).toEqual(["done", 2, 2]);
  expect(read.items).toEqual(items);
  expect(log(remote)[0]).toBe("moment: plan");
  // What is done is not done again.
  expect((await campaign().run()).counts.succeeded).toBe(2);
  expect(service.runs.length).toBe(2);
});

test("plan() refuses the default branch as a home, and continues a campaign that is already there", async () => {
  const remote = remotes.make("default.git");
  const world = campaignWorld({ count: 1 });
  await world.plan(homeOf(remote));
  const main = { home: `git:${remote}#main`, env };
  remotes.git(remote, "branch", "main", "mogplex-campaign/moment");
  remotes.git(remote, "symbolic-ref", "HEAD", "refs/heads/main");
  expect((await world.advance(main)).problem).toBeNull();
  const tree = remotes.git(remote, "mktree", "--missing", "-z");
  remotes.git(remote, "update-ref", "refs/heads/main", remotes.git(remote, "commit-tree", "-m", "Empty", tree));
  expect(await failureOf(() => campaignWorld({ count: 1 }).plan(main))).toBe(
    "2 Cannot use the branch as the home of a campaign because it is the default branch of its repository, and every wave " +
      'would add commits to it: "main"; use a separate branch, such as mogplex-campaign/NAME',
  );
});

test("campaign stop --cancel on a branch says what happens to runs here and elsewhere", async () => {
  const remote = remotes.make("stopped.git");
  const world = campaignWorld({ count: 2, runDuration: () => 30 * 60_000 });
  await world.plan(homeOf(remote));
  await world.advance(homeOf(remote));
  const { text, elsewhere } = await world.decide({ kind: "stop", cancel: true }, homeOf(remote));
  expect([text, elsewhere]).toEqual([
    "nothing more will start; 2 runs were cancelled",
    "A `campaign run` on another machine sees this within a minute. After that, it starts nothing more, and cancels its active runs.",
  ]);
});
