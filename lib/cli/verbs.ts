/**
 * Within a chapter of the help, the verbs appear in this order.
 *
 * @module
 */
import type { Verb } from "./verb.ts";
import {
  automationsGetVerb,
  automationsListVerb,
  automationsTriggerFollowVerb,
  automationsTriggerVerb,
} from "./verbs/automations.ts";
import { campaignAdvanceVerb } from "./campaign/advance.ts";
import { campaignAskVerb, campaignCloseVerb } from "./campaign/changes.ts";
import { campaignCheckVerb } from "./campaign/check.ts";
import { campaignPipelineVerb } from "./campaign/pipeline.ts";
import {
  campaignApproveVerb,
  campaignResumeVerb,
  campaignRetryVerb,
  campaignSkipVerb,
  campaignStopVerb,
} from "./campaign/decisions.ts";
import { campaignMergeVerb } from "./campaign/merge.ts";
import { campaignNewVerb } from "./campaign/new.ts";
import { campaignPlanVerb } from "./campaign/plan.ts";
import { campaignReportVerb } from "./campaign/report.ts";
import { campaignRunVerb } from "./campaign/run.ts";
import { campaignStatusVerb } from "./campaign/status.ts";
import { cleanupVerb } from "./verbs/cleanup.ts";
import { completionVerb } from "./verbs/completion.ts";
import { dashboardVerb } from "./dashboard.ts";
import { doctorVerb } from "./verbs/doctor.ts";
import {
  reposListVerb,
  runsCancelVerb,
  runsEventsVerb,
  runsGetVerb,
  runVerb,
  sandboxesListVerb,
  sandboxesStopVerb,
} from "./verbs/drop_in.ts";
import { followVerb } from "./verbs/follow.ts";
import { gateVerb } from "./verbs/gate.ts";
import { initVerb } from "./verbs/init.ts";
import { permissionsVerb } from "./verbs/permissions.ts";
import { respondVerb } from "./verbs/respond.ts";
import { reportVerb } from "./verbs/report.ts";
import { runFollowVerb } from "./verbs/run_follow.ts";
import { runsRecentVerb } from "./verbs/runs_recent.ts";

export const VERBS: readonly Verb[] = [
  runFollowVerb,
  runVerb,
  followVerb,
  reportVerb,
  respondVerb,
  gateVerb,
  cleanupVerb,
  initVerb,
  doctorVerb,
  dashboardVerb,
  permissionsVerb,
  completionVerb,
  automationsListVerb,
  automationsGetVerb,
  automationsTriggerVerb,
  automationsTriggerFollowVerb,
  campaignNewVerb,
  campaignCheckVerb,
  campaignPlanVerb,
  campaignAdvanceVerb,
  campaignRunVerb,
  campaignStatusVerb,
  campaignRetryVerb,
  campaignApproveVerb,
  campaignStopVerb,
  campaignResumeVerb,
  campaignSkipVerb,
  campaignAskVerb,
  campaignMergeVerb,
  campaignCloseVerb,
  campaignReportVerb,
  campaignPipelineVerb,
  runsRecentVerb,
  runsGetVerb,
  runsEventsVerb,
  runsCancelVerb,
  reposListVerb,
  sandboxesListVerb,
  sandboxesStopVerb,
];
