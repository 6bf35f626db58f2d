/**
 * Untrusted text in Markdown: always as code, where no renderer looks for links, images, HTML, mentions or quick actions.
 *
 * @module
 */

/** Length of the longest run of backticks. */
function longestRun(text: string): number {
  let longest = 0;
  for (const run of text.match(/`+/g) ?? []) longest = Math.max(longest, run.length);
  return longest;
}

/**
 * Text as inline code, safe inside a table as well. Line breaks become blanks, and `|` becomes `│`, because renderers disagree
 * on how to escape it in a table.
 *
 * @param text Anything; a blank text gives an empty string.
 */
export function markdownCode(text: string): string {
  const line = text.replace(/\s+/g, " ").replaceAll("|", "│").trim();
  if (line === "") return "";
  const fence = "`".repeat(longestRun(line) + 1);
  const pad = /^`|`$/.test(line) ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/**
 * Text as a block of code, with a fence that is longer than any run of backticks in the text. Put it between empty lines, at
 * the left margin.
 *
 * Every line, the fences included, is indented by one blank, which renderers remove. GitLab looks for quick actions (`/close`
 * at the very start of a line) in the source, and its older versions end any block at the first line of three backticks: no
 * line of untrusted text may begin at the left margin.
 * Source: gitlabhq, lib/gitlab/quick_actions/extractor.rb: `^\/` both before and after it was taught Markdown.
 *
 * @param text Anything, with any number of lines.
 */
export function markdownBlock(text: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  const lines = text.split(/\r\n?|[\n\v\f\x85\u2028\u2029]/);
  return [`${fence}text`, ...lines, fence].map((line) => ` ${line}`).join("\n");
}

/**
 * A link.
 *
 * @param url Result of `webUrl`.
 * @param text Markdown of our own. @default the address, as code
 */
export function markdownLink(url: string, text = markdownCode(url)): string {
  // `&` could start a reference (`&colon;`); the others could end the destination or the cell of a table.
  const target = url.replace(/[^\w:/.~%@?=&#+,;-]/g, (char) => encodeURIComponent(char).replace(/^[^%]/, percent))
    .replaceAll("&", "&amp;");
  return `[${text}](<${target}>)`;
}

// For `!'()*`, which `encodeURIComponent` does not encode.
function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}
