/**
 * `automations trigger --follow`: triggers an automation, waits for a slot, follows the run, reports, and ends with its verdict.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import type { AutomationItem } from "../../automations/follow.ts";
import type { TriggeredRun } from "../../automations/plan.ts";
import { runAutomationJob } from "../../automations/run.ts";
import { type AutomationResult, emptyAutomationResult } from "../../result/automation_result.ts";
import { endOfAutomationRun } from "../../result/ends.ts";
import { withReports } from "../job/refused_job.ts";
import { endWithVerdict } from "../job/whole_job.ts";
import { shownTrigger, triggerLines } from "../log/automation_text.ts";
import type { LiveLog } from "../log/live_log.ts";
import { requiredArgument } from "../options/arguments.ts";
import { INPUTS, readTriggerRequest } from "../options/automation_input.ts";
import type { Places } from "../options/places.ts";
import { readTriggerSettings } from "../options/settings.ts";
import { JSON_LINES, KEYS, OPEN, REPO, REPORTING, TIMEOUT, WATCHING } from "../options/table.ts";
import type { Verb, VerbContext, VerbFlag } from "../verb.ts";
import { TRIGGERING } from "./codes.ts";

const FOLLOW: VerbFlag = { name: "follow", help: "Wait for a slot and for the end: a whole CI job in one line" };

function announce({ flags, writer }: VerbContext, triggered: TriggeredRun): void {
  if (flags.has("json")) return writer.json({ type: "trigger", ...shownTrigger(triggered) });
  // The block at the end has the key where it is needed to go on.
  const lines = triggerLines(triggered).filter((line) => !line.startsWith("key "));
  writer.out(...lines.map((line) => writer.untrusted(line)));
}

function show({ flags, writer }: VerbContext, live: LiveLog, item: AutomationItem): void {
  if (item.type === "end") return;
  if (flags.has("json")) {
    writer.json(
      item.type === "status" ? { type: item.type, status: item.status } : { type: item.type, count: item.count },
    );
  }
  if (item.type === "status") live.status(item.status, endOfAutomationRun(item.status) !== undefined);
  else if (item.count > 0) live.line("waits", `for an answer in the app (${item.count})`);
  else live.line("goes on", "");
}

async function triggerInto(context: VerbContext, automationId: string, places: Places): Promise<number> {
  const { key, timeoutMs, tokenShare, onTimeout, onInterrupt } = readTriggerSettings(context);
  const request = await readTriggerRequest(context);
  return await endWithVerdict<AutomationItem, AutomationResult>(context, {
    places,
    log: "compact",
    timeoutMs,
    show: (live, item) => show(context, live, item),
    work: ({ options, internals, live, publish }) => {
      const onTriggered = (triggered: TriggeredRun) => {
        announce(context, triggered);
        publish.started(triggered.runId);
        live.begin(triggered.status);
      };
      const all = { ...options, ...key, timeoutMs, tokenShare, onTimeout, onTriggered };
      return runAutomationJob(automationId, request, all, { ...internals, onInterrupt });
    },
  });
}

/** Triggers an automation and follows its run. See {@linkcode endWithVerdict}. */
async function triggerAndFollow(context: VerbContext): Promise<number> {
  const automationId = context.flags.positionals[0]?.trim() ?? "";
  return await withReports(
    context,
    async (places) => {
      const argument = requiredArgument(context, "automations trigger", "automation-id");
      return await triggerInto(context, checkUuid(argument, "automation id"), places);
    },
    { ...emptyAutomationResult(), automationId },
  );
}

/** The verb. */
export const automationsTriggerFollowVerb: Verb = {
  name: "automations trigger --follow",
  chosenBy: ["follow"],
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Trigger an automation, wait for its run, report, and end with its verdict",
  group: "toolkit",
  flags: [FOLLOW, REPO, INPUTS, KEYS, TIMEOUT, WATCHING, REPORTING, [OPEN], JSON_LINES],
  codes: [TRIGGERING, "sigint", "sigterm"],
  meanings: {
    success: "the automation run succeeded",
    failed: "the automation run failed",
    cancelled: "the automation run was cancelled",
    rateLimited: "429 for longer than the deadline allows; or nothing was started, since too many runs are active",
    deadline: "--timeout passed; the run goes on, or waits for a slot, unless asked otherwise",
  },
  examples: [
    'mogplex-ci automations trigger --follow "$AUTOMATION_ID" --repo acme/web',
  ],
  run: triggerAndFollow,
};
