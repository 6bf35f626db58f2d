/** Campaigns on bad days, with the world and the judge of the bench `campaign`, which plays more and larger ones. */
import { expect, test } from "bun:test";
import { playFaults } from "../../../bench/campaign/faults.ts";
import { judge } from "../../../bench/campaign/judge.ts";
import { stay, waves, type Way } from "../../../bench/campaign/ways.ts";
import { type CampaignWorld, campaignWorld, runTimes } from "../../../bench/campaign/world.ts";

const MINUTE_MS = 60_000;
const CALM = { wrong: 0, secondRuns: 0, forgotten: 0, story: [] };

test.each([1, 2])(
  "a campaign that stays ends right although a third of all requests fail (seed %d)",
  async (seed) => {
    const end = await playFaults(seed, "run", 18);
    expect(end).toMatchObject({ right: 18, ...CALM });
    expect(end.mostAMinute).toBeLessThanOrEqual(60);
  },
);

test.each([1, 2, 3, 4])(
  "a campaign in waves ends right although a third of all requests fail (seed %d)",
  async (seed) => {
    const end = await playFaults(seed, seed % 2 === 0 ? 10 : 15, 30);
    expect(end).toMatchObject({ right: 30, ...CALM });
    expect(end.mostAMinute).toBeLessThanOrEqual(60);
  },
);

/** They would be done after about 100 minutes. */
const REPOSITORIES = 15;

/** A service that takes no starts from minute 30 to minute 90, and answers everything else. */
function withoutStarts(status: number): CampaignWorld {
  const world: CampaignWorld = campaignWorld({
    repositories: REPOSITORIES,
    times: runTimes("log-normal", REPOSITORIES, 1),
    seed: 1,
    between(send, { method, path }) {
      const minute = world.clock.now() / MINUTE_MS;
      if (method !== "POST" || path !== "/runs" || minute < 30 || minute >= 90) return send();
      const body = JSON.stringify({ ok: false, error: { code: "UNAVAILABLE", message: "Trouble" } });
      const headers = { "content-type": "application/json", ...(status === 503 && { "retry-after": "60" }) };
      return Promise.resolve(new Response(body, { status, headers }));
    },
  });
  return world;
}

const WAYS: [string, Way][] = [["that stays", stay], ["in waves", waves(15 * MINUTE_MS)]];

test.each(WAYS.flatMap(([name, way]) => [503, 500].map((status) => [name, status, way] as const)))(
  "an hour in which the service takes no starts makes no item of a campaign %s fail (%d)",
  async (_name, status, way) => {
    const world = withoutStarts(status);
    try {
      const verdicts = await world.clock.drive(way(world));
      expect(judge(world, verdicts)).toMatchObject({ right: REPOSITORIES, ...CALM });
    } finally {
      await world.close();
    }
  },
);
