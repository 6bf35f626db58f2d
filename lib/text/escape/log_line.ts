/**
 * Makes a line of untrusted text inert in the log of a CI system: a visible blank breaks up each command that the system would
 * obey. Text should have passed `plainText`; a line that has not is safe as well.
 *
 * @module
 */

/** A syntax of commands that some CI systems read from the log. */
export type LogSyntax = "workflow" | "legacy" | "section" | "group";

const RULES: Record<LogSyntax, readonly [RegExp, string]> = {
  // GitHub skips blanks at the start, then looks for `::name …::`. Source: actions/runner, ActionCommand.TryParseV2.
  workflow: [/^\s*:(?=:)/, "$&\u0020"],
  // `##[name]` anywhere in the line: GitHub's old form (ActionCommand.TryParse) and Azure's formats. `##vso[` is Azure's and
  // `##teamcity[` TeamCity's command, both without regard to case on some versions.
  legacy: [/##(?=(?:vso|teamcity)?\[)/gi, "## "],
  // GitLab, `section_start:<unix>:<name>`; Travis, `travis_fold:start:<name>` and `travis_time:`.
  section: [/(?:section_(?:start|end)|travis_(?:fold|time))(?=:)/gi, "$& "],
  // Buildkite: a line that starts with one of four marks and a blank. Source: its documentation, "Managing log output".
  group: [/^(?:---|~~~|\+\+\+|\^\^\^)/, " $&"],
};

// Line breaks, and the two characters that start terminal sequences.
// deno-lint-ignore no-control-regex
const UNSAFE = /[\n\v\f\r\x1b\x85\x9b\u2028\u2029]/g;

/**
 * Makes one line inert. Pass the complete line: two harmless halves can make a command.
 *
 * @param line The line; each line break in it becomes a blank.
 * @param syntaxes Syntaxes that the system reads. @default all of them
 */
export function escapeLogLine(
  line: string,
  syntaxes: readonly LogSyntax[] = ["workflow", "legacy", "section", "group"],
): string {
  let safe = line.replace(UNSAFE, " ");
  for (const name of syntaxes) safe = safe.replace(RULES[name][0], RULES[name][1]);
  return safe;
}
