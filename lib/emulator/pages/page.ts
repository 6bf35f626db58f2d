/**
 * The frame of every page: its style, and headers that let nothing but this style work in it.
 *
 * @module
 */
import { html, raw } from "hono/html";
// The style alone: see `mayImport` in tools/docs/layout.ts.
import { STYLE } from "../../pages/assets.ts";

/** A piece of a page, escaped. */
export type Html = ReturnType<typeof html>;

/** The word for how something is, in the colours of the client's pages. */
const TONES: ReadonlyMap<string, string> = new Map([
  ["success", "good"],
  ["failed", "bad"],
  ["cancelled", "wait"],
  ["awaiting_input", "wait"],
]);

/** A status in a frame. */
export function statusChip(status: string): Html {
  return html`<span class="chip ${TONES.get(status) ?? "none"}">${status}</span>`;
}

/** A table, which scrolls where it is too wide. @param name What it lists, for people who do not see it. */
export function scrolling(name: string, rows: readonly Html[]): Html {
  return html`
    <div class="scroll rows" role="region" aria-label="${name}" tabindex="0">
      <table>
        <tbody>${rows}</tbody>
      </table>
    </div>
  `;
}

/** Headers of a page: no script, no form, no frame and no request to anywhere, whatever a text on it could contain. */
export function pageHeaders(): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      `default-src 'none'; style-src 'sha256-${STYLE.hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
  };
}

/**
 * A whole page. It has no script: while something on it still changes, the browser loads it again.
 *
 * @param changes Whether it will look different in a moment. @default {false}
 */
export function page(title: string, body: Html, changes = false): string {
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        ${changes ? html`<meta http-equiv="refresh" content="3">` : ""}
        <title>${title}</title>
        <style>${raw(STYLE.text)}</style>
      </head>
      <body>${body}</body>
    </html>
  `.toString();
}
