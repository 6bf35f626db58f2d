/**
 * Ways to give one task to many repositories: ours, as a process that stays and in waves, and those that people write without campaigns.
 */
import { followCampaign, makeWave, viewOfStand } from "../../lib/campaign/campaign.ts";
import type { CampaignView } from "../../lib/campaign/view/view.ts";
import { exitCodeFor, RateLimitedError } from "../../lib/errors.ts";
import { type CampaignWorld, ORIGIN, type Told } from "./world.ts";
import { run } from "../../tests/unit/run/detecting.ts";

/** What a way says of each repository, by name. Those of which it says nothing are missing. */
export type Verdicts = Map<string, Told>;

/** Works through all repositories. Ends when it has nothing more to do. */
export type Way = (world: CampaignWorld) => Promise<Verdicts>;

const MINUTE_MS = 60_000;
/** Waves after which a campaign is not going to end: two months of them. */
const MOST_WAVES = 60 * 24 * 6;

/** The verdicts of a campaign. */
export function verdictsOf({ items }: CampaignView): Verdicts {
  return new Map(items.map(({ repository, verdict }) => {
    const known = verdict === "succeeded" || verdict === "unchanged" || verdict === "failed";
    return [repository, known ? verdict : "other"];
  }));
}

/** `campaign advance`, or `campaign run`, with the random numbers of the world: the same seed gives the same campaign. */
export async function callCampaign({ file, options, random }: CampaignWorld, once: boolean): Promise<CampaignView> {
  return viewOfStand(await (once ? makeWave : followCampaign)(file, options(), { random }));
}

/** `campaign run`. */
export const stay: Way = async (world) => verdictsOf(await callCampaign(world, false));

/**
 * `campaign advance`, called by a clock on the wall.
 *
 * @param everyMs Distance of two calls.
 * @param lateMs How late a call is, by its number: schedulers of CI systems are.
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

/** What scripts give `run()`: the task, and an hour for each run. */
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

/** `run()` after `run()`, by so many workers: a loop with one, `xargs -P 10` with ten. */
export function workers(count: number): Way {
  return async (world) => {
    const verdicts: Verdicts = new Map();
    // All workers share one iterator, so each repository is taken once.
    const rest = world.names.values();
    async function work(): Promise<void> {
      for (const name of rest) verdicts.set(name, await runOnce(world, name));
    }
    await Promise.all(Array.from({ length: count }, work));
    return verdicts;
  };
}

/** Runs at the same time, repositories of a list, and time of the example script before there were campaigns. */
const SCRIPT = { atATime: 4, most: 150, timeoutMs: 300 * MINUTE_MS };

/** The example script for many repositories as it was before there were campaigns: one list. */
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

/** The example script with lists of at most 150 repositories, one after the other. */
export const script: Way = async (world) => {
  const verdicts: Verdicts = new Map();
  for (let from = 0; from < world.names.length; from += SCRIPT.most) {
    await playList(world, world.names.slice(from, from + SCRIPT.most), verdicts);
  }
  return verdicts;
};
