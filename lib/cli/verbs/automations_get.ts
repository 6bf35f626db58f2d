/**
 * `automations get`: prints an automation.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { openOneShot } from "../job/one_shot.ts";
import { automationText, shownDetail } from "../log/automation_text.ts";
import { requiredArgument } from "../options/arguments.ts";
import { JSON_LINES } from "../options/table.ts";
import type { Verb } from "../verb.ts";
import { ASKING } from "./codes.ts";

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
    const { session: { client }, call } = openOneShot(context);
    const automation = await client.getAutomation(id, call);
    if (flags.has("json")) writer.json(shownDetail(automation));
    else writer.out(...writer.untrustedLines(automationText(writer.clean(automation))));
    return EXIT.success;
  },
};
