/**
 * Effects on a campaign of another job with the same token, of sandboxes that stay active after their runs, and of outages. The other job uses part
 * of the 60 requests per minute.
 */
import { seeded } from "../fleet_world.ts";
import { printTable } from "../table.ts";
import { judge } from "./judge.ts";
import { MogplexError } from "../../lib/errors.ts";
import { callCampaign, stay, verdictsOf, type Way } from "./ways.ts";
import { type CampaignWorld, campaignWorld, ORIGIN, runTimes } from "./world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Reads `perMinute` times a minute with the token of the campaign until the campaign ends. After a 429, it waits for a minute, as `Retry-After`
 * requests.
 */
async function rival(
  { clock, emulator, token }: CampaignWorld,
  perMinute: number,
  isOver: () => boolean,
): Promise<void> {
  const random = seeded(perMinute);
  const init = { headers: { authorization: `Bearer ${token}` } };
  while (!isOver()) {
    const answer = await clock.during(emulator.fetch(`${ORIGIN}/api/v1/mogplex/sandboxes`, init));
    const restMs = MINUTE_MS / perMinute;
    await clock.sleep(answer.status === 429 ? MINUTE_MS : restMs * (0.5 + random()));
  }
}

function outage(clock: () => number, minutes: number) {
  return async (send: () => Promise<Response>): Promise<Response> => {
    if (clock() % (3 * HOUR_MS) < 3 * HOUR_MS - minutes * MINUTE_MS) return await send();
    return Response.json({ ok: false, error: { code: "SERVICE_UNAVAILABLE", message: "x" } }, { status: 503 });
  };
}

function waves(everyMs: number): Way {
  return async (world) => {
    for (let wave = 0;; wave++) {
      await world.clock.sleep(Math.max(wave * everyMs - world.clock.now(), 0));
      const view = await callCampaign(world, true).catch((error) => {
        if (!(error instanceof MogplexError)) throw error;
      });
      if (view?.state === "done") return verdictsOf(view);
    }
  };
}

const WAYS: readonly [name: string, way: Way][] = [
  ["run", stay],
  ["advance every 10 min", waves(10 * MINUTE_MS)],
  ["advance every 15 min", waves(15 * MINUTE_MS)],
];

interface Row {
  way: string;
  trouble: string;
  days: number;
  ratio: number;
  requests: number;
  "429s": number;
  right: number;
}

async function play(
  way: Way,
  { repositories, perMinute = 0, outageMinutes = 0, lingerMs = 0, seed }: {
    repositories: number;
    perMinute?: number;
    outageMinutes?: number;
    lingerMs?: number;
    seed: number;
  },
): Promise<Omit<Row, "way" | "trouble" | "ratio">> {
  const times = runTimes("log-normal", repositories, seed);
  let now = () => 0;
  const between = outageMinutes === 0 ? undefined : outage(() => now(), outageMinutes);
  const world = campaignWorld({ repositories, times, seed, between, sandboxLingerMs: lingerMs });
  const { clock, wire } = world;
  now = () => clock.now();
  try {
    let isOver = false;
    const rivals = perMinute === 0 ? Promise.resolve() : rival(world, perMinute, () => isOver);
    let endMs = 0;
    const verdicts = await clock.drive(
      way(world).then((found) => {
        isOver = true;
        endMs = clock.now();
        return found;
      }),
    );
    await clock.drive(rivals);
    const { right } = judge(world, verdicts);
    return {
      days: Math.round(endMs / 864) / 100_000,
      requests: Math.round(wire.requests / repositories * 100) / 100,
      "429s": wire.refusals,
      right,
    };
  } finally {
    await world.close();
  }
}

export async function bench(repositories = 60, seed = 1): Promise<Row[]> {
  const troubles = [
    { trouble: "none" },
    { trouble: "a rival, 40 reads a minute", perMinute: 40 },
    { trouble: "a rival, 60 reads a minute", perMinute: 60 },
    { trouble: "a rival, 120 reads a minute", perMinute: 120 },
    { trouble: "half an hour out of reach in three", outageMinutes: 30 },
    { trouble: "sandboxes stay for 15 minutes", lingerMs: 15 * MINUTE_MS },
  ];
  const rows: Row[] = [];
  for (const [name, way] of WAYS) {
    let alone: number | undefined;
    for (const { trouble, ...more } of troubles) {
      const row = await play(way, { repositories, seed, ...more });
      alone ??= row.days;
      rows.push({ way: name, trouble, ...row, ratio: Math.round(row.days / alone * 100) / 100 });
    }
  }
  return rows;
}

export const TITLE = "Campaigns: another job on the token, outages, sandboxes that stay";

if (import.meta.main) {
  const [repositories, seed] = process.argv.slice(2).map(Number);
  printTable(TITLE, (await bench(repositories, seed)).map((row) => ({ ...row })));
}
