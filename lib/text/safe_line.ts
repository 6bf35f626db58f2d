/**
 * The type of a line that is safe in the log of a job. Printing functions accept no other text, so printing untrusted text does not compile.
 * A `SafeLine` comes from an escape (`escapeLogLine`, `Platform.escapeLine`, `Writer.untrusted`), or is trusted text ({@linkcode own}).
 * @module
 */

declare const safe: unique symbol;

/** The methods change only spaces at the end, so their results are safe as well. */
export type SafeLine = {
  readonly [safe]: true;
  padEnd(length: number): SafeLine;
  trimEnd(): SafeLine;
} & string;

/**
 * A line of trusted text: `` own`status: ${writer.untrusted(status)}` ``. The compiler accepts no other text in it. Two parts must not be
 * adjacent, because the end of one and the beginning of the next could form a command.
 */
export function own(text: TemplateStringsArray, ...parts: readonly (SafeLine | number)[]): SafeLine {
  return String.raw({ raw: text }, ...parts) as SafeLine;
}

export function joinLines(lines: readonly SafeLine[], between: " " | "  " | ", "): SafeLine {
  return lines.join(between) as SafeLine;
}
