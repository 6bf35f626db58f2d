/**
 * `report()`, `renderReport()` and `maskResult()`: what scripts make of a result.
 *
 * @module
 */
import { checkOptions, type Keys } from "../api/option_check.ts";
import { UsageError } from "../errors.ts";
import { detectPlatform } from "../platforms/detect.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import { cleanResult } from "../result/clean.ts";
import type { RunResult } from "../result/run_result.ts";
import type { ReportFormatName } from "../report/formats.ts";
import { parseReportTarget, type ReportTarget } from "../report/targets.ts";
import { writeReports } from "../report/write.ts";
import { processIo } from "../io.ts";
import { environmentVariable } from "../runtime.ts";
import { type LogTextOptions, scriptRedactor } from "./masking.ts";

/** Options of {@linkcode report}: which secrets to mask. */
export interface ReportOptions extends LogTextOptions {}

/** The names and types of {@linkcode ReportOptions}. */
function reportKeys(): Keys<ReportOptions> {
  return { token: "string", env: "function", secrets: "any" };
}

/** Refuses a misspelt key, an unknown format, and a path that names no file. */
function checkTarget(target: ReportTarget): void {
  checkOptions("write report", target, { format: "string", path: "string" } satisfies Keys<ReportTarget>, "targets");
  parseReportTarget(`${target.format}=${target.path ?? ""}`, ".");
}

/**
 * A copy of a result with secrets masked and without invisible characters in any text: what may be stored and shown. Its texts are still
 * those of an agent: escape them for the place that shows them.
 *
 * @param result What {@linkcode run} or {@linkcode runAutomation} returned, or the `result` of an error.
 * @param options Which secrets to mask.
 * @example Store a result
 * ```ts ignore
 * await database.insert(maskResult(await run(request)));
 * ```
 */
export function maskResult<R extends RunResult | AutomationResult>(result: R, options: ReportOptions = {}): R {
  checkOptions("mask result", options, reportKeys());
  const redact = scriptRedactor(options);
  return cleanResult(result, redact, redact.token);
}

/**
 * Renders one report as {@linkcode report} writes it, secrets masked, without writing it.
 *
 * @param result What {@linkcode run} or {@linkcode runAutomation} returned, or the `result` of an error.
 * @param format Name of the format, such as `markdown` or `json`.
 * @param options Which secrets to mask.
 * @throws {UsageError} for an unknown format.
 * @example A comment on a pull request
 * ```ts ignore
 * await comment(renderReport(result, "markdown"));
 * ```
 */
export function renderReport(
  result: RunResult | AutomationResult,
  format: ReportFormatName,
  options: ReportOptions = {},
): string {
  checkOptions("render report", options, reportKeys());
  const { env = environmentVariable } = options;
  const redact = scriptRedactor(options);
  let text: string | undefined;
  const keep = { writeFile: (_path: string, content: string) => void (text = content) };
  const io = { ...keep, readFile: () => undefined, appendFile() {}, removeFile() {} };
  const target = parseReportTarget(`${format}=report`, ".");
  const more = { links: detectPlatform(env).links(env), redactToken: redact.token };
  const [problem] = writeReports(result, [target], io, redact, more);
  if (problem !== undefined || text === undefined) throw new UsageError(problem?.message ?? "Cannot render report");
  return text;
}

/**
 * Writes reports about a run or an automation run, without any request. Replaces whole files, and creates missing directories.
 *
 * @param result What {@linkcode run} or {@linkcode runAutomation} returned, or the `result` of the error that they threw.
 * @param targets Formats and files.
 * @throws {UsageError} for an unknown format or key, before anything is written; when a report cannot be written, after all others are.
 * @example Write a summary
 * ```ts ignore
 * await report(result, [{ format: "markdown", path: "summary.md" }, { format: "json", path: "result.json" }]);
 * ```
 */
// deno-lint-ignore require-await
export async function report(
  result: RunResult | AutomationResult,
  targets: readonly ReportTarget[],
  options: ReportOptions = {},
): Promise<void> {
  checkOptions("write report", options, reportKeys());
  for (const target of targets) checkTarget(target);
  const { env = environmentVariable } = options;
  const io = processIo();
  const redact = scriptRedactor(options, io.readFile);
  const problems = writeReports(result, targets, io, redact, {
    links: detectPlatform(env).links(env),
    redactToken: redact.token,
  });
  if (problems.length > 0) throw new UsageError(problems.map((problem) => problem.message).join("; "));
}
