/** A campaign with two lanes: two users of the emulator, who both see `acme/…` and `teamb/…` under ids of their own. */
import type { PlanCampaignOptions } from "../../../../lib/campaign/campaign_options.ts";
import type { CampaignPlan } from "../../../../lib/campaign/campaign_options.ts";
import { type CampaignWorld, campaignWorld, type CampaignWorldOptions, type Step, type StepOptions } from "../world.ts";

/** The lanes of the file. */
export const LANES = [
  { name: "a", "token-variable": "KEY_A" },
  { name: "b", "token-variable": "KEY_B", repositories: ["teamb/*"] },
];

/** See {@linkcode lanesWorld}. */
export interface LanesWorld extends CampaignWorld {
  /** The variables of the lanes. */
  env: Record<string, string>;
  /** Key of the user of each run, by repository. */
  users(): Record<string, string[]>;
  /** One wave in all lanes, or in one. */
  wave(options?: StepOptions): Promise<Step>;
  /** All lanes to their ends. */
  follow(options?: StepOptions): Promise<Step>;
  /** Plans all lanes. */
  planAll(options?: Partial<PlanCampaignOptions>): Promise<CampaignPlan>;
  /** Waves until the campaign is done. */
  wavesToEnd(): Promise<Step>;
}

/** Makes a world. @param counts Repositories of `acme` and of `teamb`. */
export function lanesWorld(counts: [number, number], options: CampaignWorldOptions = {}): LanesWorld {
  const { file = {}, ...more } = options;
  const world = campaignWorld({
    count: 1,
    file: { repositories: [{ query: "acme/" }, { query: "teamb/" }], lanes: LANES, ...file },
    ...more,
  });
  const { store } = world.emulator.world;
  const keyB = world.otherToken();
  const [first] = [...store.repos.values()];
  if (first === undefined) throw new Error("the emulator has no repository");
  const other = [...store.users.values()].find(({ key }) => key === "other")?.id ?? "";
  const mine = first.userId;
  store.repos.clear();
  for (const [user, userId] of [mine, other].entries()) {
    for (const [index, owner] of ["acme", "teamb"].entries()) {
      for (let number = 1; number <= (counts[index] ?? 0); number++) {
        const id = `${user + 1}${index}000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
        store.repos.set(
          id,
          { ...first, id, full_name: `${owner}/r${number}`, name: `r${number}`, userId } as typeof first,
        );
      }
    }
  }
  const env: Record<string, string> = { MOGPLEX_DEV: "1", KEY_A: world.token, KEY_B: keyB };
  const given = () => ({ token: undefined, env: (name: string) => env[name] });
  const lanes: LanesWorld = Object.assign(world, {
    env,
    users() {
      const found: Record<string, string[]> = {};
      for (const run of store.runs.values()) {
        const repo = store.repos.get(run.repo_id);
        const user = [...store.users.values()].find(({ id }) => id === repo?.userId)?.key ?? "?";
        (found[repo?.full_name ?? "?"] ??= []).push(user);
      }
      return found;
    },
    wave: (options: StepOptions = {}) => world.advance({ ...given(), ...options }),
    follow: (options: StepOptions = {}) => world.run({ ...given(), ...options }),
    planAll: (options: Partial<PlanCampaignOptions> = {}) => world.plan({ ...given(), ...options }),
    async wavesToEnd() {
      for (let wave = 0; wave < 100; wave++) {
        const made = await lanes.wave();
        if (made.view.state === "done" || made.problem !== null) return made;
        await world.clock.sleep(15 * 60_000);
      }
      throw new Error("the campaign did not end");
    },
  });
  return lanes;
}
