/**
 * JSON that is safe to show.
 *
 * @module
 */

/**
 * JSON in which everything invisible is written as `\uXXXX`, so that it does no harm on a terminal; `JSON.stringify` leaves
 * C1 control characters, direction overrides and zero-width characters as they are. On one line unless `indent` is given.
 *
 * @param value What `JSON.stringify` takes.
 * @param indent Blanks a level. @default {0}
 */
export function jsonText(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(
    /[\x7f-\x9f\u2028\u2029\ufff9-\ufffb\p{Default_Ignorable_Code_Point}]/gu,
    (char) => char.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/**
 * A value as one line of JSON that is inert on a terminal and in every log that is searched for commands; its parsed form is
 * the value.
 */
export function jsonLine(value: unknown): string {
  return jsonText(value)
    // GitHub, Azure and TeamCity look for `##[` and `##vso[` anywhere in a line, GitLab for `section_start:`.
    .replace(/#(?=#)/g, "\\u0023")
    .replace(/(section_(?:start|end)|travis_(?:fold|time)):/gi, "$1\\u003a");
}
