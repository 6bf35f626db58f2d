/**
 * JSON that is safe to show on a terminal and in a log.
 *
 * @module
 */

/**
 * JSON in which every invisible character is written as `\uXXXX`, so that it is harmless on a terminal: `JSON.stringify`
 * does not escape C1 control characters, direction overrides and zero-width characters.
 *
 * @param value Any value that `JSON.stringify` takes.
 * @param indent Blanks for each level; 0 gives one line. @default {0}
 */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\x7f-\x9f\u2028\u2029\ufff9-\ufffb\p{Default_Ignorable_Code_Point}]/gu,
    (char) => char.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/**
 * A value as one line of JSON that is inert on a terminal and in the log of every CI system. Parsing it gives the same value.
 */
export function jsonLine(value: unknown): string {
  return jsonText(value)
    // GitHub, Azure and TeamCity look for `##[` and `##vso[` anywhere in a line, GitLab for `section_start:`.
    .replace(/#(?=#)/g, "\\u0023")
    .replace(/(section_(?:start|end)|travis_(?:fold|time)):/gi, "$1\\u003a");
}
