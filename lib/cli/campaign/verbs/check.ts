/**
 * `campaign check`: reads a campaign file and everything that it names, and prints every mistake. Sends nothing.
 *
 * @module
 */
import type { CampaignFile } from "../../../campaign/file/campaign_file.ts";
import { CampaignFileError, mistakeLine } from "../../../campaign/file/mistakes.ts";
import { readCampaignFile } from "../../../campaign/file/read.ts";
import { EXIT } from "../../../exit_codes.ts";
import { formatCount } from "../../../result/duration.ts";
import { requiredArgument } from "../../options/arguments.ts";
import { ALLOW_OUTSIDE, WEBHOOK_VARIABLE } from "../flags.ts";
import type { VerbContext } from "../../verb.ts";

/** What a good file asks for, in a few words. */
function summary({ name, round, repositories }: CampaignFile): string {
  const names = repositories.filter(({ kind }) => kind === "repository").length;
  const queries = repositories.length - names;
  const parts = [
    `campaign ${JSON.stringify(name)}${round === "" ? "" : `, round ${JSON.stringify(round)}`}`,
    ...(names === 0 ? [] : [names === 1 ? "1 repository" : `${names} repositories`]),
    ...(queries === 0 ? [] : [queries === 1 ? "1 query" : `${queries} queries`]),
  ];
  return parts.join(", ");
}

/** Does the work of `campaign check`. @returns The exit code. */
export async function check(context: VerbContext): Promise<number> {
  const { io, flags, option, writer } = context;
  const path = requiredArgument(context, "campaign check", "file");
  try {
    // The list of standard input is for plan; here it must not wait for one.
    const options = {
      allowOutside: flags.has(ALLOW_OUTSIDE.name),
      webhookVariable: option(WEBHOOK_VARIABLE),
      stdin: "skip" as const,
    };
    const { file } = await readCampaignFile(path, io, options);
    if (flags.has("json")) writer.json({ ok: true, mistakes: [] });
    else writer.out(writer.untrusted(`${path}: no mistakes: ${summary(file)}`));
    return EXIT.success;
  } catch (error) {
    if (!(error instanceof CampaignFileError)) throw error;
    if (flags.has("json")) writer.json({ ok: false, mistakes: error.mistakes });
    else writer.out(...error.mistakes.map((mistake) => writer.untrusted(mistakeLine(mistake))));
    writer.error(`${path} has ${formatCount(error.count, "mistake")}`);
    return EXIT.usage;
  }
}
