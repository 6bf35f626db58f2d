/**
 * Represents the content of a report as plain data. {@linkcode markdownOf} renders this data as Markdown, `lib/report/page.ts` as HTML, and
 * `lib/cli/log/terminal.ts` as lines of a terminal. Strings are trusted text. Untrusted text is in a {@linkcode Name}, a time, an address or a block
 * of code, which each renderer escapes.
 *
 * @module
 */
import { markdownBlock, markdownCode, markdownLink } from "./escape.ts";
import { cutText } from "./plain_text.ts";

export type Words = string | number | null | Name | Time | Link | Strong | readonly Words[];

/** Untrusted text, such as a name, an id or a reason. */
export interface Name {
  readonly name: string | null;
  /** Maximum length that is shown, in UTF-16 code units. @default {300} */
  readonly max?: number;
}

/** A time in ISO 8601, as the service sent it. */
interface Time {
  readonly time: string | null;
}

interface Link {
  readonly link: string;
  /** Trusted text. @default the address */
  readonly words?: string;
}

interface Strong {
  readonly strong: Words;
}

export type Fact = readonly [name: string, value: Words];

export type Block =
  | { readonly heading: Words; readonly level: 2 | 3 | 4 }
  | { readonly text: Words }
  | { readonly facts: readonly Fact[] }
  | { readonly table: string; readonly head: readonly string[]; readonly rows: readonly (readonly Words[])[] }
  | { readonly list: readonly Words[] }
  // Untrusted text, or a command to copy. Line breaks are kept.
  | { readonly code: string }
  | { readonly summary: string; readonly details: readonly Block[] };

export function sentence(words: Words): Words {
  const [first, ...rest] = Array.isArray(words) ? words as readonly Words[] : [words];
  return [
    typeof first === "string" ? first.replace(/^[a-z]/, (letter) => letter.toUpperCase()) : first ?? null,
    ...rest,
    ".",
  ];
}

export function joinWords(words: readonly Words[], between: string): Words {
  return words.flatMap((each, index) => index === 0 ? [each] : [between, each]);
}

/**
 * The result is untrusted if `words` contains a name, a time or a link.
 * @param show Escapes untrusted text for its destination.
 */
export function plainWords(words: Words, show: (text: string) => string = (text) => text): string {
  if (words === null) return "";
  if (typeof words !== "object") return String(words);
  if ("name" in words) return words.name === null ? "" : show(words.name);
  if ("time" in words) return words.time === null ? "" : show(words.time);
  if ("link" in words) return words.words ?? show(words.link);
  if ("strong" in words) return plainWords(words.strong, show);
  return words.map((each) => plainWords(each, show)).join("");
}

const MAX_NAME = 300;

/** Untrusted text becomes code. Renderers do not look for links, images, HTML, mentions or quick actions inside code. */
export function markdownWords(words: Words): string {
  if (words === null) return "";
  if (typeof words !== "object") return String(words);
  if ("name" in words) return words.name === null ? "" : markdownCode(cutText(words.name, words.max ?? MAX_NAME));
  if ("time" in words) return words.time === null ? "" : markdownCode(cutText(words.time, MAX_NAME));
  if ("link" in words) return markdownLink(words.link, words.words);
  if ("strong" in words) return `**${markdownWords(words.strong)}**`;
  return words.map(markdownWords).join("");
}

export function markdownOf(blocks: readonly Block[]): string {
  return blocks.map(markdownBlockOf).join("\n\n");
}

function markdownBlockOf(block: Block): string {
  if ("heading" in block) return `${"#".repeat(block.level)} ${markdownWords(block.heading)}`;
  if ("text" in block) return markdownWords(block.text);
  if ("facts" in block) {
    const rows = block.facts.map(([name, value]) => [name, markdownWords(value)]).filter(([, value]) => value !== "");
    return markdownTable(["Fact", "Value"], rows);
  }
  if ("table" in block) {
    return `### ${block.table}\n\n${markdownTable(block.head, block.rows.map((row) => row.map(markdownWords)))}`;
  }
  if ("list" in block) return block.list.map((item) => `- ${markdownWords(item)}`).join("\n");
  if ("code" in block) return markdownBlock(block.code);
  // Forges and CI systems render both elements. Markdown inside them needs the empty lines.
  return `<details><summary>${block.summary}</summary>\n\n${markdownOf(block.details)}\n\n</details>`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
