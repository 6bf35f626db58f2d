/**
 * `automations get`: prints an automation.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { automationText, shownDetail } from "../log/automation_text.ts";
import { requiredArgument } from "../job/open.ts";
import { openOneShot } from "../job/one_shot.ts";
import type { VerbContext } from "../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const id = requiredArgument(context, "automations get", "automation-id");
  const { session: { client }, call } = openOneShot(context);
  const automation = await client.getAutomation(id, call);
  if (flags.has("json")) writer.json(shownDetail(automation));
  else writer.out(...writer.untrustedLines(automationText(writer.clean(automation))));
  return EXIT.success;
}
