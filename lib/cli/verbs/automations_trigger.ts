/**
 * `automations trigger`: triggers an automation and prints the run that it started or found.
 *
 * It ends with `success` when a run works or has succeeded, with `deadline` when it waits for a slot, and with `rateLimited` when the
 * service accepted the trigger and started nothing. See `triggerEnd`.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { AutomationSuppressedError } from "../../automations/errors.ts";
import { triggerJob } from "../../automations/trigger.ts";
import { connectOptions } from "../job/one_shot.ts";
import { shownTrigger, triggerEnd, triggerLines } from "../log/automation_text.ts";
import { requiredArgument } from "../options/arguments.ts";
import { INPUTS, readTriggerRequest } from "../options/automation_input.ts";
import { readTriggerSettings } from "../options/settings.ts";
import { JSON_LINES, KEYS, REPO, TIMEOUT } from "../options/table.ts";
import type { Verb, VerbContext } from "../verb.ts";
import { TRIGGERING } from "./codes.ts";

/** Triggers, and prints the run that was started or found, or why there is none. */
async function triggerOnce(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const automationId = checkUuid(requiredArgument(context, "automations trigger", "automation-id"), "automation id");
  const { key, timeoutMs } = readTriggerSettings(context);
  const request = await readTriggerRequest(context);
  try {
    const options = { ...connectOptions(context), ...key, timeoutMs };
    const internals = { connection: context.connection(), platform: context.platform };
    const triggered = await triggerJob(automationId, request, options, internals);
    const { code, problem } = triggerEnd(triggered);
    if (flags.has("json")) writer.json({ ...shownTrigger(triggered), exitCode: code });
    else writer.out(...triggerLines(triggered).map((line) => writer.untrusted(line)));
    if (problem !== null) writer.error(problem);
    return code;
  } catch (error) {
    if (flags.has("json") && error instanceof AutomationSuppressedError) {
      const { reason, exitCode } = error;
      writer.json({ automationId, runId: null, status: "suppressed", replayed: false, reason, exitCode });
    }
    throw error;
  }
}

/** The verb. */
export const automationsTriggerVerb: Verb = {
  name: "automations trigger",
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Trigger an automation, and print the run that it started or found",
  group: "toolkit",
  flags: [REPO, INPUTS, KEYS, TIMEOUT, JSON_LINES],
  codes: TRIGGERING,
  meanings: { success: "the run works or has succeeded" },
  examples: ['mogplex-ci automations trigger "$AUTOMATION_ID" --repo acme/web --input n=1'],
  run: triggerOnce,
};
