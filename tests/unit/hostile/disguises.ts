/**
 * Encodings that hide a secret in a text, and a reader that decodes them.
 *
 * @module
 */
import { plainText } from "../../../lib/text/plain_text.ts";

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function between(text: string, filler: string): string {
  return [...text].join(filler);
}

/** Disguises by name; `before` and `after` are ordinary text around the secret. */
export const DISGUISES: Readonly<Record<string, (secret: string, before: string, after: string) => string>> = {
  "plain": (secret, before, after) => `${before}${secret}${after}`,
  "in a URL": (secret, before, after) => `https://a.example/?${before}q=${encodeURIComponent(secret)}&${after}`,
  "in a URL with small digits": (secret) =>
    `q=${encodeURIComponent(secret).replace(/%../g, (code) => code.toLowerCase())}`,
  "as a field of a form": (secret) => `${new URLSearchParams({ q: secret })}`,
  "as JSON": (secret, before, after) => JSON.stringify({ a: `${before}${secret}${after}` }),
  "Base64": (secret, before, after) => `${before} ${base64(secret)} ${after}`,
  "Base64, second place": (secret, before, after) => `${before} ${base64(`u${secret}:p`)} ${after}`,
  "Base64, third place": (secret, before, after) => `${before} ${base64(`us${secret}:pw`)} ${after}`,
  "Base64 of URLs": (secret) => base64(`user:${secret}`).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""),
  "between zero-width spaces": (secret, before, after) => `${before}${between(secret, "\u200b")}${after}`,
  "between joiners and directions": (secret) => between(secret, "\u2060\u202e\u200d"),
  "between colors": (secret, before) => `${before}${between(secret, "\x1b[0m")}`,
  "between NULs and backspaces": (secret) => between(secret, "\0\b"),
  "between tags": (secret) => between(secret, "\u{e0041}"),
  "Base64 between soft hyphens": (secret) => between(base64(secret), "\u00ad"),
  "over a link": (secret) => `${secret.slice(0, 6)}\x1b]8;;https://a.example\x1b\\${secret.slice(6)}`,
  "after a long text": (secret, before) => `${"x".repeat(250 + before.length)} ${secret}`,
  "at the end of a word of 200": (secret) => `${"x".repeat(190)}${secret}`,
  "on the second line": (secret, before, after) => `${before}\n${secret}\n${after}`,
};

/** Every text that a reader could recover: without escapes and invisible characters, with Base64 and URLs decoded. */
export function readings(text: string): string[] {
  const unescaped = text
    .replace(/\\u([0-9a-f]{4})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)))
    .replace(/\\b/g, "\b").replace(/\\+(["\\/])/g, "$1");
  const seen = [text, unescaped, plainText(text), plainText(unescaped)];
  const decoded = seen.flatMap((each) => [
    each.replace(/(?:%[0-9a-f]{2})+/gi, (codes) => {
      try {
        return decodeURIComponent(codes);
      } catch {
        return codes;
      }
    }),
    ...(each.match(/[A-Za-z0-9+/_-]{12,}/g) ?? []).flatMap((word) =>
      [0, 1, 2, 3].map((skip) => {
        const piece = word.slice(skip).replaceAll("-", "+").replaceAll("_", "/");
        return atob(piece.slice(0, piece.length - (piece.length % 4 === 1 ? 1 : 0)));
      })
    ),
  ]);
  return [...seen, ...decoded];
}
