/**
 * Commands in the log that tell the CI system the outputs of a campaign, where its summary is, and an end that is not good. With `--json` there
 * are none, since programs read stdout.
 *
 * @module
 */
import { cleanCampaign } from "../../campaign/report/clean.ts";
import { campaignVariables } from "../../campaign/report/outputs.ts";
import { campaignName, countSentences, stateDetail } from "../../campaign/report/words.ts";
import type { CampaignView } from "../../campaign/view.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Io } from "../../io.ts";
import type { Platform } from "../../platforms/platform.ts";
import { commandSummary, commandVariables } from "../log/ci_commands.ts";
import type { Writer } from "../log/writer.ts";

/**
 * Prints all commands that belong to a campaign.
 *
 * @param view Not yet cleaned.
 * @param summary Path of `campaign.md`; null when it was not written.
 */
export function commandCampaign(
  context: { writer: Writer; io: Io },
  platform: Platform,
  view: CampaignView,
  summary: string | null,
): void {
  const { writer } = context;
  // No command names an item.
  const clean = cleanCampaign({ ...view, items: [], causes: [] }, writer.redact, (text) => writer.redact.token(text));
  commandVariables(writer, platform, campaignVariables(clean));
  if (summary !== null) commandSummary(context, platform, summary);
  const { exitCode, state } = clean;
  if (exitCode === EXIT.success || platform.annotate === undefined) return;
  const text = [stateDetail(clean), ...countSentences(clean), `exit code ${exitCode}`].join("; ");
  // Any other end is nobody's mistake.
  const level = exitCode === EXIT.failed ? "error" : "warning";
  const title = `Mogplex campaign ${campaignName(clean)} is ${state}`;
  writer.command(platform.annotate(level, title, writer.untrusted(text)));
}
