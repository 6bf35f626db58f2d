/**
 * Text inside service messages of TeamCity: `##teamcity[name attribute='…']`.
 *
 * @module
 */

/**
 * Escapes the value of an attribute. Two percent signs become `％` (U+FF05): what stands between them would be a reference to a parameter
 * of the build, a password for example, which TeamCity puts in where the value is used. No escaping of it is documented for service
 * messages.
 *
 * Source: TeamCity, "Service messages", escaped values; "Using build parameters".
 */
export function escapeServiceMessage(text: string): string {
  const plain = text.indexOf("%") === text.lastIndexOf("%") ? text : text.replaceAll("%", "\uff05");
  return plain.replace(/[|'[\]]/g, "|$&").replaceAll("\n", "|n").replaceAll("\r", "|r");
}
