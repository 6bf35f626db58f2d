/**
 * Writing that never ends a job, and the files of the CI system that reports are appended to.
 *
 * @module
 */
import { errorSentence } from "../error_sentence.ts";
import type { PlatformFiles } from "../platforms/platform.ts";
import type { Redact } from "../result/clean.ts";
import { cannotWrite, type ReportIo } from "./targets.ts";

/** A report that could not be written. */
export interface ReportProblem {
  /** Format, `github-outputs`, `github-summary` or `pipeline-variables`. */
  format: string;
  /** Path of its file. */
  path: string;
  /** Message for the user. */
  message: string;
}

/** The problem with a report. @param error What writing it threw. */
export function problemOf(format: string, path: string, error: unknown): ReportProblem {
  return { format, path, message: errorSentence(cannotWrite(format, path, error)) };
}

/** Writes one report; a problem is kept, and the next report is written nevertheless. */
export type Attempt = (format: string, path: string, write: () => void) => void;

/** Attempts to write reports, and the problems with them so far. */
export function collectProblems(): { problems: ReportProblem[]; attempt: Attempt } {
  const problems: ReportProblem[] = [];
  return {
    problems,
    attempt(format, path, write) {
      try {
        write();
      } catch (error) {
        problems.push(problemOf(format, path, error));
      }
    },
  };
}

/** Whether the next text would continue the last line of a file, because a program before us did not end it. */
function isLineOpen(path: string, io: ReportIo): boolean {
  try {
    return /[^\n]$/.test(io.readFile(path) ?? "");
  } catch {
    // Deno without read permission. CI systems give each step an empty file, so the line is most likely not open.
    return false;
  }
}

/** Outputs in the forms that CI systems read. */
export interface OutputTexts {
  /** Records of GitHub's format. */
  outputs(): string;
  /** Lines `NAME=value`. */
  variables(): string;
}

/**
 * Appends outputs to the files that the CI system reads.
 *
 * @param redactToken Removes our own token from the finished text.
 */
export function appendOutputs(
  texts: OutputTexts,
  { outputs, variables }: PlatformFiles,
  io: ReportIo,
  attempt: Attempt,
  redactToken: Redact,
): void {
  function append(path: string, text: string): void {
    io.appendFile(path, `${isLineOpen(path, io) ? "\n" : ""}${redactToken(text)}`);
  }
  if (outputs !== undefined) attempt("github-outputs", outputs, () => append(outputs, texts.outputs()));
  if (variables !== undefined) attempt("pipeline-variables", variables, () => append(variables, texts.variables()));
}
