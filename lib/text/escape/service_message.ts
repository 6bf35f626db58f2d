/**
 * Text inside service messages of TeamCity: `##teamcity[name attribute='…']`.
 *
 * @module
 */

/** Escapes the value of an attribute. Source: TeamCity, "Service messages", escaped values. */
export function escapeServiceMessage(text: string): string {
  return text.replace(/[|'[\]]/g, "|$&").replaceAll("\n", "|n").replaceAll("\r", "|r");
}
