/**
 * A line that is safe in the log of a job, as a type: what prints takes nothing else, so printing untrusted text does not compile.
 *
 * A `SafeLine` is made where text is escaped (`escapeLogLine`, `Platform.escapeLine`, `Writer.untrusted`), or is our own text ({@linkcode own}).
 *
 * @module
 */

declare const safe: unique symbol;

/** See the top of this file. The methods change blanks at the end alone, so what they return is safe as well. */
export type SafeLine = {
  readonly [safe]: true;
  padEnd(length: number): SafeLine;
  trimEnd(): SafeLine;
} & string;

/**
 * A line of our own text: `` own`status: ${writer.untrusted(status)}` ``. The compiler takes no other text into it. Two parts must not
 * stand side by side: the end of one and the beginning of the next could make a command.
 */
export function own(text: TemplateStringsArray, ...parts: readonly (SafeLine | number)[]): SafeLine {
  return String.raw({ raw: text }, ...parts) as SafeLine;
}

/** Lines as one. @param between What stands between two of them. */
export function joinLines(lines: readonly SafeLine[], between: " " | "  " | ", "): SafeLine {
  return lines.join(between) as SafeLine;
}
