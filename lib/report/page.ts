/**
 * A whole page: one file that requests nothing else, under a policy that permits no other style or script.
 * @module
 */
import { html, raw } from "hono/html";
import { sha256Base64 } from "../sha256.ts";
import type { Block, Words } from "../text/document.ts";
import { holdable, webUrl } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import { VERSION } from "../version.ts";
import { SCRIPT, STYLE } from "./assets.ts";

// The template of pages and their building blocks. Texts passed to them are shown as texts.

/** Markup made by {@linkcode markup}. It is a String object, so the compiler does not treat it as a text. */
export interface Html {
  /** Identifies the template's own markup. */
  readonly isEscaped: true;
  toString(): string;
}

/** A value in {@linkcode markup}: null, undefined and false are left out, and lists are joined. */
export type Part = Html | string | number | null | undefined | false | readonly Part[];

/**
 * Markup from a template literal: the literal is used as it is, values are escaped. A value may be in content and in quoted attributes, but not in
 * scripts, styles, names, or unchecked addresses.
 * It is hono's `html` with fewer types: a promise would make a promise, and an object `[object Object]`. The name differs because `deno fmt` formats
 * templates with the tag `html`, which adds blanks to texts and breaks parts of tags.
 */
export const markup = html as (strings: TemplateStringsArray, ...values: readonly Part[]) => Html;

/** A judgment as a color; the words next to it state the same. */
export type Tone = "good" | "bad" | "wait" | "none";

// Longer than names that forges permit.
const MAX_NAME = 500;
const MAX_BLOCK = 50_000;

/** A link. An address that must not be a link is shown as text. @param text @default the address */
export function link(address: string, text: Part = address): Html {
  const url = webUrl(address);
  if (url === undefined) return markup`<bdi>${text}</bdi>`;
  return markup`<a href="${url}" rel="noopener noreferrer"><bdi>${text}</bdi></a>`;
}

/** A name, an id or a branch, cut after 500 characters; null for null and for an empty text. */
export function code(text: string | null): Html | null {
  return text === null || text === "" ? null : framed(cutText(text, MAX_NAME));
}

function framed(name: string): Html {
  return markup`<code><bdi>${name}</bdi></code>`;
}

/** A text with its line breaks. @param max Most UTF-16 units shown. @default {50_000} */
export function block(text: string, max = MAX_BLOCK): Html {
  return markup`<pre dir="auto">${cutText(text, max)}</pre>`;
}

/**
 * A command to copy: its lines break between words, and inside a word only if it is longer than a line.
 * @param max Most UTF-16 units shown. @default {50_000}
 */
export function commandBlock(text: string, max = MAX_BLOCK): Html {
  // Browsers break a line after a hyphen, which would split flags.
  const parts = cutText(text, max).split(/(\s+)/);
  return markup`<pre dir="auto">${
    parts.map((part) => part.includes("-") ? markup`<span class="word">${part}</span>` : part)
  }</pre>`;
}

// Lines that are visible without opening anything.
const FIRST_LINES = 8;
const FIRST_TEXT = 1_000;

/** A text; if it is long, the rest is folded. @param max Most UTF-16 units shown. @default {50_000} */
export function longBlock(text: string, max = MAX_BLOCK): Html {
  const first = text.split("\n", FIRST_LINES + 1).slice(0, FIRST_LINES).join("\n");
  const cut = first.length > FIRST_TEXT ? `${first.slice(0, FIRST_TEXT).replace(/[\ud800-\udbff]$/, "")} …` : first;
  if (cut.length >= text.length) return block(text);
  return markup`${block(`${cut}${cut === first ? "\n…" : ""}`)}${
    fold(`all of it (${text.length} characters)`, block(text, max))
  }`;
}

/** `2026-12-01 14:05:09 UTC`; the text itself if it is not a time, null for null. */
export function time(text: string | null): Html | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return code(text);
  const iso = new Date(ms).toISOString();
  return markup`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
}

export function fold(summary: Part, content: Part): Html {
  return markup`<details><summary>${summary}</summary>${content}</details>`;
}

/** Most UTF-16 units on one line of a table. */
export const MAX_LINE = 32;

/** A text in a list, where cells have one line; a click shows all of a long one. Null for null and for an empty text. */
export function oneLine(text: string | null): Html | null {
  if (text === null || text === "") return null;
  if (text.length <= MAX_LINE) return bare(text);
  return markup`<details class="clip"><summary><bdi>${cutText(text, MAX_BLOCK)}</bdi></summary></details>`;
}

function isText(cell: Cell): boolean {
  return /^<(?:bdi|details class="clip")>/.test(String(shownIn(cell) ?? ""));
}

/** The beginning of an id, with the whole id in its title; null for null. */
export function shortId(id: string | null): Html | null {
  return id === null ? null : markup`<code title="${cutText(id, MAX_NAME)}">${cutAtFirst(id)}</code>`;
}

/** The text before the first hyphen of a UUID, or the text itself. */
function cutAtFirst(id: string): string {
  return /^[\da-f]{8}(?=-)/.exec(id)?.[0] ?? cutText(id, MAX_LINE);
}

/** A pull request by its number, as `#7`; by its address if that has none. */
export function pullLink(address: string): Html {
  return link(address, /\/(\d{1,9})\/?$/.exec(address)?.[1]?.replace(/^/, "#"));
}

export function chip(text: string, tone: Tone = "none"): Html {
  return markup`<span class="chip ${tone}">${cutText(text, MAX_NAME)}</span>`;
}

/** Names with their values. Rows with a null or empty value are left out; null if no row is left. */
export function facts(rows: readonly (readonly [name: string, value: Part])[]): Html | null {
  const filledRows = rows.filter(([, value]) =>
    value !== null && value !== undefined && value !== "" && value !== false
  );
  if (filledRows.length === 0) return null;
  return markup`<dl class="facts">${filledRows.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

export function numbers(rows: readonly (readonly [name: string, value: string | number, tone: Tone])[]): Html {
  return markup`<dl class="numbers">${
    rows.map(([name, value, tone]) =>
      markup`<div class="${tone === "none" ? "" : tone}"><dt>${name}</dt><dd>${value}</dd></div>`
    )
  }</dl>`;
}

function isEmpty(part: Part): boolean {
  return part === null || part === undefined || part === false || Array.isArray(part) && part.every(isEmpty);
}

/** A part of a page with its heading; null if it has no content. @param id Unique on the page. */
export function section(id: string, heading: Part, ...content: readonly Part[]): Html | null {
  if (content.every(isEmpty)) return null;
  return markup`<section aria-labelledby="${id}"><h2 id="${id}">${heading}</h2>${content}</section>
`;
}

/** A cell: its content, and its sort value if that differs. */
export type Cell = Part | { readonly show: Part; readonly value: string | number };

export interface Column {
  readonly name: string;
  /** Whether it has numbers, which are aligned on the right. @default {false} */
  readonly number?: boolean;
  /** Whether a phone omits it, unless the table is a list. @default {false} */
  readonly extra?: boolean;
  /** Whether a phone, which has no columns in lists, shows its name before the value. @default {false} */
  readonly named?: boolean;
}

/** Most rows whose cells have names on a phone: they would make a long list much longer. */
const MAX_NAMED = 200;

export interface TableRow {
  /** Its kind, for the filter. @default none */
  readonly kind?: string | undefined;
  readonly cells: readonly Cell[];
}

function classOf({ number = false, extra = false }: Column, isTight = false): Html | null {
  const names = [number && "number", extra && "extra", isTight && "tight"].filter(Boolean).join(" ");
  return names === "" ? null : markup` class="${names}"`;
}

function cellOf(cell: Cell, column: Column, isFirst: boolean, isNamed: boolean): Html {
  const content = shownIn(cell);
  const value = typeof cell === "object" && cell !== null && "value" in cell ? markup` data-v="${cell.value}"` : null;
  if (isFirst) {
    return markup`<th scope="row"${value}>${content}</th>`;
  }
  const name = isNamed && column.named ? markup` data-n="${column.name}"` : null;
  return markup`<td${classOf(column)}${value}${name}>${content}</td>`;
}

function shownIn(cell: Cell): Part {
  return typeof cell === "object" && cell !== null && "value" in cell ? cell.show : cell;
}

/** Removes the columns that are empty in all rows. */
export function withoutEmpty(
  columns: readonly Column[],
  rows: readonly TableRow[],
): [columns: readonly Column[], rows: readonly TableRow[]] {
  const isFilled = columns.map((_, index) => index === 0 || rows.some(({ cells }) => hasText(cells[index])));
  const only = <T>(list: readonly T[]) => list.filter((_, index) => isFilled[index]);
  return [only(columns), rows.map(({ kind, cells }) => ({ kind, cells: only(cells) }))];
}

function hasText(cell: Cell): boolean {
  const content = shownIn(cell);
  return !isEmpty(content) && content !== "";
}

/**
 * A table whose first cells name their rows. It scrolls sideways if it is too wide.
 * @param caption Its content, for screen readers.
 * @param shown Whether the caption is visible; not needed below a heading with the same text. @default {false}
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
  shown = false,
): Html {
  // Texts get the remaining room: the other columns are as narrow as possible.
  const head = columns.map((column, index) => {
    const isTight = !rows.some(({ cells }) => isText(cells[index]));
    return markup`<th scope="col"${classOf(column, isTight)}>${column.name}</th>`;
  });
  const isNamed = rows.length <= MAX_NAMED;
  const body = rows.map(({ kind, cells }) =>
    markup`<tr${kind === undefined ? null : markup` data-k="${kind}"`}>${
      cells.map((cell, index) => cellOf(cell, columns[index] as Column, index === 0, isNamed))
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

/** @param show Shows a name in them. @default as code */
export function wordsOf(words: Words, show: (name: string) => Html = framed): Part {
  if (words === null || typeof words !== "object") return words;
  if ("name" in words) return words.name ? show(cutText(words.name, words.max ?? MAX_NAME)) : null;
  if ("time" in words) return time(words.time);
  if ("link" in words) return link(words.link, words.words);
  if ("strong" in words) return markup`<strong>${wordsOf(words.strong, show)}</strong>`;
  return words.map((each) => wordsOf(each, show));
}

/** A name in a line that is not code, isolated in its text direction. */
export function bare(name: string): Html {
  return markup`<bdi>${name}</bdi>`;
}

export function htmlOf(blocks: readonly Block[]): Part {
  return blocks.map((part) => {
    if ("heading" in part) return markup`<h3>${wordsOf(part.heading)}</h3>`;
    if ("text" in part) return markup`<p>${wordsOf(part.text)}</p>`;
    if ("facts" in part) return facts(part.facts.map(([name, value]) => [name, wordsOf(value)]));
    if ("list" in part) return markup`<ul>${part.list.map((item) => markup`<li>${wordsOf(item)}</li>`)}</ul>`;
    if ("code" in part) return commandBlock(part.code);
    if ("details" in part) return fold(part.summary, htmlOf(part.details));
    const { head, rows } = part;
    // Numbers are aligned on the right.
    const columns = head.map((name, index) => ({ name, number: rows.every((row) => typeof row[index] === "number") }));
    return table(part.table, columns, rows.map((row) => ({ cells: row.map((cell) => wordsOf(cell)) })));
  });
}

interface ListTools {
  readonly name: string;
  /** Plural noun for its rows. */
  readonly rows: string;
  /** Kinds of rows, with their counts. */
  readonly kinds: readonly (readonly [kind: string, count: number])[];
  /** Whether it is a table that can be copied. @default {false} */
  readonly copy?: boolean;
}

/** A list with tools, which only appear if scripts run. */
export function list({ name, rows, kinds, copy = false }: ListTools, content: Part): Html {
  return markup`<div class="${name}" data-list><div class="tools" hidden><input type="search" aria-label="search ${rows}" placeholder="search ${rows} ( / )"><select aria-label="kind of ${rows}"><option value="">all ${rows}</option>${
    kinds.map(([kind, count]) => markup`<option value="${kind}">${kind} (${count})</option>`)
  }</select>${
    copy && markup`<button type="button">copy as CSV</button>`
  }<output aria-live="polite"></output></div>${content}</div>`;
}

/** The policy of a page: its own style, its own script if it has one, and no requests. */
export function policyOf(script: boolean): string {
  // Browsers request an icon from the server if a page does not contain one.
  return `default-src 'none'; style-src 'sha256-${sha256Base64(STYLE)}'; ` +
    (script ? `script-src 'sha256-${sha256Base64(SCRIPT)}'; ` : "") +
    "img-src data:; base-uri 'none'; form-action 'none'";
}

export interface Verdict {
  /** A color and a sign; undefined for a page that judges nothing: it has no sign. */
  readonly tone: Tone | undefined;
  readonly headline: Part;
  readonly line: Part;
  /** With line breaks; null if there is nothing to show. */
  readonly reason: string | null;
  /** Most important first. */
  readonly next: readonly Part[];
  /** Content at its end. @default {null} */
  readonly more?: Part;
}

const SIGNS: Readonly<Record<Tone, Html>> = {
  good: markup`<path d="M8 16.5l5.5 5.5L24 11" />`,
  bad: markup`<path d="M10 10l12 12M22 10L10 22" />`,
  wait: markup`<path d="M16 8v9l6 4" />`,
  none: markup`<path d="M10 16h.01M16 16h.01M22 16h.01" />`,
};

function top({ tone, headline, line, reason, next, more = null }: Verdict): Html {
  const sign = tone !== undefined &&
    markup`<svg width="40" height="40" viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"><circle cx="16" cy="16" r="14"/>${
      SIGNS[tone]
    }</svg>`;
  return markup`<header class="top ${tone ?? "none"}">${sign}<div><h1>${headline}</h1><p>${line}</p>${
    reason !== null && reason !== "" && block(reason)
  }${
    next.map((each, index) =>
      markup`<div class="step">${index === 0 && markup`<strong>What to do:</strong> `}${each}</div>`
    )
  }${more}</div></header>`;
}

export interface Page {
  readonly title: string;
  readonly verdict: Verdict;
  readonly body: Part;
  /** Sentences for its end. */
  readonly notes: readonly Part[];
  /** Whether it has the script, which works on lists. @default {true} */
  readonly script?: boolean;
  /** Seconds after which the browser reloads it. @default never */
  readonly reloadSeconds?: number | undefined;
}

const ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" +
  "%3Crect width='16' height='16' rx='4' fill='%234f46e5'/%3E" +
  "%3Cpath d='M4 12V4l4 5 4-5v8' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E";

export function page({ title, verdict, body, notes, script = true, reloadSeconds }: Page): string {
  const made = markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policyOf(script))}">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
${
    reloadSeconds !== undefined && markup`<meta http-equiv="refresh" content="${reloadSeconds}">\n`
  }<link rel="icon" href="${raw(ICON)}">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">to the content</a>
${top(verdict)}
<main id="main">
${body}</main>
<footer>${notes.map((note) => markup`<p>${note}</p>`)}<p>Mogplex CI ${VERSION}</p></footer>
${script && markup`<script>${raw(SCRIPT)}</script>\n`}</body>
</html>
`;
  // The template keeps these characters. Parsers replace carriage returns by line feeds.
  return holdable(made.toString()).replaceAll("\r", "&#13;");
}

// Charts as inline SVG. They only use presentation attributes, because some sites block all styles, and their colors are visible on a white and on a
// dark background. The numbers are next to each chart as text.

const COLOURS: readonly string[] = ["#3b7dd8", "#b7791f", "#2c9a5b", "#8b5cf6", "#7b8591", "#d64545"];

/** A color of charts: 0 to 3, 4 for gray, 5 for red. Greater numbers wrap around. */
type Colour = number;

function colourOf(colour: Colour): string {
  return COLOURS[colour % COLOURS.length] as string;
}

const WIDTH = 1_000;

export function swatch(colour: Colour): Html {
  return markup`<svg width="12" height="12" aria-hidden="true"><rect width="12" height="12" rx="2" fill="${
    colourOf(colour)
  }" /></svg>`;
}

/**
 * A row of small squares, one for each item in order. Its name and the text next to it explain them.
 * @param label The whole content in words.
 */
export function strip(label: string, colours: readonly Colour[]): Html {
  const paths = new Map<Colour, string>();
  colours.forEach((colour, index) => paths.set(colour, `${paths.get(colour) ?? ""}M${index * 9} 0h7v14h-7z`));
  const squares = [...paths].map(([colour, path]) => markup`<path d="${path}" fill="${colourOf(colour)}" />`);
  const width = Math.max(1, colours.length) * 9 - 2;
  return markup`<svg role="img" aria-label="${label}" width="${width}" height="14" viewBox="0 0 ${width} 14">${squares}</svg>`;
}

export interface Share {
  readonly name: string;
  /** Negative numbers are treated as 0. */
  readonly value: number;
  readonly text: string;
  readonly colour: Colour;
  /** Whether its end is unknown: then it is striped. @default {false} */
  readonly open?: boolean;
}

/** A bar of parts, each as wide as its share; null if all are 0. */
export function bar(name: string, shares: readonly Share[]): Html | null {
  const total = shares.reduce((sum, { value }) => sum + Math.max(0, value), 0);
  if (!(total > 0)) return null;
  let at = 0;
  const parts = shares.filter(({ value }) => value > 0).map(({ name, value, text, colour, open = false }) => {
    // Even a small part of a large whole must be visible.
    const width = Math.max(2, value / total * WIDTH);
    const x = Math.min(at, WIDTH - width);
    at += value / total * WIDTH;
    if (open) {
      return markup`<path d="M${x.toFixed(1)} 14H${(x + width - 1.5).toFixed(1)}" stroke="${
        colourOf(colour)
      }" stroke-width="28" stroke-dasharray="7 3"><title>${name}: ${text}</title></path>`;
    }
    return markup`<rect x="${x.toFixed(1)}" width="${Math.max(1, width - 1.5).toFixed(1)}" height="28" fill="${
      colourOf(colour)
    }"><title>${name}: ${text}</title></rect>`;
  });
  const label = shares.map(({ name, text }) => `${name} ${text}`).join(", ");
  return markup`<svg class="wide" role="img" aria-label="${name}: ${label}" width="100%" height="28" viewBox="0 0 ${WIDTH} 28" preserveAspectRatio="none">${parts}</svg>`;
}

/** A bar on gray. @param label The whole content in words. */
export function gauge(label: string, used: number, limit: number, colour: Colour): Html {
  const width = limit > 0 ? Math.round(Math.min(1, used / limit) * WIDTH) : 0;
  return markup`<svg class="wide" role="img" aria-label="${label}" width="100%" height="10" viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none"><rect width="${WIDTH}" height="10" fill="#7b8591" fill-opacity="0.3" /><rect width="${width}" height="10" fill="${
    colourOf(colour)
  }" /></svg>`;
}

/** A step line. */
export interface Line {
  readonly name: string;
  readonly colour: Colour;
  /** @default {false} */
  readonly dashed?: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** The style has the same height for the numbers of the axis. */
const HEIGHT = 220;
const MAX_PARTS = 5;

/** From 0 to the first number that is not less than the greatest value. */
function ticksOf(greatest: number): number[] {
  const least = greatest / MAX_PARTS;
  const power = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, least))));
  const part = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least) ?? 10 * power;
  return Array.from({ length: Math.max(1, Math.ceil(greatest / part)) + 1 }, (_, index) => index * part);
}

/**
 * Step lines over the same time, with the numbers of the axis.
 * @param label The whole content in words.
 * @param to The greatest values of both axes, which begin at 0.
 * @param ends Labels below the beginning and the end of the time.
 */
export function steps(
  label: string,
  lines: readonly Line[],
  to: { readonly x: number; readonly y: number },
  ends: readonly [from: string, to: string],
): Html {
  const ticks = ticksOf(to.y);
  const top = ticks.at(-1) ?? 1;
  const x = (value: number) => Math.round(Math.min(1, value / to.x) * WIDTH);
  const y = (value: number) => (HEIGHT - 2 - Math.min(1, value / top) * (HEIGHT - 4)).toFixed(1);
  const paths = lines.map(({ colour, points, dashed = false }) => {
    // If several points have the same place, the last one wins.
    const places = [...new Map(points.map(([px, py]) => [x(px), y(py)]))];
    // A line with a value from the beginning does not rise to it.
    const from = places[0]?.[0] === 0 ? places.shift()?.[1] : undefined;
    const path = places.map(([px, py]) => `H${px}V${py}`).join("");
    return markup`<path d="M0 ${from ?? y(0)}${path}${dashed ? "" : `H${WIDTH}`}" fill="none" stroke="${
      colourOf(colour)
    }" stroke-width="2.5" vector-effect="non-scaling-stroke"${dashed && markup` stroke-dasharray="6 5"`}/>`;
  });
  const grid = ticks.map((tick) =>
    markup`<path d="M0 ${
      y(tick)
    }H${WIDTH}" stroke="#7b8591" stroke-opacity="0.35" vector-effect="non-scaling-stroke" />`
  );
  const [from, until] = ends;
  return markup`<div class="chart"><ol aria-hidden="true">${
    ticks.map((tick) => markup`<li>${tick}</li>`)
  }</ol><svg class="wide" role="img" aria-label="${label}" width="100%" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none">${grid}${paths}</svg><p><span>${from}</span><span>${until}</span></p></div>`;
}
