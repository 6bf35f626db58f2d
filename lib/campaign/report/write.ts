/**
 * Writes the reports of a campaign. It sends no requests and throws no errors: a report that cannot be written changes no verdict.
 *
 * @module
 */
import type { PlatformFiles } from "../../platforms/platform.ts";
import { appendOutputs, collectProblems, type ReportProblem } from "../../report/append.ts";
import type { ReportIo } from "../../report/targets.ts";
import { plainText } from "../../text/plain_text.ts";
import type { Redact } from "../../result/clean.ts";
import type { CampaignView } from "../view.ts";
import { cleanCampaign, cleanCommand, cleanProblem } from "./clean.ts";
import { CAMPAIGN_FORMAT_NAMES, CAMPAIGN_FORMATS, type CampaignFormat, type CampaignFormatName } from "./formats.ts";
import { type CampaignMarkdownOptions, renderCampaignMarkdown } from "./markdown.ts";
import { renderCampaignDotenv, renderCampaignGithubOutputs } from "./outputs.ts";

/** Options of {@linkcode writeCampaignReports}. */
export interface WriteCampaignOptions extends Omit<CampaignMarkdownOptions, "mayLink"> {
  /** Which reports to write. @default all */
  formats?: readonly CampaignFormatName[] | undefined;
  /** Files of the CI system to append outputs and summary to. @default {} */
  files?: PlatformFiles | undefined;
  /** Removes our own token from the finished text. @default {no change} */
  redactToken?: Redact | undefined;
}

/**
 * Writes reports into the campaign's directory, and appends outputs and summary to the files of the CI system.
 *
 * @param view Not yet cleaned.
 * @param directory Path of the directory, with `/`.
 * @param redact Removes secrets from one text, before it is escaped.
 * @returns The reports that could not be written; all others are.
 */
export function writeCampaignReports(
  view: CampaignView,
  directory: string,
  io: ReportIo,
  redact: Redact,
  options: WriteCampaignOptions = {},
): ReportProblem[] {
  const { formats = CAMPAIGN_FORMAT_NAMES, files = {}, redactToken = (text: string) => text } = options;
  const { problems, attempt } = collectProblems();
  const clean = cleanCampaign(view, redact, redactToken);
  const { command, problem, links, prompts = [] } = options;
  const forPeople: CampaignMarkdownOptions = {
    command: command === undefined ? undefined : cleanCommand(command, redact),
    problem: cleanProblem(problem, redact),
    links,
    prompts: prompts.map((prompt) => redact(plainText(prompt))),
  };
  for (const name of formats) {
    const { file, render }: CampaignFormat = CAMPAIGN_FORMATS[name];
    const path = `${directory.replace(/\/+$/, "")}/${file}`;
    attempt(name, path, () => io.writeFile(path, redactToken(render(clean, forPeople))));
  }
  const texts = {
    outputs: () => renderCampaignGithubOutputs(clean),
    variables: () => renderCampaignDotenv(clean),
  };
  appendOutputs(texts, files, io, attempt, redactToken);
  const { summary } = files;
  if (summary !== undefined) {
    const text = () => `\n${redactToken(renderCampaignMarkdown(clean, forPeople))}`;
    attempt("github-summary", summary, () => io.appendFile(summary, text()));
  }
  return problems;
}
