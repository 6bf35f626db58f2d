/** Campaigns as a library, against the emulator on a virtual clock; lock and journal are in memory, but for two tests. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  type CampaignDefinition,
  type CampaignEvent,
  CampaignFileError,
  type CampaignHandle,
  type CampaignNotification,
  type Campaigns,
  type CampaignSettings,
  CampaignVerdictError,
  createCampaigns,
  memoryHome,
  RepositoriesError,
} from "../../../campaigns.ts";
import {
  AbortedError,
  createMogplex,
  InterruptedError,
  mask,
  MogplexError,
  type Notice,
  render,
  report,
  UnauthorizedError,
  UsageError,
} from "../../../mod.ts";
import { createEmulator, type TestEmulatorOptions } from "../../../testing.ts";

const MINUTE = 60_000;
/** A run that works for 20 minutes. */
const SLOW = `steps: [{ sandbox: up }, { after: 1200, status: success }]`;
const REPOS = ["acme/one", "acme/two", "acme/three"];
const PARTLY = 'scenarios: [{ match: { repo: "*two" }, play: agent-failure }, { play: success }]';
const NAME = "replace-moment";
const PROMPT = "Replace moment";

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-campaigns-"));
  process.on("unhandledRejection", note);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

/** A service, and a campaign over three repositories in memory. */
function world(
  options: TestEmulatorOptions = {},
  keys: Partial<CampaignDefinition> = {},
  settings: CampaignSettings = {},
) {
  const service = createEmulator({ repos: REPOS, ...options });
  const definition = { name: NAME, prompt: PROMPT, repositories: REPOS, ...keys };
  const mogplex = createMogplex(service.options);
  const campaigns = createCampaigns(mogplex);
  const home = memoryHome();
  const campaign = campaigns.of(definition, { home, ...settings });
  return { service, clock: service.clock, mogplex, campaigns, campaign, definition, home };
}

async function eventsOf(handle: CampaignHandle): Promise<CampaignEvent[]> {
  const events: CampaignEvent[] = [];
  for await (const event of handle) events.push(event);
  return events;
}

const statuses = ({ service }: Pick<ReturnType<typeof world>, "service">) => service.runs.map(({ status }) => status);

test("a campaign is an object with a home in memory: events with progress, then its counts", async () => {
  const service = createEmulator({ repos: REPOS, scenario: PARTLY });
  const campaigns = createCampaigns(createMogplex(service.options));
  const [name, prompt, repositories] = [NAME, PROMPT, REPOS];
  const told: CampaignEvent[] = [];
  const bar = {
    shown: [] as string[],
    update: (done: number, total: number) => void bar.shown.push(`${done}/${total}`),
  };

  const c = campaigns.of({ name, prompt, repositories }, { home: memoryHome(), onEvent: (e) => told.push(e) });
  for await (const e of c.run()) bar.update(e.progress.done, e.progress.total);
  expect((await c.read()).counts.failed).toBe(1);

  expect([bar.shown[0], bar.shown.at(-1)]).toEqual(["0/3", "3/3"]);
  expect(told.length).toBe(bar.shown.length);
  expect([told[0]?.type, told.at(-1)]).toMatchObject(["wave", { type: "end", outcome: "failed", exitCode: 1 }]);
  expect((await c.read()).items.every(({ isFinal }) => isFinal)).toBe(true);
});

test("run() sends an item only when something about it has changed, with the state before", async () => {
  const { campaign } = world({ scenario: SLOW });
  const told: string[] = [];
  for await (const event of campaign.run()) {
    if (event.type === "item") told.push(`${event.item.repository} ${event.before} -> ${event.item.verdict}`);
  }
  const changes = ["waiting -> running", "running -> succeeded"];
  expect(told.sort()).toEqual(REPOS.flatMap((name) => changes.map((change) => `${name} ${change}`)).sort());
});

test("a campaign is advanced in a loop on the clock until nothing is due", async () => {
  const { campaign, clock, service } = world({ scenario: SLOW });
  let view = await campaign.advance();
  expect([view.state, view.items.some(({ isFinal }) => isFinal)]).toEqual(["running", false]);
  while (view.nextWaveAt !== null) {
    await clock.sleep(Math.max(1_000, Date.parse(view.nextWaveAt) - clock.wallTime()));
    view = await campaign.advance();
  }
  expect([view.state, view.counts.succeeded, service.runs.length]).toEqual(["done", 3, 3]);
});

test("run() ends when only a person can make the campaign go on, and the next run() sees the answer", async () => {
  const { campaign, service } = world({
    scenario: 'scenarios: [{ match: { repo: "*two" }, play: awaiting-input }, { play: success }]',
  });
  let view = await campaign.run({ throwOnFailure: false });
  expect([view.nextWaveAt, view.state, view.exitCode, view.counts["needs-input"]]).toEqual([null, "waiting", 4, 1]);
  const runId = service.runs.find(({ status }) => status === "awaiting_input")?.runId;
  service.control("setRun", { runId, run: { status: "success" } });
  view = await campaign.run();
  expect([view.state, view.exitCode, view.counts.succeeded]).toEqual(["done", 0, 3]);
});

test.each([
  ["that hold all sandboxes", "acme/*", {}, 3],
  ["that hold all places of the campaign", "acme/one", { limits: { parallel: 1 } }, 1],
  ["of the canary", "acme/one", { canary: { size: 1 } }, 1],
])(
  "run() tells when questions %s keep the rest from starting, and goes on after the answers",
  async (_, repo, keys, asking) => {
    const repositories = [...REPOS, "acme/four"];
    const told: { event: string; afterMs: number }[] = [];
    const { campaign, service, clock } = world(
      {
        repos: repositories,
        scenario: `scenarios: [{ match: { repo: "${repo}" }, play: awaiting-input }, { play: success }]`,
      },
      { repositories, ...keys },
      { notify: ({ event }) => void told.push({ event, afterMs: clock.now() }) },
    );
    const run = campaign.run({ timeoutMs: 60 * MINUTE });
    const error = await run.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ exitCode: 4, view: { counts: { "needs-input": asking } } });
    expect([service.runs.length, told.map(({ event }) => event)]).toEqual([asking, ["stuck"]]);
    expect(told[0]?.afterMs).toBeLessThan(30 * MINUTE);
    for (const { runId } of service.runs) service.control("setRun", { runId, run: { status: "success" } });
    const view = await campaign.run({ throwOnFailure: false });
    const [succeeded, last] = asking === 3 ? [3, "stuck"] : [4, "done"];
    expect([view.counts.succeeded, told.map(({ event }) => event)]).toEqual([succeeded, ["stuck", last]]);
  },
);

test("run() follows what an answer makes it start again", async () => {
  const scenario = "awaiting-input";
  const { campaign, service } = world({ scenario }, { repositories: ["acme/one"], limits: { attempts: 2 } });
  expect((await campaign.run({ throwOnFailure: false })).exitCode).toBe(4);
  service.control("setRun", { runId: service.runs[0]?.runId, run: { status: "failed" } });
  const view = await campaign.run({ throwOnFailure: false });
  expect([view.exitCode, view.counts["needs-input"], view.counts.running, service.runs.length]).toEqual([4, 1, 0, 2]);
});

test("run() sleeps for days until a window opens, on the clock of the client, and ends at once with the signal", async () => {
  const windows = ["Sat 02:00-06:00 UTC"];
  const { campaign, clock, campaigns, definition } = world();
  const startedAt = clock.wallTime();
  const night = campaigns.of({ ...definition, windows }, { home: memoryHome() });
  expect((await night.run()).state).toBe("done");
  expect(clock.wallTime() - startedAt).toBeGreaterThan(24 * 60 * MINUTE);
  const stop = new AbortController();
  const waits = campaigns.of({ ...definition, name: "other", windows: ["Tue 02:00-06:00 UTC"] }, {
    home: memoryHome(),
  });
  const seen: string[] = [];
  const call = async () => {
    for await (const event of waits.run({ signal: stop.signal })) {
      seen.push(event.type);
      if (event.type === "waiting") stop.abort(new DOMException("enough", "AbortError"));
    }
  };
  expect(await call().catch((error) => error.message)).toBe("enough");
  expect(seen).toEqual(["wave", "waiting"]);
  expect((await campaign.run()).state).toBe("done");
});

test("run() is awaited for the view, and tells at first what the campaign looks like", async () => {
  const { campaign, service } = world();
  const handle = campaign.run();
  const first = await handle.started;
  expect([first.campaign, first.items.length, first.counts.succeeded]).toEqual([NAME, 3, 0]);
  const view = await handle;
  expect([view.state, view.exitCode, view.counts.succeeded]).toEqual(["done", 0, 3]);
  // Nothing is left to do: the next handle ends at once, and starts nothing.
  const again = campaign.run();
  expect([(await again.started).state, (await again).state, service.runs.length]).toEqual(["done", "done", 3]);
  expect((await eventsOf(campaign.run())).map(({ type, progress }) => [type, progress])).toEqual([
    ["end", { done: 3, total: 3 }],
  ]);
});

test("run() rejects unless all succeeded, resolves in any case with throwOnFailure: false, and a loop never throws for it", async () => {
  const { campaign, definition } = world({ scenario: PARTLY });
  const handle = campaign.run();
  const [events, error] = await Promise.all([eventsOf(handle), handle.catch((error: unknown) => error)]);
  if (!(error instanceof CampaignVerdictError)) throw error;
  expect([error.exitCode, error.outcome, error.view.counts.failed, error.message]).toEqual([
    1,
    "failed",
    1,
    `Campaign "${definition.name}": 3 of 3 have finished: 2 succeeded, 1 failed`,
  ]);
  expect(events.at(-1)).toEqual({
    type: "end",
    outcome: "failed",
    exitCode: 1,
    result: error.view,
    progress: { done: 3, total: 3 },
  });
  expect((await campaign.run({ throwOnFailure: false })).exitCode).toBe(1);
});

test("run() ends with 4, as for a question, when a gate is closed, and goes on after approve()", async () => {
  const { campaign, service } = world({}, { canary: { size: 1, gate: "manual" } });
  const handle = campaign.run();
  const events = await eventsOf(handle);
  expect(events.some(({ type }) => type === "gate")).toBe(true);
  expect([events.at(-1), service.runs.length]).toMatchObject([
    { type: "end", outcome: "awaiting_input", exitCode: 4 },
    1,
  ]);
  const error = await handle.catch((error) => error);
  expect([error.name, error.exitCode, error.code, error.outcome, error.isRetryable]).toEqual([
    "CampaignVerdictError",
    4,
    "AWAITING_INPUT",
    "awaiting_input",
    false,
  ]);
  expect(error.message).toContain("call `approve()` once a person has agreed, then call this method again");
  expect([error.view.exitCode, (await campaign.run({ throwOnFailure: false })).exitCode]).toEqual([4, 4]);
  // A schedule is not red while it waits.
  const waits = await campaign.advance();
  expect([waits.exitCode, waits.state, waits.nextWaveAt]).toEqual([0, "gated", null]);

  const approved = await campaign.approve("kim");
  expect([approved.state, approved.about?.approvals]).toMatchObject(["waiting", [{ gate: "canary", by: "kim" }]]);
  expect(service.runs.length).toBe(1);
  expect((await campaign.run()).counts.succeeded).toBe(3);
});

test("approve() refuses a campaign without a closed gate, one that is at work elsewhere, and a person without a name", async () => {
  const { campaign, campaigns, definition, home } = world({ scenario: SLOW }, { canary: { size: 1, gate: "manual" } });
  const messageOf = (given: unknown, options?: object) =>
    campaign.approve(given as string, options).catch((error) => `${error.exitCode} ${error.message}`);
  expect(await messageOf("kim")).toContain("there is no plan");
  await campaign.plan();
  expect(await messageOf("kim")).toContain("2 Cannot approve the campaign: no gate is closed");
  expect(await messageOf(" ")).toContain("the name of the person who approves");
  expect(await messageOf({ by: "kim" })).toContain("the name of the person who approves");
  expect(await messageOf("kim", { nte: "x" })).toContain("unknown key 'nte' in options");
  const atWork = campaigns.of(definition, { home }).run({ throwOnFailure: false });
  await atWork.started;
  expect(await messageOf("kim")).toStartWith("75 ");
  await atWork;
});

test("merge() refuses a person without a name, options that do not fit, and a host without a token", async () => {
  const { campaign } = world();
  const messageOf = (given: unknown, options?: object) =>
    campaign.merge(given as string, options).catch((error) => `${error.exitCode} ${error.message}`);
  expect(await messageOf("kim")).toContain("there is no plan");
  expect(await messageOf(" ")).toContain("the name of the person who merges");
  expect(await messageOf("kim", { nly: ["x"] })).toContain("unknown key 'nly' in options");
  await campaign.run();
  expect(await messageOf("kim", { only: ["other/*"] })).toContain("2 Cannot merge pull requests");
  expect(await messageOf("kim", { dryRun: true })).toContain("2 Cannot merge pull requests: no merge token is set for");
});

test("a campaign that is left at its timeout goes on: 75 for those who await it", async () => {
  const late = world({ scenario: SLOW });
  const handle = late.campaign.run({ timeoutMs: MINUTE });
  expect((await eventsOf(handle)).at(-1)).toMatchObject({
    outcome: "started",
    exitCode: 75,
    result: { exitCode: 75 },
    progress: { done: 0 },
  });
  expect(await handle.catch((error) => [error.exitCode, error.outcome, error.view.state])).toEqual([
    75,
    "started",
    "running",
  ]);
  expect(statuses(late)).not.toContain("cancelled");
});

test("run() cancels the open runs at its timeout when cancelOn has timeout, and is done when they were the last", async () => {
  const last = world({ scenario: SLOW });
  const options = { timeoutMs: 5 * MINUTE, cancelOn: ["timeout"], throwOnFailure: false } as const;
  const end = (await eventsOf(last.campaign.run(options))).at(-1);
  expect(end).toMatchObject({ outcome: "failed", exitCode: 1, result: { state: "done", counts: { cancelled: 3 } } });
  const more = world({ scenario: SLOW }, { limits: { parallel: 1 } });
  const error = await more.campaign.run({ ...options, throwOnFailure: true }).catch((error) => error);
  expect([error.exitCode, error.outcome, statuses(more)]).toEqual([75, "started", ["cancelled"]]);
  expect(error.message).toContain("the time limit has passed; 1 of 1 run was cancelled");
});

test("run() waits while it plans as it waits in its waves: for an outage of hours, a 429, and a network that is away", async () => {
  for (
    const fault of [
      { kind: "503", times: 400 },
      { kind: "429", retryAfter: 60, times: 3 },
      { kind: "reset0", times: 100 },
    ] as const
  ) {
    const there = world();
    const notices: Notice[] = [];
    const campaign = there.campaigns.of(there.definition, {
      home: memoryHome(),
      onNotice: (each) => notices.push(each),
    });
    there.service.fault({ route: "GET /repos", ...fault });
    expect((await campaign.run()).counts.succeeded).toBe(3);
    expect(notices.find(({ kind }) => kind === "wait")).toMatchObject({ what: "list repositories" });
  }
});

test("run() ends while it plans when its time is over, and advance() ends at the first failure", async () => {
  const there = world();
  const clock = there.clock;
  there.service.fault({ kind: "503", route: "GET /repos", times: 9_999 });
  const before = clock.now();
  expect(await there.campaign.run({ timeoutMs: 10 * MINUTE }).catch((error) => error.exitCode)).toBe(69);
  expect(clock.now() - before).toBe(10 * MINUTE);
  expect(await there.campaign.advance().catch((error) => error.exitCode)).toBe(69);
  expect(clock.now() - before).toBeLessThan(12 * MINUTE);
  expect(there.service.runs).toEqual([]);
});

test("leaving the loop, and await using, stop following at once and leave the runs alone", async () => {
  const there = world({ scenario: SLOW });
  const { campaign, clock } = there;
  const handle = campaign.run();
  for await (const event of handle) if (event.type === "item" && event.item.verdict === "running") break;
  const leftAt = clock.now();
  const left = await handle.catch((error) => error);
  expect(left).toBeInstanceOf(AbortedError);
  expect(left.message).toMatch(
    /^Following stopped when the last loop ended, or at the end of `await using`; \d runs? continues?; the next call continues the campaign$/,
  );
  expect(clock.now()).toBe(leftAt);
  {
    // The home is free again.
    await using again = campaign.run();
    expect((await again.started).counts.succeeded).toBe(0);
  }
  expect(statuses(there)).not.toContain("cancelled");
  expect((await campaign.run()).counts.succeeded).toBe(3);
  expect(there.service.runs.length).toBe(3);
});

test.each([["wave", 0], ["item", 1]] as const)(
  "a loop over run() that is left at its first %s starts nothing more: %i runs",
  async (type, count) => {
    const there = world({ scenario: SLOW });
    const handle = there.campaign.run();
    for await (const event of handle) if (event.type === type) break;
    expect(await handle.catch((error) => error)).toBeInstanceOf(AbortedError);
    expect(there.service.runs.length).toBe(count);
  },
);

test("cancel() cancels the runs that are at work, and the loop ends with the view", async () => {
  const there = world({ scenario: SLOW });
  const handle = there.campaign.run({ throwOnFailure: false });
  const events: CampaignEvent[] = [];
  for await (const event of handle) {
    events.push(event);
    const isLast = event.type === "item" && events.filter((each) => each.type === "item").length === 3;
    if (isLast) await handle.cancel();
  }
  expect(new Set(statuses(there))).toEqual(new Set(["cancelled"]));
  expect(events.at(-1)).toMatchObject({ type: "end", outcome: "interrupted", result: { counts: { running: 0 } } });
  expect((await handle).counts.cancelled).toBe(there.service.runs.length);
});

test.each([[[]], [["abort"]]] as const)(
  "the caller's signal ends run() and advance() with an AbortedError, and with cancelOn: %j it says what happened to the runs",
  async (cancelOn) => {
    const there = world({ scenario: SLOW });
    const stop = new AbortController();
    const reason = new InterruptedError("SIGTERM");
    const handle = there.campaign.run({ signal: stop.signal, cancelOn, throwOnFailure: false });
    const loop = eventsOf(handle).catch((error) => error);
    void there.clock.sleep(5 * MINUTE).then(() => stop.abort(reason));
    const error = await handle.catch((error) => error);
    expect([error instanceof AbortedError, error.cause, error.exitCode]).toEqual([true, reason, 143]);
    expect(error.message).toBe(
      cancelOn.length > 0
        ? "The signal ended the call; 3 of 3 runs were cancelled"
        : "The signal ended the call; 3 runs continue; the next call continues the campaign",
    );
    expect(await loop).toMatchObject({ name: "AbortedError", cause: reason });
    expect([there.service.runs.length, statuses(there).includes("cancelled")]).toEqual([3, cancelOn.length > 0]);
    // Runs are there, so an aborted signal is no bare reason any more.
    if (cancelOn.length === 0) {
      expect(await there.campaign.advance({ signal: stop.signal }).catch((error) => error.name)).toBe("AbortedError");
    }
  },
);

test("the caller's signal is the error itself before anything was started", async () => {
  const { campaign, service } = world();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  for (
    const call of [() => campaign.run({ signal }), () => campaign.advance({ signal }), () => campaign.plan({ signal })]
  ) {
    expect(await call().then(() => "done", (error: unknown) => error)).toBe(reason);
  }
  expect(await eventsOf(campaign.run({ signal })).catch((error) => error)).toBe(reason);
  expect(service.runs).toEqual([]);
});

test("mistakes of an object are a CampaignFileError with keys, those of a file with lines", async () => {
  const { campaigns } = world();
  const wrong = { nme: NAME, prompt: PROMPT, repositories: ["acme"] } as unknown as CampaignDefinition;
  const error = await campaigns.of(wrong).plan().catch((error) => error);
  if (!(error instanceof CampaignFileError)) throw error;
  expect(error.mistakes.map(({ file, line, key }) => [file, line, key])).toEqual([
    [null, null, "name"],
    [null, null, "repositories[0]"],
    [null, null, "nme"],
  ]);
  const path = join(folder, "wrong.yml");
  writeFileSync(path, "version: 1\nname: fix\nprompt: Fix it\nrepositories: [acme]\n");
  const inFile = await campaigns.of(path, { home: memoryHome() }).run().catch((error) => error);
  expect(
    inFile.mistakes.map((
      { file, line, column }: { file: string; line: number; column: number },
    ) => [file, line, column]),
  )
    .toEqual([[path, 4, 16]]);
  // Those which only the service knows have keys as well.
  const unknown = await campaigns.of({ name: NAME, prompt: PROMPT, repositories: ["acme/one", "acme/gone"] }, {
    home: memoryHome(),
  }).plan().catch((error) => error);
  expect(unknown).toBeInstanceOf(RepositoriesError);
  expect(unknown).toBeInstanceOf(UsageError);
  expect(unknown.lines).toEqual([
    "Cannot plan the campaign: one repository cannot be used; fix repositories, or keep it as an invalid item with skipInvalid:",
    expect.stringMatching(/^repositories\[1\]: "acme\/gone": /),
  ]);
});

test("what stops a campaign rejects the handle and ends the loop: mistakes, a token that is refused", async () => {
  const { campaigns, campaign, definition, service } = world();
  const { token: _, ...rest } = service.options;
  const withToken = (more: object) =>
    createCampaigns(createMogplex({ ...rest, ...more })).of(definition, { home: memoryHome() });
  for (
    const [begin, kind] of [
      [() => campaigns.of("no-such-file.yml").run(), UsageError],
      [() => campaign.run({ timeoutMs: -1 }), UsageError],
      [() => campaign.run({ timoutMs: 1 } as object), UsageError],
      [() => campaign.run({ cancelOn: ["stop" as "abort"] }), UsageError],
      [() => withToken({}).run(), UnauthorizedError],
      [() => withToken({ token: "mog_unknownToken000000000001" }).run(), UnauthorizedError],
    ] as const
  ) {
    const [awaited, iterated, asked] = [begin(), begin(), begin()];
    expect(await awaited.catch((error) => error)).toBeInstanceOf(kind);
    // Two handles on one home: the second might find the first still running.
    expect(await eventsOf(iterated).catch((error) => error)).toBeInstanceOf(MogplexError);
    expect(await asked.started.catch((error) => error)).toBeInstanceOf(MogplexError);
  }
  expect(service.runs).toEqual([]);
});

test("two handles on one campaign never work at the same time: the second is refused with 75, in memory and in a directory", async () => {
  for (const home of [memoryHome(), join(folder, "two")]) {
    const { campaigns, definition, clock, service } = world({ scenario: SLOW });
    const first = campaigns.of(definition, { home }).run();
    await first.started;
    await clock.sleep(MINUTE);
    const second = campaigns.of(definition, { home });
    expect(await second.run().catch((error) => error.exitCode)).toBe(75);
    expect((await second.read()).writer).not.toBeNull();
    expect([(await first).state, service.runs.length]).toEqual(["done", 3]);
    expect((await second.read()).writer).toBeNull();
  }
});

test("a home in memory outlives errors, clients and definitions, and belongs to one campaign", async () => {
  const there = world({ scenario: SLOW });
  await there.campaign.advance();
  const other = createCampaigns(createMogplex(there.service.options));
  expect((await other.of(there.definition, { home: there.home }).run()).counts.succeeded).toBe(3);
  expect(there.service.runs.length).toBe(3);
  const stranger = other.of({ ...there.definition, name: "another" }, { home: there.home });
  expect(await stranger.read().catch((error) => error.message)).toContain('read lock "the home in memory"');
  const notices: string[] = [];
  const changed = other.of({ ...there.definition, prompt: "Something else" }, {
    home: there.home,
    onNotice: (notice) => void (notice.kind === "text" && notices.push(notice.message)),
  });
  await changed.run();
  expect(notices).toContain(
    "the task in the campaign has changed since the plan, but items start with the planned task. " +
      "To use the new task, give another name or round. For other changes, call `plan()` again",
  );
  expect(await other.of(there.definition, { home: memoryHome() }).read().catch((error) => error.message)).toBe(
    "Cannot read the campaign: there is no plan in this in-memory home; call `plan()`, or pass the home in which it was planned",
  );
});

test("a campaign in a directory writes lock and journal there, and goes on from them", async () => {
  const home = join(folder, "kept");
  const { campaigns, definition, service } = world();
  await campaigns.of(definition, { home }).plan();
  expect(readdirSync(home)).toContain("lock.json");
  expect((await campaigns.of(definition, { home }).run()).counts.succeeded).toBe(3);
  expect(service.runs.length).toBe(3);
});

test("notify is told in place of the webhook, each event once, and again with the same id when it failed", async () => {
  const told: CampaignNotification[] = [];
  let isDown = true;
  const notices: string[] = [];
  const notify = (message: CampaignNotification) => {
    told.push(message);
    return isDown ? Promise.reject(new Error("our queue is down")) : Promise.resolve();
  };
  const { campaign } = world({}, {
    canary: { size: 1, gate: "manual" },
    notify: { webhookVariable: "CAMPAIGN_HOOK", host: "hooks.example", on: ["gated", "done"] },
  }, { notify, onNotice: (notice) => void (notice.kind === "text" && notices.push(notice.message)) });
  await campaign.run({ throwOnFailure: false });
  expect(new Set(notices)).toEqual(
    new Set([
      "Cannot notify anyone that the campaign is gated: the notifier: our queue is down; the next call tries again",
    ]),
  );
  // When the gate closes, and at the end of the wave: three tries each.
  expect(told.length).toBe(6);
  isDown = false;
  await campaign.advance();
  await campaign.advance();
  await campaign.run({ approvedBy: "kim" });
  expect(told.map(({ event, command }) => [event, command])).toEqual([
    ...[1, 2, 3, 4, 5, 6, 7].map(() => ["gated", null]),
    ["done", null],
  ]);
  expect([new Set(told.slice(0, 7).map(({ id }) => id)).size, told[7]?.text]).toEqual([
    1,
    `Campaign ${NAME} is done. 3 of 3 have finished: 3 succeeded\nMessage ${told[7]?.id}`,
  ]);
});

test("notify that fails at the end is called again within the call, and by the next call when all of its tries fail", async () => {
  const told: CampaignNotification[] = [];
  const notices: string[] = [];
  let failures = 1;
  const notify = (message: CampaignNotification) => {
    told.push(message);
    if (failures-- > 0) throw new Error("our queue is down");
  };
  const settings = {
    notify,
    onNotice: (notice: Notice) => void (notice.kind === "text" && notices.push(notice.message)),
  };
  await world({}, {}, settings).campaign.run();
  expect([told.map(({ event }) => event), new Set(told.map(({ id }) => id)).size, notices]).toEqual([
    ["done", "done"],
    1,
    [],
  ]);
  told.length = 0;
  failures = 3;
  const { campaign } = world({}, {}, settings);
  expect((await campaign.run()).nextWaveAt).toBeNull();
  expect(notices).toEqual([
    "Cannot notify anyone that the campaign is done: the notifier: our queue is down; the next call tries again",
  ]);
  await campaign.advance();
  await campaign.advance();
  expect([told.length, new Set(told.map(({ id }) => id)).size]).toEqual([4, 1]);
});

test("notify is told of every event when the campaign names none", async () => {
  const told: string[] = [];
  await world({}, {}, { notify: ({ event }) => told.push(event) }).campaign.run();
  expect(told).toEqual(["done"]);
});

test("what onEvent and onNotice throw, and reject with, does not stop a campaign", async () => {
  for (
    const fail of [() => Promise.reject(new Error("ours")), () => {
      throw new Error("ours");
    }]
  ) {
    const { campaign } = world({}, { windows: ["Mon-Sun 00:00-24:00 UTC"] }, { onEvent: fail, onNotice: fail });
    expect((await campaign.run()).counts.succeeded).toBe(3);
  }
});

test("the given fetch sends everything: a whole campaign with webhook and forge never calls the global one", async () => {
  const service = createEmulator({ repos: REPOS, scenario: "success" });
  const hosts = new Set<string>();
  const ours = async (url: string, init: RequestInit): Promise<Response> => {
    const { host } = new URL(url);
    hosts.add(host);
    if (host === "hooks.example") return new Response("ok");
    if (host === "api.github.com") return Response.json({ data: {} });
    const answer = await service.options.fetch(url, init);
    // Pull requests of the emulator are on this machine.
    const text = (await answer.text()).replaceAll("http://localhost/", "https://github.com/");
    return new Response(text, { status: answer.status, headers: answer.headers });
  };
  const env = (name: string) =>
    ({ CAMPAIGN_HOOK: "https://hooks.example/x", GITHUB_TOKEN: "ghp_0123456789abcdef0123456789abcdef0123" })[name] ??
      service.options.env(name);
  const before = globalThis.fetch;
  globalThis.fetch = (() => {
    throw new Error("the global fetch was called");
  }) as unknown as typeof fetch;
  try {
    const campaigns: Campaigns = createCampaigns(createMogplex({ ...service.options, env, fetch: ours }));
    const campaign = campaigns.of({
      name: NAME,
      prompt: PROMPT,
      repositories: REPOS,
      notify: { webhookVariable: "CAMPAIGN_HOOK", host: "hooks.example", on: ["done"] },
    }, { home: memoryHome(), forge: {} });
    await campaign.plan();
    await campaign.advance();
    await campaign.run({ throwOnFailure: false });
    await campaign.read();
  } finally {
    globalThis.fetch = before;
  }
  expect([...hosts].sort()).toEqual(["api.github.com", "hooks.example", new URL(service.options.url).host].sort());
});

test("of() refuses what is no campaign, no home, and an option that does not exist", () => {
  const { campaigns, definition } = world();
  for (
    const [source, settings, words] of [
      [7, {}, "it must be the path of a file, or an object such as { name, prompt, repositories }"],
      [null, {}, "it is null"],
      [definition, { home: "memory" }, "use memoryHome() for a home in memory"],
      [definition, { home: {} }, "'home' must be a directory, git:REMOTE#BRANCH, or a home in memory"],
      [definition, { hme: "x" }, "did you mean 'home'?"],
      [definition, { forge: { host: [] } }, "did you mean 'hosts'?"],
    ] as const
  ) {
    expect(() => campaigns.of(source as never, settings as CampaignSettings)).toThrow(words);
  }
});

test("mask(), render() and report() take the view of a campaign as they take a result", async () => {
  const { campaign, mogplex, service } = world({ scenario: PARTLY });
  const view = await campaign.run({ throwOnFailure: false });
  const [item] = view.items;
  const secret = "hunter2-hunter2-hunter2";
  const spoilt = {
    ...view,
    items: [{ ...item, reason: `\u001b[1m ${service.options.token} ${secret}` }],
  } as typeof view;

  const masked = mask(spoilt, { mogplex, secrets: [secret] });
  expect(masked.items[0]).toMatchObject({
    repository: item?.repository,
    isFinal: true,
    reason: "[redacted] [redacted]",
  });
  expect(render(view, "markdown")).toContain("acme/two");
  expect(render(masked, "csv").split("\r\n").length).toBe(3);
  const json = render(spoilt, "json", { mogplex, secrets: [secret] });
  for (const text of [service.options.token, secret]) expect(json).not.toContain(text);
  expect(JSON.parse(render(view, "json", { mogplex }))).toEqual(JSON.parse(JSON.stringify(mask(view, { mogplex }))));

  const top = mkdtempSync(join(folder, "reports-"));
  await report(view, [{ format: "html", path: join(top, "c.html") }, {
    format: "csv",
    path: join(top, "c.csv"),
  }]);
  expect(readdirSync(top).sort()).toEqual(["c.csv", "c.html"]);
  // A view that was stored in between.
  expect(render(JSON.parse(json) as typeof view, "junit")).toContain("<testsuite");
});

test("a harness that is not known is a mistake; unverified, it passes with one notice that has the nearest word, and the service refuses it", async () => {
  expect(await world({}, { agent: { harness: "codx" } }).campaign.run().catch((error) => error.message)).toContain(
    'agent.harness: the harness "codx" is unknown to this version; did you mean codex?',
  );
  const notices: Notice[] = [];
  const settings = { onNotice: (notice: Notice) => void notices.push(notice) };
  const { campaign, service } = world({}, { agent: { harness: "codx", unverified: true } }, settings);
  const view = await campaign.run({ throwOnFailure: false });
  expect(service.runs).toEqual([]);
  expect(view.items.map(({ verdict }) => verdict)).not.toContain("succeeded");
  expect(view.exitCode).not.toBe(0);
  const told = notices.flatMap((notice) => notice.kind === "text" ? [notice.message] : []);
  expect(told.filter((message) => message.includes("harness"))).toEqual([
    'the harness "codx" is unknown to this version; did you mean codex?',
  ]);
});

test("render() and report() refuse what is neither result nor view, and formats that do not exist", async () => {
  const { campaign } = world();
  const view = await campaign.run();
  expect(() => render([view] as never, "openmetrics")).toThrow("the list must contain only results of runs");
  for (const wrong of [null, 5, {}, "view"]) {
    expect(() => render(wrong as never, "json")).toThrow("must be the result of a run");
    expect(await report(wrong as never, []).catch((error) => error.message)).toContain(
      "or the view of a campaign",
    );
  }
  expect(() => render(view, "cvs" as "csv")).toThrow(
    /its format must be one of json, csv, markdown, html.*; did you mean "csv"\?/,
  );
  const targets = [{ format: "csv", path: "" }, { format: "csv", paht: "x" }, { format: "cvs", path: "x" }] as const;
  for (const target of targets) {
    expect(await report(view, [target as never]).catch((error) => error.name)).toBe("UsageError");
  }
});

test("two loops over one campaign get every event, and so does one that comes after the end", async () => {
  const { campaign } = world();
  const handle = campaign.run();
  const [one, other] = await Promise.all([eventsOf(handle), eventsOf(handle)]);
  expect(one).toEqual(other);
  expect(await eventsOf(handle)).toEqual(one);
});
