import { expect, test } from "bun:test";
import { campaignWorld, project, REVISIONS, verdicts } from "../world.ts";

const MINUTE = 60_000;

/** A run whose service writes its end some time after the event of the end. */
const LATE = `
steps:
  - { after: 8, sandbox: up }
  - { after: 600, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
  - { after: 3, call: success, status: success }`;

test("followCampaign() sees ends by streams within seconds, also of several runs at once that are written late", async () => {
  const world = campaignWorld({ count: 3, scenarios: LATE, revision: REVISIONS.later });
  const { code, items } = await world.run();
  expect(code).toBe(0);
  const ends = items.flatMap((item) => item.type === "item" && item.item.verdict === "succeeded" ? [item.item] : []);
  expect(ends.length).toBe(3);
  expect(world.clock.now()).toBeLessThan(617_000);
});

test("followCampaign() looks again soon when the first look at a run that is about to end shows only that it is at work", async () => {
  const short = `
steps:
  - { after: 1, sandbox: up }
  - { after: 1, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
  - { after: 3, call: success, status: success }`;
  const world = campaignWorld({ count: 3, scenarios: short, revision: REVISIONS.later });
  expect((await world.run()).code).toBe(0);
  expect(world.clock.now()).toBeLessThan(8_000);
});

test("followCampaign() looks at runs without a stream as often as their age asks for, within the request budget", async () => {
  const world = campaignWorld({ count: 3, runDuration: () => 20 * MINUTE });
  const at: number[] = [];
  world.before = () => void at.push(world.clock.now());
  expect((await world.run()).code).toBe(0);
  expect(world.clock.now()).toBeLessThan(20 * MINUTE + 15_000);
  for (const from of at) {
    expect(at.filter((each) => each >= from && each < from + MINUTE).length).toBeLessThanOrEqual(48);
  }
});

test("followCampaign() starts the next item as soon as a run has ended", async () => {
  const world = campaignWorld({ count: 4, file: { limits: { parallel: 1 } }, runDuration: () => 10 * MINUTE });
  expect((await world.run()).code).toBe(0);
  expect(world.clock.now()).toBeLessThan(4 * (10 * MINUTE + 20_000));
});

for (const limit of [1, 2]) {
  test(`followCampaign() starts nothing more when the runs that end together reach stop-after-failures: ${limit}`, async () => {
    const scenarios = `
scenarios:
  - { match: { repo: ${
      project(1)
    } }, steps: [{ after: 8, sandbox: up }, { after: 592, call: success, status: success }] }
  - { match: { repo: "*" }, steps: [{ after: 8, sandbox: up }, { after: 592, fail: no }] }`;
    const file = { limits: { "stop-after-failures": limit, attempts: 1 } };
    for (const revision of [undefined, REVISIONS.later]) {
      for (const isRestarted of [false, true]) {
        const world = campaignWorld({ count: 9, file, scenarios, revision, sandboxLimit: 9 });
        if (isRestarted) {
          await world.advance();
          await world.clock.sleep(11 * MINUTE);
        }
        const { code, view } = await world.run();
        expect([isRestarted, code, view.state, world.starts.length]).toEqual([isRestarted, 1, "stopped", 3]);
      }
    }
  });
}

test("followCampaign() survives every kind of trouble, and starts nothing twice", async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const kinds = ["503", "500", "empty5xx", "html502", "truncated", "reset0", "resetMid", "429"] as const;
    const world = campaignWorld({
      count: 6,
      runDuration: () => 5 * MINUTE,
      randomFaults: { rate: 0.3, kinds, seed, retryAfter: 5 },
    });
    const { code, view } = await world.run();
    expect([seed, code, view.counts.succeeded, world.runs().length]).toEqual([seed, 0, 6, 6]);
  }
});

test("followCampaign() takes about 40 requests for a run of 20 minutes where the service has no streams", async () => {
  const minutes = [18, 20, 22, 25];
  let count = 0;
  const world = campaignWorld({ count: 24, runDuration: () => (minutes[count++ % 4] ?? 20) * MINUTE });
  expect((await world.run()).code).toBe(0);
  const looks = world.requests.filter((request) => /^GET \/runs\/[^/]+\/events\?/.test(request)).length / 24;
  expect([looks > 20, looks < 45]).toEqual([true, true]);
});

test("followCampaign() recognizes a jump of the machine's clock", async () => {
  const world = campaignWorld({ count: 12, runDuration: () => MINUTE });
  void world.clock.sleep(90_000).then(() => world.clock.jumpWallTime(-3 * 3_600_000));
  const { code, view } = await world.run();
  expect([code, view.counts.succeeded]).toEqual([0, 12]);
  expect(verdicts(view)[project(1)]).toBe("succeeded");
});

test.each(["base", "later"] as const)(
  "followCampaign() ends with 4 once open questions hold every sandbox, on revision %s",
  async (revision) => {
    const world = campaignWorld({ count: 6, scenarios: "play: awaiting-input", revision: REVISIONS[revision] });
    const { code, view } = await world.run({ timeoutMs: 60 * MINUTE });
    expect([code, view.counts]).toEqual([4, expect.objectContaining({ "needs-input": 3, waiting: 3 })]);
    expect(world.clock.now()).toBeLessThan(60 * MINUTE);
  },
);

test.each<[file: Record<string, unknown>, code: number, counts: object]>([
  [{ canary: { size: 2, gate: "automatic" } }, 4, { "needs-input": 1, succeeded: 1, waiting: 4 }],
  [{ canary: { size: 2, gate: "manual" } }, 4, { "needs-input": 1, succeeded: 1, waiting: 4 }],
  [{ canary: { size: 2 }, limits: { parallel: 1 } }, 4, { "needs-input": 1, waiting: 5 }],
  [{ canary: { size: 1 }, windows: ["Mon-Sun 00:15-23:00 UTC"] }, 4, {
    "needs-input": 1,
    waiting: 5,
  }],
])(
  "followCampaign() with %j ends with %d once an open question keeps the others from starting",
  async (file, code, counts) => {
    const scenarios = `
scenarios:
  - { match: { repo: "*1" }, play: awaiting-input }
  - { play: success }`;
    const world = campaignWorld({ count: 6, scenarios, file });
    const { code: actual, view } = await world.run({ timeoutMs: 14 * 24 * 60 * MINUTE });
    expect([actual, view.counts]).toEqual([code, expect.objectContaining(counts)]);
    expect(view.nextWaveAt === null).toBe(code === 4);
  },
);

test("advanceCampaign() sees in one wave that a person has answered a run, and that it has ended since", async () => {
  const answered = `
steps:
  - { after: 1, sandbox: up }
  - { after: 1, call: success, status: awaiting_input }
  - { after: 1200, resume: true }
  - { after: 60, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
  - { after: 1, call: success, status: success }`;
  const world = campaignWorld({ count: 1, scenarios: answered, file: { success: { require: "run" } } });
  const seen: string[] = [];
  for (let wave = 0; wave < 4; wave++) {
    const { view } = await world.advance();
    seen.push(view.items[0]?.verdict ?? "");
    await world.clock.sleep(15 * MINUTE);
  }
  expect(seen).toEqual(["running", "needs-input", "succeeded", "succeeded"]);
});

test("followCampaign() sees within a minute that a person has answered a run, and then its end at once by its stream", async () => {
  const answered = `
scenarios:
  - match: { repo: "*1" }
    steps:
      - { after: 1, sandbox: up }
      - { after: 1, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
      - { after: 1, call: success, status: awaiting_input }
      - { after: 3600, resume: true }
      - { after: 3600, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
      - { after: 1, call: success, status: success }
  - steps:
      - { after: 1, sandbox: up }
      - { after: 10800, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
      - { after: 1, call: success, status: success }`;
  // The other run keeps the process.
  const world = campaignWorld({
    count: 2,
    scenarios: answered,
    revision: REVISIONS.later,
    file: { limits: { "run-timeout": "6h" } },
  });
  const seen: [verdict: string, atMs: number][] = [];
  await world.run({
    timeoutMs: 12 * 60 * MINUTE,
    onEvent: (event) => {
      if (event.type === "item" && event.item.repository === project(1)) {
        seen.push([event.item.verdict, world.clock.now()]);
      }
    },
  });
  expect(seen.map(([verdict]) => verdict)).toEqual(["running", "needs-input", "running", "succeeded"]);
  const [began = 0, , answeredAt = 0, ended = 0] = seen.map(([, at]) => at);
  expect(answeredAt - began).toBeLessThan(3_603_000 + MINUTE + 1_000);
  expect(ended - began).toBeLessThan(7_204_000 + 5_000);
});

test("followCampaign() sees at its end that a run that waited for an answer was cancelled in the meantime", async () => {
  const world = campaignWorld({
    count: 2,
    revision: REVISIONS.later,
    file: { success: { require: "run" } },
    scenarios: `
scenarios:
  - { match: { repo: "*1" }, play: awaiting-input }
  - match: { repo: "*2" }
    steps:
      - { after: 1, sandbox: up }
      - { after: 40, event: { type: finished, message: Harness run finished, payload: { exit_code: 0 } } }
      - { after: 1, call: success, status: success }`,
  });
  let isAsking = false;
  const end = await world.run({
    onEvent: (event) => {
      if (event.type !== "item" || event.item.verdict !== "needs-input") return;
      isAsking = true;
      void world.clock.sleep(10_000).then(() => world.setRun(project(1), { status: "cancelled" }));
    },
  });
  expect([isAsking, end.code, verdicts(end.view)]).toEqual([
    true,
    1,
    { [project(1)]: "cancelled", [project(2)]: "succeeded" },
  ]);
});
