/**
 * `campaign report`: writes the reports again, from lock and journal; with a token of a forge it reads the pull
 * requests.
 *
 * @module
 */
import { internalsWith } from "../../../campaign/open_campaign.ts";
import { readCampaignWith } from "../../../campaign/jobs.ts";
import type { Lock } from "../../../campaign/journal/lock.ts";
import { CAMPAIGN_FORMATS } from "../../../campaign/report/formats.ts";
import { EXIT } from "../../../exit_codes.ts";
import { WITH_PROMPT } from "../own_flags.ts";
import { maskToken, readPlace } from "../place.ts";
import { publishCampaign } from "../publish.ts";
import { planNote } from "../../job/note.ts";
import type { VerbContext } from "../../verb.ts";

/** Does the work of `campaign report`. @returns The exit code. */
export async function report(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const place = readPlace(context, "campaign report");
  maskToken(context);
  const note = planNote(context);
  const prompts = new Set<string>();
  const onLock = ({ tasks }: Lock) => tasks.forEach(({ title, prompt }) => prompts.add(`${title}\n\n${prompt}`));
  const internals = internalsWith(place.internals, flags.has(WITH_PROMPT.name) ? { onLock } : {});
  const view = await readCampaignWith(place.path, place.options, internals);
  const options = { problem: null, isEnd: true, note, prompts: [...prompts] };
  const unwritten = await publishCampaign(context, place, view, options);
  const files = Object.values(CAMPAIGN_FORMATS).map(({ file }) => `${place.directory.replace(/\/+$/, "")}/${file}`)
    .filter((file) => !unwritten.includes(file));
  if (flags.has("json")) writer.json(writer.clean({ state: view.state, files }));
  else writer.out(...files.map((file) => writer.untrusted(`wrote ${file}`)));
  return unwritten.length === 0 ? EXIT.success : EXIT.usage;
}
