/**
 * Values of labels in OpenMetrics text. The older text format of Prometheus escapes them in the same way.
 *
 * @module
 */
import { lookup } from "../../lookup.ts";

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n" };

/**
 * Escapes the value of a label, for use between double quotes. Every kind of line break becomes `\n`, the only one that the
 * format can express. NUL and lone surrogates become U+FFFD, and `#` becomes `＃`: GitLab stops reading a line at the first `#`,
 * even inside quotes. Source: OpenMetrics 1.0, "ABNF"; GitLab, parser of metrics reports.
 *
 * @param text Anything.
 */
export function escapeLabel(text: string): string {
  return text.replace(/\0|\p{Cs}/gu, "\ufffd").replaceAll("#", "＃").replace(/\r\n?|[\v\f\x85\u2028\u2029]/g, "\n")
    .replace(/[\\"\n]/g, (char) => lookup(ESCAPES, char) as string);
}
