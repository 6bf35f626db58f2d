/**
 * The template of pages and their building blocks. Texts that they get are shown as texts.
 *
 * @module
 */
import { html } from "hono/html";
import type { PlatformLinks } from "../platforms/platform.ts";
import { cutText } from "../text/plain_text.ts";
import { webUrl } from "../text/escape/url.ts";

/** Markup that {@linkcode markup} made. It is a String object, so the compiler does not take it for a text. */
export interface Html {
  /** By this, the template knows its own markup. */
  readonly isEscaped: true;
  /** The markup as a text. */
  toString(): string;
}

/** What can stand in {@linkcode markup}: null, undefined and false are left out, and lists are joined. */
export type Part = Html | string | number | null | undefined | false | readonly Part[];

/**
 * Markup from a template literal: the literal is taken as it is, values are escaped. A value may stand in content and in attributes in
 * quotes, not in scripts, styles, names, and addresses that were not checked.
 *
 * It is `html` of hono with fewer types: given a promise, that would make a promise, and given an object, `[object Object]`. The name is
 * another one since `deno fmt` lays out templates with the tag `html`, which adds blanks to texts and breaks parts of tags.
 */
export const markup = html as (strings: TemplateStringsArray, ...values: readonly Part[]) => Html;

/** How something is, in colour: the words beside it say the same. */
export type Tone = "good" | "bad" | "wait" | "none";

// Longer than names that forges permit.
const MAX_NAME = 500;
const MAX_BLOCK = 50_000;

/** A link. An address that must not be one is shown as text. @param text What is shown. @default the address */
export function link(address: string, text: Part = address): Html {
  const url = webUrl(address);
  if (url === undefined) return markup`<bdi>${text}</bdi>`;
  return markup`<a href="${url}" rel="noopener noreferrer"><bdi>${text}</bdi></a>`;
}

/** Links to the pages of the job on its CI system, as rows of {@linkcode facts}. */
export function jobLinks({ job, pipeline, commit }: PlatformLinks): (readonly [name: string, value: Part])[] {
  const rows = [["CI job", job], ["CI pipeline", pipeline], ["CI commit", commit]] as const;
  return rows.map(([name, url]) => [name, url !== undefined && webUrl(url) !== undefined && link(url)]);
}

/** A name, an id or a branch, cut after 500 characters; null for null and for an empty text. */
export function code(text: string | null): Html | null {
  return text === null || text === "" ? null : markup`<code><bdi>${cutText(text, MAX_NAME)}</bdi></code>`;
}

/** A text with its line breaks. @param max Most UTF-16 units that are shown. @default {50_000} */
export function block(text: string, max = MAX_BLOCK): Html {
  return markup`<pre dir="auto">${cutText(text, max)}</pre>`;
}

// What is read without opening anything.
const FIRST_LINES = 8;
const FIRST_TEXT = 1_000;

/** A text of which a long rest is folded. @param max Most UTF-16 units that are shown. @default {50_000} */
export function longBlock(text: string, max = MAX_BLOCK): Html {
  const first = text.split("\n", FIRST_LINES + 1).slice(0, FIRST_LINES).join("\n");
  const cut = first.length > FIRST_TEXT ? `${first.slice(0, FIRST_TEXT).replace(/[\ud800-\udbff]$/, "")} …` : first;
  if (cut.length >= text.length) return block(text);
  return markup`${block(`${cut}${cut === first ? "\n…" : ""}`)}${
    fold(`all of it (${text.length} characters)`, block(text, max))
  }`;
}

/** A time as `2026-12-01 14:05:09 UTC`; the text itself when it is no time, null for null. */
export function time(text: string | null): Html | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return code(text);
  const iso = new Date(ms).toISOString();
  return markup`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
}

/** Something that opens. */
export function fold(summary: Part, content: Part): Html {
  return markup`<details><summary>${summary}</summary>${content}</details>`;
}

/** Most UTF-16 units that stand on one line of a table. */
const MAX_LINE = 32;

/** A text in a list, where cells have one line; all of a long one at a click. Null for null and for an empty text. */
export function oneLine(text: string | null): Html | null {
  if (text === null || text === "") return null;
  const all = markup`<bdi>${cutText(text, MAX_BLOCK)}</bdi>`;
  if (text.length <= MAX_LINE) return all;
  return markup`<details class="clip"><summary>${all}</summary></details>`;
}

/** The beginning of an id, with all of it in its title; null for null. */
export function shortId(id: string | null): Html | null {
  return id === null ? null : markup`<code title="${cutText(id, MAX_NAME)}">${cutAtFirst(id)}</code>`;
}

/** What stands before the first hyphen of a UUID, or the text itself. */
function cutAtFirst(id: string): string {
  return /^[\da-f]{8}(?=-)/.exec(id)?.[0] ?? cutText(id, MAX_LINE);
}

/** A pull request by its number, as `#7`; by its address where that has none. */
export function pullLink(address: string): Html {
  return link(address, /\/(\d{1,9})\/?$/.exec(address)?.[1]?.replace(/^/, "#"));
}

/** A short word in a frame. */
export function chip(text: string, tone: Tone = "none"): Html {
  return markup`<span class="chip ${tone}">${cutText(text, MAX_NAME)}</span>`;
}

/** Names with their values. Rows whose value is null or empty are left out; null when none is left. */
export function facts(rows: readonly (readonly [name: string, value: Part])[]): Html | null {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  if (known.length === 0) return null;
  return markup`<dl class="facts">${known.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** Large numbers with what they count. */
export function numbers(rows: readonly (readonly [name: string, value: string | number, tone: Tone])[]): Html {
  return markup`<dl class="numbers">${
    rows.map(([name, value, tone]) =>
      markup`<div class="${tone === "none" ? "" : tone}"><dt>${name}</dt><dd>${value}</dd></div>`
    )
  }</dl>`;
}

/** A part of a page with its heading; null when it has no content. @param id Unique on the page. */
export function section(id: string, heading: Part, ...content: readonly Part[]): Html | null {
  if (content.every((part) => part === null || part === undefined || part === false)) return null;
  return markup`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>${content}</section>
`;
}

/** A cell: what is shown, and what it is sorted by, if that is something else. */
export type Cell = Part | { readonly show: Part; readonly value: string | number };

/** A column. */
export interface Column {
  /** Its heading. */
  readonly name: string;
  /** Whether it has numbers, which stand on the right. @default {false} */
  readonly number?: boolean;
  /** Whether a phone leaves it out. @default {false} */
  readonly extra?: boolean;
}

/** A row of {@linkcode table}. */
export interface TableRow {
  /** Its kind, for the filter. @default {undefined} (it has none) */
  readonly kind?: string | undefined;
  /** Its cells, one for each column. */
  readonly cells: readonly Cell[];
}

function classOf({ number = false, extra = false }: Column): Html | null {
  const names = [number && "number", extra && "extra"].filter(Boolean).join(" ");
  return names === "" ? null : markup` class="${names}"`;
}

function cellOf(cell: Cell, column: Column, isFirst: boolean): Html {
  const valued = typeof cell === "object" && cell !== null && "value" in cell ? cell : undefined;
  const value = valued === undefined ? null : markup` data-v="${valued.value}"`;
  const shown = valued === undefined ? cell as Part : valued.show;
  if (isFirst) {
    return markup`<th scope="row"${value}>${shown}</th>`;
  }
  return markup`<td${classOf(column)}${value}>${shown}</td>`;
}

/**
 * A table whose first cells name their rows. It scrolls sideways where it is too wide.
 *
 * @param caption What it has in it, for those who hear the page.
 * @param shown Whether the caption is to be seen, too: not where the heading says the same. @default {false}
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
  shown = false,
): Html {
  const head = columns.map((column) => markup`<th scope="col"${classOf(column)}>${column.name}</th>`);
  const body = rows.map(({ kind, cells }) =>
    markup`<tr${kind === undefined ? null : markup` data-k="${kind}"`}>${
      cells.map((cell, index) => cellOf(cell, columns[index] as Column, index === 0))
    }</tr>
`
  );
  const name = shown
    ? markup`<caption>${caption}</caption>`
    : markup`<caption><span class="hide">${caption}</span></caption>`;
  return markup`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>${name}
<thead><tr>${head}</tr></thead>
<tbody data-rows>${body}</tbody></table></div>`;
}

/** What a list can do where scripts run. */
export interface ListTools {
  /** Class of the list. */
  readonly name: string;
  /** What its rows are, in the plural. */
  readonly rows: string;
  /** Kinds of rows, with their numbers. */
  readonly kinds: readonly (readonly [kind: string, count: number])[];
  /** Whether it is a table that can be copied. @default {false} */
  readonly copy?: boolean;
}

/** A list with tools, which appear where scripts run. */
export function list({ name, rows, kinds, copy = false }: ListTools, content: Part): Html {
  return markup`<div class="${name}" data-list><div class="tools" hidden><input type="search" aria-label="search ${rows}" placeholder="search ${rows} ( / )"><select aria-label="kind of ${rows}"><option value="">all kinds</option>${
    kinds.map(([kind, count]) => markup`<option value="${kind}">${kind} (${count})</option>`)
  }</select>${
    copy && markup`<button type="button">copy as CSV</button>`
  }<output aria-live="polite"></output></div>${content}</div>`;
}
