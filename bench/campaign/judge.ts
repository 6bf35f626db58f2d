/** Compares the verdicts of a campaign or script with the actual runs of the repositories. */
import { isTerminal } from "../../lib/service/contract.ts";
import type { RunRow } from "../../lib/emulator/state/store.ts";
import type { Verdicts } from "./ways.ts";
import type { CampaignWorld, Told } from "./world.ts";

export interface Judged {
  right: number;
  wrong: number;
  /** Repositories with more than one run that the agent worked on. A run that failed because no sandbox or queue was available is not counted. */
  secondRuns: number;
  forgotten: number;
  story: string[];
}

/** Verdicts by the end of the repository's name. Source: the emulator's scenarios "campaign". */
const ENDS: readonly [RegExp, Told][] = [[/(?:13|63|27|77|41)$/, "failed"], [/(?:05|55)$/, "unchanged"]];

export function truthOf(name: string): Told {
  return ENDS.find(([pattern]) => pattern.test(name))?.[1] ?? "succeeded";
}

function isReal({ status, error, runtime_run_id: handle }: RunRow): boolean {
  return !isTerminal(status) || handle !== null && !/too many active sandboxes/i.test(error ?? "");
}

/** `run()` does not distinguish an unchanged repository from a changed one: both are a success. */
export function judge(world: CampaignWorld, verdicts: Verdicts): Judged {
  const judged: Judged = { right: 0, wrong: 0, secondRuns: 0, forgotten: 0, story: [] };
  const byRepo = Map.groupBy(world.emulator.world.store.runs.values(), ({ repo_id: id }) => id);
  for (const name of world.names) {
    const runs = byRepo.get(world.ids.get(name) ?? "") ?? [];
    if (runs.length === 0) judged.forgotten++;
    if (runs.filter(isReal).length > 1) judged.secondRuns++;
    const truth = truthOf(name);
    const told = verdicts.get(name);
    if (told === truth || told === "succeeded" && truth === "unchanged") judged.right++;
    else {
      judged.wrong++;
      judged.story.push(`${name}: ${told ?? "nothing"} in place of ${truth}`);
    }
  }
  return judged;
}
