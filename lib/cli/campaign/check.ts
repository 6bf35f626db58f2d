import type { CampaignFile } from "../../campaign/file/campaign_file.ts";
import { CampaignFileError, campaignText, mistakeLine } from "../../campaign/file/mistakes.ts";
import { campaignNotes, readCampaignFile } from "../../campaign/file/read.ts";
import { EXIT } from "../../exit_codes.ts";
import { formatCount } from "../../text/duration.ts";
import { requiredArgument } from "../settings.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { campaignVerb } from "./campaign_job.ts";
import { ALLOW_OUTSIDE, WEBHOOK_VARIABLE } from "./flags.ts";

/** This flag has a separate row, because the output is a single object and not one object per line. */
const JSON_OBJECT: VerbFlag = { name: "json", help: "Print one JSON object: ok, mistakes" };

export const campaignCheckVerb: Verb = campaignVerb("check", {
  summary: "Check a campaign file and the files that it references, offline",
  flags: [ALLOW_OUTSIDE, WEBHOOK_VARIABLE, JSON_OBJECT],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the file has no mistakes", usage: "the file has mistakes, or the arguments are wrong" },
  examples: ["mogplex-ci campaign check campaign.yml"],
  run: check,
});

async function check(context: Context): Promise<number> {
  const { io, flags, option, writer } = context;
  const path = requiredArgument(context, "campaign check", "file");
  try {
    // Only `campaign plan` reads the list from standard input. `campaign check` must not wait for it.
    const options = {
      allowOutside: flags.has(ALLOW_OUTSIDE),
      webhookVariable: option(WEBHOOK_VARIABLE),
      stdin: "skip" as const,
    };
    const { file } = await readCampaignFile(path, io, options);
    for (const message of campaignNotes(file)) writer.note(message);
    if (flags.has(JSON_OBJECT)) writer.json({ ok: true, mistakes: [] });
    else writer.out(writer.untrusted(`${path} is valid: ${summary(file)}`));
    return EXIT.success;
  } catch (error) {
    if (!(error instanceof CampaignFileError)) throw error;
    if (flags.has(JSON_OBJECT)) writer.json({ ok: false, mistakes: error.mistakes });
    else if (!error.isUnread) writer.out(...error.mistakes.map((mistake) => writer.untrusted(mistakeLine(mistake))));
    writer.error(error.isUnread ? error.message : `${path} has ${formatCount(error.count, "mistake")}`);
    return EXIT.usage;
  }
}

function summary({ name, round, repositories }: CampaignFile): string {
  const names = repositories.filter(({ kind }) => kind === "repository").length;
  const queries = repositories.length - names;
  const parts = [
    campaignText({ name, round }),
    ...(names === 0 ? [] : [names === 1 ? "1 repository" : `${names} repositories`]),
    ...(queries === 0 ? [] : [queries === 1 ? "1 query" : `${queries} queries`]),
  ];
  return parts.join(", ");
}
