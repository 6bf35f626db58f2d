/** What a step reports while it works: never before its record is written, and never faster than the reader takes it. */
import { expect, test } from "bun:test";
import type { CampaignEvent } from "../../../../lib/campaign/campaign_options.ts";
import type { JournalRecord } from "../../../../lib/campaign/journal/record.ts";
import { type CampaignWorld, campaignWorld, DIRECTORY, project } from "../world.ts";

const MINUTE = 60_000;
const WAYS = ["advance", "run"] as const;

/** The records that are on the disk at this moment. */
function recordsOf({ files }: CampaignWorld): JournalRecord[] {
  const paths = files.paths().filter((path) => path.startsWith(`${DIRECTORY}/journal/`));
  return paths.flatMap((path) => (files.text(path) ?? "").trim().split("\n").map((line) => JSON.parse(line)));
}

/** What the last record of an item must be when an event shows it with a verdict. */
const LAST: Readonly<Record<string, string>> = { running: "started", succeeded: "ended", failed: "ended" };

for (const way of WAYS) {
  test(`${way}() reports nothing before its record is on the disk`, async () => {
    const world = campaignWorld({
      count: 8,
      file: { limits: { parallel: 3, "stop-after-failures": 1 } },
      scenarios: 'scenarios: [{ match: { repo: "acme/project-0002" }, play: agent-failure }, { play: success }]',
    });
    const types = new Set<string>();
    const early: CampaignEvent[] = [];
    const onEvent = (event: CampaignEvent) => {
      const records = recordsOf(world);
      types.add(event.type);
      const isWritten = event.type === "item"
        ? records.findLast((record) => "item" in record && record.item === event.item.id)?.type ===
          LAST[event.item.verdict]
        : event.type === "gate"
        ? records.at(-1)?.type === "gate"
        : event.type !== "wave" || records.at(-1)?.type === "wave";
      if (!isWritten) early.push(event);
    };
    for (let wave = 0; wave < 6; wave++) {
      await world[way]({ onEvent });
      await world.clock.sleep(15 * MINUTE);
    }
    expect(early).toEqual([]);
    expect([...types]).toEqual(expect.arrayContaining(["wave", "item", "gate", "waiting"]));
  });

  test(`${way}() starts nothing more when its reader throws, and throws that error`, async () => {
    const world = campaignWorld({ count: 3, runDuration: () => 60 * MINUTE });
    const error = new Error("enough");
    const onEvent = (event: CampaignEvent) => {
      if (event.type === "item") throw error;
    };
    await expect(world[way]({ onEvent })).rejects.toBe(error);
    expect([world.starts.length, world.runs()]).toEqual([1, [`${project(1)} pending`]]);
    expect(recordsOf(world).slice(-2).map(({ type }) => type)).toEqual(["intent", "started"]);
  });

  test(`${way}() starts nothing more when its reader leaves by the signal`, async () => {
    const world = campaignWorld({ count: 3, runDuration: () => 60 * MINUTE });
    const leave = new AbortController();
    const onEvent = (event: CampaignEvent) => {
      if (event.type === "item") leave.abort(new Error("enough"));
    };
    const internals = { interrupts: { signal: leave.signal, terminal: false } };
    const { result, view } = await world[way]({ onEvent, internals });
    expect([result.outcome, view.counts.running, world.starts.length]).toEqual(["interrupted", 1, 1]);
  });
}

test("run() does nothing while the function that it notifies has not returned", async () => {
  const world = campaignWorld({
    count: 6,
    file: { limits: { "stop-after-failures": 1 } },
    scenarios: 'scenarios: [{ match: { repo: "acme/project-0001" }, play: agent-failure }, { play: success }]',
    runDuration: ({ repo }) => repo === project(1) ? 5 * MINUTE : 20 * MINUTE,
  });
  let events = 0;
  const done = () => [events, world.requests.length, recordsOf(world).length];
  const meanwhile: unknown[] = [];
  const notifier = async ({ event, counts }: { event: string; counts: { running?: number } }) => {
    const before = done();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    meanwhile.push([event, counts.running, done().map((count, index) => count - (before[index] ?? 0))]);
  };
  await world.run({ notifier, onEvent: () => void events++ });
  expect(meanwhile[0]).toEqual(["gated", 2, [0, 0, 0]]);
});
