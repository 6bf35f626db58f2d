/**
 * The frame of every page: its style, and headers that let nothing but this style work in it.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { sha256Hex } from "../../sha256.ts";

/** A piece of a page, escaped. */
export type Html = ReturnType<typeof html>;

const STYLE = `
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #1c2024; background: #fff }
h1 { font-size: 1.4rem } h2 { margin-top: 2rem; font-size: 1.1rem }
table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e7eb }
td, pre, code, h1 { unicode-bidi: isolate } pre, code { font: .85rem/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .8rem; background: #f5f6f8; border-radius: .4rem }
.success, .add { color: #116329 } .failed, .del { color: #a40e26 } .hunk { color: #0550ae } .file { font-weight: bold }
.pending, .streaming, .awaiting_input, .cancelled { color: #7d4e00 } .note { color: #59636e }
@media (prefers-color-scheme: dark) {
body { color: #e6edf3; background: #0d1117 } a { color: #79c0ff } pre { background: #161b22 } td, th { border-color: #30363d }
.success, .add { color: #7ee787 } .failed, .del { color: #ffa198 } .hunk { color: #79c0ff } .note { color: #9198a1 }
.pending, .streaming, .awaiting_input, .cancelled { color: #e3b341 }
}
`;

/** Base64 of bytes that are written as hexadecimal digits. */
function base64(hex: string): string {
  return btoa(hex.replace(/../g, (byte) => String.fromCharCode(Number.parseInt(byte, 16))));
}

/** Headers of a page: no script, no form, no frame and no request to anywhere, whatever a text on it could contain. */
export async function pageHeaders(): Promise<Record<string, string>> {
  const style = `'sha256-${base64(await sha256Hex(STYLE))}'`;
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      `default-src 'none'; style-src ${style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
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
        <style>${raw(STYLE)}</style>
      </head>
      <body>${body}</body>
    </html>
  `.toString();
}
