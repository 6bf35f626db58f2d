import { readCampaignWith } from "../../campaign/campaign.ts";
import { CAMPAIGN_FORMATS } from "../../campaign/report/write.ts";
import { EXIT } from "../../exit_codes.ts";
import { planNote } from "../job/note.ts";
import { NOTE, SHOW_TASK } from "../options.ts";
import type { Context, Verb } from "../verb.ts";
import { maskToken } from "../context.ts";
import { campaignVerb, ownReports, publishCampaign, readPlace } from "./campaign_job.ts";
import { FORGE, JSON_OBJECT, PLACE } from "./flags.ts";

export const campaignReportVerb: Verb = campaignVerb("report", {
  summary: "Write the reports of a campaign again, from its lock and journal",
  flags: [PLACE, FORGE, [SHOW_TASK], NOTE, JSON_OBJECT],
  codes: ["success", "usage", "unavailable", "internal"],
  meanings: {
    success: "the reports are written",
    usage:
      "there is no plan; a mistake in the file or the arguments; a modified lock or journal; a file that cannot be written",
    unavailable: "the directory cannot be read",
  },
  examples: ["mogplex-ci campaign report campaign.yml"],
  run: report,
});

async function report(context: Context): Promise<number> {
  const { flags, writer } = context;
  const place = readPlace(context, "campaign report");
  maskToken(context);
  const note = planNote(context);
  const view = await readCampaignWith(place.path, place.options, ownReports(context, place));
  const unwritten = await publishCampaign(context, place, view, { problem: null, note });
  const files = Object.values(CAMPAIGN_FORMATS).map(({ file }) => `${place.directory.replace(/\/+$/, "")}/${file}`)
    .filter((file) => !unwritten.includes(file));
  if (flags.has(JSON_OBJECT)) writer.json(writer.clean({ state: view.state, files }));
  else writer.out(...files.map((file) => writer.untrusted(`wrote ${file}`)));
  return unwritten.length === 0 ? EXIT.success : EXIT.usage;
}
