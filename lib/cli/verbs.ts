/**
 * The verbs, in the order of the help. Each brings its own row.
 *
 * @module
 */
import type { Verb } from "./verb.ts";
import { automationsGetVerb } from "./verbs/automations_get.ts";
import { automationsListVerb } from "./verbs/automations_list.ts";
import { automationsTriggerVerb } from "./verbs/automations_trigger.ts";
import { automationsTriggerFollowVerb } from "./verbs/automations_trigger_follow.ts";
import { campaignAdvanceVerb } from "./verbs/campaign/advance.ts";
import { campaignApproveVerb } from "./verbs/campaign/approve.ts";
import { campaignCheckVerb } from "./verbs/campaign/check.ts";
import { campaignPipelineVerb } from "./verbs/campaign/pipeline.ts";
import { campaignCommandsVerb } from "./verbs/campaign/commands.ts";
import { campaignNewVerb } from "./verbs/campaign/new.ts";
import { campaignPlanVerb } from "./verbs/campaign/plan.ts";
import { campaignReportVerb } from "./verbs/campaign/report.ts";
import { campaignResumeVerb } from "./verbs/campaign/resume.ts";
import { campaignRetryVerb } from "./verbs/campaign/retry.ts";
import { campaignRunVerb } from "./verbs/campaign/run.ts";
import { campaignSkipVerb } from "./verbs/campaign/skip.ts";
import { campaignStatusVerb } from "./verbs/campaign/status.ts";
import { campaignStopVerb } from "./verbs/campaign/stop.ts";
import { cleanupVerb } from "./verbs/cleanup.ts";
import { completionVerb } from "./verbs/completion.ts";
import { dashboardVerb } from "./verbs/dashboard/row.ts";
import { doctorVerb } from "./verbs/doctor.ts";
import { reposListVerb } from "./verbs/drop_in/repos_list.ts";
import { runVerb } from "./verbs/drop_in/run.ts";
import { runsCancelVerb } from "./verbs/drop_in/runs_cancel.ts";
import { runsEventsVerb } from "./verbs/drop_in/runs_events.ts";
import { runsGetVerb } from "./verbs/drop_in/runs_get.ts";
import { sandboxesListVerb } from "./verbs/drop_in/sandboxes_list.ts";
import { sandboxesStopVerb } from "./verbs/drop_in/sandboxes_stop.ts";
import { followVerb } from "./verbs/follow.ts";
import { initVerb } from "./verbs/init.ts";
import { permissionsVerb } from "./verbs/permissions.ts";
import { prReviewsRerunVerb } from "./verbs/pr_reviews_rerun.ts";
import { reportVerb } from "./verbs/report.ts";
import { runFollowVerb } from "./verbs/run_follow.ts";
import { runsRecentVerb } from "./verbs/runs_recent.ts";

/** Every verb. */
export const VERBS: readonly Verb[] = [
  runFollowVerb,
  runVerb,
  followVerb,
  reportVerb,
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
  prReviewsRerunVerb,
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
  campaignReportVerb,
  campaignPipelineVerb,
  campaignCommandsVerb,
  runsRecentVerb,
  runsGetVerb,
  runsEventsVerb,
  runsCancelVerb,
  reposListVerb,
  sandboxesListVerb,
  sandboxesStopVerb,
];
