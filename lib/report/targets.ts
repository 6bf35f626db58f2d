/**
 * The files that reports go to: reads `--report FORMAT[=PATH]`, and checks the files before anything is started.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { type ErrorParts, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import { REPORT_FORMATS, type ReportFormatName } from "./formats.ts";

/** A report and its file. */
export interface ReportTarget {
  /** Name of the format: a key of `REPORT_FORMATS`. */
  format: ReportFormatName;
  /** Path of its file, with `/`. */
  path: string;
}

/** The file operations that reports need. */
export type ReportIo = Pick<Io, "readFile" | "writeFile" | "appendFile" | "removeFile">;

function pathIn(directory: string, file: string): string {
  return `${directory.replace(/\/+$/, "")}/${file}`;
}

function isFormat(name: string): name is ReportFormatName {
  return Object.hasOwn(REPORT_FORMATS, name);
}

/**
 * Parses a value of `--report`.
 *
 * @param text `FORMAT` or `FORMAT=PATH`.
 * @param directory Output directory, for a value without a path.
 * @throws {UsageError} if the format is unknown or the path is empty.
 */
export function parseReportTarget(text: string, directory: string): ReportTarget {
  const cut = text.indexOf("=");
  const format = (cut < 0 ? text : text.slice(0, cut)).trim();
  if (!isFormat(format)) {
    const known = Object.keys(REPORT_FORMATS).join(", ");
    throw new UsageError({
      attempted: "write report",
      why: `its format must be one of ${known}`,
      value: JSON.stringify(format),
    });
  }
  const path = cut < 0 ? pathIn(directory, REPORT_FORMATS[format].file) : text.slice(cut + 1);
  if (path.trim() === "" || path === "-" || path.endsWith("/")) {
    throw new UsageError({
      attempted: `write report "${format}"`,
      why: "its path must name a file",
      value: JSON.stringify(path),
    });
  }
  return { format, path };
}

/** A path without `./` and repeated slashes, so that it can be compared with another one. */
export function plainPath(path: string): string {
  return path.replace(/^(\.\/+)+/, "").replace(/\/(\.?\/)+/g, "/");
}

/** Path of the page among these reports, without `./`; undefined when there is none. */
export function pagePath(targets: readonly ReportTarget[]): string | undefined {
  const found = targets.find(({ format }) => format === "html");
  return found && plainPath(found.path);
}

/** Every report, under its usual name in the directory. */
export function defaultTargets(directory: string): ReportTarget[] {
  return (Object.keys(REPORT_FORMATS) as ReportFormatName[])
    .map((format) => ({ format, path: pathIn(directory, REPORT_FORMATS[format].file) }));
}

/** The parts of the message about a report that cannot be written. @param error What writing it threw. */
export function cannotWrite(report: string, path: string, error: unknown): ErrorParts {
  return { attempted: `write report "${report}" to "${path}"`, why: messageOf(error) };
}

/**
 * Checks that every report can be written, and removes the reports of an earlier job, so that they are not mistaken for those of
 * this run.
 *
 * @throws {UsageError} if a file cannot be written, is behind a symbolic link, or is named twice.
 */
export function checkTargets(targets: readonly ReportTarget[], io: ReportIo): void {
  const seen = new Map<string, string>();
  for (const { format, path } of targets) {
    const name = plainPath(path);
    const other = seen.get(name);
    if (other !== undefined) {
      const why = `report "${other}" goes to the same file`;
      throw new UsageError({ attempted: `write report "${format}"`, why, value: JSON.stringify(path) });
    }
    seen.set(name, format);
    try {
      io.writeFile(path, "");
      io.removeFile(path);
    } catch (error) {
      throw new UsageError(cannotWrite(format, path, error), { cause: error });
    }
  }
}
