/**
 * Azure Pipelines.
 *
 * @module
 */
import { definePlatform } from "../define.ts";
import { escapeLoggingData } from "../../text/escape/logging_command.ts";
import type { Platform } from "../platform.ts";

/**
 * Azure Pipelines. A stage or job that is retried keeps the build id and counts its attempt; a job of a matrix has a
 * position. Source: Azure Pipelines, "Use predefined variables"; for schedules "Configure schedules for pipelines".
 *
 * Commands: Azure Pipelines, "Logging commands". There is no notice, so that one becomes a line of the log. Variables are
 * output variables: a later step reads them as `<step>.MOGPLEX_RUN_ID`, a later job by `dependencies`, and nothing that the
 * job has set is overwritten. The summary wants an absolute path.
 */
export const azure: Platform = definePlatform({
  name: "azure_pipelines",
  detect: ["SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"],
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
