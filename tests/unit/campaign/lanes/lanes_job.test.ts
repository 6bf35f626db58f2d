import { expect, test } from "bun:test";
import { InterruptedError } from "../../../../lib/errors.ts";
import { DIRECTORY, failureOf, verdicts } from "../world.ts";
import { LANES, lanesWorld } from "./lanes_world.ts";

test("waves in two lanes start each item by its own user, and the view has all items with their lanes", async () => {
  const world = lanesWorld([4, 3]);
  const { view, code } = await world.wavesToEnd();
  expect(code).toBe(0);
  expect(view).toMatchObject({ state: "done", exitCode: 0, counts: { succeeded: 7 } });
  expect(view.lanes?.map(({ name, state, counts }) => [name, state, counts.succeeded])).toEqual([
    ["a", "done", 4],
    ["b", "done", 3],
  ]);
  expect(view.items.map(({ id, lane }) => [id, lane])).toEqual([
    ...[1, 2, 3, 4].map((number) => [`acme/r${number}@main`, "a"]),
    ...[1, 2, 3].map((number) => [`teamb/r${number}@main`, "b"]),
  ]);
  expect(world.users()).toEqual({
    ...Object.fromEntries([1, 2, 3, 4].map((number) => [`acme/r${number}`, ["ci"]])),
    ...Object.fromEntries([1, 2, 3].map((number) => [`teamb/r${number}`, ["other"]])),
  });
  // Lock and journal are those of the lanes alone.
  const { files } = world;
  const paths = files.paths().filter((path) => /lock\.json$|journal/.test(path)).sort();
  expect(paths).toEqual([
    "d/lanes/a/journal/000001.ndjson",
    "d/lanes/a/lock.json",
    "d/lanes/b/journal/000001.ndjson",
    "d/lanes/b/lock.json",
  ]);
});

test("`run` follows both lanes at the same time, and tells of each item with its lane and of one end", async () => {
  const world = lanesWorld([6, 6]);
  const made = await world.follow();
  expect(made.code).toBe(0);
  expect(made.view.counts.succeeded).toBe(12);
  const running = new Set<string>();
  let most = 0;
  for (const item of made.items) {
    if (item.type !== "item") continue;
    expect(item.item.lane).toBe(item.lane ?? "");
    if (item.item.verdict === "running") running.add(item.item.id);
    else running.delete(item.item.id);
    most = Math.max(most, running.size);
  }
  // One user has three sandboxes.
  expect(most).toBe(6);
  expect(made.items.filter(({ type }) => type === "end").length).toBe(1);
});

test("a token that is refused stops its own lane; the other one goes on, and the exit code is the worst", async () => {
  const world = lanesWorld([2, 2]);
  await world.planAll();
  const { store } = world.emulator.world;
  for (const token of store.tokens.values()) if (token.token === world.env.KEY_A) token.revokedAt = 1;
  const first = await world.wave();
  expect([first.code, first.view.exitCode]).toEqual([64, 0]);
  expect(first.problem).toMatch(/401|token/);
  expect(first.view.lanes?.map(({ trouble }) => trouble === null)).toEqual([false, true]);
  const last = await world.wavesToEnd();
  expect(verdicts(last.view)).toMatchObject({ "acme/r1": "waiting", "teamb/r1": expect.any(String) });
  await world.clock.sleep(60 * 60_000);
  expect((await world.wave()).view.lanes?.map(({ state }) => state)).toEqual(["planned", "done"]);
  for (const token of store.tokens.values()) token.revokedAt = null;
  expect((await world.wavesToEnd()).view.counts.succeeded).toBe(4);
});

test("two lanes of one user are refused before anything is started, whichever of them is meant", async () => {
  const same = lanesWorld([2, 2]);
  same.env.KEY_B = same.token;
  for (const act of [() => same.planAll(), () => same.wave(), () => same.follow()]) {
    expect(await failureOf(act)).toMatch(/^2 Cannot start runs of lane "b": its token is also that of lane "a"/);
  }
  const world = lanesWorld([2, 2]);
  const second = String(world.emulator.control("addToken", { user: "ci" })?.token);
  const good = world.env.KEY_B ?? "";
  world.env.KEY_B = second;
  const refused = await failureOf(() => world.planAll());
  expect(refused).toMatch(/^2 Cannot start runs of lane "\w": its token lists a repository of lane "\w"/);
  expect(refused).toMatch(/put a token of another user into KEY_\w, or remove one of the two lanes/);
  expect(world.files.paths().filter((path) => path.endsWith("lock.json"))).toEqual([]);
  // Planned with two users, and then continued with one: nothing of the second lane is started, also when it works alone.
  world.env.KEY_B = good;
  await world.planAll();
  world.env.KEY_B = second;
  const wave = await world.wave({ lane: "b" });
  expect([wave.code, wave.problem]).toEqual([2, expect.stringContaining('its token lists a repository of lane "a"')]);
  expect(world.runs()).toEqual([]);
});

test("a lane whose token finds a run of another lane is refused, also when its lists show nothing", async () => {
  const world = lanesWorld([1, 1], {
    file: {
      repositories: [
        { repo: "10000000-0000-4000-8000-000000000001", "base-branch": "main", root: "." },
        "teamb/r1",
      ],
    },
  });
  world.before = (request) =>
    request.includes("10000000-0000-4000-8000-000000000001") && request.startsWith("GET /repos")
      ? Response.json({ ok: true, data: { repos: [] } })
      : undefined;
  await world.planAll();
  await world.wave({ lane: "a" });
  expect(world.runs().length).toBe(1);
  world.env.KEY_B = String(world.emulator.control("addToken", { user: "ci" })?.token);
  const { code, problem } = await world.wave({ lane: "b" });
  expect([code, problem]).toEqual([2, expect.stringContaining('its token finds a run of lane "a"')]);
});

test("a token of another user is refused in the lane that has runs, as without lanes", async () => {
  const world = lanesWorld([2, 2]);
  await world.wave();
  [world.env.KEY_A, world.env.KEY_B] = [world.env.KEY_B ?? "", world.env.KEY_A ?? ""];
  const starts = world.starts.length;
  const { code, problem } = await world.wave();
  expect(code).toBe(2);
  expect(problem).toContain("this token belongs to another user than the one who started it");
  expect(world.starts.length).toBe(starts);
});

test("missing tokens are all named; one lane needs its own only", async () => {
  const world = lanesWorld([1, 1]);
  await world.planAll();
  delete world.env.KEY_A;
  expect(await failureOf(() => world.wave())).toBe(
    "64 Cannot work on all lanes of the campaign: a variable is not set: KEY_A (lane a); set all of them in this job, " +
      "or work on one lane with --lane NAME",
  );
  expect((await world.wave({ lane: "b" })).problem).toBeNull();
  expect(world.users()).toEqual({ "teamb/r1": ["other"] });
  expect(await failureOf(() => world.wave({ lane: "c" }))).toMatch(/^2 .*no lane of this name.*"c"/);
  expect(await failureOf(() => world.advance({ env: (name) => world.env[name] }))).toMatch(
    /^2 .*one token was given, and each lane has its own/,
  );
});

test("a lane that is not planned is refused alone, and all are planned by a wave in all", async () => {
  const world = lanesWorld([1, 1]);
  expect(await world.wave({ lane: "b" })).toMatchObject({
    code: 2,
    problem: expect.stringContaining(
      `plan all lanes first: \`mogplex-ci campaign plan campaign.yml --dir ${DIRECTORY}\``,
    ),
  });
  expect(world.starts.length).toBe(0);
  expect((await world.wave()).problem).toBeNull();
  expect(world.starts.length).toBe(2);
});

test("a campaign is not continued with lanes when it was planned without, nor the other way round", async () => {
  const world = lanesWorld([1, 1]);
  await world.wave();
  world.write({ repositories: [{ query: "acme/" }] });
  expect(await failureOf(() => world.advance())).toMatch(
    /^2 .*it was planned with lanes in "d", and its file has none now/,
  );
  // A lane that has another name now has left the file.
  world.write({
    repositories: [{ query: "acme/" }, { query: "teamb/" }],
    lanes: [LANES[0], { ...LANES[1], name: "c" }],
  });
  expect(await failureOf(() => world.planAll())).toMatch(/^2 .*a lane was planned .* not have any more.*"b"/);
  const other = lanesWorld([1, 1], { file: { lanes: undefined } });
  await other.advance();
  other.write({ repositories: [{ query: "acme/" }, { query: "teamb/" }], lanes: LANES });
  expect(await other.wave()).toMatchObject({
    code: 2,
    problem: expect.stringContaining("it was planned without lanes"),
  });
});

test("decisions hold in every lane that they make sense in, or in one", async () => {
  const world = lanesWorld([2, 2], { file: { canary: { size: 1, gate: "manual" } } });
  for (let wave = 0; wave < 4; wave++) {
    await world.wave();
    await world.clock.sleep(15 * 60_000);
  }
  const gated = await world.read();
  expect(gated.lanes?.map(({ state }) => state)).toEqual(["gated", "gated"]);
  const one = await world.decide({ kind: "approve", note: null }, { lane: "b" });
  expect(one.text).toBe("lane b: opened the gate of the canary");
  const both = await world.decide({ kind: "approve", note: null });
  expect(both.text).toBe("lane a: opened the gate of the canary");
  expect(await failureOf(() => world.decide({ kind: "approve", note: null }))).toMatch(/^2 .*no gate is closed/);
  const skipped = await world.decide({ kind: "skip", select: { only: ["teamb/*2"] }, reason: "by hand" });
  expect(skipped.items).toEqual(["teamb/r2@main"]);
  expect((await world.wavesToEnd()).view.counts).toMatchObject({ succeeded: 3, skipped: 1 });
});

test("a signal ends all lanes, and cancels the runs of all when that is asked for", async () => {
  for (const [onInterrupt, status] of [["cancel", "cancelled"], ["detach", "pending"]] as const) {
    const world = lanesWorld([1, 1], { scenarios: "play: stuck-streaming" });
    const stop = new AbortController();
    const running = new Set<string>();
    const { code, view, result } = await world.follow({
      onItem: (item) => {
        if (item.type === "item" && item.item.verdict === "running") running.add(item.item.id);
        if (running.size === 2) stop.abort(new InterruptedError("SIGTERM"));
      },
      internals: { interrupts: { signal: stop.signal, terminal: false }, onInterrupt },
    });
    expect([onInterrupt, code, view.lanes?.length]).toEqual([onInterrupt, 143, 2]);
    expect(result.reason).toMatch(/^Stopped by SIGTERM; lane a: .*; lane b: /);
    expect(world.runs().map((run) => run.split(" ")[1])).toEqual([status, status]);
  }
});

/** The disk dies: nothing more is written or sent. */
class Death extends Error {}

test("a process that is killed at any step of a wave in two lanes starts nothing twice, and forgets nothing", async () => {
  const changes = ["append", "truncate", "replace", "create", "move", "remove"];
  let steps = Infinity;
  for (let dieAt = 1; dieAt <= steps; dieAt++) {
    const world = lanesWorld([1, 1]);
    let count = 0;
    let dead = false;
    const step = (name: string) => {
      if (dead) throw new Death();
      if (changes.includes(name) && ++count === dieAt) {
        dead = true;
        throw new Death();
      }
    };
    world.files.before = step;
    world.before = () => step("start");
    await world.wave().catch(() => {});
    if (!dead) steps = count;
    dead = false;
    world.files.before = undefined;
    world.before = undefined;
    // The writer file of the dead process is that of this one: it is taken over.
    const { view } = await world.wavesToEnd();
    expect([dieAt, view.counts.succeeded, world.users()]).toEqual([
      dieAt,
      2,
      { "acme/r1": ["ci"], "teamb/r1": ["other"] },
    ]);
  }
  expect(steps).toBeGreaterThan(10);
});
