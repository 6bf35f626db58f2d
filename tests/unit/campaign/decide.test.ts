import { expect, test } from "bun:test";
import { REQUEST_BUDGET } from "../../../lib/campaign/pace/poll_plan.ts";
import type { Selection } from "../../../lib/campaign/decide.ts";
import { type CampaignWorld, campaignWorld, failureOf, project, REVISIONS, verdicts } from "./world.ts";

const MINUTE = 60_000;
const MIXED = `
scenarios:
  - { match: { repo: "*1", attempt: 1 }, play: agent-failure }
  - { match: { repo: "*2", attempt: 1 }, play: delivery-failure }
  - { match: { repo: "*3", attempt: 1 }, play: stuck-streaming }
  - { match: { repo: "*4", attempt: 1 }, play: cancelled-during-boot }
  - { play: success }`;

const retry = (select: Selection, adopt?: boolean) => ({ kind: "retry", select, adopt }) as const;
const skip = (select: Selection) => ({ kind: "skip", select, reason: "done by hand" }) as const;
const stop = (cancel = false) => ({ kind: "stop", cancel }) as const;

/** Two failures with different causes, one overdue, one cancelled, one that succeeded. */
async function mixed(): Promise<CampaignWorld> {
  const world = campaignWorld({ count: 5, scenarios: MIXED, file: { limits: { "run-timeout": "10m" } } });
  expect((await world.run()).code).toBe(1);
  return world;
}

const SELECTIONS: readonly [what: string, select: Selection, items: number[]][] = [
  ["--failed: failed and overdue", { failed: true }, [1, 2, 3]],
  ["--only with a name", { only: [project(4)] }, [4]],
  ["--only with a glob: all but those that ended well", { only: ["acme/*"] }, [1, 2, 3, 4]],
  ["--only with the whole name of one that ended well", { only: [project(5)] }, [5]],
  ["--only with the name of an item", { only: [`${project(1)}@main`] }, [1]],
  ["--only with the name that the screen shows", { only: ["ACME/project-0001"] }, [1]],
  ["several globs", { only: ["acme/*1", "acme/*2"] }, [1, 2]],
  ["--failed and --only: those that fit both", { failed: true, only: ["acme/*2", "acme/*4"] }, [2]],
];

for (const [what, select, numbers] of SELECTIONS) {
  test(`decideCampaign() retries what is selected, ${what}`, async () => {
    const world = await mixed();
    const names = numbers.map((number) => `${project(number)}@main`);
    const before = await world.read();
    const preview = await world.decide(retry(select), { dryRun: true });
    expect([preview.items, (await world.read()).state]).toEqual([names, "done"]);
    const requests = world.requests.length;
    const { items, text, view } = await world.decide(retry(select));
    expect([items, view.counts.waiting, world.requests.length]).toEqual([names, names.length, requests]);
    const pull = numbers.includes(5) ? before.items[4]?.pullRequest : undefined;
    expect(text).toBe(
      `${
        names.length === 1 ? "1 item" : `${names.length} items`
      } will be started again, ahead of the items that are waiting${
        pull === undefined
          ? ""
          : `; ${project(5)}: its pull request #${pull?.split("/").at(-1)} (${pull}) stays open; ` +
            "the campaign follows the new one"
      }`,
    );
    expect(preview.text).toBe(`dry run, nothing was recorded; without --dry-run, ${text}`);
    const sent = world.starts.length;
    const end = await world.run();
    expect(world.starts.length - sent).toBe(names.length);
    for (const number of numbers) expect(verdicts(end.view)[project(number)]).toBe("succeeded");
  });
}

test("decideCampaign() retries the items of a cause, by the word that the view shows", async () => {
  const world = await mixed();
  const { causes } = await world.read();
  expect(causes.map(({ verdict, items }) => [verdict, items.length])).toEqual([
    ["failed", 1],
    ["failed", 1],
    ["overdue", 1],
    ["cancelled", 1],
  ]);
  for (const { word, items } of causes) expect((await world.decide(retry({ cause: word }))).items).toEqual([...items]);
  expect((await world.run()).code).toBe(0);
});

test("decideCampaign() reports what an earlier retry has queued when no failed item is left", async () => {
  const world = await mixed();
  await world.decide(retry({ failed: true }));
  const failure = (select: Selection) => failureOf(() => world.decide(retry(select)));
  expect([await failure({ failed: true }), await failure({ failed: true, only: [project(1)] })]).toEqual(
    ["3 items are", "1 item is"].map((count) =>
      `2 Cannot retry items because no failed item is left: ${count} already queued; ` +
      "`mogplex-ci campaign status campaign.yml --dir d --all` lists the items"
    ),
  );
  expect(await failure({ failed: true, only: [project(5)] })).toContain("no item matches");
});

const REFUSED: readonly [what: string, act: (world: CampaignWorld) => Promise<unknown>, message: RegExp][] = [
  [
    "nothing is selected",
    (world) => world.decide(retry({})),
    /no items are selected; use --failed, --cause WORD or --only GLOB/,
  ],
  [
    "no item matches",
    (world) => world.decide(retry({ only: ["nobody/*"] })),
    /no item matches: "nobody\/\*"; `mogplex-ci campaign status campaign\.yml --dir d --all` lists the items$/,
  ],
  [
    "one of the names is not the name of an item, although a glob and another name match",
    (world) => world.decide(skip({ only: ["acme/*", project(1), "acme/projcet-0002"] })),
    /because no item matches: "acme\/projcet-0002"; did you mean "acme\/project-0002"\? `mogplex-ci campaign status campaign\.yml --dir d --all` lists the items$/,
  ],
  [
    "a name beside --failed is not the name of an item",
    (world) => world.decide(retry({ failed: true, only: [project(1), "other/x"] })),
    /because no item matches: "other\/x"; `mogplex-ci campaign status/,
  ],
  [
    "more than 5 names are not names of items",
    (world) => world.decide(retry({ only: ["a", "b", "c", "d", "e", "f", "g"].map((name) => `other/${name}`) })),
    /because no item matches: "other\/a", "other\/b", "other\/c", "other\/d", "other\/e" and 2 more; `/,
  ],
  [
    "the id of a run is not one of the campaign",
    (world) => world.decide(retry({ only: [project(1), "00000000-0000-4000-8000-000000000000"] })),
    /because no item matches: "00000000-0000-4000-8000-000000000000"; `mogplex-ci campaign status/,
  ],
  [
    "there is no such cause",
    (world) => world.decide(retry({ cause: "x" })),
    /there is no such cause: "x"; the causes are agent-run/,
  ],
  ["no gate is closed", (world) => world.decide({ kind: "approve" }), /no gate is closed/],
  [
    "it is not stopped",
    (world) => world.decide({ kind: "resume" }),
    /it is not stopped; `mogplex-ci campaign status campaign.yml --dir d --all` lists the items/,
  ],
  [
    "what is to be skipped ended well",
    (world) => world.decide(skip({ only: [project(5)] })),
    /this item succeeded/,
  ],
];

for (const [what, act, message] of REFUSED) {
  test(`decideCampaign() refuses a decision that makes no sense, and records nothing: ${what}`, async () => {
    const world = await mixed();
    const records = await world.records();
    expect(await failureOf(() => act(world))).toMatch(new RegExp(`^2 Cannot .*${message.source}`));
    expect(await world.records()).toEqual(records);
  });
}

test("decideCampaign() refuses all decisions before anything was planned", async () => {
  const world = campaignWorld();
  for (const decision of [retry({ failed: true }), stop(), skip({ only: ["*"] }), { kind: "resume" } as const]) {
    expect(await failureOf(() => world.decide(decision))).toMatch(
      /^2 Cannot \w+ (items|the campaign): there is no plan in "d"; .* for a new campaign, run `mogplex-ci campaign plan campaign.yml --dir d`/,
    );
  }
});

test("a campaign that was stopped by an unknown person says so in words", async () => {
  const world = campaignWorld({ count: 1 });
  await world.plan();
  await world.decide(stop(), { by: "unknown" });
  expect((await world.advance()).view.stateReason).toBe("stopped by a person");
});

test("a second stop says what the first one does, and a resume that cancelled items stay as they are", async () => {
  const world = campaignWorld({ count: 4, runDuration: () => 20 * MINUTE });
  await world.advance();
  const noToken = { token: undefined };
  const left = "no token is set, so the next wave cancels 3 runs";
  expect(await world.decide(stop(true), noToken)).toMatchObject({
    text: `nothing more will start; ${left}`,
    leavesCancels: true,
  });
  for (const cancel of [true, false]) {
    expect((await world.decide(stop(cancel), { by: "ann", ...noToken })).text).toMatch(
      /^it was already stopped, by kim at 2026-\d\d-\d\d \d\d:\d\d UTC; nothing more will start; no token is set, so the next wave cancels 3 runs$/,
    );
  }
  const { pendingCancels, state } = await world.read();
  expect([pendingCancels, state]).toEqual([3, "stopping"]);
  expect((await world.advance()).view.pendingCancels).toBeUndefined();
  expect(await failureOf(() => world.decide(retry({ failed: true })))).toMatch(
    /no item has failed; --failed leaves out cancelled items; select them with --cause WORD or --only GLOB; `mogplex-ci campaign/,
  );
  expect((await world.decide({ kind: "resume" })).text).toBe(
    "the campaign can continue; 3 cancelled items stay as they are until you retry them",
  );
});

test("a campaign that is stopped starts nothing more, collects what runs, and goes on after a resume", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE });
  await world.advance();
  expect((await world.decide(stop())).text).toBe("nothing more will start; 3 active runs continue");
  const { length } = await world.records();
  expect((await world.decide(stop())).text).toMatch(
    /^it was already stopped, by kim at 2026-\d\d-\d\d \d\d:\d\d UTC; nothing more will start; 3 active runs continue$/,
  );
  expect((await world.records()).length).toBe(length);
  const stopping = await world.advance();
  expect([stopping.code, stopping.view.state, stopping.view.stateReason]).toEqual([75, "stopping", "stopped by kim"]);
  const stopped = await world.run();
  expect([stopped.code, stopped.view.state, stopped.view.counts.succeeded, world.starts.length]).toEqual([
    4,
    "stopped",
    3,
    3,
  ]);
  const requests = world.requests.length;
  expect((await world.advance()).code).toBe(4);
  expect(world.requests.length).toBe(requests);
  expect((await world.decide({ kind: "resume" })).text).toBe("the campaign can continue");
  expect((await world.run()).code).toBe(0);
});

test("the decisions in a view name who decided what, and cancelled runs only if a stop has cancelled some", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE });
  const whats = async () => {
    const { view } = await world.decide(stop(true));
    return view.about?.decisions?.map(({ what, by }) => [what, by]);
  };
  await world.advance();
  const cancelled = [["Planned 5 items", null], ["Started the first run", null], [
    "Stopped the campaign and cancelled the active runs",
    "kim",
  ]];
  expect(await whats()).toEqual(cancelled);
  await world.decide({ kind: "resume" });
  expect(await whats()).toEqual([...cancelled, ["Resumed the campaign", "kim"], ["Stopped the campaign", "kim"]]);
});

test("decideCampaign() cancels the runs at once when it stops with cancel, also after a stop without it", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE });
  await world.advance();
  await world.decide(stop());
  // Who has stopped it can still decide to cancel.
  const { text, view, leavesCancels } = await world.decide(stop(true));
  expect([text, leavesCancels]).toEqual(["nothing more will start; 3 runs were cancelled", false]);
  expect([view.state, view.counts.cancelled, view.counts.waiting]).toEqual(["stopped", 3, 2]);
  expect(world.runs().filter((run) => run.endsWith("cancelled")).length).toBe(3);
  await world.decide({ kind: "resume" });
  expect((await world.run()).view.counts.succeeded).toBe(2);
});

test("decideCampaign() names in a dry run the runs that a stop or a skip with cancel would cancel", async () => {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE });
  await world.advance();
  const names = [1, 2, 3].map((number) => `${project(number)}@main`);
  const preview = await world.decide(stop(true), { dryRun: true });
  expect([preview.text, preview.items, world.runs().filter((run) => run.endsWith("cancelled"))]).toEqual([
    "dry run, nothing was recorded; without --dry-run, nothing more will start; 3 runs will be cancelled",
    names,
    [],
  ]);
  const skips = await world.decide({ ...skip({ only: [project(1), project(5)] }), cancel: true }, { dryRun: true });
  expect(skips.text).toBe(
    "dry run, nothing was recorded; without --dry-run, 2 items will not start again; 1 run will be cancelled",
  );
  expect((await world.decide(stop(true))).items).toEqual([]);
  expect((await world.decide(stop(true), { dryRun: true })).items).toEqual([]);
});

test("a campaign that is stopped with --cancel also cancels runs that wait for an answer", async () => {
  const world = campaignWorld({ count: 2, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  await world.run();
  const { view } = await world.decide(stop(true));
  expect([view.counts.cancelled, world.runs().every((run) => run.endsWith("cancelled"))]).toEqual([2, true]);
});

const CANCELLED_RUNS: readonly [what: string, cancel: (world: CampaignWorld) => Promise<unknown>, gates: string[]][] = [
  ["by a stop", (world) => world.decide(stop(true)), []],
  ["by a stop whose process ended before it recorded that", async (world) => {
    await world.decide(stop(true), { token: undefined });
    cancelAll(world);
  }, []],
  ["by a skip", (world) => world.decide({ ...skip({ only: [1, 2, 3].map(project) }), cancel: true }), []],
  ["by others", (world) => Promise.resolve(cancelAll(world)), ["threshold"]],
  ["by others after a stop that cancels nothing", async (world) => {
    await world.decide(stop());
    cancelAll(world);
  }, ["threshold"]],
];

function cancelAll(world: CampaignWorld): void {
  for (const number of [1, 2, 3]) {
    const cancelled = { status: "cancelled" };
    world.setRun(project(number), cancelled, cancelled);
  }
}

for (const [what, cancel, gates] of CANCELLED_RUNS) {
  test(`the limit of failures ${gates.length === 0 ? "ignores" : "counts"} runs that were cancelled ${what}`, async () => {
    const file = { limits: { "stop-after-failures": 3, attempts: 1 } };
    const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE, file });
    await world.advance();
    await world.clock.sleep(MINUTE);
    await cancel(world);
    if ((await world.read()).state.startsWith("stop")) await world.decide({ kind: "resume" });
    const { view: { counts } } = await world.run();
    const closed = (await world.records()).flatMap((record) => record.type === "gate" ? [record.gate] : []);
    expect<unknown>([counts.cancelled + counts.skipped, counts.failed, closed]).toEqual([3, 0, gates]);
  });
}

test("a run of another repository is not cancelled, although it was put into the journal", async () => {
  const world = campaignWorld({ count: 2, file: { repositories: [project(1)] }, runDuration: () => 60 * MINUTE });
  await world.advance();
  world.setRun(project(1), { repo_id: [...world.emulator.world.store.repos.values()][1]?.id });
  expect(await world.decide(stop(true))).toMatchObject({
    text: "nothing more will start; 1 run is not cancelled yet",
    error: { exitCode: 2 },
    leavesCancels: true,
  });
  const { code } = await world.advance();
  expect([code, world.requests.filter((request) => request.endsWith("/cancel"))]).toEqual([2, []]);
});

test("decideCampaign() reports a run that ended before it was cancelled", async () => {
  const world = campaignWorld({ count: 2, runDuration: () => 60 * MINUTE });
  await world.advance();
  world.before = (request) => {
    world.before = undefined;
    if (request.startsWith("GET /runs/")) world.setRun(project(1), { status: "success" }, { status: "success" });
  };
  const { text, view } = await world.decide(stop(true));
  expect([text, verdicts(view)]).toEqual([
    "nothing more will start; 1 run was cancelled; 1 run had already ended",
    { [project(1)]: "succeeded", [project(2)]: "cancelled" },
  ]);
});

test("items that are skipped are not started, and a skip ends the campaign well", async () => {
  const world = campaignWorld({ count: 4, scenarios: MIXED, file: { limits: { parallel: 1 } } });
  await world.plan();
  expect((await world.decide(skip({ only: ["*/*2", "*/*3", "*/*4"] }))).text).toBe(
    "3 items will not start again",
  );
  expect(await failureOf(() => world.decide(skip({ only: ["*/*2"] })))).toMatch(/^2 .*this item is already skipped/);
  expect((await world.run()).code).toBe(1);
  await world.decide(skip({ failed: true }));
  const { code, view } = await world.run();
  expect([code, view.counts.skipped, world.starts.length]).toEqual([0, 4, 1]);
  expect(view.items[0]?.reason).toBe("done by hand");
  // A retry undoes it.
  await world.decide(retry({ only: [project(2)] }));
  expect((await world.run()).view.counts.skipped).toBe(3);
});

test("decideCampaign() retries a skipped item only by its name", async () => {
  const world = campaignWorld({ count: 3, scenarios: "play: agent-failure" });
  await world.run();
  await world.decide(skip({ only: [project(2)] }));
  expect((await world.decide(retry({ only: ["acme/*"] }), { dryRun: true })).items).toEqual([
    `${project(1)}@main`,
    `${project(3)}@main`,
  ]);
  expect((await world.decide(retry({ only: ["acme/*", project(2)] }))).items.length).toBe(3);
});

test("an item that is skipped while its run is at work ends as its run does when that is good, else skipped", async () => {
  const world = campaignWorld({
    count: 2,
    scenarios: MIXED,
    file: { repositories: [project(1), "acme/project-0002"] },
  });
  await world.advance();
  expect((await world.decide(skip({ only: ["acme/*"] }))).text).toBe(
    "2 items will not start again; 2 runs are still running",
  );
  expect((await world.read()).items.map(({ verdict, skippedBy }) => [verdict, skippedBy])).toEqual([
    ["running", "kim"],
    ["running", "kim"],
  ]);
  world.before = (request) => {
    if (request.startsWith("GET /runs/")) world.setRun(project(2), { status: "success" });
  };
  const { code, view } = await world.run();
  expect([code, verdicts(view)]).toEqual([0, { [project(1)]: "skipped", [project(2)]: "succeeded" }]);
});

test("a skip says of one run that it is still running, and with --cancel cancels it at once", async () => {
  const world = campaignWorld({ count: 1, runDuration: () => 60 * MINUTE });
  await world.advance();
  expect((await world.decide(skip({ only: [project(1)] }), { by: "unknown" })).text).toBe(
    "1 item will not start again; its run is still running",
  );
  expect((await world.read()).items[0]?.skippedBy).toBe("a person");
  const cancel = { ...skip({ only: [project(1)] }), cancel: true };
  expect((await world.decide(cancel)).text).toBe("1 item will not start again; 1 run was cancelled");
  expect((await world.read()).items[0]?.skippedBy).toBeUndefined();
});

test("a skip reports that the run of an item waits for an answer", async () => {
  const world = campaignWorld({ count: 1, scenarios: "play: awaiting-input", revision: REVISIONS.later });
  await world.run();
  expect((await world.decide(skip({ only: [project(1)] }))).text).toBe(
    "1 item will not start again; its run needs an answer",
  );
});

test("who decided, and why, is in the journal in one visible line of limited length", async () => {
  const world = campaignWorld({ count: 2, file: { canary: { size: 1, gate: "manual" } } });
  await world.run();
  await world.decide({ kind: "approve", reason: `looked\nat it \u202e${"x".repeat(900)}` });
  const last = (await world.records()).at(-1);
  if (last?.type !== "approved") throw new Error("no approval");
  expect([last.by, last.note?.startsWith("looked at it x"), (last.note ?? "").length]).toEqual(["kim", true, 500]);
});

test("items of one repository are told apart by the names that the screen shows", async () => {
  const repositories = [{ repo: project(1), root: "api" }, { repo: project(1), root: "web" }];
  const world = campaignWorld({ count: 1, file: { repositories } });
  await world.plan();
  expect((await world.decide(skip({ only: [`${project(1)}:api`] }))).items).toEqual([`${project(1)}@main:api`]);
  expect((await world.decide(skip({ only: [project(1)] }))).items).toEqual([`${project(1)}@main:web`]);
});

test("more than 100 items are decided about at once", async () => {
  const world = campaignWorld({ count: 250 });
  await world.plan();
  expect((await world.decide(skip({ only: ["acme/*"] }))).items.length).toBe(250);
  expect((await world.records()).map(({ type }) => type)).toEqual(["planned", "skipped", "skipped", "skipped"]);
  const { code } = await world.advance();
  expect([code, world.starts.length]).toEqual([0, 0]);
});

/** Names of the items whose starts were sent, in their order. */
async function sentItems(world: CampaignWorld): Promise<string[]> {
  return (await world.records()).flatMap((record) => record.type === "intent" ? [record.item.split("@")[0] ?? ""] : []);
}

test("decideCampaign() puts what a person retries before all that wait", async () => {
  const scenarios = `scenarios:
  - { match: { repo: "*1", attempt: 1 }, play: agent-failure }
  - { play: success }`;
  const file = { limits: { attempts: 1, parallel: 1 } };
  const world = campaignWorld({ count: 6, scenarios, file });
  await world.plan();
  for (let count = 0; (await sentItems(world)).length < 3; count++) {
    if (count > 20) throw new Error("The campaign does not go on");
    await world.advance();
    world.clock.advance(60_000);
  }
  await world.decide(retry({ only: [project(1)] }));
  const before = (await sentItems(world)).length;
  await world.run();
  const order = (await sentItems(world)).slice(before);
  expect(order[0]).toBe(project(1));
  expect(order.slice(1)).toEqual([project(4), project(5), project(6)]);
});

test("decideCampaign() starts nothing that a person retries before an open canary", async () => {
  const file = { canary: { size: 2 }, limits: { parallel: 1 } };
  const world = campaignWorld({ count: 4, file });
  await world.plan();
  await world.decide(skip({ only: [project(4)] }));
  await world.decide(retry({ only: [project(4)] }));
  await world.run();
  expect(await sentItems(world)).toEqual([project(1), project(2), project(4), project(3)]);
});

for (
  const [name, env, isCache] of [
    ["in a job of GitHub", { GITHUB_ACTIONS: "true" }, true],
    ["in a job of GitLab", { GITLAB_CI: "true" }, true],
    ["outside of CI", {}, false],
  ] as const
) {
  test(`campaign stop --cancel and skip --cancel say that a cache may lack the starts of a killed job: ${name}`, async () => {
    const world = campaignWorld();
    await world.plan();
    const given = { env: (variable: string) => ({ MOGPLEX_DEV: "1", ...env } as Record<string, string>)[variable] };
    const lost = "If a job was killed, this directory does not contain its starts";
    const select = { only: [project(1)] };
    const texts = [
      await world.decide({ kind: "skip", select, reason: "no" }, given),
      await world.decide({ kind: "skip", select: { only: [project(2)] }, reason: "no", cancel: true }, given),
      await world.decide({ kind: "stop", cancel: false }, given),
      await world.decide({ kind: "stop", cancel: true }, given),
    ].map(({ elsewhere }) => elsewhere?.includes(lost) ?? false);
    expect(texts).toEqual([false, isCache, false, isCache]);
  });
}

test("decideCampaign() retries nothing that the plan could not use, and nothing that has not ended", async () => {
  const world = campaignWorld({ file: { repositories: [project(1), "acme/nope"] } });
  await world.plan({ skipInvalid: true });
  await expect(world.decide(retry({ only: ["acme/nope"] }))).rejects.toThrow(
    "the plan could not use these repositories; fix the file, and plan again",
  );
  const waiting = "none of the selected items has finished; wait for their runs";
  await expect(world.decide(retry({ only: [project(1)] }))).rejects.toThrow(waiting);
  await world.advance();
  await expect(world.decide(retry({ only: [project(1)] }))).rejects.toThrow(waiting);
});

test("decideCampaign() says that a glob leaves out the succeeded items that it matches, and how to retry one", async () => {
  const world = campaignWorld({ count: 2 });
  await world.run();
  await expect(world.decide(retry({ only: ["acme/*"] }))).rejects.toThrow(
    `a glob does not select items in this state: 2 items, succeeded; select each one by its full name, for example --only "${
      project(1)
    }"`,
  );
});

test("stop --cancel cancels a run also when its request has waited for the quota of requests", async () => {
  const world = campaignWorld({ count: 1, runDuration: () => 20 * MINUTE });
  await world.advance();
  // The run is read first.
  const sent = Array.from({ length: REQUEST_BUDGET - 1 }, () => world.clock.wallTime());
  world.files.put("d/ci/writer-requests.json", JSON.stringify(sent));
  world.before = async (request) => {
    if (request.endsWith("/cancel")) await world.clock.sleep(100);
  };
  const { text, error } = await world.decide(stop(true));
  expect([text, error]).toEqual(["nothing more will start; 1 run was cancelled", undefined]);
});

test("decideCampaign() creates no directory when there is no plan", async () => {
  const world = campaignWorld();
  for (const decision of [{ kind: "stop", cancel: false }, retry({ failed: true }), skip({ only: ["*"] })] as const) {
    expect(await failureOf(() => world.decide(decision))).toContain('there is no plan in "d"');
  }
  expect(world.files.paths()).toEqual([]);
});

test("a stopped campaign whose items were all skipped is done, and no longer says who stopped it", async () => {
  const world = campaignWorld({ count: 2 });
  await world.plan();
  await world.decide(stop());
  const { view } = await world.decide(skip({ only: ["acme/*"] }));
  expect([view.state, view.stateReason]).toEqual(["done", null]);
});
