import { afterAll, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitCodeOfStand, makeWave } from "../../../lib/campaign/campaign.ts";
import { planCampaignWith } from "../../../lib/campaign/plan/plan_campaign.ts";
import { beginChain } from "../../../lib/campaign/journal/chain.ts";
import type { RecordBody } from "../../../lib/campaign/journal/record.ts";
import { processDurableFiles } from "../../../lib/files/disk.ts";
import { campaignFile, type CampaignWorld, campaignWorld, DIRECTORY, failureOf, FILE, project } from "./world.ts";

const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "mogplex-open-")));
const JOURNAL = `${DIRECTORY}/journal/000001.ndjson`;
const MINUTE = 60_000;

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Two active runs, and one item that waits. */
async function started(): Promise<CampaignWorld> {
  const world = campaignWorld({ count: 3, runDuration: () => 20 * MINUTE, file: { limits: { parallel: 2 } } });
  await world.advance();
  world.requests.length = 0;
  return world;
}

/** What both kinds of waves and a reader say. Nothing is sent, and nothing else is written. */
async function refusal(world: CampaignWorld): Promise<string> {
  const before = world.files.paths().map((path) => [path, world.files.text(path)]);
  const messages = new Set<string>();
  for (
    const act of [() => world.advance(), () => world.run(), () => world.read(), () => world.decide({ kind: "resume" })]
  ) {
    messages.add(await failureOf(act));
  }
  expect([messages.size, world.requests]).toEqual([1, []]);
  expect(world.files.paths().map((path) => [path, world.files.text(path)])).toEqual(before);
  return [...messages][0] ?? "";
}

function edit(world: CampaignWorld, path: string, change: (text: string) => string): void {
  world.files.put(path, change(world.files.text(path) ?? ""));
}

const TAMPERED: readonly [what: string, path: string, change: (text: string) => string, message: RegExp][] = [
  [
    "a line of the journal that somebody edited",
    JOURNAL,
    (text) => text.replace('"status":"pending"', '"status":"success"'),
    /read journal because the line was changed: "d\/journal\/000001\.ndjson:4"; restore lock\.json and journal from the previous wave/,
  ],
  [
    "a line of the journal that is missing",
    JOURNAL,
    (text) => text.split("\n").filter((_, index) => index !== 1).join("\n"),
    /record 2 is missing before the line: "d\/journal\/000001\.ndjson:2"; restore/,
  ],
  [
    "a journal of a newer version",
    JOURNAL,
    (text) => text.replace('{"schema":1', '{"schema":2'),
    /written by a newer version \(schema 2\).*use that version, or a later one/,
  ],
  [
    "a journal in the middle of which a line is cut",
    JOURNAL,
    (text) => text.split("\n").map((line, index) => index === 1 ? line.slice(0, 40) : line).join("\n"),
    /the line is truncated.*000001\.ndjson:2"; restore/,
  ],
  [
    "a lock that somebody edited",
    `${DIRECTORY}/lock.json`,
    (text) => text.replaceAll("Replace moment", "Delete everything"),
    /read lock "d\/lock\.json".*have been changed; restore it from the previous wave/,
  ],
  [
    "a lock that is no JSON",
    `${DIRECTORY}/lock.json`,
    (text) => text.slice(0, 100),
    /read lock "d\/lock\.json".*it is not JSON; restore it/,
  ],
  [
    "a lock of a newer version",
    `${DIRECTORY}/lock.json`,
    (text) => text.replace('"schema": 1', '"schema": 2'),
    /it was written by a newer version \(schema 2\); use that version, or a later one/,
  ],
  [
    "a lock without one of the items that were started",
    `${DIRECTORY}/lock.json`,
    (text) => text.split("\n").filter((line) => !line.includes("project-0001")).join("\n"),
    /the journal names item "acme\/project-0001@main", which is not in the lock.*restore a matching lock\.json and journal/,
  ],
];

for (const [what, path, change, message] of TAMPERED) {
  test(`a wave refuses with 2, and says what to do: ${what}`, async () => {
    const world = await started();
    edit(world, path, change);
    const text = await refusal(world);
    expect(text).toStartWith("2 ");
    expect(text).toMatch(message);
  });
}

test("a lock that no longer fits an unanswered start of the journal is refused", async () => {
  const world = campaignWorld({ count: 1 });
  world.emulator.control("fault", { kind: "reset0", route: "POST /runs", times: 100 });
  await world.advance();
  // Another lock of the same campaign, planned from another text.
  const other = campaignWorld({ count: 1, file: { prompt: "Another task" } });
  await other.plan();
  world.files.put(`${DIRECTORY}/lock.json`, other.files.text(`${DIRECTORY}/lock.json`) ?? "");
  world.requests.length = 0;
  expect(await refusal(world)).toMatch(
    /^2 .*the lock does not match the journal: start 1 of item .* was sent with another request/,
  );
});

test("a directory of another campaign or another round is refused, and nothing of it is changed", async () => {
  const world = await started();
  world.write({ name: "another" });
  expect(await refusal(world)).toMatch(
    /^2 .*to campaign "replace-moment", but the campaign file is for campaign "another"; keep each campaign and each round in its own directory \(--dir\) or branch \(--home\)/,
  );
  world.write({ round: "2026-10" });
  expect(await refusal(world)).toMatch(
    /^2 .*the campaign file is for campaign "replace-moment", round "2026-10"; keep each campaign and each round in its own directory \(--dir\) or branch \(--home\)/,
  );
});

test("the journal of another campaign is refused", async () => {
  const world = await started();
  const other = campaignWorld({ count: 3, file: { name: "another" } });
  await other.advance();
  world.files.put(JOURNAL, other.files.text(JOURNAL) ?? "");
  expect(await refusal(world)).toMatch(
    /^2 .*it belongs to a different campaign or round than "replace-moment", without a round/,
  );
});

test("a last line that a crash has cut is repaired with a notice and a note in the journal, and the wave goes on", async () => {
  const world = await started();
  edit(world, JOURNAL, (text) => text.slice(0, -30));
  expect(await failureOf(() => world.read())).toBe("none");
  await world.run();
  expect(world.notices.join("\n")).toContain(
    "a crash truncated the journal: removed an incomplete line at d/journal/000001",
  );
  expect((await world.records()).some((record) => record.type === "note")).toBe(true);
  expect([world.runs().length, (await world.read()).counts.succeeded]).toEqual([3, 3]);
});

/** Appends records that fit the chain, as a forger computes them. */
async function forge(world: CampaignWorld, bodies: readonly RecordBody[]): Promise<void> {
  const chain = await beginChain("replace-moment", "");
  const text = world.files.text(JOURNAL) ?? "";
  for (const line of text.split("\n").slice(0, -1)) {
    if (!chain.read(new TextEncoder().encode(line)).ok) throw new Error("the journal cannot be read");
  }
  const lines = chain.make(bodies, "2026-09-01T00:10:00.000Z").map(({ line }) => `${line}\n`);
  world.files.put(JOURNAL, text + lines.join(""));
}

/** Starts a run of another repository of the same user. */
async function foreignRun(world: CampaignWorld): Promise<string> {
  const repoId = [...world.emulator.world.store.repos.values()].find((repo) => repo.full_name === project(3))?.id;
  const answer = await world.emulator.fetch("http://localhost/api/v1/mogplex/runs", {
    method: "POST",
    headers: { Authorization: `Bearer ${world.token}`, "Idempotency-Key": "somebody else's" },
    body: JSON.stringify({ repoId, prompt: "x" }),
  });
  return (await answer.json()).data.runId;
}

const FORGED_END = {
  start: 1,
  retryAt: null,
  reason: null,
  status: "success",
  changed: true,
  branch: null,
  pullRequest: null,
  createdAt: null,
  updatedAt: null,
} as const;

for (const what of ["at work", "ended"] as const) {
  for (const cancel of [false, true]) {
    test(`a forged run id is refused before anything is cancelled or started: ${what}, cancel ${cancel}`, async () => {
      const world = campaignWorld({
        count: 3,
        scenarios: "play: stuck-streaming",
        file: { repositories: [1, 2].map(project) },
      });
      await world.plan();
      const runId = await foreignRun(world);
      const key = `cp1-${"0".repeat(40)}`;
      const item = `${project(1)}@main`;
      await forge(world, [
        { type: "wave" },
        { type: "intent", item, kind: "task", start: 1, key, sentAt: "2026-09-01T00:00:00.000Z", branch: null },
        {
          type: "started",
          item,
          start: 1,
          runId,
          status: "streaming",
          replayed: false,
          createdAt: null,
          slotAt: "2026-09-01T00:00:00.000Z",
        },
        ...what === "ended"
          ? [{ type: "ended", item, as: "succeeded", runId, slot: true, ...FORGED_END } as const]
          : [],
        ...cancel ? [{ type: "stopped", by: "mallory", cancel: true } as const] : [],
      ]);
      world.requests.length = 0;
      await world.clock.sleep(3 * 60 * MINUTE);
      for (const way of ["advance", "run"] as const) {
        const { code, problem } = await world[way]();
        // There is nothing to do for a campaign that was stopped and has no active run.
        if (what === "ended" && cancel) expect([code, world.requests]).toEqual([4, []]);
        else {
          expect(code).toBe(2);
          expect(problem).toMatch(
            /the run belongs to another repository, ".*": the journal was changed; check who can write/,
          );
        }
      }
      expect(world.requests.filter((request) => request.startsWith("POST"))).toEqual([]);
      expect(world.requests.length).toBeLessThanOrEqual(2);
    });
  }
}

const NO_SPACE = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

for (const [step, path] of [["append", JOURNAL], ["replace", `${DIRECTORY}/lock.json`], ["makeDirectory", DIRECTORY]]) {
  test(`a full disk ends with 69, nothing is lost, and nothing is started without a record: ${step}`, async () => {
    const world = campaignWorld({ count: 3 });
    let isFull = true;
    world.files.before = (name, at) => {
      if (isFull && name === step && at === path) throw NO_SPACE;
    };
    const failure = await failureOf(async () => {
      const { result, problem } = await world.advance();
      expect([result.exitCode, problem]).toEqual([69, expect.stringContaining("ENOSPC")]);
    });
    if (failure !== "none") expect(failure).toStartWith("69 ");
    expect(world.starts).toEqual([]);
    isFull = false;
    expect((await world.run()).code).toBe(0);
  });
}

for (const [what, records] of [["intent", 6], ["answer", 7]] as const) {
  test(`a disk that fills up before the ${what} of a start ends with 69 and says what to do; the next wave finds its run`, async () => {
    const world = campaignWorld({ count: 4 });
    let left: number = records;
    world.files.before = (name, at) => {
      if (name === "append" && at === JOURNAL && --left < 0) throw NO_SPACE;
    };
    const { code, problem } = await world.run();
    expect(code).toBe(69);
    expect(problem).toContain(
      "check whether the disk is full, then run the same command again; nothing is lost",
    );
    left = Infinity;
    expect((await world.run()).code).toBe(0);
    expect(world.runs().length).toBe(4);
  });
}

/** A campaign on the disk of this machine. */
function onDisk(name: string) {
  const world = campaignWorld({ count: 2 });
  const directory = join(folder, name);
  const internals = { io: world.io, files: processDurableFiles(fs) };
  const options = {
    token: world.token,
    url: "http://localhost",
    env: (variable: string) => variable === "MOGPLEX_DEV" ? "1" : undefined,
    fetch: ((url: string, init: RequestInit) => world.emulator.fetch(url, init)) as typeof globalThis.fetch,
    clock: world.clock,
    directory,
  };
  const advance = async () => {
    const stand = await makeWave(FILE, options, internals);
    return { view: stand.view, exitCode: exitCodeOfStand(stand) };
  };
  return { world, directory, advance, plan: () => planCampaignWith(FILE, options, internals) };
}

test("a directory that is a file is refused with 2, and the file stays", async () => {
  const { world, directory, advance } = onDisk("file");
  fs.writeFileSync(directory, "mine");
  expect(await failureOf(advance)).toMatch(
    /^2 Cannot write in ".*\/file": a file with this name exists; use another directory with --dir/,
  );
  expect([fs.readFileSync(directory, "utf8"), world.starts]).toEqual(["mine", []]);
});

test("a directory that is a symbolic link is refused with 2, and what it leads to stays", async () => {
  const { world, directory, advance } = onDisk("link");
  const target = join(folder, "target");
  fs.mkdirSync(target);
  fs.symlinkSync(target, directory);
  expect(await failureOf(advance)).toMatch(
    /^2 Cannot write in ".*\/link": .*symbolic link.*; use another directory with --dir/,
  );
  expect([fs.readdirSync(target), world.starts]).toEqual([[], []]);
});

test("a directory that may not be written is refused with 69, which is what a disk in trouble has", async () => {
  const world = campaignWorld({ count: 1 });
  world.files.before = (name) => {
    if (name === "create") throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
  };
  expect(await failureOf(() => world.advance())).toMatch(/^69 Cannot write in "d".*EROFS/);
  expect(world.starts).toEqual([]);
});

test("the file may change between two waves: the plan holds, and a message says so", async () => {
  const world = await started();
  world.write({ prompt: "Something else", repositories: [project(1)], limits: { parallel: 1 } });
  const { code, view } = await world.run();
  expect([code, view.counts.succeeded]).toEqual([0, 3]);
  expect(world.notices.filter((notice) => notice.includes("has changed since the plan")).length).toBe(1);
  expect(new Set(world.starts.map(({ body }) => JSON.parse(body).prompt.slice(0, 14)))).toEqual(
    new Set(["Replace moment"]),
  );
});

test("a file that is broken between two waves ends them with 2, and nothing is lost", async () => {
  const world = await started();
  world.io.files.set(FILE, campaignFile({ limits: { parallel: 9 } }));
  expect(await failureOf(() => world.advance())).toMatch(/^2 .*limits.*parallel/s);
  world.write({ limits: { parallel: 2 } });
  expect((await world.run()).code).toBe(0);
});
