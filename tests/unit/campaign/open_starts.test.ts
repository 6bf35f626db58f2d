import { expect, test } from "bun:test";
import { type CampaignWorld, campaignWorld, failureOf, project, type Step, verdicts } from "./world.ts";
import type { CampaignNotification } from "../../../lib/campaign/campaign_options.ts";
import type { JournalRecord } from "../../../lib/campaign/journal/record.ts";

import { attentionOf } from "../../../lib/campaign/report/attention.ts";
import { ANY_COMMAND } from "../../../lib/campaign/report/words.ts";

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
      "nothing more will start; 1 start has no answer, so an agent may be running: to find out, run `campaign stop --cancel`",
    );
    expect([view.state, view.stateReason]).toEqual([
      "stopped",
      "stopped by kim; 1 start has no answer, so an agent may be running: to find out, run `campaign stop --cancel`",
    ]);
    await world.advance();
    expect(world.requests).toEqual([]);
  });

  test(`campaign stop --cancel finds the run of a lost start, and cancels it: ${kind}`, async () => {
    const world = await lost(true, {}, kind);
    const { text, view, error } = await world.decide(stop(true));
    expect(error).toBeUndefined();
    expect(text).toMatch(
      /nothing more will start; 1 start has no answer.*: its start had reached the service: run \S+ was found$/,
    );
    expect([running(world), view.state, view.counts.cancelled]).toEqual([[], "done", 1]);
    expect((await history(world)).slice(-4)).toEqual(["stopped", "intent", "started", "cancelled with a run"]);
    const requests = world.requests.length;
    expect([(await world.advance()).code, world.requests.length]).toEqual([1, requests]);
  });
}

test("campaign stop --cancel cancels the run that it makes by asking, and says so", async () => {
  const world = await lost(false);
  const { text, view } = await world.decide(stop(true));
  expect(text).toEndWith(`${NAME}: the start had not reached the service; looking it up started a run, cancelled`);
  expect([running(world), world.runs().length]).toEqual([[], 1]);
  expect(view.items[0]?.reason).toBe("the start had not reached the service; looking it up started a run, cancelled");
});

test("the decision is recorded before a request is sent, and a wave finishes what the verb could not do", async () => {
  const world = await lost(true);
  fault(world, "html502");
  const { error, view } = await world.decide(stop(true));
  expect(error).toMatchObject({ exitCode: 69, message: expect.stringContaining("the next wave continues") });
  expect([view.state, running(world).length, (await world.records()).some(({ type }) => type === "stopped")]).toEqual([
    "stopping",
    1,
    true,
  ]);
  expect(view.nextWaveAt).not.toBeNull();
  world.emulator.control("clearFaults");
  const starts = world.starts.length;
  // Two answers in a row were lost.
  await world.clock.sleep(14 * MINUTE);
  await world.advance();
  expect(world.starts.length).toBe(starts);
  await world.clock.sleep(2 * MINUTE);
  const { view: after, code } = await world.advance();
  expect([running(world), verdicts(after), code]).toEqual([[], { [project(1)]: "cancelled" }, 1]);
});

test("a decision needs no token: the next wave asks the service", async () => {
  const world = await lost(true);
  const { error, text } = await world.decide(stop(true), { token: undefined });
  expect([error, world.requests]).toEqual([undefined, []]);
  expect(text).toEndWith("no token is set, so the next wave looks up the starts");
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
  expect(error).toMatchObject({
    exitCode: 75,
    message: expect.stringMatching(/a start is available at 2026-09-01T00:2\d/),
  });
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
    /^2 Cannot skip items: the service has not answered the start of acme\/project-0001@main, so an agent may be running; use --cancel/,
  );
  expect(await world.records()).toEqual(before);
  const { view } = await world.decide(skip(true));
  expect([running(world), verdicts(view), view.exitCode]).toEqual([[], { [project(1)]: "skipped" }, 0]);
});

test("campaign skip --cancel cancels a run at once, and leaves the others", async () => {
  const world = campaignWorld({ count: 2, runDuration: () => 60 * MINUTE });
  await world.advance();
  const { text, view } = await world.decide(skip(true));
  expect(text).toBe("1 item will not start again; 1 run was cancelled");
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
        ? /^1 start without an answer is looked up first; .*: its start had reached the service: the item continues with run \S+$/
        : /: the start had not reached the service; looking it up started a run: the item continues with run \S+$/,
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

test("campaign retry keeps the task that an earlier retry adopted, when the item was skipped between them", async () => {
  const world = campaignWorld({ file: ONE });
  await world.plan();
  fault(world, "503");
  await world.advance();
  world.emulator.control("clearFaults");
  world.write({ ...ONE, prompt: "A better task" });
  await world.decide(skip());
  await world.decide(retry(true));
  await world.decide(skip());
  await world.decide(retry());
  const end = await world.run();
  expect([end.code, JSON.parse(world.starts.at(-1)?.body ?? "{}").prompt]).toEqual([0, "A better task"]);
});

test("campaign retry --adopt-changes with an unchanged task starts no second agent", async () => {
  const world = await lost(true);
  await world.decide(retry(true));
  const end = await world.run();
  expect([end.code, world.runs()]).toEqual([0, [`${project(1)} success`]]);
});

test("a start without an answer is never failed, and no other one is sent beside it: its run is kept when the service answers", async () => {
  const world = campaignWorld({
    runDuration: () => 6 * 60 * MINUTE,
    file: { limits: { "run-timeout": "9h", "stop-after-failures": 1 } },
  });
  await world.plan();
  fault(world, "html502", { processed: true });
  const seen: unknown[] = [];
  for (let hour = 0; hour < 6; hour++) {
    for (let wave = 0; wave < 4; wave++) {
      await world.advance();
      await world.clock.sleep(15 * MINUTE);
    }
    const { state, counts, items } = await world.read();
    seen.push([state, counts.starting, counts.failed, new Set(items.map(({ reason }) => reason))]);
  }
  const open = (count: number) => ["waiting", count, 0, new Set([NO_ANSWER, ...count < 3 ? [null] : []])];
  // The third probe in a row is an item that was never sent.
  expect(seen).toEqual([open(1), open(2), open(2), open(2), open(3), open(3)] as unknown[]);
  expect([world.starts.length < 20, new Set(world.starts.map(({ key }) => key)).size]).toEqual([true, 3]);
  world.emulator.control("clearFaults");
  const { code } = await world.run();
  expect([code, world.runs()]).toEqual([0, [1, 2, 3].map((number) => `${project(number)} success`)]);
});

const NO_ANSWER = "no answer to its start yet; an agent may be running";

for (const way of ["advance", "run"] as const) {
  test(`after a lost answer nothing is started for 5, 15, 30 and then 60 minutes, and then one probe: ${way}`, async () => {
    const world = campaignWorld({ file: ONE });
    await world.plan();
    const times: number[] = [];
    world.before = (request) => {
      if (request !== "POST /runs") return;
      times.push(world.clock.now());
      return new Response("<html>", { status: 502 });
    };
    const end = world.clock.now() + 8 * 60 * MINUTE;
    if (way === "run") await world.run({ timeoutMs: 8 * 60 * MINUTE });
    else {
      for (; world.clock.now() < end; await world.clock.sleep(MINUTE)) await world.advance();
    }
    // Three attempts of the first start are close together.
    const gaps = times.slice(3).map((at, index) => Math.floor((at - (times[index + 2] ?? 0)) / MINUTE));
    expect(gaps).toEqual([5, 15, 30, 60, 180, 180]);
  });
}

test("one repository whose starts are never answered does not stop the others", async () => {
  const world = campaignWorld({ count: 9, runDuration: () => 5 * MINUTE });
  await world.plan();
  const [first] = (await world.lock())?.items ?? [];
  world.before = (request) => {
    if (request === "POST /runs" && world.starts.at(-1)?.body.includes(first?.repositoryId ?? "-")) {
      return new Response("<html>", { status: 504 });
    }
  };
  const { view, code } = await world.run({ timeoutMs: 8 * 60 * MINUTE });
  expect([view.counts.succeeded, view.counts.starting, view.state, code]).toEqual([8, 1, "waiting", 1]);
  const sent = world.starts.filter(({ body }) => body.includes(first?.repositoryId ?? "-")).length;
  expect(sent).toBeLessThan(12);
});

test("an open start needs attention after two hours: in the list, by the webhook once, and in the exit code", async () => {
  const world = campaignWorld({ file: ONE });
  await world.plan();
  fault(world, "html502");
  const told: unknown[] = [];
  const seen: unknown[] = [];
  const notifier = ({ event, text }: CampaignNotification) => void told.push([event, text.split(".")[0]]);
  for (let wave = 0; wave < 14; wave++) {
    const { view, code } = await world.advance({ notifier });
    const titles = attentionOf(view, ANY_COMMAND, null).map(({ title, cause }) => `${title}: ${cause}`);
    seen.push([code, titles.filter((each) => !each.startsWith("wave is late"))]);
    await world.clock.sleep(15 * MINUTE);
  }
  expect(seen).toEqual([
    ...Array.from({ length: 8 }, () => [75, []]),
    ...Array.from({ length: 6 }, () => [1, [`starting: ${NO_ANSWER}`]]),
  ]);
  expect(told).toEqual([
    [
      "stuck",
      "Campaign replace-moment needs attention: a start has had no answer for two hours, so an agent may be running",
    ],
  ]);
  const steps = attentionOf(await world.read(), ANY_COMMAND, null).flatMap(({ steps }) =>
    steps.map(({ command }) => command ?? "")
  );
  expect(steps).toEqual([expect.stringContaining("campaign retry"), expect.stringMatching(/campaign skip.* --cancel/)]);
});

test("the advice on an open start does not say that a stopped campaign asks for it again, also while its runs end", async () => {
  const world = campaignWorld({
    count: 2,
    runDuration: () => 9 * 60 * MINUTE,
    file: { limits: { "run-timeout": "10h" } },
  });
  await world.plan();
  world.before = (request) =>
    request === "POST /runs" && world.starts.length > 1 ? new Response("<html>", { status: 502 }) : undefined;
  await world.advance();
  await world.decide(stop());
  await world.clock.sleep(3 * 60 * MINUTE);
  const { view } = await world.advance();
  const [text] = attentionOf(view, ANY_COMMAND, null).flatMap(({ title, steps }) =>
    title === "starting" ? steps.map((each) => each.text) : []
  );
  expect([view.state, text]).toEqual([
    "stopping",
    "Check in the app whether it has a run. To find its run and keep it:",
  ]);
});

test("a skip --cancel whose start is never answered is unknown after a day, and the campaign is done with 1", async () => {
  const world = await lost(true);
  fault(world, "html502");
  await world.decide(skip(true));
  const sent = world.starts.length;
  for (let wave = 0; wave < 23; wave++) {
    await world.clock.sleep(60 * MINUTE);
    expect((await world.advance()).view.state).not.toBe("done");
  }
  await world.clock.sleep(90 * MINUTE);
  const { view, code } = await world.advance();
  expect([verdicts(view), view.state, code]).toEqual([{ [project(1)]: "unknown" }, "done", 1]);
  expect(view.items[0]?.reason).toBe("its start never got an answer: check the app");
  expect(world.starts.length - sent).toBeLessThan(12);
  world.emulator.control("clearFaults");
  await world.decide(retry());
  expect((await world.run()).code).toBe(0);
});

test("run() gives up a skip --cancel whose start is never answered after a day, and ends with 1", async () => {
  const world = await lost(true);
  fault(world, "html502");
  await world.decide(skip(true));
  const since = world.clock.wallTime();
  const { view, code } = await world.run({ timeoutMs: 3 * DAY });
  expect([verdicts(view), view.state, code]).toEqual([{ [project(1)]: "unknown" }, "done", 1]);
  expect(Math.round((world.clock.wallTime() - since) / DAY)).toBe(1);
});

for (const [what, decision] of [["stop", stop(true)], ["skip", skip(true)]] as const) {
  test(`campaign ${what} --cancel never says "no run" of a start whose key has one: the item is unknown`, async () => {
    const world = await lost(true);
    world.before = (request) =>
      request === "POST /runs"
        ? Response.json({ ok: false, error: { code: "CONFLICT", message: "x" } }, { status: 409 })
        : undefined;
    const { text, view, error } = await world.decide(decision);
    expect(text).toEndWith(`${NAME}: its key belongs to a run that the service does not show: check the app`);
    expect([error, verdicts(view), view.items[0]?.reason, view.exitCode]).toEqual([
      undefined,
      { [project(1)]: "unknown" },
      "its key belongs to a run that the service does not show: check the app",
      1,
    ]);
    // Somebody has looked, and ended it there.
    const { view: after } = await world.decide(skip());
    expect([verdicts(after), after.exitCode]).toEqual([{ [project(1)]: "skipped" }, 0]);
  });
}

const ANSWERS: readonly [what: string, status: number, code: string, isGone: boolean, verdict: string, as: string][] = [
  ["409", 409, "CONFLICT", false, "unknown", "unknown"],
  ["404", 404, "NOT_FOUND", false, "starting", "service"],
  ["400", 400, "BAD_REQUEST", false, "starting", "service"],
  ["404 for a repository that is gone", 404, "NOT_FOUND", true, "invalid", "invalid"],
];

for (const [what, status, code, isGone, verdict, as] of ANSWERS) {
  test(`the answer to an open start says nothing about its key before the repository is looked at: ${what}`, async () => {
    const world = await lost(true, { file: {} });
    await world.clock.sleep(6 * MINUTE);
    const [first] = (await world.lock())?.items ?? [];
    world.before = (request) => {
      if (isGone && request.includes(`id=${first?.repositoryId}`)) {
        return Response.json({ ok: true, data: { repos: [] } });
      }
      if (request !== "POST /runs" || world.starts.length > 1) return;
      return Response.json({ ok: false, error: { code, message: "x" } }, { status });
    };
    const { view } = await world.advance();
    expect([verdicts(view)[project(1)], (await history(world)).includes(as)]).toEqual([verdict as "unknown", true]);
    // The others continue at once.
    expect(view.counts.running).toBe(2);
    if (verdict === "unknown") {
      expect(view.items[0]?.reason).toBe("its key belongs to a run that the service does not show: check the app");
    }
  });
}

for (
  const [what, change] of [
    ["names another repository", () => ({ repoId: crypto.randomUUID() })],
    ["is a run of another repository", (foreign: string) => ({ runId: foreign })],
    ["is a run that does not exist", () => ({ runId: crypto.randomUUID() })],
  ] as const
) {
  test(`an answer that ${what} is no answer: the start stays open, and the other items continue`, async () => {
    const world = campaignWorld({
      count: 4,
      sandboxLimit: 4,
      runDuration: () => 60 * MINUTE,
      file: { exclude: [project(4)] },
    });
    await world.plan();
    const post = async (body: unknown, key: string) => {
      const answer = await world.emulator.fetch("http://localhost/api/v1/mogplex/runs", {
        method: "POST",
        headers: {
          "Authorization": `Bearer ${world.token}`,
          "Content-Type": "application/json",
          "Idempotency-Key": key,
        },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      return await answer.json() as { ok: boolean; data: Record<string, string> };
    };
    const repo = [...world.emulator.world.store.repos.values()].find(({ full_name }) => full_name === project(4));
    const foreign = await post({ repoId: repo?.id, prompt: "Something else", harness: "codex" }, "foreign");
    world.before = async (request) => {
      if (request !== "POST /runs" || world.starts.length > 1) return;
      const { ok, data } = await post(world.starts[0]?.body, world.starts[0]?.key ?? "");
      return Response.json({ ok, data: { ...data, ...change(foreign.data.runId ?? "") } }, { status: 202 });
    };
    const { view, problem } = await world.advance();
    expect([problem, Object.values(verdicts(view)).slice(0, 3), world.starts.length]).toEqual([
      null,
      ["starting", "running", "running"],
      3,
    ]);
    world.before = undefined;
    const end = await world.run();
    expect([end.code, world.runs().length, end.view.counts.succeeded]).toEqual([0, 4, 3]);
  });
}

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
    expect((await world.decide(stop(true))).text).toBe("nothing more will start; nothing is running");
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
  expect(await failureOf(() => world.decide(skip()))).toMatch(/^2 .*has not answered/);
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
    expect.objectContaining({ exitCode: 2, message: expect.stringContaining("does not belong to the user") }),
    sent,
  ]);
});

/** Three active runs in a campaign that is stopped with --cancel. */
async function stopping(): Promise<CampaignWorld> {
  const world = campaignWorld({ count: 3, runDuration: () => 60 * MINUTE });
  await world.advance();
  await world.decide(stop(true), { token: undefined });
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

for (const [status, code, exit] of [[500, "INTERNAL", 69], [409, "CONFLICT", 2]] as const) {
  test(`decideCampaign() cancels the others when one cancel fails with ${status}, and a wave the rest`, async () => {
    const world = campaignWorld({ count: 3, runDuration: () => 60 * MINUTE });
    await world.advance();
    breakFirst(world, status, code);
    const { error, text, leavesCancels } = await world.decide(stop(true));
    expect([error, text, leavesCancels]).toEqual([
      expect.objectContaining({ exitCode: exit }),
      "nothing more will start; 2 runs were cancelled; 1 run is not cancelled yet",
      true,
    ]);
    expect(running(world)).toEqual([expect.stringContaining(project(1))]);
    world.before = undefined;
    await world.advance();
    expect(running(world)).toEqual([]);
  });
}
