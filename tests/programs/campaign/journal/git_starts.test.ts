/** Starts of a campaign on a branch: what other machines know of them before they are sent, and beside decisions. */
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { CampaignEvent } from "../../../../lib/campaign/campaign_options.ts";
import type { JournalRecord } from "../../../../lib/campaign/journal/record.ts";
import { stateDetail } from "../../../../lib/campaign/report/words.ts";
import { plainWords } from "../../../../lib/text/document.ts";
import { type CampaignWorld, campaignWorld, failureOf, project, verdicts } from "../../../unit/campaign/world.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";
import { withOwnTemporaryFolder } from "../../temporary.ts";

withOwnTemporaryFolder();

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

const BRANCH = "mogplex-campaign/moment";
const MINUTE = 60_000;
const PATH = process.env.PATH ?? "";

function homeOf(remote: string, path = PATH) {
  const env = (name: string) => ({ MOGPLEX_DEV: "1", PATH: path })[name];
  return { home: `git:${remote}#${BRANCH}`, env };
}

/** The records on the branch, by their type; those about starts with the number of the project. */
function history(remote: string): string[] {
  const lines = remotes.git(remote, "show", `${BRANCH}:journal/000001.ndjson`).split("\n");
  return lines.map((line) => JSON.parse(line) as JournalRecord).map((record) =>
    "item" in record ? `${record.type} ${/\d(?=@)/.exec(record.item)?.[0]}` : record.type
  );
}

const answer = (status: number, code: string, headers: Record<string, string> = {}) =>
  Response.json({ ok: false, error: { code, message: "x" } }, { status, headers });

const active = (world: CampaignWorld) => world.runs().filter((run) => / (?:pending|streaming)$/.test(run));

const stop = (cancel = false) => ({ kind: "stop", cancel }) as const;
const only = (number: number) => ({ only: [project(number)] });

/** A campaign on a new branch, whose runs take an hour. */
async function planned(name: string, options: Parameters<typeof campaignWorld>[0] = {}) {
  const remote = remotes.make(`${name}.git`);
  const world = campaignWorld({ runDuration: () => 60 * MINUTE, ...options });
  await world.plan(homeOf(remote));
  return { remote, world };
}

/** A machine that was lost between its push and its first request: its branch, as it was then. */
async function lostMachine(name: string, sent = false) {
  const { remote, world } = await planned(name, { count: 4 });
  const left = join(remotes.folder, `${name}-left.git`);
  world.before = (request) => {
    if (request !== "POST /runs") return;
    if (!existsSync(left)) cpSync(remote, left, { recursive: true });
    if (!sent) throw new TypeError("fetch failed");
  };
  await world.advance(homeOf(remote));
  world.before = undefined;
  world.starts.length = 0;
  return { remote: left, world };
}

test("advance() with a branch pushes the intents of a batch before it sends the first request", async () => {
  const { remote, world } = await planned("first", { count: 5 });
  const seen: string[][] = [];
  world.before = (request) => {
    if (request === "POST /runs") seen.push(history(remote));
  };
  await world.advance(homeOf(remote));
  const announced = ["planned", "wave", "intent 1", "intent 2", "intent 3"];
  expect(seen).toEqual([announced, announced, announced]);
  expect(history(remote)).toEqual([...announced, "started 1", "started 2", "started 3"]);
});

test("advance() with a branch withdraws what a 429 for the first start keeps it from sending", async () => {
  const { remote, world } = await planned("limit");
  world.before = (request) =>
    request === "POST /runs" ? answer(429, "RATE_LIMITED", { "Retry-After": "1200" }) : undefined;
  const { view, code } = await world.advance(homeOf(remote));
  expect([code, world.starts.length, Object.values(verdicts(view))]).toEqual([75, 1, ["quota", "waiting", "waiting"]]);
  expect([view.quota.day.used, view.items.map(({ starts }) => starts)]).toEqual([0, [1, 0, 0]]);
  expect(history(remote).slice(-3)).toEqual(["ended 1", "withdrawn 2", "withdrawn 3"]);
  const { text, elsewhere } = await world.decide({ kind: "skip", select: only(2), reason: "no" }, homeOf(remote));
  expect([text, elsewhere]).toEqual([
    "1 item will not start again",
    "A `campaign run` on another machine sees this within a minute. After that, it does not start this item.",
  ]);
  world.before = undefined;
  await world.clock.sleep(21 * MINUTE);
  const { view: later } = await world.advance(homeOf(remote));
  expect([Object.values(verdicts(later)), world.runs().length]).toEqual([["running", "skipped", "running"], 2]);
});

for (const way of ["advance", "run"] as const) {
  test(`${way}() with a branch withdraws what it has announced when its caller leaves after the first start`, async () => {
    const { remote, world } = await planned(`left-${way}`, { count: 5 });
    const leave = new AbortController();
    const onEvent = ({ type }: CampaignEvent) => {
      if (type === "item") leave.abort(new Error("enough"));
    };
    const internals = { interrupts: { signal: leave.signal, terminal: false } };
    const { result, view } = await world[way]({ ...homeOf(remote), onEvent, internals });
    expect([result.outcome, world.starts.length, view.counts.running, view.counts.starting]).toEqual([
      "interrupted",
      1,
      1,
      0,
    ]);
    const records = ["intent 1", "intent 2", "intent 3", "started 1", "withdrawn 2", "withdrawn 3"];
    expect(history(remote).slice(2)).toEqual(records);
  });
}

test("advance() with a branch starts nothing when the push of its intents fails, and ends with 69", async () => {
  const { remote, world } = await planned("unpushed");
  const down = join(remotes.folder, "unpushed-down");
  writeFileSync(
    join(remote, "hooks/pre-receive"),
    `#!/bin/sh\n[ ! -e ${down} ] || { echo 'Internal Server Error'; exit 1; }\n`,
  );
  chmodSync(join(remote, "hooks/pre-receive"), 0o755);
  writeFileSync(down, "");
  expect(await failureOf(() => world.advance(homeOf(remote)))).toStartWith("69 Cannot write to branch");
  expect(world.starts).toEqual([]);
  rmSync(down);
  const { text } = await world.decide(stop(true), homeOf(remote));
  expect([text.split(";").slice(0, 2), world.starts]).toEqual([["nothing more will start", " nothing is running"], []]);
});

test("advance() with a branch sends its starts when the push of their intents has arrived and its answer was a 502", async () => {
  const { remote, world } = await planned("cut");
  const folder = join(remotes.folder, "cut-bin");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "git"),
    `#!/bin/sh\nPATH='${PATH}' git "$@"; code=$?\n[ "$1" != push ] || { echo 'fatal: unable to access: error: 502' >&2; exit 128; }\nexit $code\n`,
  );
  chmodSync(join(folder, "git"), 0o755);
  const { code, view } = await world.advance(homeOf(remote, `${folder}:${PATH}`));
  expect([code, view.counts.running, world.starts.length]).toEqual([75, 3, 3]);
  expect(history(remote)).toContain("started 3");
});

test("advance() with a branch sends what it has announced although this machine's clock is an hour ahead of the service's", async () => {
  const { remote, world } = await planned("ahead");
  world.before = async (request) => {
    if (!request.startsWith("GET /sandboxes")) return;
    const answer = await world.emulator.fetch("http://localhost/api/v1/mogplex/sandboxes?limit=200", {
      headers: { Authorization: `Bearer ${world.token}` },
    });
    const date = new Date(world.clock.wallTime() - 60 * MINUTE).toUTCString();
    return Response.json(await answer.json(), { headers: { Date: date } });
  };
  const { view } = await world.advance(homeOf(remote));
  expect([view.counts.running, world.starts.length]).toEqual([3, 3]);
  expect(history(remote).filter((each) => each.startsWith("withdrawn"))).toEqual([]);
});

test("campaign stop --cancel finds and cancels the runs of a job that is between push and request", async () => {
  const { remote, world } = await planned("between");
  let others = 0;
  const texts: string[] = [];
  world.before = async (request) => {
    if (request !== "POST /runs" || others++ > 0) return;
    texts.push((await world.decide(stop(true), homeOf(remote))).text);
  };
  await world.advance(homeOf(remote));
  expect(texts[0]).toContain("3 starts have no answer, so agents may be running");
  expect([active(world), world.runs().length]).toEqual([[], 3]);
  const { state, counts } = (await world.advance(homeOf(remote))).view;
  expect([state, counts.cancelled]).toEqual(["done", 3]);
});

test("campaign stop that a push has seen withdraws what was announced and not sent", async () => {
  const { remote, world } = await planned("stopped", { count: 9, runDuration: () => 5 * MINUTE });
  let posts = 0;
  world.before = async (request) => {
    if (request !== "POST /runs" || ++posts !== 4) return;
    await world.decide(stop(), homeOf(remote));
    return answer(429, "RATE_LIMITED", { "Retry-After": "60" });
  };
  const { view } = await world.run(homeOf(remote));
  expect([view.state, posts, view.counts.succeeded, view.counts.starting, view.counts.quota]).toEqual([
    "stopped",
    4,
    3,
    0,
    0,
  ]);
  const records = history(remote);
  expect([records.includes("stopped"), records.filter((each) => each.startsWith("withdrawn")).length]).toEqual([
    true,
    1,
  ]);
  await world.decide({ kind: "skip", select: only(4), reason: "no" }, homeOf(remote));
});

test("a start on a branch is shown as sent by another job for five minutes, and then as one without an answer", async () => {
  const { remote, world } = await lostMachine("shown", true);
  const seen = async () => {
    const { view } = await world.decide(stop(), { ...homeOf(remote), dryRun: true });
    return [plainWords(stateDetail(view)).split(";")[0], view.items[0]?.reason];
  };
  expect(await seen()).toEqual(["3 starts are being sent by another job", "another job is sending this start"]);
  await world.clock.sleep(5 * MINUTE);
  expect(await seen()).toEqual([
    "3 starts without an answer",
    "no answer to its start yet; an agent may be running",
  ]);
});

for (const sent of [false, true]) {
  test(`a lost machine leaves open starts, which stop --cancel finds and cancels: ${sent ? "sent" : "not sent"}`, async () => {
    const { remote, world } = await lostMachine(`stop-${sent}`, sent);
    const { text, view, error } = await world.decide(stop(true), homeOf(remote));
    expect([error, text.includes("3 starts have no answer"), text.includes("nothing is running")]).toEqual([
      undefined,
      true,
      false,
    ]);
    expect([active(world), view.counts.cancelled, world.runs().length]).toEqual([[], 3, 3]);
  });

  test(`a lost machine leaves open starts, which skip --cancel finds and cancels: ${sent ? "sent" : "not sent"}`, async () => {
    const { remote, world } = await lostMachine(`skip-${sent}`, sent);
    const decision = { kind: "skip", select: { only: ["acme/*"] }, reason: "no" } as const;
    expect(await failureOf(() => world.decide(decision, homeOf(remote)))).toMatch(
      /^2 .*has not answered the start of /,
    );
    const { view } = await world.decide({ ...decision, cancel: true }, homeOf(remote));
    expect([active(world), view.counts.skipped, view.state, world.runs().length]).toEqual([[], 4, "done", 3]);
  });

  test(`a lost machine leaves open starts, whose runs retry and the next waves keep: ${sent ? "sent" : "not sent"}`, async () => {
    const { remote, world } = await lostMachine(`retry-${sent}`, sent);
    await world.decide({ kind: "retry", select: only(1), adopt: false }, homeOf(remote));
    world.write({ prompt: "Another task" });
    await world.plan(homeOf(remote));
    for (let wave = 0; wave < 12; wave++) {
      await world.clock.sleep(15 * MINUTE);
      await world.advance(homeOf(remote));
    }
    const { state, counts } = (await world.advance(homeOf(remote))).view;
    expect([state, counts.succeeded, world.runs().length]).toEqual(["done", 4, 4]);
    expect(world.starts.map(({ body }) => JSON.parse(body).prompt)).not.toContain("Another task");
  });
}

test("twenty decisions beside one run on a branch are all seen, and no start is sent twice", async () => {
  const { remote, world } = await planned("twenty", {
    count: 24,
    file: { limits: { parallel: 3 } },
    runDuration: () => 4 * MINUTE,
  });
  const decisions = (async () => {
    for (let number = 24; number > 4; number--) {
      await world.clock.sleep(100_000);
      await world.decide({ kind: "skip", select: only(number), reason: "no" }, homeOf(remote)).catch(() => {});
    }
  })();
  const { code, problem, view } = await world.run(homeOf(remote));
  await decisions;
  expect([code, problem]).toEqual([0, null]);
  expect(view.counts.skipped + view.counts.succeeded).toBe(24);
  expect([world.runs().length, new Set(world.starts.map(({ key }) => key)).size, world.starts.length]).toEqual([
    view.counts.succeeded,
    view.counts.succeeded,
    view.counts.succeeded,
  ]);
});

test("run() on a branch sees a stop --cancel within a minute or so, also while it has records that were not pushed", async () => {
  const { remote, world } = await planned("minute", { count: 5 });
  let decidedMs = 0;
  let cancelledMs = 0;
  world.before = (request) => {
    if (request.endsWith("/cancel")) cancelledMs ||= world.clock.now();
  };
  const decision = (async () => {
    await world.clock.sleep(7 * MINUTE);
    await world.decide(stop(true), homeOf(remote));
    decidedMs = world.clock.now();
  })();
  const { view } = await world.run(homeOf(remote));
  await decision;
  expect([view.counts.cancelled, active(world), history(remote).includes("stopped")]).toEqual([3, [], true]);
  // A minute until it looks, and the pause after a lost race.
  expect(cancelledMs - decidedMs).toBeLessThanOrEqual(75_000);
});
