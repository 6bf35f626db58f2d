import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import type { CampaignView } from "../../../lib/campaign/view/view.ts";
import { readStops, writeStop } from "../../../lib/campaign/journal/stop_request.ts";
import { REQUEST_BUDGET } from "../../../lib/campaign/pace/poll_plan.ts";
import { processDurableFiles } from "../../../lib/files/disk.ts";
import { type CampaignWorld, campaignWorld, DIRECTORY, failureOf } from "./world.ts";
import { processesOf } from "./journal/rooms.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const LONG = { runDuration: () => 20 * MINUTE };
const STOP = { kind: "stop", cancel: false } as const;

/** The files of requests that wait. */
const waiting = (world: CampaignWorld) => world.files.paths().filter((path) => path.startsWith(`${DIRECTORY}/stops/`));

const stops = async (world: CampaignWorld) =>
  (await world.records()).flatMap((record) => record.type === "stopped" ? [record] : []);

/** Another process that has the directory: it is alive, and never reads a request. */
function busyWith(world: CampaignWorld, alive = () => true): void {
  const own = processesOf().own();
  const token = "a".repeat(32);
  const since = new Date(world.clock.wallTime()).toISOString();
  world.files.put(`${DIRECTORY}/writer.json`, JSON.stringify({ schema: 1, ...own, pid: 99, token, since }));
  Object.assign(world.internals, {
    processes: {
      own: () => own,
      find: () => alive() ? { state: "alive", startedAt: own.startedAt } : { state: "dead" },
    },
  });
}

test("stop asks the process that holds the directory, which records it within 10 seconds and starts nothing more", async () => {
  const world = campaignWorld({ count: 9, ...LONG });
  await world.plan();
  const run = world.run();
  await world.clock.sleep(5 * SECOND);
  const from = world.clock.now();
  const stopped = await world.decide({ ...STOP, reason: "wrong task" }, { by: "ann" });
  expect(world.clock.now() - from).toBeLessThanOrEqual(12 * SECOND);
  expect(stopped.text).toMatch(
    /^process 7 on "one" \(since [-\d]+ [\d:]+ UTC\) has stopped starting runs; 3 active runs continue$/,
  );
  expect([stopped.error, stopped.isElsewhere, stopped.view.state]).toEqual([undefined, true, "stopping"]);
  expect(await stops(world)).toMatchObject(
    [{ by: "ann", cancel: false, reason: "wrong task", request: /^[0-9a-f]{32}$/ }].map(
      (each) => ({ ...each, request: expect.stringMatching(each.request) }),
    ),
  );
  const { view, code } = await run;
  expect([code, view.state, world.runs().length, waiting(world)]).toEqual([4, "stopped", 3, []]);
  expect(world.notices).toContain("ann stopped the campaign from another process: nothing more will start");
});

test("a process that has recorded a stop shows at once that it stops", async () => {
  const world = campaignWorld({ count: 9, ...LONG });
  await world.plan();
  let view: CampaignView | undefined;
  Object.assign(world.internals, { onView: (make: () => CampaignView) => view = make() });
  const run = world.run();
  await world.clock.sleep(5 * SECOND);
  expect([view?.state, view?.waitingFor]).toEqual(["running", "sandboxes"]);
  const views: unknown[] = [];
  world.before = (request) => {
    if (request.endsWith("/cancel")) views.push([view?.state, view?.waitingFor, view?.endsAt]);
    return undefined;
  };
  await world.decide({ ...STOP, cancel: true });
  expect(views).toEqual([1, 2, 3].map(() => ["stopping", "stopped", null]));
  await run;
});

test("stop is not followed by a start that waited for its turn among the 60 requests a minute", async () => {
  const results: [runs: number, text: string, types: string[]][] = [];
  // The wait comes before another request each time.
  for (let free = 0; free < 8; free++) {
    const world = campaignWorld({ count: 9, ...LONG });
    await world.plan();
    const sent = Array.from({ length: REQUEST_BUDGET - free }, () => world.clock.wallTime());
    world.files.put(`${DIRECTORY}/ci/writer-requests.json`, JSON.stringify(sent));
    const run = world.run();
    await world.clock.sleep(5 * SECOND);
    const { text } = await world.decide(STOP);
    await run;
    const types = (await world.records()).map(({ type }) => type);
    results.push([world.runs().length, text.split("; ")[1] ?? "", types.slice(types.indexOf("stopped"))]);
  }
  expect(results.filter(([, , types]) => types.includes("intent"))).toEqual([]);
  // A start that was sent before, and whose run is still to be read, is counted.
  expect(results.map(([runs, text]) => [runs, text])).toEqual([
    ...[0, 0].map((count) => [count, "nothing is running"]),
    ...[1, 1].map((count) => [count, "1 active run continues"]),
    ...[2, 2, 3, 3].map((count) => [count, `${count} active runs continue`]),
  ]);
});

for (const step of ["run", "advance"] as const) {
  test(`${step} sends no start after a stop, whatever it waits for when the stop comes`, async () => {
    const sentLater: unknown[] = [];
    for (let at = 1; at <= 10; at++) {
      const world = campaignWorld({ count: 4 });
      await world.plan();
      let count = 0;
      let startsBefore = 0;
      world.before = (request) => {
        // Each start is sent twice: nobody answers the first request.
        const isLost = request === "POST /runs" && world.starts.length % 2 === 1;
        if (++count === at) {
          writeStop(DIRECTORY, world.files, { by: "ann", cancel: false });
          startsBefore = world.starts.length;
        }
        return isLost ? new Response("", { status: 502 }) : undefined;
      };
      await world[step]();
      if (count < at || world.starts.length !== startsBefore) {
        sentLater.push([at, count, startsBefore, world.starts.length]);
      }
    }
    expect(sentLater).toEqual([]);
  });
}

test("stop --cancel lets the process that holds the directory cancel its runs at once", async () => {
  const world = campaignWorld({ count: 9, ...LONG });
  await world.plan();
  const run = world.run();
  await world.clock.sleep(5 * SECOND);
  const from = world.clock.now();
  expect((await world.decide({ ...STOP, cancel: true })).text).toMatch(
    /has stopped starting runs; 3 runs were cancelled$/,
  );
  const { code } = await run;
  expect([code, world.clock.now() - from < 2 * MINUTE]).toEqual([4, true]);
  expect(world.runs().map((line) => line.split(" ")[1])).toEqual(["cancelled", "cancelled", "cancelled"]);
});

/** Three long runs; the second one takes 30 seconds, and then does something else. */
const changing = (play: string) => ({
  count: 6,
  scenarios:
    `scenarios:\n- { match: { repo: acme/project-0002 }, play: ${play}, duration: 30s }\n- { play: success, duration: 8m }`,
});

for (const step of ["run", "advance"] as const) {
  for (const play of ["agent-failure", "awaiting-input"]) {
    test(`${step} that records a stop with cancel has cancelled its runs within 12 seconds, whatever it does when the stop comes (${play})`, async () => {
      const wrong: unknown[] = [];
      const stands = new Set<string>();
      for (let at = 1; at <= 30; at++) {
        const world = campaignWorld(changing(play));
        await world.plan();
        if (step === "advance") {
          await world.advance();
          await world.clock.sleep(40 * SECOND);
        }
        let count = 0;
        let stoppedAt = Infinity;
        let cancelledAt = -Infinity;
        world.before = (request) => {
          if (++count === at) {
            stoppedAt = world.clock.now();
            writeStop(DIRECTORY, world.files, { by: "ann", cancel: true });
          }
          if (/^POST .*cancel/.test(request)) cancelledAt = world.clock.now();
        };
        await world[step]();
        if ((await stops(world)).length === 0) continue;
        const runs = world.runs().map((line) => line.split(" ")[1] ?? "");
        stands.add(runs.join(" "));
        const open = runs.filter((status) => !["cancelled", "failed"].includes(status));
        const ms = cancelledAt - stoppedAt;
        if (open.length > 0 || ms > 12 * SECOND) wrong.push([at, ms, ...runs]);
      }
      expect(wrong).toEqual([]);
      expect([...stands]).toContainEqual(expect.stringMatching(/^cancelled (cancelled|failed) cancelled/));
    });
  }
}

test("run cancels its runs when its time is up while it records a stop with cancel", async () => {
  const world = campaignWorld({ count: 3, ...LONG });
  await world.plan();
  let isAsked = false;
  world.before = async (request) => {
    if (isAsked || !/^GET .*\/events\?/.test(request)) return;
    isAsked = true;
    writeStop(DIRECTORY, world.files, { by: "ann", cancel: true });
    await world.clock.sleep(MINUTE);
  };
  await world.run({ timeoutMs: 30 * SECOND });
  expect((await stops(world)).map(({ by, cancel }) => [by, cancel])).toEqual([["ann", true]]);
  expect(world.runs().map((line) => line.split(" ")[1])).toEqual(["cancelled", "cancelled", "cancelled"]);
});

test("stop --cancel cancels the runs itself when a command has recorded the stop and ended", async () => {
  const world = campaignWorld({ count: 3, ...LONG });
  await world.advance();
  let isAlive = true;
  busyWith(world, () => isAlive);
  const stopped = world.decide({ ...STOP, cancel: true }, { by: "ann" });
  await world.clock.sleep(SECOND / 2);
  isAlive = false;
  expect(await failureOf(() => world.decide({ kind: "approve" }))).toContain("no gate is closed");
  expect((await world.read()).pendingCancels).toBe(3);
  expect((await stopped).text).toMatch(/^it was already stopped, by ann .*; 3 runs were cancelled$/);
  expect(world.runs().map((line) => line.split(" ")[1])).toEqual(["cancelled", "cancelled", "cancelled"]);
  expect([(await stops(world)).length, waiting(world)]).toEqual([1, []]);
});

test("two stops at the same time are both recorded and confirmed", async () => {
  const world = campaignWorld({ count: 9, ...LONG });
  await world.plan();
  const run = world.run();
  await world.clock.sleep(5 * SECOND);
  const both = await Promise.all([world.decide(STOP, { by: "ann" }), world.decide(STOP, { by: "kim" })]);
  expect(both.map(({ error, text }) => [error, /has stopped starting runs/.test(text)])).toEqual([[undefined, true], [
    undefined,
    true,
  ]]);
  await run;
  expect((await stops(world)).map(({ by }) => by).sort()).toEqual(["ann", "kim"]);
  expect(waiting(world)).toEqual([]);
});

test("stop says after 30 seconds that it is not confirmed, with what may still start, and touches neither lock nor journal", async () => {
  const world = campaignWorld({ count: 5 });
  await world.plan();
  busyWith(world);
  const others = () =>
    world.files.paths().filter((path) => !path.includes("/stops/")).map((path) => [path, world.files.text(path)]);
  const before = others();
  const from = world.clock.now();
  const { items, text, error } = await world.decide(STOP);
  expect(world.clock.now() - from).toBe(30 * SECOND);
  expect(text).toMatch(
    /^not yet confirmed: process 99 .* did not read the request within 30 s; until it does, these items may still start$/,
  );
  expect([items.length, (error as { exitCode: number }).exitCode]).toEqual([3, 75]);
  expect(others()).toEqual(before);
  expect(waiting(world).length).toBe(1);
});

test("a stop that was not confirmed is obeyed by the next command, before it starts anything, and once only", async () => {
  const world = campaignWorld({ count: 5 });
  await world.plan();
  busyWith(world);
  await world.decide(STOP, { by: "ann" });
  busyWith(world, () => false);
  const { view, code } = await world.run();
  expect([code, view.state, view.stateReason, world.starts]).toEqual([4, "stopped", "stopped by ann", []]);
  expect(waiting(world)).toEqual([]);
  await world.decide({ kind: "resume" });
  expect((await world.run()).code).toBe(0);
});

test("stop records itself when the process that held the directory was killed meanwhile", async () => {
  const world = campaignWorld({ count: 5 });
  await world.plan();
  const until = world.clock.now() + 4 * SECOND;
  busyWith(world, () => world.clock.now() < until);
  const { text, error, isElsewhere } = await world.decide(STOP);
  expect([text, error, isElsewhere]).toEqual(["nothing more will start; nothing is running", undefined, undefined]);
  expect(await stops(world)).toMatchObject([{ by: "kim" }]);
  expect(waiting(world)).toEqual([]);
});

test("a crash between the record of a stop and the removal of its request stops nothing twice", async () => {
  const world = campaignWorld({ count: 2 });
  await world.plan();
  writeStop(DIRECTORY, world.files, { by: "ann", cancel: false });
  world.files.before = (step, path) => {
    if (step === "remove" && path.includes("/stops/")) throw new Error("killed");
  };
  await world.decide({ kind: "resume" });
  expect((await world.run()).code).toBe(0);
  expect([(await stops(world)).length, waiting(world).length]).toEqual([1, 1]);
});

test("files that are no requests are ignored with a note each, and are left where they are", async () => {
  const world = campaignWorld({ count: 1 });
  await world.plan();
  const name = (digit: string) => `${DIRECTORY}/stops/${digit.repeat(32)}.json`;
  const texts = [
    "not json",
    JSON.stringify({ schema: 1, by: "ann", cancel: "yes" }),
    JSON.stringify({ schema: 1, by: "", cancel: true }),
    JSON.stringify({ schema: 2, by: "ann", cancel: true }),
    JSON.stringify({ schema: 1, by: "a\u202eb", cancel: true }),
    "x".repeat(9_000),
  ];
  for (const [index, text] of texts.entries()) world.files.put(name(String(index)), text);
  world.files.put(`${DIRECTORY}/stops/other.json`, JSON.stringify({ schema: 1, by: "ann", cancel: true }));
  expect((await world.run()).code).toBe(0);
  expect(await stops(world)).toEqual([]);
  expect(world.notices.filter((notice) => notice.includes("/stops/"))).toEqual([
    ...["0", "1", "2", "3", "4"].map((digit) => `"${name(digit)}" is ignored: it is not a request to stop`),
    `"${name("5")}" is ignored: it is larger than 8192 bytes`,
  ]);
  expect(waiting(world).length).toBe(7);
});

test("readStops() follows no symbolic link, neither to a request nor to the folder", () => {
  const top = mkdtempSync(join(tmpdir(), "mogplex-stops-"));
  const files = processDurableFiles();
  const other = join(top, "other");
  mkdirSync(join(other, "stops"), { recursive: true });
  const request = writeStop(other, files, { by: "ann", cancel: true });
  const problems: string[] = [];
  const read = (directory: string) => readStops(directory, files, (_path, why) => void problems.push(why));
  mkdirSync(join(top, "linked", "stops"), { recursive: true });
  symlinkSync(join(other, "stops", `${request.id}.json`), join(top, "linked", "stops", `${request.id}.json`));
  mkdirSync(join(top, "folder"));
  symlinkSync(join(other, "stops"), join(top, "folder", "stops"));
  expect([read(other), read(join(top, "linked")), read(join(top, "folder"))]).toEqual([[request], [], []]);
  expect(problems).toEqual([
    expect.stringMatching(/symbolic link|not a regular file/),
    expect.stringContaining("symbolic link"),
  ]);
  expect(() => writeStop(join(top, "folder"), files, { by: "ann", cancel: false })).toThrow("symbolic link");
  expect(readdirSync(join(other, "stops"))).toEqual([`${request.id}.json`]);
  expect(readFileSync(join(other, "stops", `${request.id}.json`), "utf8")).toContain('"by":"ann"');
});

test("stop ends with 69 when the disk is full, and leaves nothing behind", async () => {
  const world = campaignWorld({ count: 2 });
  await world.plan();
  busyWith(world);
  world.files.before = (step, path) => {
    if (step === "create" && path.includes("/stops/")) {
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    }
  };
  expect(await failureOf(() => world.decide(STOP))).toMatch(/^69 Cannot write a stop request in "d\/stops": ENOSPC/);
  expect(waiting(world)).toEqual([]);
});

test("only a stop is asked of the process that holds the directory, and never in a rehearsal", async () => {
  const world = campaignWorld({ count: 2 });
  await world.plan();
  busyWith(world);
  expect(await failureOf(() => world.decide({ kind: "resume" }))).toMatch(/^75 .*process 99/);
  expect((await world.decide(STOP, { dryRun: true })).text).toStartWith("dry run, nothing was recorded");
  expect(waiting(world)).toEqual([]);
});
