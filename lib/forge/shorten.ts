/**
 * Untrusted text in a summary must stay code, so only text inside code blocks is cut. All other text is kept or removed line by line.
 *
 * @module
 */
import { markdownBlock } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";

/** Maximum lengths of each code block, in UTF-16 code units. The first length that makes the summary fit is used. */
const BLOCK_SIZES = [20_000, 2_000, 500];

type Part = string | { code: string };

/** Counts characters as the strictest system does: code points, and two for a line break. */
function lengthOf(text: string): number {
  return [...text].length + text.split("\n").length;
}

function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let block: { end: string; lines: string[] } | undefined;
  for (const line of text.split("\n")) {
    const fence = /^ (`{3,})text$/.exec(line)?.[1];
    if (block === undefined && fence !== undefined) block = { end: ` ${fence}`, lines: [] };
    else if (block === undefined) parts.push(line);
    else if (line !== block.end) block.lines.push(line.slice(1));
    else {
      parts.push({ code: block.lines.join("\n") });
      block = undefined;
    }
  }
  return parts;
}

function firstOf(texts: readonly string[], limit: number): string[] {
  let budget = limit;
  const end = texts.findIndex((text) => (budget -= lengthOf(text) + 1) < 0);
  return [...texts.slice(0, end), "", "…", ""];
}

/**
 * @param text Markdown in which untrusted text is always code, either in blocks of `markdownBlock` or in spans that end on their line.
 * @param limit Maximum number of characters, where a line break counts twice. The line with `…` is not included.
 */
export function shortenMarkdown(text: string, limit: number): string {
  if (lengthOf(text) <= limit) return text;
  const parts = partsOf(text);
  let texts: string[] = [];
  for (const size of BLOCK_SIZES) {
    texts = parts.map((part) => typeof part === "string" ? part : markdownBlock(cutText(part.code, size)));
    const short = texts.join("\n");
    if (lengthOf(short) <= limit) return short;
  }
  return firstOf(texts, limit).join("\n");
}
