import { expect, test } from "bun:test";
import type { ItemState } from "../../../../lib/campaign/view/verdicts.ts";
import { campaignWorld, failureOf, FILE, project, REVISIONS, verdicts } from "../world.ts";

const ONE = { repositories: [project(1)] };
const MINUTE = 60_000;

/** How runs end, and what becomes of their items: section 7 of the specification, row by row. */
const ROWS: readonly {
  row: string;
  scenarios: string;
  file?: Record<string, unknown>;
  item: ItemState;
  code: number;
  attempts?: number;
  reason?: string;
  /** Only where the service has what the row is about. */
  revision?: "later";
}[] = [
  { row: "success, the requirement is met", scenarios: "play: success", item: "succeeded", code: 0 },
  {
    row: "success with the pull request that is required",
    scenarios: "play: success",
    file: { success: { require: "pull-request" } },
    item: "succeeded",
    code: 0,
  },
  { row: "success without a change", scenarios: "play: no-changes", item: "unchanged", code: 0 },
  {
    row: "success without a change, which is accepted",
    scenarios: "play: no-changes",
    file: { success: { require: "pull-request", "accept-unchanged": true } },
    item: "unchanged",
    code: 0,
  },
  {
    row: "success without the change that is required",
    scenarios: "play: no-changes",
    file: { success: { require: "changes" } },
    item: "failed",
    code: 1,
    reason: "no change",
  },
  {
    row: "success, and nothing shows whether anything changed",
    scenarios: `
steps:
  - { after: 10, sandbox: up }
  - { after: 5, call: success, status: success }`,
    file: { success: { require: "changes" } },
    item: "unknown",
    code: 1,
    reason: "the run succeeded, but its events do not show whether it changed anything",
  },
  {
    row: "failed",
    scenarios: "play: agent-failure",
    item: "failed",
    code: 1,
    reason: "Agent run exited with code 1.",
  },
  {
    row: "cancelled by somebody else",
    scenarios: "play: cancelled-during-boot",
    item: "cancelled",
    code: 1,
  },
  {
    row: "awaiting_input",
    scenarios: "play: awaiting-input",
    item: "needs-input",
    code: 4,
    reason: "the run is waiting for an answer",
    revision: "later",
  },
  {
    row: "longer than run-timeout",
    scenarios: "play: stuck-streaming",
    file: { limits: { "run-timeout": "10m" } },
    item: "overdue",
    code: 1,
    reason: "cancelled after run-timeout (10 minutes)",
  },
];

for (const [revision, switches] of Object.entries(REVISIONS)) {
  for (const { row, scenarios, file, item, code, attempts = 1, reason = null, ...only } of ROWS) {
    if (only.revision !== undefined && only.revision !== revision) continue;
    for (const way of ["run", "advance"] as const) {
      test(`lookAtRun() judges a run by its end, on the ${revision} revision by ${way}: ${row}`, async () => {
        const world = campaignWorld({ scenarios, file: { ...ONE, ...file }, revision: switches });
        let end = way === "run" ? await world.run() : await world.advance();
        for (let wave = 0; end.code === 75 && wave < 20; wave++) {
          await world.clock.sleep(5 * MINUTE);
          end = await world.advance();
        }
        expect(end.view.items.map(({ verdict, reason, attempts }) => ({ verdict, reason, attempts }))).toEqual([
          { verdict: item, reason, attempts },
        ]);
        expect([end.code, end.problem, end.view.exitCode]).toEqual([code, null, code]);
        // Nothing is started again by itself, and the run of an overdue item does not continue.
        expect(world.starts.length).toBe(1);
        expect(world.runs().filter((run) => / (pending|streaming)$/.test(run))).toEqual([]);
      });
    }
  }
}

test("an item that has failed, or was overdue, is started again while it has attempts, with a new key", async () => {
  const world = campaignWorld({
    scenarios: `
scenarios:
  - { match: { repo: "*1", attempt: [1, 2] }, play: agent-failure }
  - { match: { repo: "*2", attempt: 1 }, play: stuck-streaming }
  - { match: { repo: "*3" }, play: agent-failure }
  - { play: success }`,
    file: { limits: { attempts: 3, "run-timeout": "10m" } },
  });
  const { view, code } = await world.run();
  expect(view.items.map(({ verdict, attempts, starts }) => [verdict, attempts, starts])).toEqual([
    ["succeeded", 3, 3],
    ["succeeded", 2, 2],
    ["failed", 3, 3],
  ]);
  expect(code).toBe(1);
  expect(new Set(world.starts.map(({ key }) => key)).size).toBe(8);
});

test("an unknown or cancelled item is never started again by itself, however many attempts it has", async () => {
  const world = campaignWorld({
    scenarios: `
scenarios:
  - { match: { repo: "*1" }, steps: [{ after: 10, sandbox: up }, { after: 5, call: success, status: success }] }
  - { match: { repo: "*2" }, play: cancelled-during-boot }
  - { play: success }`,
    file: { limits: { attempts: 10 }, success: { require: "changes" } },
  });
  const { view, code } = await world.run();
  expect(verdicts(view)).toEqual({ [project(1)]: "unknown", [project(2)]: "cancelled", [project(3)]: "succeeded" });
  expect([code, world.starts.length]).toEqual([1, 3]);
});

for (const way of ["run", "advance"] as const) {
  test(`a run that waits for a person is read by every wave, and becomes its real end: ${way}`, async () => {
    const world = campaignWorld({ scenarios: "play: awaiting-input", file: ONE, revision: REVISIONS.later });
    expect((await world.run()).code).toBe(4);
    const before = world.requests.length;
    expect((await world[way]()).code).toBe(4);
    expect(world.requests.slice(before).filter((request) => request.startsWith("GET /runs/")).length).toBe(1);
    world.setRun(project(1), { status: "success" });
    const { view, code } = await world[way]();
    expect([code, view.state, view.items[0]?.verdict, view.items[0]?.attempts]).toEqual([0, "done", "succeeded", 1]);
    expect(world.starts.length).toBe(1);
  });
}

test("the time in which a run waited for an answer does not count against run-timeout", async () => {
  const revision = { ...REVISIONS.later, repairsRuns: false };
  const world = campaignWorld({ scenarios: "play: awaiting-input", file: ONE, revision });
  expect((await world.run()).code).toBe(4);
  await world.clock.sleep(5 * 60 * MINUTE);
  // A person answers: the agent is running again.
  world.setRun(project(1), { status: "streaming" }, { status: "streaming" });
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  await world.clock.sleep(50 * MINUTE);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  await world.clock.sleep(15 * MINUTE);
  expect((await world.advance()).view.items[0]?.verdict).toBe("overdue");
});

const HOUR = 60 * MINUTE;
const YOUNG = { scenarios: "play: stuck-streaming", file: { ...ONE, limits: { "run-timeout": "60m" } } };
const later = (text: string | null) => new Date(Date.parse(text ?? "") + 24 * HOUR).toUTCString();

test("a young run is not overdue when the Date of one answer is a day ahead", async () => {
  const world = campaignWorld(YOUNG);
  await world.advance();
  await world.clock.sleep(10 * MINUTE);
  world.date = later;
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  world.date = undefined;
  await world.clock.sleep(10 * MINUTE);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  // One wrong answer, and another much later, are not two looks that agree.
  await world.clock.sleep(10 * MINUTE);
  world.date = later;
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  expect([world.starts.length, world.runs()]).toEqual([1, [`${project(1)} streaming`]]);
});

test("a young run is not overdue when this machine's clock jumps and no answer has a Date", async () => {
  const world = campaignWorld(YOUNG);
  world.date = () => null;
  await world.advance();
  await world.clock.sleep(10 * MINUTE);
  world.clock.jumpWallTime(3 * HOUR);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  world.clock.jumpWallTime(-3 * HOUR);
  await world.clock.sleep(10 * MINUTE);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  expect(world.runs()).toEqual([`${project(1)} streaming`]);
});

test("a run without a Date in any answer is overdue after twice its time, in the second of two looks", async () => {
  const world = campaignWorld(YOUNG);
  world.date = () => null;
  await world.advance();
  await world.clock.sleep(90 * MINUTE);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  await world.clock.sleep(40 * MINUTE);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  await world.clock.sleep(30_000);
  expect((await world.advance()).view.items[0]?.verdict).toBe("running");
  await world.clock.sleep(40_000);
  expect((await world.advance()).view.items[0]?.verdict).toBe("overdue");
});

test("a run is overdue by the service's Date and its own times where this machine's clock has gone back", async () => {
  const world = campaignWorld(YOUNG);
  await world.advance();
  await world.clock.sleep(61 * MINUTE);
  // Its newest event.
  world.setRun(project(1), {});
  world.clock.jumpWallTime(-5 * HOUR);
  world.date = (text) => new Date(Date.parse(text ?? "") + 5 * HOUR).toUTCString();
  expect((await world.advance()).view.items[0]?.verdict).toBe("overdue");
});

test("a run that ends while it is being cancelled as overdue counts as it ended", async () => {
  const world = campaignWorld({
    scenarios: "play: stuck-streaming",
    file: { ...ONE, limits: { "run-timeout": "10m" } },
  });
  await world.advance();
  await world.clock.sleep(20 * MINUTE);
  world.before = (request) => {
    if (request.endsWith("/cancel")) world.setRun(project(1), { status: "success" });
  };
  const { view, code } = await world.advance();
  expect([view.items[0]?.verdict, code]).toEqual(["succeeded", 0]);
});

test("a run of another repository is refused before anything is read further or cancelled", async () => {
  const world = campaignWorld({ count: 2, scenarios: "play: stuck-streaming", file: ONE });
  await world.advance();
  // The journal has the run of another repository in the place of the item's.
  world.setRun(project(1), { repo_id: [...world.emulator.world.store.repos.values()][1]?.id });
  await world.clock.sleep(2 * 60 * MINUTE);
  const before = world.requests.length;
  const { code, problem } = await world.advance();
  expect(code).toBe(2);
  expect(problem).toContain(`of acme/project-0001: the run belongs to another repository, "`);
  expect(problem).toContain("the journal was changed");
  expect(world.requests.slice(before).filter((request) => !request.startsWith("GET "))).toEqual([]);
  expect(world.requests.length - before).toBe(1);
});

test("a run whose worker died is read once more where the service repairs it", async () => {
  const world = campaignWorld({
    scenarios: "play: stuck-finished",
    file: { ...ONE, limits: { "run-timeout": "3h" } },
    revision: { repairsRuns: true },
  });
  const { view } = await world.run();
  expect(view.items[0]?.verdict).not.toBe("overdue");
});

test("another user's token is refused by the first look, before anything is started", async () => {
  const world = campaignWorld({ count: 4, scenarios: "play: stuck-streaming" });
  await world.advance();
  const started = world.starts.length;
  world.token = world.otherToken();
  for (const way of ["advance", "run"] as const) {
    const { code, problem } = await world[way]();
    expect(code).toBe(2);
    expect(problem).toMatch(
      /this token does not belong to the user .*use that user's token, or start your own campaign/,
    );
  }
  expect([started, world.starts.length]).toEqual([3, 3]);
  expect(await failureOf(() => world.read())).toBe("none");
});

test("another user's token is refused although no run is at work, before anything is started", async () => {
  const world = campaignWorld({ count: 4, file: { canary: { size: 2, gate: "manual" } } });
  await world.run();
  await world.decide({ kind: "approve" });
  const started = world.starts.length;
  world.token = world.otherToken();
  const { code, problem } = await world.advance();
  expect([code, started, world.starts.length]).toEqual([2, 2, 2]);
  expect(problem).toContain("does not belong to the user");
  // The right token continues.
  world.token = [...world.emulator.world.store.tokens.keys()][0] ?? "";
  expect((await world.run()).code).toBe(0);
  expect(world.io.files.has(FILE)).toBe(true);
});

test("a run that somebody cancels right before the campaign does is cancelled by others, and not overdue", async () => {
  const world = campaignWorld({
    count: 1,
    runDuration: () => 120 * MINUTE,
    file: { limits: { "run-timeout": "30m" } },
  });
  await world.advance();
  await world.clock.sleep(65 * MINUTE);
  world.before = (request) => {
    if (request.endsWith("/cancel")) world.setRun(project(1), { status: "cancelled" }, { status: "cancelled" });
  };
  const { view, code } = await world.advance();
  expect([view.items[0]?.verdict, code]).toEqual(["cancelled", 1]);
});
