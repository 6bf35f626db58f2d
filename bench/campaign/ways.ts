/** Ways to run one task in many repositories: a campaign in one process, a campaign in waves, and scripts that people write without campaigns. */
import { followCampaign, makeWave, viewOfStand } from "../../lib/campaign/campaign.ts";
import type { CampaignView } from "../../lib/campaign/view/view.ts";
import { exitCodeFor, RateLimitedError } from "../../lib/errors.ts";
import { type CampaignWorld, ORIGIN, type Told } from "./world.ts";
import { run } from "../../tests/unit/run/detecting.ts";

export type Verdicts = Map<string, Told>;

export type Way = (world: CampaignWorld) => Promise<Verdicts>;

const MINUTE_MS = 60_000;
const MOST_WAVES = 60 * 24 * 6;

export function verdictsOf({ items }: CampaignView): Verdicts {
  return new Map(items.map(({ repository, verdict }) => {
    const known = verdict === "succeeded" || verdict === "unchanged" || verdict === "failed";
    return [repository, known ? verdict : "other"];
  }));
}

/** `campaign advance`, or `campaign run`. Uses the world's random numbers, so that the same seed gives the same campaign. */
export async function callCampaign({ file, options, random }: CampaignWorld, once: boolean): Promise<CampaignView> {
  return viewOfStand(await (once ? makeWave : followCampaign)(file, options(), { random }));
}

export const stay: Way = async (world) => verdictsOf(await callCampaign(world, false));

/**
 * `campaign advance` at fixed times.
 *
 * @param everyMs Interval of the calls.
 * @param lateMs Delay of a call by its number, as with schedulers of CI systems.
 */
export function waves(everyMs: number, lateMs: (wave: number) => number = () => 0): Way {
  return async (world) => {
    const { clock } = world;
    for (let wave = 0; wave < MOST_WAVES; wave++) {
      const atMs = wave * everyMs + lateMs(wave);
      if (atMs > clock.now()) await clock.sleep(atMs - clock.now());
      const view = await callCampaign(world, true);
      if (view.state === "done") return verdictsOf(view);
    }
    throw new Error(`Cannot end the campaign in ${MOST_WAVES} waves`);
  };
}

async function runOnce({ token, clock, fetch, ids }: CampaignWorld, name: string): Promise<Told> {
  const { outcome } = await run({
    repoId: ids.get(name) ?? "",
    prompt: `Replace moment with Temporal in ${name}`,
    createBranch: true,
  }, {
    ...{ token, url: ORIGIN, clock, fetch, env: () => undefined },
    timeoutMs: 60 * MINUTE_MS,
    throwOnFailure: false,
  }).catch(() => ({ outcome: "error" }));
  return toldOf(outcome);
}

function toldOf(outcome: string): Told {
  if (outcome === "success") return "succeeded";
  return outcome === "failed" ? "failed" : "other";
}

export function workers(count: number): Way {
  return async (world) => {
    const verdicts: Verdicts = new Map();
    const rest = world.names.values();
    async function work(): Promise<void> {
      for (const name of rest) verdicts.set(name, await runOnce(world, name));
    }
    await Promise.all(Array.from({ length: count }, work));
    return verdicts;
  };
}

const SCRIPT = { atATime: 4, most: 150, timeoutMs: 300 * MINUTE_MS };

/** The former example script for many repositories, with one list. */
async function playList(world: CampaignWorld, names: readonly string[], verdicts: Verdicts): Promise<void> {
  const { token, clock, fetch, ids } = world;
  const until = clock.now() + SCRIPT.timeoutMs;
  let full: RateLimitedError | undefined;
  const rest = names.values();
  async function work(): Promise<void> {
    for (const name of rest) {
      try {
        if (full !== undefined) throw full;
        const repoId = ids.get(name) ?? "";
        const { outcome } = await run(
          { repoId, prompt: `Replace moment with Temporal in ${name}`, createBranch: true },
          {
            ...{ token, url: ORIGIN, clock, fetch, env: () => undefined },
            timeoutMs: Math.max(until - clock.now(), 1),
            tokenShare: SCRIPT.atATime,
            keyPart: repoId,
            throwOnFailure: false,
          },
        );
        verdicts.set(name, toldOf(outcome));
      } catch (error) {
        if (error instanceof RateLimitedError) full ??= error;
        if (exitCodeFor(error) === 70) throw error;
        verdicts.set(name, "other");
      }
    }
  }
  await Promise.all(Array.from({ length: SCRIPT.atATime }, work));
}

/** The former example script with lists of at most 150 repositories, one after another. */
export const script: Way = async (world) => {
  const verdicts: Verdicts = new Map();
  for (let from = 0; from < world.names.length; from += SCRIPT.most) {
    await playList(world, world.names.slice(from, from + SCRIPT.most), verdicts);
  }
  return verdicts;
};
