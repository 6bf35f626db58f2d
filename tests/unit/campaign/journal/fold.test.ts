import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../../../lib/errors.ts";
import { itemKey } from "../../../../lib/campaign/journal/chain.ts";
import { applyRecord, checkOpenStarts } from "../../../../lib/campaign/journal/fold.ts";
import { followUpHash } from "../../../../lib/campaign/plan/make_lock.ts";
import {
  type CampaignMemory,
  hasRun,
  isOpenStart,
  type ItemMemory,
  newMemory,
  nextStart,
} from "../../../../lib/campaign/journal/memory.ts";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { ITEM_VERDICTS, OPEN_STATES } from "../../../../lib/campaign/view/verdicts.ts";
import { history } from "./history.ts";
import {
  ended,
  foldJournal,
  intent,
  keyOf,
  lockItem,
  lockOf,
  recordsOf,
  serviceTime,
  started,
  uuidOf,
} from "./sample.ts";
import { propertyRuns } from "../../../property_runs.ts";

const A = "acme/r0@main";
const B = "acme/r1@main";
const ms = (seconds: number) => Date.parse(serviceTime(seconds));

/** The memory after some records, with so many attempts for each item. */
async function after(bodies: readonly RecordBody[], attempts = 1, items = 2): Promise<CampaignMemory> {
  const lock = lockOf(items);
  return foldJournal({ ...lock, limits: { ...lock.limits, attempts } }, await recordsOf(bodies));
}

function itemOf(memory: CampaignMemory, id = A): ItemMemory {
  const item = memory.items.get(id);
  if (item === undefined) throw new Error(`no item ${id}`);
  return item;
}

/** A start from its intent to its end. */
const whole = (
  item: string,
  start: number,
  as: string,
  run: number,
  fields: Partial<RecordBody> = {},
): RecordBody[] => [
  intent(item, start, { key: keyOf(run) }),
  started(item, start, uuidOf(run)),
  ended(item, start, as, { runId: uuidOf(run), ...fields }),
];

test("newMemory() has every item of the lock in its order, and those that are excluded in their state", () => {
  const memory = newMemory(lockOf([
    lockItem(1),
    lockItem(0),
    lockItem(2, { excluded: { as: "invalid", reason: "not known" } }),
    lockItem(3, { excluded: { as: "skipped", reason: "left the list" } }),
  ]));
  const states = [...memory.items.values()].map(({ item, state, reason }) => [item.id, state, reason]);
  expect(states).toEqual([
    ["acme/r1@main", "waiting", null],
    ["acme/r0@main", "waiting", null],
    ["acme/r2@main", "invalid", "not known"],
    ["acme/r3@main", "skipped", "left the list"],
  ]);
  expect(memory.counts).toMatchObject({ waiting: 2, invalid: 1, skipped: 1, failed: 0 });
  expect([memory.ended, memory.failures, memory.wave]).toEqual([0, 0, 0]);
});

test("foldJournal() follows an item from its intent to its end", async () => {
  const bodies: RecordBody[] = [
    { type: "wave" },
    intent(A, 1, { branch: "codemod/x" }),
    started(A, 1, uuidOf(1), { replayed: true, slotAt: serviceTime(9) }),
    { type: "seen", item: A, start: 1, status: "streaming", updatedAt: serviceTime(20) },
    ended(A, 1, "succeeded", {
      runId: uuidOf(1),
      status: "success",
      changed: true,
      branch: "codemod/x-1",
      pullRequest: "https://forge.example/1",
      updatedAt: serviceTime(90),
    }),
    { type: "pull-request", item: A, state: "merged", url: "https://forge.example/1" },
  ];
  const states = await Promise.all(
    bodies.map(async (_, index) => itemOf(await after(bodies.slice(0, index + 1))).state),
  );
  expect(states).toEqual(["waiting", "starting", "running", "running", "succeeded", "succeeded"]);
  const memory = await after(bodies);
  expect(itemOf(memory)).toMatchObject({
    sent: 1,
    attempts: 1,
    branch: "codemod/x-1",
    pullRequest: "https://forge.example/1",
    pull: { state: "merged", checks: null },
    starts: [{
      number: 1,
      runId: uuidOf(1),
      status: "success",
      createdAt: serviceTime(1),
      slotAt: serviceTime(9),
      updatedAt: serviceTime(90),
      end: "succeeded",
      changed: true,
    }],
  });
  expect([memory.seq, memory.wave, memory.slotsMs]).toEqual([6, 1, [ms(9)]]);
});

test("nextStart() rises only after a run has ended, and a start without a run is sent again under its number and key", async () => {
  const steps: [bodies: RecordBody[], next: number, hasRun: boolean][] = [
    [[], 1, false],
    [[intent(A, 1)], 1, false],
    [[intent(A, 1), ended(A, 1, "quota")], 1, false],
    [[intent(A, 1), ended(A, 1, "service"), intent(A, 1)], 1, false],
    [[intent(A, 1), ended(A, 1, "invalid")], 1, false],
    [[intent(A, 1), started(A, 1, uuidOf(1))], 1, true],
    [[intent(A, 1), started(A, 1, uuidOf(1)), ended(A, 1, "needs-input", { runId: uuidOf(1) })], 1, true],
    [whole(A, 1, "failed", 1), 2, false],
    [whole(A, 1, "quota", 1), 2, false],
    [whole(A, 1, "unknown", 1), 2, false],
    [[intent(A, 1), ended(A, 1, "service", { runId: uuidOf(1) })], 2, false],
    [[intent(A, 1), ended(A, 1, "conflict")], 2, false],
  ];
  for (const [bodies, next, has] of steps) {
    const item = itemOf(await after(bodies));
    expect([nextStart(item), hasRun(item)], JSON.stringify(bodies)).toEqual([next, has]);
  }
  const again = itemOf(await after([intent(A, 1), ended(A, 1, "quota"), intent(A, 1, { sentAt: serviceTime(60) })]));
  expect([again.starts.length, again.sent, again.state, again.starts[0]?.sentAt]).toEqual([
    1,
    2,
    "starting",
    serviceTime(60),
  ]);
});

test("foldJournal() starts failed and overdue items again while they have attempts", async () => {
  const twice = [...whole(A, 1, "failed", 1, { reason: "tests fail" }), ...whole(A, 2, "overdue", 2)];
  expect(itemOf(await after(twice.slice(0, 3), 2))).toMatchObject({
    state: "waiting",
    attempts: 1,
    reason: "tests fail",
  });
  expect(itemOf(await after(twice, 2))).toMatchObject({ state: "overdue", attempts: 2 });
  expect(itemOf(await after(twice, 3))).toMatchObject({ state: "waiting", attempts: 2 });
  const { ended: count, failures } = await after(twice, 3);
  expect([count, failures]).toEqual([0, 0]);
});

test("foldJournal() fails an item after 5 starts in a row that failed because of the service", async () => {
  const refused = (): RecordBody[] => [intent(A, 1), ended(A, 1, "service")];
  const times = (count: number) => Array.from({ length: count }, refused).flat();
  expect(itemOf(await after(times(4)))).toMatchObject({ state: "service", serviceFailures: 4, attempts: 0 });
  const memory = await after(times(5), 3);
  expect(itemOf(memory)).toMatchObject({ state: "failed", serviceFailures: 5, attempts: 0 });
  expect([memory.ended, memory.failures]).toEqual([1, 1]);
  const interrupted = [...times(4), intent(A, 1), ended(A, 1, "quota"), ...times(4)];
  expect(itemOf(await after(interrupted)).state).toBe("service");
  const retried: RecordBody[] = [...times(5), { type: "retry", items: [A], by: "x", adopt: false }];
  expect(itemOf(await after(retried))).toMatchObject({ state: "waiting", serviceFailures: 0 });
  expect(itemOf(await after([...retried, ...times(4)])).state).toBe("service");
});

test("foldJournal() counts an item that waits for a person once, whatever becomes of it", async () => {
  const asks = [
    intent(A, 1),
    started(A, 1, uuidOf(1)),
    ended(A, 1, "needs-input", { runId: uuidOf(1), reason: "which one?" }),
  ];
  expect(itemOf(await after(asks))).toMatchObject({ state: "needs-input", attempts: 1, reason: "which one?" });
  const answered: RecordBody[] = [...asks, { type: "seen", item: A, start: 1, status: "streaming", updatedAt: null }];
  expect(itemOf(await after(answered))).toMatchObject({ state: "running", attempts: 1, reason: null });
  const done = [...answered, ended(A, 1, "succeeded", { runId: uuidOf(1) })];
  expect(itemOf(await after(done))).toMatchObject({ state: "succeeded", attempts: 1 });
  const atOnce = [...asks, ended(A, 1, "overdue", { runId: uuidOf(1) })];
  expect(itemOf(await after(atOnce))).toMatchObject({ state: "overdue", attempts: 1 });
});

test("foldJournal() lets an unknown end be settled", async () => {
  const unclear = whole(A, 1, "unknown", 1);
  expect((await after(unclear)).ended).toBe(0);
  const memory = await after([
    ...unclear,
    ended(A, 1, "succeeded", { runId: uuidOf(1), pullRequest: "https://f.example/1" }),
  ]);
  expect(itemOf(memory)).toMatchObject({ state: "succeeded", attempts: 1, pullRequest: "https://f.example/1" });
  expect([memory.ended, memory.failures]).toEqual([1, 0]);
});

test("a retry gives an item one more attempt, and leaves alone what is at work", async () => {
  const retry: RecordBody = { type: "retry", items: [A, B], by: "x", adopt: false };
  const failed = await after([...whole(A, 1, "failed", 1), intent(B, 1, { key: keyOf(9) }), retry]);
  expect(itemOf(failed)).toMatchObject({ state: "waiting", attempts: 1, allowed: 2, retries: 1 });
  expect(itemOf(failed, B)).toMatchObject({ state: "starting", allowed: 1, retries: 0 });
  expect([failed.ended, failed.failures]).toEqual([0, 0]);
  const again = await after([...whole(A, 1, "failed", 1), retry, ...whole(A, 2, "failed", 2)]);
  expect(itemOf(again)).toMatchObject({ state: "failed", attempts: 2 });
  const conflict = await after([intent(A, 1), ended(A, 1, "conflict"), retry, intent(A, 2)]);
  expect(itemOf(conflict)).toMatchObject({ state: "starting", starts: [{ end: "conflict" }, { end: null }] });
  const invalid = newMemory(lockOf([lockItem(0, { excluded: { as: "invalid", reason: "" } })]));
  for (const record of await recordsOf([{ ...retry, items: [A] }])) applyRecord(invalid, record);
  expect(itemOf(invalid).state).toBe("invalid");
});

test("a retry with another request may change the key of a start that had no run", async () => {
  const other = intent(A, 1, { key: keyOf(77) });
  const refused = [intent(A, 1), ended(A, 1, "invalid")];
  await expect(after([...refused, other])).rejects.toThrow("start 1 has a different key");
  await expect(after([...refused, { type: "retry", items: [A], by: "x", adopt: false }, other])).rejects.toThrow(
    "a different key",
  );
  const adopted = await after([...refused, { type: "retry", items: [A], by: "x", adopt: true }, other]);
  expect(itemOf(adopted)).toMatchObject({ adopt: false, starts: [{ key: keyOf(77), end: null }] });
  const twice = [true, false].map((adopt): RecordBody => ({ type: "retry", items: [A], by: "x", adopt }));
  expect(itemOf(await after([...refused, ...twice, other]))).toMatchObject({
    adopt: false,
    starts: [{ key: keyOf(77) }],
  });
});

test("a skipped item is started no more, and what is at work counts when it ends well", async () => {
  const skip: RecordBody = { type: "skipped", items: [A], by: "x", reason: "owner said no" };
  expect(itemOf(await after([skip]))).toMatchObject({
    state: "skipped",
    reason: "owner said no",
    skipped: { by: "x" },
  });
  const failed = await after([...whole(A, 1, "failed", 1), skip]);
  expect([itemOf(failed).state, failed.ended, failed.failures]).toEqual(["skipped", 0, 0]);
  const running = [intent(A, 1), started(A, 1, uuidOf(1)), skip];
  expect(itemOf(await after(running)).state).toBe("running");
  for (
    const [as, state] of [["succeeded", "succeeded"], ["failed", "skipped"], ["quota", "skipped"], [
      "needs-input",
      "needs-input",
    ]]
  ) {
    const memory = await after([...running, ended(A, 1, as ?? "", { runId: uuidOf(1), reason: "why" })], 3);
    expect(itemOf(memory)).toMatchObject({ state, reason: state === "skipped" ? "owner said no" : "why" });
  }
  const back: RecordBody[] = [skip, { type: "retry", items: [A], by: "y", adopt: false }];
  expect(itemOf(await after(back))).toMatchObject({ state: "waiting", skipped: null });
});

test("foldJournal() keeps gates, stops and waves", async () => {
  const memory = await after([
    { type: "wave" },
    { type: "gate", gate: "canary", reason: "1 of 3 has failed" },
    ...whole(A, 1, "failed", 1),
    { type: "gate", gate: "threshold", reason: "1 of 1" },
    { type: "approved", gate: "threshold", by: "x", note: "known" },
    { type: "stopped", by: "y", cancel: true },
    { type: "wave" },
  ]);
  expect(memory.gates).toMatchObject({
    canary: { closed: true, reason: "1 of 3 has failed", approved: null },
    threshold: { closed: false, reason: "1 of 1", approved: { by: "x", note: "known", ended: 1, failures: 1 } },
  });
  expect(memory.stopped).toMatchObject({ by: "y", cancel: true });
  expect(memory.wave).toBe(2);
  expect((await after([{ type: "stopped", by: "y", cancel: true }, { type: "resumed", by: "x" }])).stopped).toBeNull();
});

test("foldJournal() counts slots by the service's time, and by an estimate where there was no answer", async () => {
  const sent = (seconds: number) => intent(A, 1, { sentAt: serviceTime(seconds) });
  const cases: [RecordBody[], number[]][] = [
    [[sent(10)], [10]],
    [[sent(10), started(A, 1, uuidOf(1), { slotAt: serviceTime(8) })], [8]],
    [[sent(10), sent(70), started(A, 1, uuidOf(1), { slotAt: serviceTime(71) })], [10, 71]],
    [[sent(10), ended(A, 1, "quota", { slot: false })], []],
    [[sent(10), ended(A, 1, "invalid", { slot: true })], [10]],
    [[sent(10), started(A, 1, uuidOf(1), { slotAt: serviceTime(9) }), ended(A, 1, "failed", { runId: uuidOf(1) })], [
      9,
    ]],
    [
      [
        sent(10),
        intent(B, 1, { key: keyOf(5), sentAt: serviceTime(30) }),
        started(A, 1, uuidOf(1), { slotAt: serviceTime(40) }),
      ],
      [30, 40],
    ],
  ];
  for (const [bodies, seconds] of cases) expect((await after(bodies)).slotsMs).toEqual(seconds.map(ms));
});

test("foldJournal() knows until when starts are refused, until one is accepted", async () => {
  const refused = (item: string, seconds: number): RecordBody[] => [
    intent(item, 1, { key: keyOf(item === A ? 1 : 2) }),
    ended(item, 1, "quota", { retryAt: serviceTime(seconds) }),
  ];
  expect((await after(refused(A, 60))).refusedUntilMs).toBe(ms(60));
  expect((await after([...refused(A, 60), ...refused(B, 50)])).refusedUntilMs).toBe(ms(60));
  const byStarts = [
    intent(A, 1),
    ended(A, 1, "quota", { retryAt: serviceTime(70), limit: "start_limit" }),
  ];
  expect((await after([...refused(B, 60), ...byStarts])).refusedBy).toBe("start_limit");
  expect((await after([...byStarts, ...refused(B, 60)])).refusedBy).toBe("start_limit");
  expect((await after([...byStarts, ...refused(B, 80)])).refusedBy).toBeNull();
  expect((await after([intent(A, 1), ended(A, 1, "quota")])).refusedUntilMs).toBeNull();
  const accepted = [...refused(A, 60), intent(A, 1), started(A, 1, uuidOf(1))];
  expect((await after(accepted)).refusedUntilMs).toBeNull();
});

test("foldJournal() counts starts in a row that found no sandbox, until a later start has one", async () => {
  const refused = (start: number, run: number) => whole(A, start, "quota", run, { updatedAt: serviceTime(run) });
  const seen = (item: string, start: number, status: string): RecordBody => ({
    type: "seen",
    item,
    start,
    status,
    updatedAt: null,
  });
  const early = [intent(B, 1, { key: keyOf(50) }), started(B, 1, uuidOf(50))];
  const two = [...early, ...refused(1, 1), ...refused(2, 2)];
  const known = { count: 2, lastMs: ms(2) };
  expect((await after(two)).sandboxRefusals).toEqual(known);
  // B was sent before: that it has a sandbox says nothing about another one.
  expect((await after([...two, seen(B, 1, "streaming")])).sandboxRefusals).toEqual(known);
  const third = [...two, intent(A, 3), started(A, 3, uuidOf(3))];
  expect((await after(third)).sandboxRefusals).toEqual(known);
  expect((await after([...third, seen(A, 3, "streaming")])).sandboxRefusals).toBeNull();
  expect((await after([...third, ended(A, 3, "failed", { runId: uuidOf(3), status: "failed" })])).sandboxRefusals)
    .toBeNull();
  expect((await after([...two, ...refused(3, 3)])).sandboxRefusals).toEqual({ count: 3, lastMs: ms(3) });
  // A refusal by 429 has nothing to do with sandboxes.
  expect((await after([intent(A, 1), ended(A, 1, "quota")])).sandboxRefusals).toBeNull();
});

test("applyRecord() refuses records that contradict those before them, with their place", async () => {
  const run = [intent(A, 1), started(A, 1, uuidOf(1))];
  const cases: [RecordBody[], string][] = [
    [[intent(A, 2)], "it is start 2, where start 1 is expected"],
    [[...whole(A, 1, "failed", 1), intent(A, 1)], "it is start 1, where start 2 is expected"],
    [[...whole(A, 1, "failed", 1), intent(A, 3)], "it is start 3, where start 2 is expected"],
    [[...run, intent(A, 1)], "the run of start 1 has not ended"],
    [[...run, ended(A, 1, "needs-input", { runId: uuidOf(1) }), intent(A, 2)], "the run of start 1 has not ended"],
    [[intent(A, 1), intent(A, 1, { key: keyOf(2) })], "start 1 has a different key"],
    [[started(A, 1, uuidOf(1))], "start 1 was not sent, or another start has been sent since"],
    [[ended(A, 1, "failed")], "start 1 was not sent, or another start has been sent since"],
    [
      [...whole(A, 1, "failed", 1), intent(A, 2), ended(A, 1, "failed")],
      "start 1 was not sent, or another start has been sent since",
    ],
    [[...run, started(A, 1, uuidOf(2))], "start 1 has a different run"],
    [[...run, ended(A, 1, "failed", { runId: uuidOf(2) })], "start 1 has a different run"],
    [[...run, ended(A, 1, "failed")], "start 1 has a run"],
    [
      [...run, intent(B, 1, { key: keyOf(9) }), started(B, 1, uuidOf(1).toUpperCase())],
      "its run belongs to another start",
    ],
    [[...whole(A, 1, "failed", 1), intent(A, 2), started(A, 2, uuidOf(1))], "its run belongs to another start"],
    [[...whole(A, 1, "failed", 1), started(A, 1, uuidOf(1))], "start 1 has ended"],
    [[...whole(A, 1, "failed", 1), ended(A, 1, "failed", { runId: uuidOf(1) })], "start 1 has ended"],
    [[intent(A, 1), ended(A, 1, "quota"), ended(A, 1, "quota")], "start 1 has ended"],
    [
      [...whole(A, 1, "failed", 1), { type: "seen", item: A, start: 1, status: "x", updatedAt: null }],
      "start 1 has ended",
    ],
    [[intent(A, 1), { type: "seen", item: A, start: 1, status: "x", updatedAt: null }], "start 1 has no run"],
    [[intent(A, 1), ended(A, 1, "succeeded")], "a start cannot end as succeeded without a run"],
    [[intent(A, 1), ended(A, 1, "overdue")], "a start cannot end as overdue without a run"],
  ];
  for (const [bodies, why] of cases) {
    const records = await recordsOf(bodies);
    const memory = newMemory(lockOf(2));
    const last = records.pop();
    for (const record of records) applyRecord(memory, record);
    if (last === undefined) throw new Error("no record");
    const item = "item" in last ? last.item : "";
    expect(() => applyRecord(memory, last, "c/journal/000001.ndjson:7"), why).toThrow(
      new UsageError({
        attempted: "read journal",
        why: `the record "${last.type}" of item "${item}" contradicts the records before it (${why})`,
        value: '"c/journal/000001.ndjson:7"',
        advice: "restore a matching lock.json and journal from the previous wave (its artifact, commit or backup)",
      }),
    );
  }
});

test("applyRecord() refuses records of items that the lock does not have", async () => {
  const bodies: RecordBody[] = [
    intent("acme/gone@main", 1),
    { type: "retry", items: [A, "acme/gone@main"], by: "x", adopt: false },
    { type: "skipped", items: ["acme/gone@main"], by: "x", reason: "" },
    { type: "pull-request", item: "acme/gone@main", state: "open", url: "https://f.example/1" },
    intent("__proto__", 1),
    intent("constructor", 1),
  ];
  for (const body of bodies) {
    await expect(after([body])).rejects.toThrow(
      /^Cannot continue the campaign because the journal names item ".*", which is not in the lock: "record 1"; restore/,
    );
  }
});

test("foldJournal() takes every beginning of every history, and what it knows is never contradictory", async () => {
  const states = [...ITEM_VERDICTS, ...OPEN_STATES];
  await fc.assert(
    fc.asyncProperty(history(3, 60), fc.integer({ min: 1, max: 3 }), async (bodies, attempts) => {
      const lock = lockOf(3);
      const memory = newMemory({ ...lock, limits: { ...lock.limits, attempts } });
      for (const record of await recordsOf(bodies)) {
        applyRecord(memory, record);
        const items = [...memory.items.values()];
        for (const state of states) {
          expect(memory.counts[state]).toBe(items.filter((item) => item.state === state).length);
        }
        const tallied = items.filter(({ tally }) => tally !== "none");
        expect(memory.ended).toBe(tallied.length);
        expect(memory.failures).toBe(tallied.filter(({ tally }) => tally === "failure").length);
        expect(memory.slotsMs).toEqual(memory.slotsMs.toSorted((a, b) => a - b));
        expect(memory.slotsMs.length).toBeLessThanOrEqual(items.reduce((sum, { sent }) => sum + sent, 0));
        for (const item of items) {
          expect(item.starts.map(({ number }) => number)).toEqual(item.starts.map((_, index) => index + 1));
          expect(item.attempts).toBe(item.starts.filter(({ counted }) => counted).length);
          expect(item.sent).toBeGreaterThanOrEqual(item.starts.length);
          expect(["running", "needs-input"].includes(item.state)).toBe(hasRun(item));
          const isSent = item.starts.at(-1)?.end === null && !hasRun(item);
          expect(item.state === "starting").toBe(isSent || isOpenStart(item));
          // Only the last start can have no end.
          expect(item.starts.slice(0, -1).every(({ end }) => end !== null)).toBe(true);
        }
      }
      const runs = [...memory.items.values()].flatMap(({ starts }) => starts).filter(({ runId }) => runId !== null);
      expect(memory.runs.size).toBe(runs.length);
    }),
    { numRuns: propertyRuns(150) },
  );
});

test("checkOpenStarts() refuses a lock whose requests differ from the starts that are sent again", async () => {
  const lock = lockOf(2);
  const keys = await Promise.all(
    lock.items.map(({ repositoryId, baseBranch, root, requestHash }) =>
      itemKey({
        campaign: lock.campaign,
        round: lock.round,
        requestHash,
        repositoryId,
        baseBranch,
        root,
        kind: "task",
        start: 1,
      })
    ),
  );
  const changed = lockOf([lockItem(0, { requestHash: "1".repeat(64) }), lockItem(1)]);
  const first = intent(A, 1, { key: keys[0] ?? "" });
  const message =
    /^Cannot continue the campaign: the lock does not match the journal: start 1 of item "acme\/r0@main" was sent with/;
  const open: RecordBody[][] = [[first], [first, ended(A, 1, "quota")], [first, ended(A, 1, "invalid")]];
  for (const bodies of open) {
    const records = await recordsOf(bodies);
    await checkOpenStarts(foldJournal(lock, records), followUpHash);
    expect(() => checkOpenStarts(foldJournal(changed, records), followUpHash)).toThrow(message);
  }
  const harmless: RecordBody[][] = [
    [],
    [first, started(A, 1, uuidOf(1))],
    [first, ended(A, 1, "failed", { runId: uuidOf(1) })],
    [first, ended(A, 1, "invalid"), { type: "retry", items: [A], by: "x", adopt: true }],
  ];
  for (const bodies of harmless) await checkOpenStarts(foldJournal(changed, await recordsOf(bodies)), followUpHash);
});

const withdrawn = (item: string, start: number): RecordBody => ({ type: "withdrawn", item, start });

test("applyRecord() leaves nothing of a start that was announced and withdrawn", async () => {
  const befores: RecordBody[][] = [
    [],
    [intent(A, 1), ended(A, 1, "quota", { slot: false, retryAt: serviceTime(60) })],
    [intent(A, 1), ended(A, 1, "invalid", { slot: true }), { type: "retry", items: [A], by: "kim", adopt: true }],
    whole(A, 1, "failed", 1),
  ];
  for (const before of befores) {
    const { seq: _, lastAt: _at, skewMs: _skew, ...memory } = await after(before, 2);
    const number = nextStart(itemOf(await after(before, 2)));
    const { seq, lastAt: _at2, skewMs: _skew2, ...again } = await after(
      [...before, intent(A, number), withdrawn(A, number)],
      2,
    );
    expect([again, seq]).toEqual([memory, before.length + 2]);
  }
});

test("applyRecord() keeps what people have decided about a start between its intent and its withdrawal", async () => {
  const skipped: RecordBody = { type: "skipped", items: [A], by: "kim", reason: "no", cancel: true };
  const item = itemOf(await after([intent(A, 1), skipped, withdrawn(A, 1)]));
  expect([item.state, item.reason, item.starts, isOpenStart(item)]).toEqual(["skipped", "no", [], false]);
});

test("applyRecord() refuses to withdraw a start that may have been sent", async () => {
  const lost = ended(A, 1, "service", { slot: true });
  for (const bodies of [[intent(A, 1), lost], [intent(A, 1), intent(A, 1)], [intent(A, 1), started(A, 1, uuidOf(1))]]) {
    await expect(after([...bodies, withdrawn(A, 1)])).rejects.toThrow("start 1 may have been sent");
  }
});
