/**
 * A whole page: one file that asks for nothing else, under a policy that lets no other style and script in.
 *
 * @module
 */
import { raw } from "hono/html";
import { holdable } from "../text/escape/markup.ts";
import { VERSION } from "../version.ts";
import { SCRIPT, STYLE } from "./assets.ts";
import { block, type Html, markup, type Part, type Tone } from "./blocks.ts";

/** The policy of a page: its own style, its own script if it has one, and no request to anywhere. */
export function policyOf(script: boolean): string {
  // Browsers ask the server for an icon where a page does not bring an empty one.
  return `default-src 'none'; style-src 'sha256-${STYLE.hash}'; ` +
    (script ? `script-src 'sha256-${SCRIPT.hash}'; ` : "") + "img-src data:; base-uri 'none'; form-action 'none'";
}

/** The first thing on a page. */
export interface Verdict {
  /** How it is, in colour. */
  readonly tone: Tone;
  /** The heading. */
  readonly headline: Part;
  /** The line below it. */
  readonly line: Part;
  /** Why, with its line breaks; null when there is nothing to say. */
  readonly reason: string | null;
  /** What to do, most important first. */
  readonly next: readonly Part[];
  /** What stands at its end. @default {null} */
  readonly more?: Part;
}

const SIGNS: Readonly<Record<Tone, Html>> = {
  good: markup`<path d="M8 16.5l5.5 5.5L24 11" />`,
  bad: markup`<path d="M10 10l12 12M22 10L10 22" />`,
  wait: markup`<path d="M16 8v9l6 4" />`,
  none: markup`<path d="M9 16h14" />`,
};

function top({ tone, headline, line, reason, next, more = null }: Verdict): Html {
  return markup`<header class="top ${tone}"><svg width="40" height="40" viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"><circle cx="16" cy="16" r="14"/>${
    SIGNS[tone]
  }</svg><div><h1>${headline}</h1><p>${line}</p>${reason !== null && reason !== "" && block(reason)}${
    next.map((each, index) =>
      markup`<div class="step">${index === 0 && markup`<strong>What to do:</strong> `}${each}</div>`
    )
  }${more}</div></header>`;
}

/** What a page is made of. */
export interface Page {
  /** In the title of the window. */
  readonly title: string;
  /** Its beginning. */
  readonly verdict: Verdict;
  /** Everything else. */
  readonly body: Part;
  /** Sentences for its end. */
  readonly notes: readonly Part[];
  /** Whether it has the script, which works on lists. @default {true} */
  readonly script?: boolean;
  /** After how many seconds the browser loads it again. @default {undefined} (never) */
  readonly reloadSeconds?: number | undefined;
}

/** The text of a page. */
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
  }<link rel="icon" href="data:,">
<title>${title}</title>
<style>${raw(STYLE.text)}</style>
</head>
<body>
<a class="skip" href="#main">to the content</a>
${top(verdict)}
<main id="main">
${body}</main>
<footer>${notes.map((note) => markup`<p>${note}</p>`)}<p>Mogplex CI ${VERSION}</p></footer>
${script && markup`<script>${raw(SCRIPT.text)}</script>\n`}</body>
</html>
`;
  // The template leaves these characters as they are. Parsers make line feeds of carriage returns.
  return holdable(made.toString()).replaceAll("\r", "&#13;");
}
