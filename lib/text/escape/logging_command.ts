/**
 * Text inside logging commands of Azure Pipelines: `##vso[area.action property=…;]data`.
 *
 * @module
 */

/**
 * Escapes the data after the bracket. There is no function for properties, because the toolkit writes no untrusted text there.
 * Source: azure-pipelines-task-lib, taskcommand.ts, escapeData; azure-pipelines-agent, CommandStringConvertor (`%AZP25`).
 */
export function escapeLoggingData(text: string): string {
  return text.replaceAll("%", "%AZP25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}
