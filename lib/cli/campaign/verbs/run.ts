/**
 * `campaign run`: waves in this process, until the campaign is done, or until `--timeout`.
 *
 * @module
 */
import { endWithCampaign } from "../campaign_verb_job.ts";
import { readPlace } from "../place.ts";
import { ON_INTERRUPT_OPTION } from "../../options/table.ts";
import { DRY_RUN, MEAN_RUN, SKIP_INVALID } from "../flags.ts";
import { RUN_TIMEOUT } from "../own_flags.ts";
import type { VerbContext } from "../../verb.ts";
import { printPreview } from "./advance.ts";

/** Does the work of `campaign run`. @returns The exit code. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, option } = context;
  const place = readPlace(context, "campaign run");
  if (flags.has(DRY_RUN.name)) return await printPreview(context, place);
  return await endWithCampaign(context, place, {
    once: false,
    exitStatus: true,
    options: {
      skipInvalid: flags.has(SKIP_INVALID.name),
      meanRunMs: option(MEAN_RUN),
      timeoutMs: option(RUN_TIMEOUT),
    },
    onInterrupt: option(ON_INTERRUPT_OPTION),
  });
}
