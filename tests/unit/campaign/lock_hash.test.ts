import { expect, test } from "bun:test";
import { lockText, parseLock, sealLock } from "../../../lib/campaign/journal/lock.ts";
import { type CampaignWorld, campaignWorld, DIRECTORY, failureOf, project } from "./world.ts";

const LOCK = `${DIRECTORY}/lock.json`;
const MINUTE = 60_000;
const RETRY = { kind: "retry", select: { only: [project(1)] }, adopt: true } as const;

const FILE = {
  round: "2026-12",
  title: "Replace it",
  branch: "codemod/{{ campaign }}",
  agent: { harness: "codex", mode: "AUTO" },
  canary: { size: 1, gate: "manual" },
  limits: { attempts: 2 },
  repositories: [project(1), { repo: project(2), "base-branch": "develop", root: "packages/api" }],
};

// With the keys that are sent for it. A change here means that running campaigns start everything again.
const LOCK_TEXT = `{
  "schema": 1,
  "campaign": "replace-moment",
  "round": "2026-12",
  "plannedAt": "2026-09-01T00:00:00.000Z",
  "origin": "http://localhost",
  "fileHash": "e83b65cdca5584e4b194f662f8d01657978fc8017659bab083bbdf7daa288b13",
  "tasks": [
    {
      "title": "Replace it",
      "prompt": "Replace moment in {{ repository.name }}",
      "variables": {},
      "agent": {
        "harness": "codex",
        "mode": "AUTO"
      },
      "branch": "codemod/{{ campaign }}"
    }
  ],
  "success": {
    "require": "run",
    "acceptUnchanged": false
  },
  "limits": {
    "parallel": 3,
    "attempts": 2,
    "runTimeoutMs": 3600000,
    "stopAfterFailures": null,
    "openPullRequests": null
  },
  "canary": {
    "size": 1,
    "gate": "manual"
  },
  "onFailedChecks": null,
  "pullRequests": null,
  "merge": null,
  "notPeople": [],
  "windows": [],
  "items": [
    {"id":"acme/project-0001@main","repository":"acme/project-0001","repositoryId":"45fd71af-0000-4000-8000-000000000001","baseBranch":"main","root":null,"variables":{},"requestHash":"0a7ca32ea890ac79880792b26e5a5695d454b4a596cf23eb5d440035254f37a3","task":0,"canary":true,"excluded":null},
    {"id":"acme/project-0002@develop:packages/api","repository":"acme/project-0002","repositoryId":"45fd71af-0000-4000-8000-000000000002","baseBranch":"develop","root":"packages/api","variables":{},"requestHash":"fa0144f4ab7bcc81f9e1a45fe104be9446f767218881219c08719ac3de8b563a","task":0,"canary":false,"excluded":null}
  ]
}
`;
const KEYS = [
  "cp1-ca924d7c6f571e7c0bcd39aa532ebb47ac28f615",
  "cp1-e1f74a320b9b373a23f7cf1647c8a6a6dd25e89f",
  "cp1-709c2df5a481243e696d2917df51b9a0a1757251",
  "cp1-6312db33dca35d9f18a36d38d2687e4b95bd3d88",
];

const lockOf = (world: CampaignWorld) => world.files.text(LOCK) ?? "";
const edit = (world: CampaignWorld, change: (text: string) => string) => {
  const before = lockOf(world);
  world.files.put(LOCK, change(before));
  expect(lockOf(world)).not.toBe(before);
};
/** Computes the hash of a changed lock again, as a forger does. */
async function reseal(world: CampaignWorld): Promise<void> {
  const lock = await parseLock(new TextEncoder().encode(lockOf(world)), {
    path: "x",
    campaign: "replace-moment",
    round: "2026-12",
  });
  world.files.put(LOCK, lockText(await sealLock(lock)));
}

test("a plan has the same lock, keys and request hashes byte for byte", async () => {
  const world = campaignWorld({ count: 3, scenarios: "play: agent-failure", file: FILE });
  await world.plan();
  expect(lockOf(world).replace(/ {2}"hash": "[0-9a-f]{64}",\n/, "")).toBe(LOCK_TEXT);
  await world.run();
  await world.decide({ kind: "approve" });
  await world.run();
  expect(world.starts.map(({ key }) => key)).toEqual(KEYS);
});

const EDITS: readonly [what: string, change: (text: string) => string][] = [
  ["repositoryId", (text) => text.replace("-000000000001", "-000000000003")],
  ["baseBranch", (text) => text.replace('"baseBranch":"main"', '"baseBranch":"release"')],
  ["root", (text) => text.replace('"root":null', '"root":"packages/web"')],
  ["excluded", (text) => text.replace('"excluded":null', '"excluded":{"as":"skipped","reason":"x"}')],
  ["canary of an item", (text) => text.replace('"canary":true', '"canary":false')],
  ["canary", (text) => text.replace(/"canary": \{[^}]*\}/, '"canary": null')],
  ["limits", (text) => text.replace('"attempts": 2', '"attempts": 9')],
  ["success", (text) => text.replace('"require": "run"', '"require": "changes"')],
  ["an item that is gone", (text) => text.replace(/,\n {4}\{"id":"acme\/project-0002.*/, "")],
  [
    "the hash itself",
    (text) => text.replace(/"hash": "./, (match) => match.slice(0, -1) + (match.endsWith("0") ? "1" : "0")),
  ],
];

for (const [what, change] of EDITS) {
  test(`a lock in which ${what} was edited after the plan is refused, also with its hash computed again`, async () => {
    const world = campaignWorld({ count: 3, file: FILE, runDuration: () => 30 * MINUTE });
    await world.plan();
    const planned = lockOf(world);
    edit(world, change);
    const refused =
      /^2 Cannot continue the campaign: settings or items in the lock were changed: the hash does not match; restore/;
    expect(await failureOf(() => world.advance())).toMatch(refused);
    expect(await failureOf(() => world.read())).toMatch(refused);
    expect([world.starts, (await world.records()).map(({ type }) => type)]).toEqual([[], ["planned"]]);
    world.files.put(LOCK, planned);
    if (what === "the hash itself") return;
    edit(world, change);
    await reseal(world);
    expect(await failureOf(() => world.read())).toMatch(/^2 .*the lock.s hash differs from|of item/);
    expect(world.starts).toEqual([]);
  });
}

test("a lock without its hash is refused right after the plan, whatever else was edited in it", async () => {
  const world = campaignWorld({ count: 3, file: FILE, runDuration: () => 30 * MINUTE });
  await world.plan();
  edit(world, (text) => text.replace(/ {2}"hash": .*\n/, "").replace('"baseBranch":"main"', '"baseBranch":"prod"'));
  const refused = /^2 Cannot read lock "d\/lock.json": a field is not valid: .*hash.*; restore it/;
  expect(await failureOf(() => world.advance())).toMatch(refused);
  expect(await failureOf(() => world.read())).toMatch(refused);
  expect(await failureOf(() => world.plan())).toMatch(refused);
  expect(world.starts).toEqual([]);
});

test("plan writes the hash of the lock into its first record, before the lock", async () => {
  const world = campaignWorld({ count: 3, file: FILE });
  await world.plan();
  const { hash } = JSON.parse(lockOf(world));
  expect((await world.records()).map(({ type, lock }) => [type, lock])).toEqual([["planned", hash]]);
  // A crash between the two leaves a record without a lock: the next plan brings its own.
  world.files.remove(LOCK);
  await world.plan();
  expect((await world.advance()).problem).toBeNull();
});

test("plan and retry --adopt-changes compute the hash anew, and the record of that change carries it", async () => {
  const world = campaignWorld({ count: 3, file: FILE, scenarios: "play: agent-failure" });
  await world.run();
  const hashOf = (text: string) => JSON.parse(text).hash;
  const [first] = await world.records();
  expect(first?.lock).toBe(hashOf(lockOf(world)));
  world.write({ ...FILE, repositories: [...FILE.repositories, project(3)] });
  await world.plan();
  expect((await world.records()).at(-1)).toMatchObject({
    type: "planned",
    lock: hashOf(lockOf(world)),
  });
  world.write({ ...FILE, prompt: "A better task" });
  await world.decide(RETRY);
  expect((await world.records()).at(-1)).toMatchObject({ type: "retry", lock: hashOf(lockOf(world)) });
  await world.decide({ kind: "approve" });
  expect((await world.run()).problem).toBeNull();
});

test("a crash between a record and the lock that it carries leaves the lock before, with which the campaign goes on", async () => {
  const world = campaignWorld({ count: 3, file: FILE, scenarios: "play: agent-failure" });
  await world.run();
  const before = lockOf(world);
  world.write({ ...FILE, repositories: [...FILE.repositories, project(3)] });
  await world.plan();
  world.files.put(LOCK, before);
  expect((await world.read()).items.length).toBe(2);
  await world.decide({ kind: "stop", cancel: false });
  expect((await world.read()).items.length).toBe(2);
  // The later one does not come from a crash any more.
  await world.decide({ kind: "resume" });
  await world.plan();
  expect((await world.read()).items.length).toBe(3);
});

test("a lock that was lost is planned again with the journal that it had", async () => {
  const world = campaignWorld({ count: 3, file: FILE, scenarios: "play: agent-failure" });
  await world.run();
  world.files.remove(LOCK);
  await world.plan();
  expect(await failureOf(() => world.read())).toBe("none");
});
