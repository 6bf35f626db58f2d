/**
 * What the CI system is told by commands in the log: outputs, where the summary is, and a verdict that is no success. Where
 * it reads files instead, reports are written there (`lib/report/write.ts`). With `--json` there are no commands: stdout is
 * for programs then.
 *
 * @module
 */
import type { Io } from "../../io.ts";
import { cutText } from "../../text/plain_text.ts";
import type { AnnotationLevel, Platform } from "../../platforms/platform.ts";
import { type Outputs, outputsOf, outputVariables } from "../../report/outputs.ts";
import type { Outcome, RunResult } from "../../result/run_result.ts";
import type { ReportTarget } from "../../report/targets.ts";
import { OUTCOMES } from "../../result/words.ts";
import type { Writer } from "./writer.ts";

/** Most UTF-16 units of a reason beside the log; the log and the reports have all of it. */
const MAX_REASON = 1_000;

// Other ends are nobody's mistake.
const LEVELS: Partial<Record<Outcome, AnnotationLevel>> = { failed: "error", error: "error" };

/** Sets variables for later steps, where the system takes them from the log. */
export function commandOutputs(writer: Writer, platform: Platform, outputs: Outputs): void {
  if (platform.setOutput === undefined) return;
  for (const [name, value] of Object.entries(outputVariables(outputs))) {
    writer.command(platform.setOutput(name, value));
  }
}

/** Shows the Markdown report on the page of the build, where the system takes its path from the log. */
function commandSummary(writer: Writer, platform: Platform, written: readonly ReportTarget[], io: Io): void {
  const { showSummary } = platform;
  const summary = written.find((target) => target.format === "markdown");
  if (showSummary === undefined || summary === undefined) return;
  try {
    const path = io.realPath(summary.path);
    if (path !== undefined) writer.command(showSummary(path));
  } catch {
    // Deno without permission to look: the file is there all the same.
  }
}

/** Shows a verdict that is no success beside the log, once. */
function commandVerdict(writer: Writer, platform: Platform, result: RunResult): void {
  const { outcome, exitCode, runId, status, reason } = result;
  if (exitCode === 0 || platform.annotate === undefined) return;
  const run = runId === null ? "no run" : `run ${runId}${status === null ? "" : ` (${status})`}`;
  const text = `${run}, exit code ${exitCode}${reason === null ? "" : `: ${cutText(reason, MAX_REASON)}`}`;
  writer.command(platform.annotate(LEVELS[outcome] ?? "warning", OUTCOMES[outcome].words, writer.untrusted(text)));
}

/**
 * Gives all commands that belong to a result.
 *
 * @param written Reports that were written.
 */
export function commandResult(
  { writer, io }: { writer: Writer; io: Io },
  platform: Platform,
  result: RunResult,
  written: readonly ReportTarget[],
): void {
  // Redaction comes before cutting: half a secret has no shape any more.
  const clean = writer.clean(result);
  commandOutputs(writer, platform, outputsOf(clean));
  commandSummary(writer, platform, written, io);
  commandVerdict(writer, platform, clean);
}
