/**
 * `report()`: writes the reports of a run from a script.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import type { RunResult } from "../result/run_result.ts";
import type { ReportTarget } from "../report/targets.ts";
import { writeReports } from "../report/write.ts";
import { processIo } from "../io.ts";
import { environmentVariable } from "../runtime.ts";
import { type LogTextOptions, scriptRedactor } from "./masking.ts";

/** Options of {@linkcode report}: which secrets to mask. */
export interface ReportOptions extends LogTextOptions {}

/**
 * Writes reports about a run or an automation run, without any request. Replaces whole files, and creates missing directories.
 *
 * @param result What {@linkcode run} or {@linkcode runAutomation} returned, or the `result` of the error that they threw.
 * @param targets Formats and files.
 * @throws {UsageError} when a report cannot be written; all others are written.
 * @example Write a summary
 * ```ts ignore
 * await report(result, [{ format: "markdown", path: "summary.md" }, { format: "json", path: "result.json" }]);
 * ```
 */
export async function report(
  result: RunResult | AutomationResult,
  targets: readonly ReportTarget[],
  options: ReportOptions = {},
): Promise<void> {
  const { env = environmentVariable } = options;
  const io = await processIo();
  const redact = scriptRedactor(options, io.readFile);
  const problems = writeReports(result, targets, io, redact, {
    links: detectPlatform(env).links(env),
    redactToken: redact.token,
  });
  if (problems.length > 0) throw new UsageError(problems.map((problem) => problem.message).join("; "));
}
