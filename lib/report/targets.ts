/**
 * Where reports go: `--report FORMAT[=PATH]`, and the check before anything starts.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import { REPORT_FORMATS, type ReportFormatName } from "./formats.ts";

/** One report and its file. */
export interface ReportTarget {
  /** Format. */
  format: ReportFormatName;
  /** Path of its file, with `/`. */
  path: string;
}

/** What reports need of the world. */
export type ReportIo = Pick<Io, "writeFile" | "appendFile" | "removeFile">;

function pathIn(directory: string, file: string): string {
  return `${directory.replace(/\/+$/, "")}/${file}`;
}

function isFormat(name: string): name is ReportFormatName {
  return Object.hasOwn(REPORT_FORMATS, name);
}

/**
 * Reads the value of `--report`.
 *
 * @param text `FORMAT` or `FORMAT=PATH`.
 * @param directory Output directory, for a report without a path.
 * @throws {UsageError} if the format is not known or the path is empty.
 */
export function parseReportTarget(text: string, directory: string): ReportTarget {
  const cut = text.indexOf("=");
  const format = (cut < 0 ? text : text.slice(0, cut)).trim();
  if (!isFormat(format)) {
    const known = Object.keys(REPORT_FORMATS).join(", ");
    throw new UsageError(`Cannot write report as its format must be one of ${known}: "${format}"`);
  }
  const path = cut < 0 ? pathIn(directory, REPORT_FORMATS[format].file) : text.slice(cut + 1);
  if (path.trim() === "" || path === "-" || path.endsWith("/")) {
    throw new UsageError(`Cannot write report "${format}" as its path must name a file: "${path}"`);
  }
  return { format, path };
}

/** A path in the form in which two of them can be compared: without `./` and repeated slashes. */
export function plainPath(path: string): string {
  return path.replace(/^(\.\/+)+/, "").replace(/\/(\.?\/)+/g, "/");
}

/** All reports in their usual places. */
export function defaultTargets(directory: string): ReportTarget[] {
  return (Object.keys(REPORT_FORMATS) as ReportFormatName[])
    .map((format) => ({ format, path: pathIn(directory, REPORT_FORMATS[format].file) }));
}

/** Text of what went wrong with a file. */
export function fileProblem(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Proves that every report can be written, and removes what an earlier job left in its place, so that nobody takes an old
 * report for this run's.
 *
 * @throws {UsageError} if a file cannot be written, is reached through a symbolic link, or is named twice.
 */
export function checkTargets(targets: readonly ReportTarget[], io: ReportIo): void {
  const seen = new Map<string, string>();
  for (const { format, path } of targets) {
    const name = plainPath(path);
    const other = seen.get(name);
    if (other !== undefined) {
      throw new UsageError(`Cannot write report "${format}" as report "${other}" goes to the same file: "${path}"`);
    }
    seen.set(name, format);
    try {
      io.writeFile(path, "");
      io.removeFile(path);
    } catch (error) {
      throw new UsageError(`Cannot write report "${format}" to "${path}": ${fileProblem(error)}`, { cause: error });
    }
  }
}
