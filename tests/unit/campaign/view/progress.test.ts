import { expect, test } from "bun:test";
import { nextStartText, stateDetail } from "../../../../lib/campaign/report/words.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { plainWords } from "../../../../lib/text/document.ts";
import { campaignWorld, failureOf, project, REVISIONS, verdicts } from "../world.ts";

const MINUTE = 60_000;
const approve = { kind: "approve" } as const;
const retryFailed = { kind: "retry", select: { failed: true }, adopt: false } as const;

const FIRST_FAILS = `
scenarios:
  - { match: { repo: "*1", attempt: 1 }, play: agent-failure }
  - { play: success }`;

test("a canary that ends well lets the others follow by itself", async () => {
  const world = campaignWorld({ count: 6, file: { canary: { size: 2 } } });
  const { code, items } = await world.run();
  expect(code).toBe(0);
  expect(items.filter(({ type }) => type === "gate")).toEqual([]);
  // Nothing else is started before the last of the canary has ended.
  const ends = items.flatMap((item) => item.type === "item" ? [`${item.item.repository} ${item.item.verdict}`] : []);
  expect(ends.indexOf(`${project(3)} running`)).toBeGreaterThan(ends.indexOf(`${project(2)} succeeded`));
});

test("an unchanged canary is good, and one that fails closes the gate", async () => {
  const unchanged = campaignWorld({ count: 3, scenarios: "play: no-changes", file: { canary: { size: 2 } } });
  expect((await unchanged.run()).code).toBe(0);
  const failed = campaignWorld({ count: 4, scenarios: FIRST_FAILS, file: { canary: { size: 2 } } });
  for (const way of ["run", "advance", "run"] as const) {
    const { view, code } = await failed[way]();
    expect([code, view.state, view.stateReason, view.exitCode, failed.starts.length]).toEqual([
      4,
      "gated",
      `1 of 2 canary items did not succeed: ${project(1)} failed`,
      0,
      2,
    ]);
  }
  await failed.decide(approve);
  const { view, code } = await failed.run();
  expect([code, view.state, view.counts.succeeded, view.counts.failed]).toEqual([1, "done", 3, 1]);
});

test("a manual gate no longer names a canary item that has been skipped", async () => {
  for (const size of [1, 2]) {
    const world = campaignWorld({ count: 4, scenarios: FIRST_FAILS, file: { canary: { size, gate: "manual" } } });
    await world.run();
    await world.decide({ kind: "skip", select: { only: [project(1)] }, reason: "done by hand" });
    const { state, stateReason } = await world.read();
    const reason = size === 1 ? "the canary item was skipped" : "2 canary items succeeded or were skipped";
    expect([state, stateReason]).toEqual(["gated", reason]);
  }
});

test("the items of a canary that are tried again pass its closed gate, which opens when they are good", async () => {
  const world = campaignWorld({ count: 4, scenarios: FIRST_FAILS, file: { canary: { size: 2 } } });
  expect((await world.run()).view.state).toBe("gated");
  await world.decide(retryFailed);
  expect((await world.read()).state).toBe("waiting");
  const { code, view } = await world.run();
  expect([code, view.state, view.counts.succeeded, world.starts.length]).toEqual([0, "done", 4, 5]);
});

test("a canary that is retried waits for its end, and not for approval", async () => {
  for (const gate of ["automatic", "manual"] as const) {
    const world = campaignWorld({
      count: 5,
      scenarios: FIRST_FAILS,
      runDuration: () => 20 * MINUTE,
      file: { canary: { size: 2, gate } },
    });
    await world.run();
    const part = ({ state, stateReason, gatedAt, waitingFor, nextWaveAt, canaryGate }: CampaignView) => ({
      ...{ state, stateReason, isGated: gatedAt !== undefined, waitingFor, waves: nextWaveAt !== null, canaryGate },
    });
    const open = { stateReason: null, isGated: false, waves: true, canaryGate: { gate, retried: 1 } };
    await world.decide(retryFailed);
    expect(part(await world.read())).toEqual({ ...open, state: "waiting", waitingFor: null });
    const { view } = await world.advance();
    expect(part(view)).toEqual({ ...open, state: "running", waitingFor: "nothing" });
    expect([plainWords(stateDetail(view)), nextStartText(view)]).toEqual(
      gate === "automatic"
        ? [
          "1 run active; the next start waits for the canary: 1 item is being retried",
          "waits for the canary: 1 item is being retried",
        ]
        : [
          "1 run active; the next start waits for the canary: 1 item is being retried, then somebody must approve",
          "waits for the canary: 1 item is being retried, then somebody must approve",
        ],
    );
    const { view: end } = await world.run();
    expect([end.state, end.counts.succeeded, end.canaryGate]).toEqual(
      gate === "automatic" ? ["done", 5, undefined] : ["gated", 2, { gate, retried: 0 }],
    );
  }
});

test("a canary that fails again keeps its gate closed", async () => {
  const world = campaignWorld({
    count: 4,
    scenarios: `
scenarios:
  - { match: { repo: "*1", attempt: [1, 2] }, play: agent-failure }
  - { play: success }`,
    file: { canary: { size: 1 } },
  });
  await world.run();
  await world.decide(retryFailed);
  const { view, code } = await world.run();
  expect([code, view.state, world.starts.length]).toEqual([4, "gated", 2]);
});

test("a manual gate waits for an answer, also after another try", async () => {
  const world = campaignWorld({ count: 3, scenarios: FIRST_FAILS, file: { canary: { size: 1, gate: "manual" } } });
  expect((await world.run()).view.stateReason).toBe(`1 of 1 canary items did not succeed: ${project(1)} failed`);
  await world.decide(retryFailed);
  const { view } = await world.run();
  expect([view.state, view.stateReason, world.starts.length]).toEqual([
    "gated",
    "the canary item succeeded",
    2,
  ]);
  expect((await world.advance({ approvedBy: "kim" })).view.counts.running).toBe(2);
  expect((await world.run()).code).toBe(0);
});

test("a canary whose run waits for a person holds the others back", async () => {
  const world = campaignWorld({
    count: 3,
    revision: REVISIONS.later,
    scenarios: `
scenarios:
  - { match: { repo: "*1" }, play: awaiting-input }
  - { play: success }`,
    file: { canary: { size: 1 } },
  });
  await world.waves(["waiting"]);
  const { view } = await world.advance();
  expect([verdicts(view)[project(2)], view.waitingFor, world.starts.length]).toEqual(["waiting", "nothing", 1]);
  world.setRun(project(1), { status: "success" });
  expect((await world.run()).code).toBe(0);
});

const FAILURES = "play: agent-failure";

test("the threshold by count stops the starts, collects what runs, and ends with 1", async () => {
  const world = campaignWorld({ count: 9, scenarios: FAILURES, file: { limits: { "stop-after-failures": 2 } } });
  const { code, view, items } = await world.run();
  expect([code, view.state, view.exitCode, view.counts.running]).toEqual([1, "stopped", 1, 0]);
  expect(view.stateReason).toBe("the first 3 items all failed (stop-after-failures: 2)");
  // Failures do not show how long the others will take.
  expect(view.endsAtIfApproved).toBeUndefined();
  expect(items.at(-1)).toMatchObject({ type: "end", outcome: "failed" });
  const sent = world.starts.length;
  expect(view.counts.failed).toBe(sent);
  // Nothing happens by itself: no request, no record.
  const [requests, records] = [world.requests.length, (await world.records()).length];
  expect((await world.advance()).code).toBe(1);
  expect((await world.run()).code).toBe(1);
  expect([world.requests.length, (await world.records()).length]).toEqual([requests, records]);
  expect(await failureOf(() => world.decide({ kind: "resume" }))).toBe(
    "2 Cannot resume the campaign: it was stopped by too many failures, not by a person; fix the cause, then run " +
      "`mogplex-ci campaign approve campaign.yml --dir d`",
  );
  // A person lets it continue: the failures are counted from zero.
  await world.decide(approve);
  const again = await world.run();
  expect([again.code, again.view.state]).toEqual([1, "stopped"]);
  expect(again.view.stateReason).toMatch(
    /^(?:both|all 3) items that finished after the approval failed \(stop-after-failures: 2\)$/,
  );
  expect(world.starts.length).toBeGreaterThan(sent);
});

test("the threshold by share is looked at from the fifth ended item on", async () => {
  const world = campaignWorld({
    count: 12,
    scenarios: FAILURES,
    file: { limits: { "stop-after-failures": "10%", parallel: 1 } },
  });
  const { code, view } = await world.run();
  expect([code, view.counts.failed, view.state]).toEqual([1, 5, "stopped"]);
  const oneFails = campaignWorld({
    count: 12,
    scenarios: FIRST_FAILS,
    file: { limits: { "stop-after-failures": "10%", parallel: 1 } },
  });
  const { view: mixed } = await oneFails.run();
  expect([mixed.stateReason, mixed.endsAtIfApproved]).toEqual([
    "1 of the first 5 finished items failed (stop-after-failures: 10%)",
    expect.any(String),
  ]);
  const few = campaignWorld({ count: 4, scenarios: FAILURES, file: { limits: { "stop-after-failures": "10%" } } });
  expect((await few.run()).view.state).toBe("done");
});

test("the threshold does not count items that are started again, nor unchanged, unknown and skipped ones", async () => {
  const world = campaignWorld({
    count: 6,
    scenarios: `
scenarios:
  - { match: { attempt: 1 }, play: agent-failure }
  - { match: { repo: "*1" }, steps: [{ after: 10, sandbox: up }, { after: 5, call: success, status: success }] }
  - { play: no-changes }`,
    file: {
      limits: { "stop-after-failures": 1, attempts: 2 },
      success: { require: "changes", "accept-unchanged": true },
    },
  });
  const { code, view } = await world.run();
  expect([view.state, code, view.counts.unchanged, view.counts.unknown]).toEqual(["done", 1, 5, 1]);
});

test("one approval opens the gates of the canary and the threshold that the same failure has closed", async () => {
  const world = campaignWorld({
    count: 3,
    scenarios: FIRST_FAILS,
    file: { canary: { size: 1 }, limits: { "stop-after-failures": 1 } },
  });
  expect((await world.run()).code).toBe(1);
  expect((await world.decide(approve)).text).toBe(
    "opened the gates that closed after the canary and after too many failures",
  );
  const { code, view } = await world.run();
  expect([code, view.state, view.counts.succeeded]).toEqual([1, "done", 2]);
});

test("an approval names only the gates that it opens, not a canary's gate that opened after a retry", async () => {
  const world = campaignWorld({
    count: 6,
    scenarios: `
scenarios:
  - { match: { repo: "*1", attempt: 1 }, play: agent-failure }
  - { match: { repo: "*1" }, play: success }
  - { play: agent-failure }`,
    file: { canary: { size: 1 }, limits: { "stop-after-failures": 2 } },
  });
  expect((await world.run()).view.state).toBe("gated");
  await world.decide({ kind: "retry", select: { failed: true }, adopt: false });
  await world.run();
  expect((await world.decide(approve)).text).toBe("opened the gate that closed after too many failures");
});

const EXITS = [
  ["all good", "play: success", {}, 0],
  ["a failure", FIRST_FAILS, {}, 1],
  ["an unknown", "steps: [{ after: 10, sandbox: up }, { after: 5, call: success, status: success }]", {
    success: { require: "changes" },
  }, 1],
  ["only needs-input", "play: awaiting-input", {}, 4],
  [
    "a failure and needs-input",
    `
scenarios:
  - { match: { repo: "*1" }, play: agent-failure }
  - { play: awaiting-input }`,
    {},
    // It is not done: the answer continues the run.
    4,
  ],
] as const;

for (const [what, scenarios, file, expected] of EXITS) {
  test(`the exit code of a campaign is the first that fits: ${what}`, async () => {
    const world = campaignWorld({ scenarios, file, revision: REVISIONS.later });
    const { code, view } = await world.run();
    expect([code, view.exitCode, (await world.read()).exitCode]).toEqual([expected, expected, expected]);
  });
}

test("nextStartText() says that other work of the user has used up the starts when the service refuses one", async () => {
  const world = campaignWorld({ count: 31, runDuration: () => MINUTE, file: { repositories: ["acme/project-0031"] } });
  world.write({ name: "other", exclude: ["acme/project-0031"] });
  await world.run({ directory: "other" });
  world.write({ repositories: ["acme/project-0031"] });
  const { view } = await world.advance();
  expect([world.starts.length, view.waitingFor, view.quota.hour.used]).toEqual([31, "user-starts", 0]);
  expect(nextStartText(view)).toBe(
    "waits for the service's limit of starts, which includes this user's starts outside this campaign",
  );
});

test("the reason of too many failures names cancelled items", async () => {
  const world = campaignWorld({
    count: 3,
    runDuration: () => 20 * MINUTE,
    file: { limits: { "stop-after-failures": 1 } },
  });
  await world.advance();
  world.setRun(project(1), { status: "cancelled" });
  const { view } = await world.advance();
  expect(view.stateReason).toStartWith("the first item failed or was cancelled");
});
