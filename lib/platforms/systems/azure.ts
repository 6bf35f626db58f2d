/**
 * Azure Pipelines.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { escapeLoggingData } from "../../text/escape/logging_command.ts";
import type { Platform } from "../platform.ts";

/**
 * A retried stage or job keeps the build id and has a higher attempt number; a job of a matrix has a position.
 * Source: Azure Pipelines, "Use predefined variables"; for schedules "Configure schedules for pipelines".
 *
 * Source of its commands: Azure Pipelines, "Logging commands". It has no notices, so a notice is printed as a line of the log.
 * `setOutput` sets output variables: a later step reads `<step>.MOGPLEX_RUN_ID`, a later job reads it through `dependencies`, and
 * the job's own variables keep their values. `showSummary` needs an absolute path.
 */
export const azure: Platform = definePlatform({
  name: "azure_pipelines",
  showsColours: true,
  server: ["SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"],
  project: ["SYSTEM_TEAMPROJECTID", "SYSTEM_TEAMPROJECT"],
  pipeline: ["BUILD_BUILDID"],
  job: ["SYSTEM_STAGENAME+SYSTEM_PHASENAME+SYSTEM_JOBNAME", "SYSTEM_JOBNAME", "AGENT_JOBNAME"],
  node: ["SYSTEM_JOBPOSITIONINPHASE+SYSTEM_TOTALJOBSINPHASE"],
  attempt: ["SYSTEM_STAGEATTEMPT+SYSTEM_PHASEATTEMPT+SYSTEM_JOBATTEMPT", "SYSTEM_JOBATTEMPT"],
  created: ["SYSTEM_PIPELINESTARTTIME"],
  schedule: ["BUILD_CRONSCHEDULE_DISPLAYNAME"],
  state: ["AGENT_JOBSTATUS"],
  links: {
    job:
      "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}/{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}&view=logs&j={SYSTEM_JOBID}",
    pipeline: "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}/{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
  },
  maskCommand: "task.setsecret",
  log: ["legacy"],
  section: (_name, header) => ({ open: `##[group]${header}`, close: () => "##[endgroup]" }),
  annotate(level, title, text) {
    if (level === "notice") return `${title}: ${text}`;
    return `##vso[task.logissue type=${level}]${escapeLoggingData(`${title}: ${text}`)}`;
  },
  setOutput: (name, value) => `##vso[task.setvariable variable=${name};isOutput=true]${escapeLoggingData(value)}`,
  showSummary: (path) => `##vso[task.uploadsummary]${escapeLoggingData(path)}`,
});
