/**
 * Defines the type of a line that is safe in the log of a job. Printing functions accept only this type, so code that prints untrusted text does not
 * compile. A `SafeLine` is the result of an escape function (`escapeLogLine`, `Platform.escapeLine`, `Writer.untrusted`), or trusted text ({@linkcode
 * own}).
 *
 * @module
 */

declare const safe: unique symbol;

/** These methods change only spaces at the end of a line, so their results are safe as well. */
export type SafeLine = {
  readonly [safe]: true;
  padEnd(length: number): SafeLine;
  trimEnd(): SafeLine;
} & string;

/**
 * Creates a line of trusted text: `` own`status: ${writer.untrusted(status)}` ``. The compiler accepts only safe lines and numbers as parts. Two
 * parts must not be adjacent, because the end of one part and the beginning of the next part could form a command.
 */
export function own(text: TemplateStringsArray, ...parts: readonly (SafeLine | number)[]): SafeLine {
  return String.raw({ raw: text }, ...parts) as SafeLine;
}

export function joinLines(lines: readonly SafeLine[], between: " " | "  " | ", "): SafeLine {
  return lines.join(between) as SafeLine;
}
