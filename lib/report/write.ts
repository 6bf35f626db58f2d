/**
 * Writes reports. It sends no requests and throws no errors: the caller decides what a report that cannot be written means.
 *
 * @module
 */
import type { PlatformFiles, PlatformLinks } from "../platforms/platform.ts";
import type { Earlier } from "../history/compare.ts";
import { plainText } from "../text/plain_text.ts";
import { cleanResult, type Redact } from "../result/clean.ts";
import { REPORT_FORMATS, type ReportFormat, type ReportFormatName } from "./formats.ts";
import { renderAnnotations } from "./annotations.ts";
import { type MarkdownOptions, renderMarkdown } from "./markdown.ts";
import { renderRunPage, type RunPageOptions, type Setting } from "../pages/run_page.ts";
import { type Outputs, outputsOf, renderGithubOutputs, renderOutputsEnv } from "./outputs.ts";
import type { AnyResult } from "../result/any_result.ts";
import { appendOutputs, collectProblems, type OutputTexts, type ReportProblem } from "./append.ts";
import { type ReportLinks, withPageLink } from "./page_link.ts";
import { pagePath, type ReportIo, type ReportTarget } from "./targets.ts";

/** Options of {@linkcode writeReports}. */
export interface WriteReportsOptions {
  /** Files of the CI system to append to. @default {} */
  files?: PlatformFiles | undefined;
  /** Pages of the job on its CI system. @default {} */
  links?: PlatformLinks | undefined;
  /** Settings of the job, for the page; not yet cleaned. @default {[]} */
  settings?: readonly Setting[] | undefined;
  /** The program as it was called, for commands to copy; not yet cleaned. @default {"mogplex-ci"} */
  program?: string | undefined;
  /** The runs before; absent without a history. @default {undefined} */
  earlier?: Earlier | undefined;
  /** Removes our own token from the finished text, keys of JSON included. @default {no change} */
  redactToken?: Redact | undefined;
}

/** What the reports for people need beside the result. */
type Surroundings = MarkdownOptions & RunPageOptions & { links: ReportLinks };

/** Renders one report. Those for people have a place for links. */
function render(format: ReportFormatName, result: AnyResult, around: Surroundings): string {
  if (format === "markdown") return renderMarkdown(result, around);
  if (format === "annotations") return renderAnnotations(result, around.links);
  if (format === "html") return renderRunPage(result, around);
  const { render }: ReportFormat = REPORT_FORMATS[format];
  return render(result, around.redact);
}

function textsOf(values: Outputs): OutputTexts {
  return { outputs: () => renderGithubOutputs(values), variables: () => renderOutputsEnv(values) };
}

/**
 * Publishes the id of a run or an automation run as soon as there is one, so that a clean-up step finds it even if this process
 * is killed: GitHub output `run_id`, and `MOGPLEX_RUN_ID` in the dotenv report. The file of pipeline variables gets it at the end
 * only: CI systems do not document what they do with a name that occurs twice.
 *
 * @param targets All targets; only `dotenv` is written.
 */
export function writeRunId(
  runId: string,
  targets: readonly ReportTarget[],
  io: ReportIo,
  options: WriteReportsOptions = {},
): ReportProblem[] {
  const { files: { outputs } = {}, redactToken = (text: string) => text } = options;
  const { problems, attempt } = collectProblems();
  const values = { run_id: redactToken(runId) };
  appendOutputs(textsOf(values), { outputs }, io, attempt, redactToken);
  for (const { format, path } of targets) {
    if (format === "dotenv") {
      attempt(format, path, () => io.writeFile(path, renderOutputsEnv(values)));
    }
  }
  return problems;
}

/**
 * Writes all reports, and appends outputs and summary to the files of the CI system.
 *
 * @param result Of a run or an automation run; not yet cleaned.
 * @param redact Removes secrets from one text, before it is escaped.
 * @returns The reports that could not be written; all others are.
 */
export function writeReports(
  result: AnyResult,
  targets: readonly ReportTarget[],
  io: ReportIo,
  redact: Redact,
  options: WriteReportsOptions = {},
): ReportProblem[] {
  const { files = {}, redactToken = (text: string) => text } = options;
  const links = withPageLink(options.links ?? {}, pagePath(targets));
  const { summary } = files;
  const { problems, attempt } = collectProblems();
  const settings = (options.settings ?? []).map((each) => ({ ...each, value: redact(plainText(each.value)) }));
  const clean = cleanResult(result, redact, redactToken);
  const { earlier, program } = options;
  const around = {
    program: program === undefined ? undefined : redact(plainText(program)),
    links,
    redact,
    settings,
    earlier,
    compared: earlier?.sentence,
  };
  for (const { format, path } of targets) {
    attempt(format, path, () => io.writeFile(path, redactToken(render(format, clean, around))));
  }
  appendOutputs(textsOf(outputsOf(clean)), files, io, attempt, redactToken);
  if (summary !== undefined) {
    attempt(
      "github-summary",
      summary,
      () => io.appendFile(summary, `\n${redactToken(renderMarkdown(clean, around))}`),
    );
  }
  return problems;
}
