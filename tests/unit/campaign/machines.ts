/** Machines that work on a campaign, each with its own disk, on the service and the virtual clock of a world of the bench. */
import { type CampaignWorld, ORIGIN } from "../../../bench/campaign/world.ts";
import { seeded } from "../../../bench/fleet_world.ts";
import type { RunCampaignOptions } from "../../../lib/campaign/campaign_options.ts";
import {
  followCampaign,
  makeWave,
  readCampaignWith,
  type StepInternals,
  viewOfStand,
} from "../../../lib/campaign/campaign.ts";
import type { CampaignView } from "../../../lib/campaign/view/view.ts";
import type { Processes } from "../../../lib/files/processes.ts";
import { type MemoryFiles, memoryFiles } from "../files/memory_files.ts";

/** Directory of the campaign on every machine. */
export const DIRECTORY = "state";

export interface Machine {
  files: MemoryFiles;
  /** Token that it uses. */
  token: string;
  /** What was reported, in words. */
  notices: string[];
  /** Makes a wave, or follows the campaign. @throws what stopped it. */
  work(way: "wave" | "run", options?: Partial<RunCampaignOptions>): Promise<CampaignView>;
  view(): Promise<CampaignView>;
  /** Another machine with a copy of the disk. @param token Its token. */
  copy(host: string, token?: string): Machine;
}

function processesOf(host: string): Processes {
  const own = { host, bootId: `boot of ${host}`, pidSpace: "pid:[1]", pid: 7, startedAt: "100" };
  return { own: () => own, find: () => ({ state: "dead" }) };
}

export function machineIn(
  world: CampaignWorld,
  host: string,
  token: string = world.token,
  files: MemoryFiles = memoryFiles(world.clock),
): Machine {
  const { clock, fetch, file } = world;
  const random = seeded(host.length * 131 + host.charCodeAt(0));
  const notices: string[] = [];
  const internals: StepInternals = { files, processes: processesOf(host), random };
  const common: RunCampaignOptions = {
    ...{ token, url: ORIGIN, clock, fetch, env: () => undefined },
    directory: DIRECTORY,
    onNotice: (notice) => notice.kind === "text" && notices.push(notice.message),
  };
  return {
    files,
    token,
    notices,
    async work(way, options = {}) {
      const step = way === "wave" ? makeWave : followCampaign;
      return viewOfStand(await step(file, { ...common, ...options }, internals));
    },
    view: () => readCampaignWith(file, common, internals),
    copy(name, other = token) {
      const copied = memoryFiles(clock);
      for (const path of files.paths()) copied.put(path, files.text(path) ?? "");
      return machineIn(world, name, other, copied);
    },
  };
}
