/**
 * A page loads no other files. Its policy permits only its own style and script.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { sha256Base64 } from "../sha256.ts";
import type { Block, Words } from "../text/document.ts";
import { holdable, webUrl } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import { VERSION } from "../version.ts";
import { SCRIPT, STYLE } from "./assets.ts";

// The building blocks of pages. All text that is passed to them is escaped.

/** Markup made by {@linkcode markup}. The type is not a string, so that the compiler distinguishes markup from text. */
export interface Html {
  /** Hono does not escape a value that has this mark. */
  readonly isEscaped: true;
  toString(): string;
}

/** A value in {@linkcode markup}. `null`, `undefined` and `false` are left out, and lists are joined. */
export type Part = Html | string | number | null | undefined | false | readonly Part[];

/**
 * Creates markup from a template literal: the literal is used unchanged, and values are escaped. A value is allowed in content and in quoted
 * attributes, but not in scripts, styles, names, or unchecked addresses. This is Hono's `html` with fewer accepted types: a promise would return a
 * promise, and an object would become `[object Object]`. The name differs because `deno fmt` formats templates with the tag `html`, which adds
 * whitespace to text and splits tags.
 */
export const markup = html as (strings: TemplateStringsArray, ...values: readonly Part[]) => Html;

export type Tone = "good" | "bad" | "warn" | "run" | "queued" | "skipped" | "none";

export type Fill = "good" | "bad" | "warn" | "run" | "idle" | "track";

const FILLS: Readonly<Record<Fill, string>> = {
  good: "#2b9a57",
  bad: "#cf3f32",
  warn: "#c47f0b",
  run: "#4468e6",
  idle: "#8a94a0",
  track: "#e2e6eb",
};

export function fill(color: Fill): Html {
  return markup` class="f-${color}" fill="${FILLS[color]}"`;
}

function classOf(tone: Tone): string {
  return tone === "queued" || tone === "skipped" || tone === "none" ? "idle" : tone;
}

const ON_SHAPE =
  markup` class="s-surface" fill="none" stroke="#fff" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"`;
const RING = markup`class="s-idle" cx="8" cy="8" r="6" fill="none" stroke="#828c98"`;

const SHAPES: Readonly<Record<Exclude<Tone, "none">, Html>> = {
  good: markup`<circle cx="8" cy="8" r="7"${fill("good")}/><path d="M4.8 8.3 7 10.5l4.2-4.8"${ON_SHAPE}/>`,
  bad: markup`<rect x="1" y="1" width="14" height="14" rx="3.5"${
    fill("bad")
  }/><path d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4"${ON_SHAPE}/>`,
  warn: markup`<path d="M8 .8 15.2 8 8 15.2.8 8z"${fill("warn")}/><path d="M8 4.6v3.8M8 11v.2"${ON_SHAPE}/>`,
  run:
    markup`<circle ${RING} stroke-width="2" stroke-opacity=".35"/><path class="s-run" d="M8 2a6 6 0 0 1 6 6" fill="none" stroke="#4468e6" stroke-width="2" stroke-linecap="round"/>`,
  queued: markup`<circle ${RING} stroke-width="1.5" stroke-dasharray="2.4 2.3"/>`,
  skipped:
    markup`<circle ${RING} stroke-width="1.5"/><path class="s-idle" d="M5.2 8h5.6" stroke="#828c98" stroke-width="1.5"/>`,
};

type Shape = keyof typeof SHAPES;

/** The shapes of a page, defined once so that long tables can refer to them. */
const SYMBOLS = markup`<svg hidden>${
  (Object.keys(SHAPES) as Shape[]).map((shape) =>
    markup`<symbol id="i-${shape}" viewBox="0 0 16 16">${SHAPES[shape]}</symbol>`
  )
}</svg>`;

export function icon(tone: Tone, size = 16): Html | null {
  if (tone === "none") return null;
  return markup`<svg width="${size}" height="${size}" aria-hidden="true"><use href="#i-${tone}"/></svg>`;
}

/** A longer text would make a column as wide as the page. */
export function state(word: string | Html, tone: Tone = "none"): Html {
  const text = typeof word === "string" ? cutText(word, MAX_LINE) : word;
  return tone === "none" ? bare(text) : markup`<span class="state ${classOf(tone)}">${icon(tone)}${text}</span>`;
}

// Longer than the names that forges permit.
const MAX_NAME = 500;
const MAX_BLOCK = 50_000;

/** Shows only the text if `webUrl` refuses the address. */
export function link(address: string, text: Part = address): Html {
  const url = webUrl(address);
  if (url === undefined) return markup`<bdi>${text}</bdi>`;
  return markup`<a href="${url}" rel="noopener noreferrer"><bdi>${text}</bdi></a>`;
}

export function code(text: string | null): Html | null {
  return text === null || text === "" ? null : framed(cutText(text, MAX_NAME));
}

function framed(name: string): Html {
  return markup`<code><bdi>${name}</bdi></code>`;
}

export function block(text: string, max = MAX_BLOCK): Html {
  return markup`<pre dir="auto">${cutText(text, max)}</pre>`;
}

function command(text: string): Html {
  // Browsers break a line after a hyphen, which would split flags.
  const parts = cutText(text, MAX_BLOCK).split(/(\s+)/);
  return markup`<div class="cmd"><code dir="auto">${
    parts.map((part) => part.includes("-") ? markup`<span class="word">${part}</span>` : part)
  }</code></div>`;
}

export function action(text: Part, commandText: string, isFirst = false): Html {
  return markup`<div class="act${isFirst && " first"}"><p>${text}</p>${command(commandText)}</div>`;
}

const FIRST_LINES = 8;
const FIRST_TEXT = 1_000;

export function longText(text: string, max = MAX_BLOCK): Html {
  const first = text.split("\n", FIRST_LINES + 1).slice(0, FIRST_LINES).join("\n");
  const cut = first.length > FIRST_TEXT ? `${first.slice(0, FIRST_TEXT).replace(/[\ud800-\udbff]$/, "")} …` : first;
  if (cut.length >= text.length) return prose(text, max);
  return markup`${prose(`${cut}${cut === first ? "\n…" : ""}`, max)}${
    fold(`Show all ${text.length} characters`, prose(text, max))
  }`;
}

function prose(text: string, max: number): Html {
  return markup`<pre class="prose" dir="auto">${cutText(text, max)}</pre>`;
}

function time(text: string | null): Html | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) return code(text);
  const iso = new Date(ms).toISOString();
  return markup`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")} UTC</time>`;
}

export function fold(summary: Part, content: Part): Html {
  return markup`<details><summary>${summary}</summary>${content}</details>`;
}

export function more(summary: Part, content: Part): Html {
  return markup`<details class="more"><summary>${summary}</summary><div class="stack">${content}</div></details>`;
}

const MAX_LINE = 32;

/**
 * @param href Address on this page or beside it, never from untrusted text. For a long text, the link is a separate word after the text, because a
 * click on the text opens it.
 */
export function oneLine(text: string | null, href?: string): Html | null {
  if (text === null || text === "") return null;
  if (text.length <= MAX_LINE) {
    return href === undefined ? bare(text) : markup`<bdi><a href="${href}">${text}</a></bdi>`;
  }
  const place = href !== undefined && markup` <a href="${href}">cause</a>`;
  return markup`<details class="clip"><summary><bdi>${cutText(text, MAX_BLOCK)}</bdi></summary></details>${place}`;
}

function isText(cell: Cell): boolean {
  return /^<(?:bdi|details class="clip")>/.test(String(shownIn(cell) ?? ""));
}

const WHOLE_ID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/** `style.css` shows only the first eight digits of a UUID. A click selects the whole id. */
export function shortId(id: string | null): Html | null {
  if (id === null) return null;
  return WHOLE_ID.test(id) ? markup`<code class="id">${id}</code>` : markup`<code>${cutText(id, MAX_LINE)}</code>`;
}

export function pullLink(address: string): Html {
  return link(address, /\/(\d{1,9})\/?$/.exec(address)?.[1]?.replace(/^/, "#"));
}

export function facts(rows: readonly (readonly [name: string, value: Part])[]): Html | null {
  const filledRows = rows.filter(([, value]) =>
    value !== null && value !== undefined && value !== "" && value !== false
  );
  if (filledRows.length === 0) return null;
  return markup`<dl class="facts">${filledRows.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function isEmpty(part: Part): boolean {
  return part === null || part === undefined || part === false || Array.isArray(part) && part.every(isEmpty);
}

export function section(id: string, heading: Part, aside: Part, ...content: readonly Part[]): Html | null {
  if (content.every(isEmpty)) return null;
  return markup`<section aria-labelledby="${id}"><div class="sec"><h2 id="${id}">${heading}</h2>${
    !isEmpty(aside) && markup`<span class="soft">${aside}</span>`
  }</div>${content}</section>
`;
}

export function panel(...content: readonly Part[]): Html | null {
  return content.every(isEmpty) ? null : markup`<div class="panel pad stack">${content}</div>`;
}

export function grid(columns: "halves" | "thirds" | "quarters", ...parts: readonly Part[]): Html | null {
  const boxes = parts.filter((part) => !isEmpty(part));
  if (boxes.length === 0) return null;
  return boxes.length === 1 && columns !== "quarters"
    ? markup`${boxes[0]}`
    : markup`<div class="grid ${columns}">${boxes}</div>`;
}

export interface Call {
  readonly id: string;
  readonly tone: Tone;
  readonly heading: Part;
  readonly line: Part;
  readonly evidence?: Part;
  readonly actions?: readonly Part[];
}

export function call({ id, tone, heading, line, evidence = null, actions = [] }: Call): Html {
  const [first, ...others] = actions.filter((each) => !isEmpty(each));
  return markup`<section aria-labelledby="${id}"><div class="panel call ${
    classOf(tone)
  }"><div class="lead"><h2 id="${id}">${heading}</h2>${!isEmpty(line) && markup`<p>${line}</p>`}</div>${evidence}${
    first !== undefined && markup`<div class="acts">${first}${grid("halves", ...others)}</div>`
  }</div></section>
`;
}

export interface Todo {
  readonly tone: Tone;
  readonly subject: Part;
  readonly line: Part;
  readonly command: string | null;
  readonly note?: Part;
  readonly age: Part;
  readonly link: Part;
}

export function todoList(entries: readonly Todo[]): Html {
  return markup`<ul class="panel todo">${
    entries.map(({ tone, subject, line, command: text, note = null, age, link }) =>
      markup`<li>${icon(tone)}<div>${subject}${!isEmpty(line) && markup`<p>${line}</p>`}${
        text !== null && command(text)
      }${
        !isEmpty(note) && markup`<p>${note}</p>`
      }</div><span class="age">${age}</span><span class="go">${link}</span></li>`
    )
  }</ul>`;
}

export type Cell = Part | { readonly show: Part; readonly value: string | number };

export interface Column {
  readonly name: string;
  readonly number?: boolean;
  readonly named?: boolean;
  readonly full?: boolean;
}

/** Maximum number of rows whose cells have names on a phone. In a longer list, the names would take up too much space. */
const MAX_NAMED = 200;

export interface TableRow {
  readonly kind?: string | undefined;
  readonly id?: string | undefined;
  readonly cells: readonly Cell[];
}

function columnClass({ number = false, full = false }: Column, isTight = false): Html | null {
  const names = [number && "number", full && "full", isTight && "tight"].filter(Boolean).join(" ");
  return names === "" ? null : markup` class="${names}"`;
}

function cellOf(cell: Cell, column: Column, isFirst: boolean, isNamed: boolean): Html {
  const content = shownIn(cell);
  const value = typeof cell === "object" && cell !== null && "value" in cell ? markup` data-v="${cell.value}"` : null;
  if (isFirst) {
    return markup`<th scope="row"${value}>${content}</th>`;
  }
  const name = isNamed && column.named
    ? markup` data-n="${column.name.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())}"`
    : null;
  return markup`<td${columnClass(column)}${value}${name}>${content}</td>`;
}

function shownIn(cell: Cell): Part {
  return typeof cell === "object" && cell !== null && "value" in cell ? cell.show : cell;
}

export function withoutEmpty(
  columns: readonly Column[],
  rows: readonly TableRow[],
): [columns: readonly Column[], rows: readonly TableRow[]] {
  const isFilled = columns.map((_, index) => index === 0 || rows.some(({ cells }) => hasText(cells[index])));
  const only = <T>(list: readonly T[]) => list.filter((_, index) => isFilled[index]);
  return [only(columns), rows.map((row) => ({ ...row, cells: only(row.cells) }))];
}

function hasText(cell: Cell): boolean {
  const content = shownIn(cell);
  return !isEmpty(content) && content !== "";
}

/** @param caption What the table contains, for screen readers. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly TableRow[],
): Html {
  // Text columns get the remaining space. Other columns are as narrow as possible.
  const head = columns.map((column, index) => {
    const isTight = !rows.some(({ cells }) => isText(cells[index]));
    return markup`<th scope="col"${columnClass(column, isTight)}>${column.name}</th>`;
  });
  const isNamed = rows.length <= MAX_NAMED;
  const body = rows.map(({ kind, id, cells }) =>
    markup`<tr${id === undefined ? null : markup` id="${id}"`}${
      kind === undefined ? null : markup` data-k="${kind}"`
    }>${cells.map((cell, index) => cellOf(cell, columns[index] as Column, index === 0, isNamed))}</tr>
`
  );
  return markup`<div class="scroll rows" role="region" aria-label="${caption}" tabindex="0"><table><caption class="hide">${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody data-rows>${body}</tbody></table></div>`;
}

export function wordsOf(words: Words, show: (name: string) => Html = framed): Part {
  if (typeof words === "string") return unbroken(words);
  if (words === null || typeof words !== "object") return words;
  if ("name" in words) return words.name ? show(cutText(words.name, words.max ?? MAX_NAME)) : null;
  if ("time" in words) return time(words.time);
  if ("link" in words) return link(words.link, words.words);
  if ("strong" in words) return markup`<strong>${wordsOf(words.strong, show)}</strong>`;
  return words.map((each) => wordsOf(each, show));
}

export function unbroken(text: string): string {
  return text.replace(/(\d) (?=(?:s|min|h|d)\b)/g, "$1\u00a0");
}

export function bare(name: string | Html): Html {
  return markup`<bdi>${name}</bdi>`;
}

export function htmlOf(blocks: readonly Block[]): Part {
  return blocks.map((part) => {
    if ("heading" in part) return markup`<h3>${wordsOf(part.heading)}</h3>`;
    if ("text" in part) return markup`<p>${wordsOf(part.text)}</p>`;
    if ("facts" in part) return facts(part.facts.map(([name, value]) => [name, wordsOf(value)]));
    if ("list" in part) return markup`<ul>${part.list.map((item) => markup`<li>${wordsOf(item)}</li>`)}</ul>`;
    if ("code" in part) return command(part.code);
    if ("details" in part) return fold(part.summary, htmlOf(part.details));
    const { head, rows } = part;
    const columns = head.map((name, index) => ({ name, number: rows.every((row) => typeof row[index] === "number") }));
    return table(part.table, columns, rows.map((row) => ({ cells: row.map((cell) => wordsOf(cell)) })));
  });
}

interface ListTools {
  readonly name: string;
  readonly rows: string;
  readonly kinds: readonly (readonly [kind: string, count: number])[];
  readonly copy?: boolean;
}

export function list({ name, rows, kinds, copy = false }: ListTools, content: Part): Html {
  return markup`<div class="${name}" data-list><div class="tools" hidden><input type="search" aria-label="Search ${rows}" placeholder="Search ${rows} ( / )"><select aria-label="Kind of ${rows}"><option value="">All ${rows}</option>${
    kinds.map(([kind, count]) => markup`<option value="${kind}">${kind} (${count})</option>`)
  }</select>${
    copy && markup`<button type="button">Copy as CSV</button>`
  }<output aria-live="polite"></output></div>${content}</div>`;
}

/** Permits the page's own style and script, and no requests. */
export function policyOf(script: boolean): string {
  // Browsers request an icon from the server if the page does not contain an icon.
  return `default-src 'none'; style-src 'sha256-${sha256Base64(STYLE)}'; ` +
    (script ? `script-src 'sha256-${sha256Base64(SCRIPT)}'; ` : "") +
    "img-src data:; base-uri 'none'; form-action 'none'";
}

export interface Crumb {
  readonly name: Part;
  readonly href?: string | undefined;
}

export interface Page {
  readonly title: string;
  readonly path: readonly Crumb[];
  /** A dashboard that publishes the page replaces the default with its own link. */
  readonly home?: Crumb | undefined;
  readonly asOf?: Part;
  readonly tone: Tone;
  readonly heading: Part;
  readonly state?: string | undefined;
  readonly summary: Part;
  readonly body: Part;
  readonly notes: readonly Part[];
  readonly script?: boolean;
  readonly reloadSeconds?: number | undefined;
}

const ARCHES = "M5.5 17.5V10a3.25 3.25 0 0 1 6.5 0v7.5M12 10a3.25 3.25 0 0 1 6.5 0v2.7";
const ICON = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E` +
  `%3Crect width='24' height='24' rx='6' fill='%232a4fd0'/%3E%3Cpath d='${ARCHES}' fill='none' stroke='white' ` +
  `stroke-width='2.2' stroke-linecap='round'/%3E%3Ccircle cx='18.5' cy='17.2' r='1.7' fill='white'/%3E%3C/svg%3E`;
const MARK =
  markup`<svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true"><rect class="f-brand" width="24" height="24" rx="6" fill="#2a4fd0"/><path class="s-surface" d="${ARCHES}" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round"/><circle class="f-surface" cx="18.5" cy="17.2" r="1.7" fill="#fff"/></svg>`;

function crumb({ name, href }: Crumb): Html {
  return markup`<li>${href === undefined ? name : markup`<a href="${href}">${name}</a>`}</li>`;
}

/** All pages begin with this text. A page with another beginning was not written by this program. */
const BEGINNING = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
`;
const HOME = "<li data-home>Mogplex</li>";

function policyTag(policy: string): Html {
  return markup`<meta http-equiv="Content-Security-Policy" content="${raw(policy)}">`;
}

/** Untrusted text: a policy at the beginning permits only the script that all pages share, whatever the job has written. */
export function publishedPage(text: string, home: Required<Crumb>): string | undefined {
  if (!text.startsWith(BEGINNING) || /http-equiv\s*=\s*["']?\s*refresh/i.test(text)) return undefined;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; " +
    `script-src 'sha256-${sha256Base64(SCRIPT)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const rest = text.slice(BEGINNING.length).replace(HOME, () => crumb(home).toString());
  return `${BEGINNING}${policyTag(policy)}\n${rest}`;
}

export function page(
  { title, path, home, asOf, tone, heading, state, summary, body, notes, script = true, reloadSeconds }: Page,
): string {
  const made = markup`${raw(BEGINNING)}${policyTag(policyOf(script))}
<meta name="viewport" content="width=device-width, initial-scale=1">
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
${SYMBOLS}<a class="skip" href="#main">Skip to content</a>
<nav class="bar" aria-label="Path"><div class="wrap">${MARK}<ol>${home === undefined ? raw(HOME) : crumb(home)}${
    path.map(crumb)
  }</ol>${!isEmpty(asOf) && markup`<span class="asof">${asOf}</span>`}</div></nav>
<div class="wrap"><header class="head"><div class="title"><h1>${icon(tone, 24)}<span>${heading}</span></h1>${
    state !== undefined && markup`<span class="${classOf(tone)}">${state}</span>`
  }</div>${!isEmpty(summary) && markup`<p>${summary}</p>`}</header>
<main id="main">
${body}</main></div>
<footer><div class="wrap">${notes.map((note) => markup`<p>${note}</p>`)}<p>Mogplex CI ${VERSION}</p></div></footer>
${script && markup`<script>${raw(SCRIPT)}</script>\n`}</body>
</html>
`;
  // The template keeps carriage returns, which parsers would replace with line feeds.
  return holdable(made.toString()).replaceAll("\r", "&#13;");
}
