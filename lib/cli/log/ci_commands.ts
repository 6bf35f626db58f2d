/**
 * Commands in the log that tell the CI system the outputs, where the summary is, and a verdict other than success. For systems
 * that read files instead, `lib/report/write.ts` writes them. With `--json` there are no commands, since programs read stdout.
 *
 * @module
 */
import type { Io } from "../../io.ts";
import { cutText } from "../../text/plain_text.ts";
import type { AnnotationLevel, Platform } from "../../platforms/platform.ts";
import { type Outputs, outputsOf, outputVariables } from "../../report/outputs.ts";
import type { AnyResult } from "../../result/any_result.ts";
import type { AutomationOutcome } from "../../result/automation_result.ts";
import { headlineText } from "../../result/headline.ts";
import { viewOf } from "../../result/result_view.ts";
import type { Outcome } from "../../result/run_result.ts";
import type { ReportTarget } from "../../report/targets.ts";
import type { Writer } from "./writer.ts";
import { lookup } from "../../lookup.ts";

/** Most UTF-16 units of a reason in a command; the log and the reports have all of it. */
const MAX_ANNOTATION_TEXT = 1_000;

// Other ends are nobody's mistake: they are warnings.
const LEVELS: Partial<Record<Outcome | AutomationOutcome, AnnotationLevel>> = { failed: "error", error: "error" };

/**
 * Sets variables for later steps, on systems that read them from the log.
 *
 * @param variables Values by name; the values are results of `bareValue`.
 */
export function commandVariables(
  writer: Writer,
  platform: Platform,
  variables: Readonly<Record<string, string>>,
): void {
  if (platform.setOutput === undefined) return;
  for (const [name, value] of Object.entries(variables)) {
    // The id of the run is published at the start, and once more with everything else.
    writer.commandOnce(platform.setOutput(name, value));
  }
}

/** Sets the variables of outputs, on systems that read them from the log. */
export function commandOutputs(writer: Writer, platform: Platform, outputs: Outputs): void {
  commandVariables(writer, platform, outputVariables(outputs));
}

/** Shows a Markdown report on the page of the build, on systems that read its path from the log. */
export function commandSummary({ writer, io }: { writer: Writer; io: Io }, platform: Platform, path: string): void {
  const { showSummary } = platform;
  if (showSummary === undefined) return;
  try {
    const real = io.realPath(path);
    if (real !== undefined) writer.command(showSummary(real));
  } catch {
    // Deno without read permission. The file exists, but its real path is not known.
  }
}

/** Shows a verdict other than success on the page of the job, once. */
function commandVerdict(writer: Writer, platform: Platform, result: AnyResult): void {
  const view = viewOf(result);
  const { outcome, exitCode, runId, status, repository, kind: { noun }, verdict: { headline } } = view;
  // With the advice, which has no other place in the command.
  const { reason } = result;
  if (exitCode === 0 || platform.annotate === undefined) return;
  const run = runId === null ? `no ${noun}` : `${noun} ${runId}${status === null ? "" : ` (${status})`}`;
  const text = `${run}, exit code ${exitCode}${reason === null ? "" : `: ${cutText(reason, MAX_ANNOTATION_TEXT)}`}`;
  // An id says less than the general words.
  const title = repository === null ? headline : writer.untrusted(headlineText(view));
  writer.command(platform.annotate(lookup(LEVELS, outcome) ?? "warning", title, writer.untrusted(text)));
}

/**
 * Prints all commands that belong to a result.
 *
 * @param written Reports that were written.
 */
export function commandResult(
  { writer, io }: { writer: Writer; io: Io },
  platform: Platform,
  result: AnyResult,
  written: readonly ReportTarget[],
): void {
  // Redact before cutting: half a secret has no shape that could be found.
  const clean = writer.clean(result);
  commandOutputs(writer, platform, outputsOf(clean));
  const summary = written.find((target) => target.format === "markdown");
  if (summary !== undefined) commandSummary({ writer, io }, platform, summary.path);
  commandVerdict(writer, platform, clean);
}
