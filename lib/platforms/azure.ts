/**
 * Azure Pipelines.
 *
 * @module
 */
import { definePlatform } from "./define.ts";
import type { Platform } from "./platform.ts";

/**
 * Azure Pipelines. A retried stage or job keeps the build id and counts its attempt.
 * Source: Azure Pipelines, "Use predefined variables"; "Logging commands" for masks, groups and the escapes of their text.
 */
export const azure: Platform = definePlatform({
  name: "azure_pipelines",
  server: ["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"],
  project: ["SYSTEM_TEAMPROJECTID", "SYSTEM_TEAMPROJECT"],
  pipeline: ["BUILD_BUILDID"],
  job: ["SYSTEM_STAGENAME+SYSTEM_PHASENAME+SYSTEM_JOBNAME", "SYSTEM_JOBNAME", "AGENT_JOBNAME"],
  node: ["SYSTEM_JOBPOSITIONINPHASE+SYSTEM_TOTALJOBSINPHASE"],
  attempt: ["SYSTEM_STAGEATTEMPT+SYSTEM_PHASEATTEMPT+SYSTEM_JOBATTEMPT", "SYSTEM_JOBATTEMPT"],
  created: ["SYSTEM_PIPELINESTARTTIME"],
  state: ["AGENT_JOBSTATUS"],
  log: ["legacy"],
  maskCommand: (value) => value.trim() === "" ? undefined : `##vso[task.setsecret]${escapeText(value)}`,
  section: (_name, header) => ({ open: `##[group]${header}`, close: () => "##[endgroup]" }),
});

function escapeText(text: string): string {
  return text.replaceAll("%", "%AZP25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}
