/**
 * Makes a campaign known: reports in its directory, outputs, annotations and the note on a merge request.
 *
 * @module
 */
import { cleanCampaign } from "../../campaign/report/clean.ts";
import { CAMPAIGN_FORMATS } from "../../campaign/report/formats.ts";
import { renderCampaignMarkdown } from "../../campaign/report/markdown.ts";
import { writeCampaignReports } from "../../campaign/report/write.ts";
import type { CampaignView } from "../../campaign/view.ts";
import type { VerbContext } from "../verb.ts";
import { writeTextNote } from "../job/note.ts";
import type { NotePlan } from "../job/note.ts";
import { commandCampaign } from "./ci_commands.ts";
import type { CampaignPlace } from "./place.ts";

/** What to publish beside the reports. */
export interface PublishOptions {
  /** Message of the error that stopped the step; null for none. */
  problem: string | null;
  /** Whether this is the end of the command: outputs, summary, annotations and note are written then. */
  isEnd: boolean;
  /** The note that was planned. */
  note: NotePlan;
  /** Tasks that the page shows. @default {[]} */
  prompts?: readonly string[];
  /** Messages that were printed before, and are not printed again. @default {new Set()} */
  known?: Set<string>;
}

/**
 * Publishes a view. What cannot be written is one line on stderr, and changes no verdict.
 *
 * @returns Paths of the reports that could not be written.
 */
export async function publishCampaign(
  context: VerbContext,
  { directory, command }: CampaignPlace,
  view: CampaignView,
  { problem, isEnd, note, prompts = [], known = new Set() }: PublishOptions,
): Promise<string[]> {
  const { io, writer, platform, flags } = context;
  const links = platform.links(io.env);
  const redactToken = (text: string) => writer.redact.token(text);
  const problems = writeCampaignReports(view, directory, io, writer.redact, {
    files: isEnd ? platform.files(io.env) : {},
    links,
    redactToken,
    command,
    problem,
    prompts,
  });
  for (const { message } of problems) {
    if (!known.has(message)) writer.error(message);
    known.add(message);
  }
  const unwritten = problems.map(({ path }) => path);
  if (!isEnd) return unwritten;
  const summary = `${directory.replace(/\/+$/, "")}/${CAMPAIGN_FORMATS.markdown.file}`;
  if (!flags.has("json")) {
    const isWritten = !unwritten.includes(summary);
    commandCampaign(context, platform, view, isWritten ? summary : null);
  }
  await writeTextNote(context, note, (mayLink) => {
    const clean = cleanCampaign(view, writer.redact, redactToken);
    return renderCampaignMarkdown(clean, { command, problem, links, mayLink });
  });
  return unwritten;
}
