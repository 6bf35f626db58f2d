/**
 * `automations get`: prints an automation.
 *
 * @module
 */
import type { CallOptions } from "../../api/client.ts";
import { MAX_LISTED } from "../../automations/reader.ts";
import { summarizeRuns } from "../../automations/run_summary.ts";
import { MogplexError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Session } from "../../job/session.ts";
import { openOneShot } from "../job/one_shot.ts";
import { automationText, shownDetail } from "../log/automation_text.ts";
import { requiredArgument } from "../options/arguments.ts";
import { JSON_LINES } from "../options/table.ts";
import type { Verb } from "../verb.ts";
import { ASKING } from "./codes.ts";

/** What the newest runs add up to; null, with a notice, when they cannot be read: the automation itself is still worth printing. */
async function recentRuns(session: Session, automationId: string, call: CallOptions) {
  try {
    const runs = await session.client.listAutomationRuns(automationId, { limit: MAX_LISTED }, call);
    return summarizeRuns(runs, session.clock.wallTime());
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    session.notify({ kind: "text", message: `the runs of the automation are not shown: ${error.message}` });
    return null;
  }
}

export const automationsGetVerb: Verb = {
  name: "automations get",
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Print an automation: its version and a summary of its runs, without its graph",
  group: "toolkit",
  flags: [JSON_LINES],
  codes: ASKING,
  meanings: { success: "the request worked" },
  examples: ['mogplex-ci automations get "$AUTOMATION_ID"'],
  async run(context) {
    const { flags, writer } = context;
    const id = requiredArgument(context, "automations get", "automation-id");
    const { session, call } = openOneShot(context);
    const automation = await session.client.getAutomation(id, call);
    const detail = shownDetail(automation, await recentRuns(session, id, call));
    if (flags.has("json")) writer.json(detail);
    else writer.out(...writer.untrustedLines(automationText(writer.clean(detail))));
    return EXIT.success;
  },
};
