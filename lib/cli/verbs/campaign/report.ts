/**
 * `campaign report`: writes the reports again, from lock and journal alone.
 *
 * @module
 */
import { readCampaignWith } from "../../../campaign/jobs.ts";
import { CAMPAIGN_FORMATS } from "../../../campaign/report/formats.ts";
import { EXIT } from "../../../exit_codes.ts";
import { JSON_OBJECT, PLACE } from "../../campaign/flags.ts";
import { maskToken, readPlace } from "../../campaign/place.ts";
import { publishCampaign } from "../../campaign/publish.ts";
import { NOTE } from "../../options/table.ts";
import type { Verb, VerbContext } from "../../verb.ts";

async function report(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const place = readPlace(context, "campaign report");
  maskToken(context);
  const note = context.planNote();
  const view = await readCampaignWith(place.path, place.options, place.internals);
  await publishCampaign(context, place, view, { problem: null, isEnd: true, note });
  const files = Object.values(CAMPAIGN_FORMATS).map(({ file }) => `${place.directory}/${file}`);
  if (flags.has("json")) writer.json(writer.clean({ state: view.state, files }));
  else writer.out(...files.map((file) => writer.untrusted(`wrote ${file}`)));
  return EXIT.success;
}

export const campaignReportVerb: Verb = {
  name: "campaign report",
  usage: "<file>",
  maxPositionals: 1,
  summary: "Write the reports of a campaign again, from its lock and journal; no request",
  group: "toolkit",
  flags: [PLACE, NOTE, JSON_OBJECT],
  codes: ["success", "usage", "internal"],
  meanings: {
    success: "the reports are written",
    usage: "nothing was planned; a mistake in file or arguments; a lock or journal that was changed",
  },
  examples: ["mogplex-ci campaign report campaign.yml"],
  run: report,
};
