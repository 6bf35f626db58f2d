import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../../../lib/errors.ts";
import {
  itemId,
  type Lock,
  type LockChecks,
  type LockItem,
  type LockTask,
  lockText,
  parseLock,
} from "../../../../lib/campaign/journal/lock.ts";
import { hashOfItem } from "../../../../lib/campaign/plan/make_lock.ts";
import { CAMPAIGN, lockItem, lockOf, ROUND } from "./sample.ts";
import { propertyRuns } from "../../../property_runs.ts";

const CHECKS: LockChecks = { path: "c/lock.json", campaign: CAMPAIGN, round: ROUND };
const RESTORE =
  "restore it from the previous wave (its artifact, commit or backup); if there is no journal next to it, remove it and plan again";

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function problemOf(content: unknown, checks: Partial<LockChecks> = {}): Promise<string> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  try {
    await parseLock(bytesOf(text), { ...CHECKS, ...checks });
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "none";
}

const refused = (why: string, advice = RESTORE) => `Cannot read lock "c/lock.json": ${why}; ${advice}`;

const FULL = lockOf([
  lockItem(0, { canary: true, variables: { ticket: "OPS-13", ["constructor"]: "x" } }),
  lockItem(1, { id: "acme/r1@main:packages/ä", root: "packages/ä" }),
  lockItem(2, {
    id: "acme/r2@",
    baseBranch: "",
    repositoryId: "",
    requestHash: "",
    excluded: { as: "invalid", reason: "the service does not know it" },
  }),
  lockItem(3, { excluded: { as: "skipped", reason: "it left the list" } }),
], {
  canary: { size: 1, gate: "manual" },
  onFailedChecks: { prompt: "Fix {{ ticket }}", attempts: 2 },
  merge: { afterMs: 3_600_000, atMost: 5, method: "squash", update: true, withoutChecks: ["acme/docs"] },
  pullRequests: { reviewers: ["ann", "codeowners"], labels: ["agent"] },
  notPeople: ["approver"],
  limits: {
    parallel: 1,
    attempts: 2,
    runTimeoutMs: 60_000,
    stopAfterFailures: { kind: "share", share: 0.1 },
    openPullRequests: 20,
  },
  windows: [{ text: "Mon 20:00-06:00 UTC", days: [1], fromMinute: 1200, toMinute: 360, zone: "UTC" }],
});

test("parseLock() takes back what lockText() wrote, with a line for each item", async () => {
  for (
    const lock of [
      FULL,
      lockOf(0),
      lockOf(1),
      lockOf(3, { limits: { ...FULL.limits, stopAfterFailures: { kind: "count", count: 5 } } }),
    ]
  ) {
    const text = lockText(lock);
    expect(await parseLock(bytesOf(text), CHECKS)).toEqual(lock);
    expect(lockText(await parseLock(bytesOf(text), CHECKS))).toBe(text);
    expect(text.split("\n").filter((line) => line.includes('"repositoryId"')).length).toBe(lock.items.length);
  }
});

test("parseLock() says of an edited text what it says of the same value in another layout", async () => {
  const lines = lockText(FULL).split("\n");
  const edit = fc.record({
    at: fc.nat(lines.length - 1),
    act: fc.constantFrom(
      () => [],
      (line: string) => [line, line],
      (line: string) => [line.replace(/,$/, "")],
      (line: string) => [`${line},`],
      (line: string) => [line.replace(/"canary":(?:true|false)/, '"canary":1')],
      (line: string) => [line.replace(/"task":0/, '"task":7')],
      (line: string) => [` ${line}`],
      (line: string) => [line.replace('"schema": 1', '"schema": 2')],
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 2 }), async (edits) => {
      const changed = lines.flatMap((line, index) =>
        edits.filter(({ at }) => at === index).reduce<string[]>((all, { act }) => all.flatMap(act), [line])
      );
      const text = changed.join("\n");
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return expect(await problemOf(text)).toBe(refused("it is not JSON"));
      }
      const problem = await problemOf(value);
      expect(await problemOf(text)).toBe(problem);
      if (problem !== "none") return;
      const [one, other] = [text, JSON.stringify(value)].map((each) => parseLock(bytesOf(each), CHECKS));
      expect(await one).toEqual(await other as Lock);
    }),
    { numRuns: propertyRuns(300) },
  );
});

test("lockText() writes equal lines for equal items, however they were made, and refuses what could not be read", () => {
  const [item] = lockOf(1).items as [LockItem];
  const turned = Object.fromEntries(Object.entries(item).reverse()) as unknown as LockItem;
  expect(lockText(lockOf([turned]))).toBe(lockText(lockOf([item])));
  expect(() => lockText(lockOf([lockItem(0, { requestHash: "" })]))).toThrow(
    'Cannot write the lock: a field is not valid: "items.0" (its requestHash is not 64 hex digits)',
  );
});

test("parseLock() tells a lock of another campaign or round, and one of a newer version", async () => {
  expect(await problemOf(FULL, { round: "2027-01" })).toBe(
    refused(
      'it belongs to campaign "replace-moment", round "2026-12", but the campaign file is for campaign "replace-moment", round "2027-01"',
      "keep each campaign and each round in its own directory (--dir) or branch (--home)",
    ),
  );
  expect(await problemOf(FULL, { campaign: "other", round: "" })).toContain(
    'but the campaign file is for campaign "other"; keep each campaign and each round in its own directory (--dir) or branch (--home)',
  );
  expect(await problemOf({ schema: 2, items: "anything" })).toBe(
    refused("it was written by a newer version (schema 2)", "use that version, or a later one"),
  );
});

test("parseLock() refuses a text that is not a lock, or that was changed by hand", async () => {
  const [one, two] = [lockItem(0), lockItem(1)];
  const cases: [unknown, string][] = [
    ["", "it is not JSON"],
    [lockText(FULL).slice(0, -20), "it is not JSON"],
    ["[]", "it is not an object"],
    ["{}", '"schema" (it is not one of the allowed values)'],
    [{ ...FULL, schema: 1e999 }, '"schema" (it is not one of the allowed values)'],
    [{ ...FULL, campaign: "Ä" }, '"campaign" (it is not the name of a campaign)'],
    [{ ...FULL, origin: "https://mogplex.example/path" }, '"origin" (it is not an origin)'],
    [{ ...FULL, origin: "https://user:x@mogplex.example" }, '"origin" (it is not an origin)'],
    [{ ...FULL, origin: "file:///etc" }, '"origin" (it is not an origin)'],
    [{ ...FULL, tasks: [] }, '"tasks" (it is empty)'],
    [{ ...FULL, limits: { ...FULL.limits, parallel: 4 } }, '"limits.parallel" (it is not a whole number from 1 to 3)'],
    [{ ...FULL, items: [{ ...one, id: "a\u202eb" }] }, '"items.0.id" (it contains invisible characters)'],
    [{ ...FULL, items: [{ ...one, repositoryId: "../x" }] }, '"items.0" (its repositoryId is not a UUID)'],
    [{ ...FULL, items: [{ ...one, baseBranch: "" }] }, '"items.0" (it has no base branch)'],
    [
      { ...FULL, items: [{ ...one, excluded: { as: "failed", reason: "" } }] },
      '"items.0.excluded.as" (it is not one of the allowed values)',
    ],
    [{ ...FULL, items: { length: 1, 0: one } }, '"items" (it is not an array)'],
    [lockOf([one, { ...two, id: one.id }]), 'two items are the same: "acme/r0@main" and "acme/r0@main"'],
    [
      lockOf([one, { ...two, repositoryId: one.repositoryId.toUpperCase() }]),
      'two items are the same: "acme/r0@main" and "acme/r1@main"',
    ],
    [lockOf([{ ...one, task: 1 }]), 'item "acme/r0@main" has task 1, which does not exist'],
  ];
  for (const [content, why] of cases) {
    const field = why.startsWith('"') || why === "it is not an object" ? `a field is not valid: ${why}` : why;
    expect(await problemOf(content)).toBe(refused(field));
  }
  const utf16 = new Uint8Array([0xff, 0xfe, 0x7b, 0]);
  expect(() => parseLock(utf16, CHECKS)).toThrow("it is UTF-16");
});

test("parseLock() compares the hash of each request that can be started with its task and variables", async () => {
  const requestHash: LockChecks["requestHash"] = (task, { variables, id }) => {
    if (id === "acme/r9@main") throw new UsageError({ attempted: "fill in", why: "variable ticket has no value" });
    return (task.prompt.length + (variables.ticket ?? "").length).toString(16).padStart(64, "0");
  };
  const length = lockOf(1).tasks[0]?.prompt.length ?? 0;
  const item = (ticket: string, fields: Partial<LockItem> = {}) =>
    lockItem(ticket.length, {
      variables: { ticket },
      requestHash: (length + ticket.length).toString(16).padStart(64, "0"),
      ...fields,
    });
  const invalid = lockItem(5, { requestHash: "", excluded: { as: "invalid", reason: "" } });
  const good = lockOf([item(""), item("OPS"), invalid]);
  expect(await problemOf(good, { requestHash })).toBe("none");
  const changed: Lock = { ...good, items: [item(""), { ...item("OPS"), variables: { ticket: "OPS-1" } }] };
  expect(await problemOf(changed, { requestHash })).toBe(
    refused('the prompt, the variables or the agent of item "acme/r3@main" have been changed'),
  );
  expect(await problemOf(changed)).toBe("none");
  expect(await problemOf(lockOf([lockItem(9)]), { requestHash })).toBe(
    refused('item "acme/r9@main": variable ticket has no value'),
  );
});

test("parseLock() refuses an unknown time zone, and a task that would fill the memory", async () => {
  const [window] = FULL.windows;
  expect(await problemOf({ ...FULL, windows: [{ ...window, zone: "Mars/Base" }] })).toContain(
    '"windows.0.zone" (it is not a known time zone)',
  );
  const bomb = { ...FULL.tasks[0], prompt: "{{ a }}".repeat(100_000), variables: { a: "x".repeat(1_000_000) } };
  const requestHash = (task: LockTask, item: LockItem) => hashOfItem({ campaign: CAMPAIGN, round: ROUND }, task, item);
  expect(await problemOf({ ...FULL, tasks: [bomb] }, { requestHash })).toContain("more than 1000000 characters");
});

test("itemId() names an item by repository, branch and root", () => {
  expect([itemId("acme/web", "main", null), itemId("acme/web", "develop", "packages/api")]).toEqual([
    "acme/web@main",
    "acme/web@develop:packages/api",
  ]);
});
