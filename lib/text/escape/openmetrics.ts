/**
 * Values of labels in OpenMetrics text, which Prometheus' older format writes in the same way.
 *
 * @module
 */

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

/**
 * The value of a label, to stand between double quotes. Whatever breaks a line for some reader becomes the one break that can be
 * written. NUL and lone surrogates become U+FFFD, and `#` becomes `＃`: GitLab reads no further than to a `#`, wherever it
 * stands. Source: OpenMetrics 1.0, "ABNF"; GitLab, parser of metrics reports.
 *
 * @param text Anything.
 */
export function escapeLabel(text: string): string {
  return text.replace(/\0|\p{Cs}/gu, "\ufffd").replaceAll("#", "＃").replace(/\r\n?|[\v\f\x85\u2028\u2029]/g, "\n")
    .replace(/[\\"\n]/g, (char) => ESCAPES[char] as string);
}
