/**
 * Text inside workflow commands of GitHub Actions, Gitea and Forgejo: `::name property=…::data`.
 *
 * @module
 */

/** Escapes the data after the second `::`. Source: actions/runner, ActionCommand; actions/toolkit, escapeData. */
export function escapeWorkflowData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/** Escapes the value of a property. Source: actions/runner, ActionCommand; actions/toolkit, escapeProperty. */
export function escapeWorkflowProperty(text: string): string {
  return escapeWorkflowData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
