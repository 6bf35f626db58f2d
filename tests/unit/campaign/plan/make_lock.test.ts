import { expect, test } from "bun:test";
import { type Lock, lockText, parseLock, sealLock } from "../../../../lib/campaign/journal/lock.ts";
import type { RecordBody } from "../../../../lib/campaign/journal/record.ts";
import { hashOfItem, makeLock } from "../../../../lib/campaign/plan/make_lock.ts";
import type { ResolvedItem } from "../../../../lib/campaign/plan/resolve.ts";
import type { CampaignFile } from "../../../../lib/campaign/file/campaign_file.ts";
import { foldJournal, intent, recordsOf, uuidOf } from "../journal/sample.ts";

const AT = "2026-09-01T00:00:00.000Z";

const FILE: CampaignFile = {
  name: "replace-moment",
  round: "2026-12",
  home: null,
  title: "Replace moment",
  prompt: "Do it in {{ repository.name }}",
  variables: {},
  repositories: [],
  exclude: [],
  agent: { harness: "codex", mode: null },
  branch: null,
  success: { require: "run", acceptUnchanged: false },
  limits: { parallel: 3, attempts: 1, runTimeoutMs: 3_600_000, stopAfterFailures: null, openPullRequests: null },
  canary: null,
  onFailedChecks: null,
  pullRequests: null,
  merge: null,
  notPeople: [],
  windows: [],
  notify: null,
};

function resolved(number: number, more: Partial<ResolvedItem> = {}): ResolvedItem {
  const repository = `acme/r${number}`;
  const place = { baseBranch: "main", root: null, variables: {}, excluded: null, rows: [], isDefault: true };
  return { id: `${repository}@main`, repository, repositoryId: uuidOf(number), ...place, ...more };
}

const invalid = (name: string): ResolvedItem => ({
  ...resolved(0, { id: `${name}@`, repository: name, repositoryId: "", baseBranch: "" }),
  excluded: { as: "invalid", reason: "the service lists no repository with this name" },
});

/** Makes a lock, which can be written and read again. */
async function make(
  items: readonly ResolvedItem[],
  file: Partial<CampaignFile> = {},
  before?: Lock,
  bodies: RecordBody[] = [],
) {
  const memory = before === undefined ? undefined : foldJournal(before, await recordsOf(bodies));
  const whole = { ...FILE, ...file };
  const origin = "https://mogplex.example";
  const { lock: unsealed, changes } = makeLock({
    file: whole,
    fileHash: "f".repeat(64),
    resolved: items,
    origin,
    plannedAt: AT,
    before: memory,
  });
  const made = { lock: sealLock(unsealed), changes };
  const read = parseLock(new TextEncoder().encode(lockText(made.lock)), {
    path: "lock.json",
    campaign: whole.name,
    round: whole.round,
    requestHash: (task, item) => hashOfItem({ campaign: whole.name, round: whole.round }, task, item),
  });
  expect(read).toEqual(made.lock);
  // The journal can be read with it.
  foldJournal(made.lock, await recordsOf(bodies));
  return made;
}

const ids = (lock: Lock) => lock.items.map(({ id, excluded }) => excluded === null ? id : `${id} ${excluded.as}`);

test("makeLock() puts the canary first, and takes no invalid item into it", async () => {
  const { lock } = await make([invalid("acme/no"), resolved(1), resolved(2), resolved(3)], {
    canary: { size: 2, gate: "manual" },
  });
  expect(lock.items.map(({ id, canary }) => [id, canary])).toEqual([
    ["acme/r1@main", true],
    ["acme/r2@main", true],
    ["acme/no@", false],
    ["acme/r3@main", false],
  ]);
});

const SENT = [intent("acme/r1@main", 1)];

test("makeLock() goes with the branch that was locked for an entry without one of its own", async () => {
  const first = await make([resolved(1), resolved(2)]);
  const trunk = (number: number) => resolved(number, { id: `acme/r${number}@trunk`, baseBranch: "trunk" });
  const { lock, changes } = await make([trunk(1), trunk(2)], {}, first.lock, SENT);
  expect([ids(lock), changes.added, changes.notes.length]).toEqual([["acme/r1@main", "acme/r2@main"], [], 2]);
  // An entry that names the branch is another item.
  const named = await make([resolved(1), { ...trunk(2), isDefault: false }], {}, first.lock, SENT);
  expect([ids(named.lock), named.changes]).toEqual([
    ["acme/r1@main", "acme/r2@main skipped", "acme/r2@trunk"],
    { added: ["acme/r2@trunk"], skipped: ["acme/r2@main"], kept: [], notes: [] },
  ]);
});

test("makeLock() judges invalid items anew, except items in the journal", async () => {
  const first = await make([resolved(1), invalid("acme/no"), invalid("acme/gone")]);
  const skipped = { type: "skipped", items: ["acme/gone@"], by: "kim", reason: "gone" } as const;
  const { lock } = await make([resolved(1), resolved(2)], {}, first.lock, [...SENT, skipped]);
  expect(ids(lock)).toEqual(["acme/r1@main", "acme/gone@ invalid", "acme/r2@main"]);
  const again = await make([resolved(1), invalid("acme/gone")], {}, lock, [...SENT, skipped]);
  expect(ids(again.lock)).toEqual(["acme/r1@main", "acme/gone@ invalid", "acme/r2@main skipped"]);
});

test("makeLock() makes a plan anew before anything was sent, and keeps what the journal names", async () => {
  const first = await make([resolved(1), resolved(2), invalid("acme/no")]);
  const decided: RecordBody[] = [
    { type: "skipped", items: ["acme/r1@main", "acme/no@"], by: "kim", reason: "no" },
    { type: "retry", items: ["acme/r2@main"], by: "kim", adopt: false },
  ];
  const { lock, changes } = await make([resolved(3)], { prompt: "Another task" }, first.lock, decided);
  expect(ids(lock)).toEqual(["acme/r3@main", "acme/r1@main skipped", "acme/r2@main skipped", "acme/no@ invalid"]);
  expect([changes.added, lock.tasks.length, lock.tasks[0]?.prompt]).toEqual([["acme/r3@main"], 1, "Another task"]);
});

test("makeLock() brings an item back that had left the list", async () => {
  const first = await make([resolved(1), resolved(2)]);
  const left = await make([resolved(1)], {}, first.lock, SENT);
  expect(ids(left.lock)).toEqual(["acme/r1@main", "acme/r2@main skipped"]);
  const back = await make([resolved(1), resolved(2)], {}, left.lock, SENT);
  expect([ids(back.lock), back.changes.added]).toEqual([["acme/r1@main", "acme/r2@main"], ["acme/r2@main"]]);
});
