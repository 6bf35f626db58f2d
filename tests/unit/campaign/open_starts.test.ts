import { expect, test } from "bun:test";
import { type CampaignWorld, campaignWorld, failureOf, project, type Step, verdicts } from "./world.ts";
import type { JournalRecord } from "../../../lib/campaign/journal/record.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const ONE = { repositories: [project(1)] };
const NAME = `${project(1)}@main`;

const stop = (cancel = false) => ({ kind: "stop", cancel }) as const;
const skip = (cancel = false) => ({ kind: "skip", select: { only: [project(1)] }, reason: "no", cancel }) as const;
const retry = (adopt = false) => ({ kind: "retry", select: { only: [project(1)] }, adopt }) as const;

const fault = (world: CampaignWorld, kind: string, more: Record<string, unknown> = {}) =>
  world.emulator.control("fault", { kind, route: "POST /runs", times: 1_000, ...more });

/** The records about runs in the journal, in order. */
async function history(world: CampaignWorld): Promise<string[]> {
  const words = (record: JournalRecord) =>
    record.type === "ended" ? [`${record.as}${record.runId === null ? "" : " with a run"}`] : [record.type];
  return (await world.records()).filter(({ type }) => type !== "wave" && type !== "trouble").flatMap(words);
}

/** One start whose answer was lost: with an unknown run, or without a run. */
async function lost(
  arrived: boolean,
  options: Parameters<typeof campaignWorld>[0] = {},
  kind = "html502",
): Promise<CampaignWorld> {
  const world = campaignWorld({ file: ONE, runDuration: () => 60 * MINUTE, ...options });
  await world.plan();
  fault(world, kind, { processed: arrived });
  await world.advance();
  world.emulator.control("clearFaults");
  expect(world.runs()).toEqual(arrived ? [expect.stringMatching(/(?:pending|streaming)$/)] : []);
  world.starts.length = world.requests.length = 0;
  return world;
}

const running = (world: CampaignWorld) => world.runs().filter((run) => / (?:pending|streaming)$/.test(run));

for (const kind of ["html502", "reset0", "truncated"]) {
  test(`campaign stop sends nothing, and says how many starts are open: ${kind}`, async () => {
    const world = await lost(true, {}, kind);
    const { text, view } = await world.decide(stop());
    expect(text).toBe(
      "nothing more is started; 1 start has no answer, so an agent may be at work: `campaign stop --cancel` finds out",
    );
    expect([view.state, view.stateReason]).toEqual([
      "stopped",
      "stopped by kim; 1 start has no answer, so an agent may be at work: `campaign stop --cancel` finds out",
    ]);
    await world.advance();
    expect(world.requests).toEqual([]);
  });

  test(`campaign stop --cancel finds the run of a lost start, and cancels it: ${kind}`, async () => {
    const world = await lost(true, {}, kind);
    const { text, view, error } = await world.decide(stop(true));
    expect(error).toBeUndefined();
    expect(text).toMatch(/nothing more is started; 1 start has no answer.*: its start had arrived: run \S+ was found$/);
    expect([running(world), view.state, view.counts.cancelled]).toEqual([[], "done", 1]);
    expect((await history(world)).slice(-4)).toEqual(["stopped", "intent", "started", "cancelled with a run"]);
    const requests = world.requests.length;
    expect([(await world.advance()).code, world.requests.length]).toEqual([1, requests]);
  });
}

test("campaign stop --cancel cancels the run that it makes by asking, and says so", async () => {
  const world = await lost(false);
  const { text, view } = await world.decide(stop(true));
  expect(text).toEndWith(`${NAME}: the start had not arrived; asking made a run, cancelled`);
  expect([running(world), world.runs().length]).toEqual([[], 1]);
  expect(view.items[0]?.reason).toBe("the start had not arrived; asking made a run, cancelled");
});

test("the decision is recorded before a request is sent, and a wave finishes what the verb could not do", async () => {
  const world = await lost(true);
  fault(world, "html502");
  const { error, view } = await world.decide(stop(true));
  expect(error).toMatchObject({ exitCode: 69, message: expect.stringContaining("the next wave goes on") });
  expect([view.state, running(world).length, (await world.records()).some(({ type }) => type === "stopped")]).toEqual([
    "stopping",
    1,
    true,
  ]);
  expect(view.nextWaveAt).not.toBeNull();
  world.emulator.control("clearFaults");
  const { view: after, code } = await world.advance();
  expect([running(world), verdicts(after), code]).toEqual([[], { [project(1)]: "cancelled" }, 1]);
});

test("a decision needs no token: the next wave asks the service", async () => {
  const world = await lost(true);
  const { error, text } = await world.decide(stop(true), { token: undefined });
  expect([error, world.requests]).toEqual([undefined, []]);
  expect(text).toEndWith("there is no token here, so the next wave asks for them");
  await world.run();
  expect(running(world)).toEqual([]);
});

test("a campaign that an earlier version stopped with --cancel forgets no open start", async () => {
  const world = await lost(true);
  await world.decide(stop(true), { token: undefined });
  expect((await world.preview()).cancels).toEqual([NAME]);
  const { code, view } = await world.advance();
  expect([code, view.counts.cancelled, running(world)]).toEqual([1, 1, []]);
});

test("with no free start the verb ends with 75 and the time, and the next wave goes on", async () => {
  const world = await lost(true);
  fault(world, "429", { retryAfter: 1_200 });
  const { error } = await world.decide(stop(true));
  expect(error).toMatchObject({ exitCode: 75, message: expect.stringMatching(/one is free at 2026-09-01T00:2\d/) });
  world.emulator.control("clearFaults");
  const sent = world.starts.length;
  await world.advance();
  expect(world.starts.length).toBe(sent);
  await world.clock.sleep(21 * MINUTE);
  await world.advance();
  expect([running(world), (await world.read()).state]).toEqual([[], "done"]);
});

test("campaign skip is refused while the start is open, and --cancel settles it", async () => {
  const world = await lost(true);
  const before = await world.records();
  expect(await failureOf(() => world.decide(skip()))).toMatch(
    /^2 Cannot skip campaign: the start of acme\/project-0001@main has no answer, so an agent may be at work; --cancel/,
  );
  expect(await world.records()).toEqual(before);
  const { view } = await world.decide(skip(true));
  expect([running(world), verdicts(view), view.exitCode]).toEqual([[], { [project(1)]: "skipped" }, 0]);
});

test("campaign skip --cancel cancels a run that is known with the next wave, and leaves the others", async () => {
  const world = campaignWorld({ count: 2, runDuration: () => 60 * MINUTE });
  await world.advance();
  expect((await world.decide(skip(true))).text).toBe(
    "1 item will not be started any more; the next wave cancels 1 run",
  );
  const { view } = await world.advance();
  expect([verdicts(view), running(world)]).toEqual([
    { [project(1)]: "skipped", [project(2)]: "running" },
    [expect.stringContaining(project(2))],
  ]);
});

test("a skip that could not be carried out is finished by a wave, and is never started as a task", async () => {
  const world = await lost(false);
  fault(world, "503");
  expect((await world.decide(skip(true))).error).toMatchObject({ exitCode: 69 });
  world.emulator.control("clearFaults");
  const { view } = await world.run();
  expect([verdicts(view), running(world), world.runs().length]).toEqual([{ [project(1)]: "skipped" }, [], 1]);
});

for (const arrived of [true, false]) {
  test(`campaign retry keeps the run of an open start as its attempt, also in a stopped campaign: ${arrived}`, async () => {
    const world = await lost(arrived);
    await world.decide(stop());
    const { text, view } = await world.decide(retry());
    expect(text).toMatch(
      arrived
        ? /^1 start without an answer is asked for first; .*: its start had arrived: run \S+ is its attempt$/
        : /: the start had not arrived; asking made a run: run \S+ is its attempt$/,
    );
    expect([view.counts.running, world.runs().length, new Set(world.starts.map(({ key }) => key)).size]).toEqual([
      1,
      1,
      1,
    ]);
    const end = await world.run();
    expect([verdicts(end.view), world.runs().length, end.view.items[0]?.attempts]).toEqual([
      { [project(1)]: "succeeded" },
      1,
      1,
    ]);
  });
}

test("campaign retry --adopt-changes starts the new task only when the run of the old one has ended", async () => {
  const world = await lost(true);
  world.write({ ...ONE, prompt: "A better task" });
  await world.decide(stop());
  await world.decide(retry(true));
  expect([world.runs().length, JSON.parse(world.starts[0]?.body ?? "{}").prompt]).toEqual([
    1,
    "Replace moment in project-0001",
  ]);
  await world.decide({ kind: "resume" });
  await world.clock.sleep(30 * MINUTE);
  await world.advance();
  expect(running(world).length).toBe(1);
  const end = await world.run();
  expect(world.runs()).toEqual([`${project(1)} success`, `${project(1)} success`]);
  const [first, last] = [world.starts[0], world.starts.at(-1)];
  expect([JSON.parse(last?.body ?? "{}").prompt, first?.key === last?.key]).toEqual(["A better task", false]);
  expect([end.code, end.view.items[0]?.attempts]).toEqual([0, 2]);
});

test("campaign retry --adopt-changes with an unchanged task starts no second agent", async () => {
  const world = await lost(true);
  await world.decide(retry(true));
  const end = await world.run();
  expect([end.code, world.runs()]).toEqual([0, [`${project(1)} success`]]);
});

test("campaign retry --adopt-changes settles a start that failed for good, of which an agent may be at work", async () => {
  const world = campaignWorld({
    file: { ...ONE, limits: { "run-timeout": "9h" } },
    runDuration: () => 6 * 60 * MINUTE,
  });
  fault(world, "html502", { processed: true });
  expect((await world.run()).code).toBe(1);
  expect([verdicts(await world.read()), running(world).length]).toEqual([{ [project(1)]: "failed" }, 1]);
  world.emulator.control("clearFaults");
  world.write({ ...ONE, prompt: "A better task" });
  await world.decide(retry(true));
  await world.advance();
  expect(world.runs().length).toBe(1);
});

test("campaign stop --cancel settles a start that failed for good", async () => {
  const world = campaignWorld({ file: ONE, runDuration: () => 6 * 60 * MINUTE });
  fault(world, "html502", { processed: true });
  await world.run();
  world.emulator.control("clearFaults");
  await world.decide(stop(true), { token: undefined });
  await world.advance();
  expect(running(world)).toEqual([]);
});

test("in a stopped campaign an open start is unknown after a day, never green, and can still be settled", async () => {
  const world = await lost(true);
  await world.decide(stop());
  await world.clock.sleep(DAY - 30 * MINUTE);
  expect((await world.read()).counts.unknown).toBe(0);
  await world.clock.sleep(60 * MINUTE);
  const view = await world.read();
  expect([verdicts(view), view.exitCode, view.state]).toEqual([{ [project(1)]: "unknown" }, 1, "done"]);
  expect(view.items[0]?.reason).toContain("`campaign stop --cancel`");
  expect((await world.advance()).code).toBe(1);
  await world.decide({ kind: "resume" });
  expect([(await world.read()).counts.unknown, (await world.run()).code]).toEqual([0, 0]);
});

const CLOSED: readonly [what: string, answer: () => Response, state: string][] = [
  ["a connection that was refused", () => {
    throw new TypeError("fetch failed", {
      cause: Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }),
    });
  }, "service"],
  [
    "a 503 of the service",
    () => Response.json({ ok: false, error: { code: "UNAVAILABLE", message: "x" } }, { status: 503 }),
    "service",
  ],
  [
    "a 429 of the service",
    () => Response.json({ ok: false, error: { code: "RATE_LIMITED", message: "x" } }, { status: 429 }),
    "quota",
  ],
  [
    "a 401 of the service",
    () => Response.json({ ok: false, error: { code: "UNAUTHORIZED", message: "x" } }, { status: 401 }),
    "waiting",
  ],
  [
    "a 403 of the service",
    () => Response.json({ ok: false, error: { code: "FORBIDDEN", message: "x" } }, { status: 403 }),
    "waiting",
  ],
];

for (const [what, answer, state] of CLOSED) {
  test(`a start is not open after ${what}: a skip needs no request`, async () => {
    const world = campaignWorld({ file: ONE });
    await world.plan();
    world.before = (request) => request === "POST /runs" ? answer() : undefined;
    const step: Step = await world.advance();
    expect(verdicts(step.view)).toEqual({ [project(1)]: state as "service" });
    world.before = undefined;
    const requests = world.requests.length;
    expect((await world.decide(stop(true))).text).toBe("nothing more is started; nothing runs");
    const { view } = await world.decide(skip());
    expect([verdicts(view), world.requests.length, view.quota.day.used]).toEqual([
      { [project(1)]: "skipped" },
      requests,
      0,
    ]);
  });
}

test("an attempt that was lost stays open when a later one is refused", async () => {
  const world = campaignWorld({ file: ONE, runDuration: () => 60 * MINUTE });
  await world.plan();
  fault(world, "html502", { processed: true, times: 1 });
  fault(world, "503", { times: 50 });
  await world.advance();
  world.emulator.control("clearFaults");
  expect(await failureOf(() => world.decide(skip()))).toMatch(/^2 .*has no answer/);
  await world.decide(stop(true));
  expect(running(world)).toEqual([]);
});

test("a run that comes back after it was cancelled while its sandbox booted is cancelled again", async () => {
  const world = await lost(true, {
    scenarios: "steps: [{ after: 100000, sandbox: up }]",
  });
  let cancels = 0;
  world.before = (request) => {
    if (request.endsWith("/cancel")) cancels++;
    else if (request.startsWith("GET /runs/") && cancels === 1) {
      world.setRun(project(1), { status: "streaming" }, { status: "streaming", control_state: "active" });
    }
  };
  const { view } = await world.decide(stop(true));
  expect([cancels, running(world), verdicts(view)]).toEqual([2, [], { [project(1)]: "cancelled" }]);
});

test("nothing is asked for with the token of another user", async () => {
  const world = campaignWorld({ count: 2, runDuration: () => 60 * MINUTE, file: { limits: { parallel: 2 } } });
  world.before = (request) => {
    if (request === "POST /runs" && world.starts.length > 1) {
      return Response.json({ ok: false }, { status: 502 });
    }
  };
  await world.advance();
  world.before = undefined;
  world.token = world.otherToken();
  const sent = world.starts.length;
  const { error } = await world.decide(stop(true));
  expect([error, world.starts.length]).toEqual([
    expect.objectContaining({ exitCode: 2, message: expect.stringContaining("another user") }),
    sent,
  ]);
});

/** Three runs at work in a campaign that is stopped with --cancel. */
async function stopping(): Promise<CampaignWorld> {
  const world = campaignWorld({ count: 3, runDuration: () => 60 * MINUTE });
  await world.advance();
  await world.decide(stop(true));
  return world;
}

/** Answers the cancels of the first run with an error; for 404 its reads, too. */
function breakFirst(world: CampaignWorld, status: number, code: string): void {
  const [id] = [...world.emulator.world.store.runs.keys()];
  world.before = (request) =>
    request.includes(`/runs/${id}`) && (status === 404 || request.endsWith("/cancel"))
      ? Response.json({ ok: false, error: { code, message: "x" } }, { status })
      : undefined;
}

for (const way of ["advance", "run"] as const) {
  test(`a run that the service no longer has when it is to be cancelled ends its item, and the others are cancelled: ${way}`, async () => {
    const world = await stopping();
    breakFirst(world, 404, "NOT_FOUND");
    const { problem, view } = await world[way]({ timeoutMs: 10 * MINUTE });
    expect([problem, Object.values(verdicts(view))]).toEqual([null, ["invalid", "cancelled", "cancelled"]]);
    expect(running(world)).toEqual([expect.stringContaining(project(1))]);
  });
}

for (const [status, code, exit] of [[500, "INTERNAL", 69], [409, "CONFLICT", 2]] as const) {
  for (const way of ["advance", "run"] as const) {
    test(`one cancel that fails with ${status} does not keep the others from being cancelled: ${way}`, async () => {
      const world = await stopping();
      breakFirst(world, status, code);
      const { code: exitCode, problem } = await world[way]({ timeoutMs: 10 * MINUTE });
      expect([exitCode, problem === null]).toEqual([exit, false]);
      expect(running(world)).toEqual([expect.stringContaining(project(1))]);
      world.before = undefined;
      await world.advance();
      expect(running(world)).toEqual([]);
    });
  }
}
