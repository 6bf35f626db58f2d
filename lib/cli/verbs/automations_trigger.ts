/**
 * `automations trigger`: triggers an automation; with `--follow` waits for a slot, follows the run, and ends with its verdict.
 *
 * Without `--follow`: 0 when a run works or has succeeded, 124 when it waits for a slot, 75 when the service accepted the trigger
 * and started nothing. See `triggerEnd`.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { detectPlatform } from "../../platforms/detect.ts";
import type { AutomationItem } from "../../automations/follow.ts";
import { endOfAutomationRun } from "../../result/ends.ts";
import type { TriggeredRun, TriggerOptions, TriggerRequest } from "../../automations/plan.ts";
import { runAutomationJob } from "../../automations/run.ts";
import { triggerJob } from "../../automations/trigger.ts";
import { AutomationSuppressedError } from "../../automations/errors.ts";
import { interruptible } from "../../job/interrupt.ts";
import { KEY_SCOPES } from "../../job/key.ts";
import type { Notice } from "../../notice.ts";
import { readTriggerRequest } from "../options/automation_input.ts";
import { shownTrigger, triggerEnd, triggerLines } from "../log/automation_text.ts";
import { verdictText } from "../log/verdict.ts";
import { requiredArgument } from "../job/open.ts";
import { row } from "../log/event_text.ts";
import { noticeText } from "../log/notices.ts";
import { connectOptions } from "../job/one_shot.ts";
import { readWaitSettings, setting, type WaitSettings, wordSetting } from "../options/settings.ts";
import { WATCHING } from "../options/table.ts";
import { protectToken } from "../job/whole_job.ts";
import type { VerbContext } from "../verb.ts";

/** What is triggered, and how. */
interface Triggering {
  automationId: string;
  request: TriggerRequest;
  options: TriggerOptions;
  settings: WaitSettings;
}

function announce({ flags, writer }: VerbContext, triggered: TriggeredRun): void {
  if (flags.has("json")) writer.json(shownTrigger(triggered));
  else writer.out(...triggerLines(triggered).map((line) => writer.untrusted(line)));
}

/** Triggers, and tells what came of it. */
async function once(context: VerbContext, { automationId, request, options }: Triggering): Promise<number> {
  const { io, flags, writer } = context;
  try {
    const triggered = await triggerJob(automationId, request, options, { readFile: io.readFile });
    const { code, problem } = triggerEnd(triggered);
    if (flags.has("json")) writer.json({ ...shownTrigger(triggered), exitCode: code });
    else announce(context, triggered);
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

/** @param known Status that was told already, by the line about the trigger. */
function show({ flags, writer }: VerbContext, item: AutomationItem, known: string | undefined): void {
  if (item.type === "end") return;
  if (flags.has("json")) {
    const { type, run } = item;
    writer.json(type === "status" ? { type, status: run.status } : { type, count: item.count });
    return;
  }
  // The last status is told by the verdict.
  if (item.type === "status" && (item.status === known || endOfAutomationRun(item.status) !== undefined)) return;
  const line = item.type === "status"
    ? row("", "status", item.status)
    : item.count > 0
    ? row("", "waits", `for an answer in the app (${item.count})`)
    : row("", "goes on", "");
  writer.out(...writer.untrustedLines(line));
}

function hear({ flags, writer }: VerbContext, notice: Notice): void {
  if (notice.kind !== "heartbeat" || flags.has("json")) return writer.note(noticeText(notice));
  writer.out(writer.paint("dim", writer.untrusted(noticeText(notice))));
}

/** Triggers, follows the run, and ends with its verdict. */
async function follow(context: VerbContext, triggering: Triggering): Promise<number> {
  const { io, flags, writer, clock } = context;
  const { automationId, request, options, settings: { tokenShare, onTimeout, onInterrupt } } = triggering;
  const json = flags.has("json");
  const platform = detectPlatform(io.env);
  let known: string | undefined;
  if (!json) writer.fence();
  const leaving = {
    onSignal: io.onSignal,
    // As for runs: some CI systems give their jobs a terminal at which nobody sits.
    isTerminal: (stream: "stdout" | "stderr") => !platform.isCi && io.isTerminal(stream),
    exitNow(code: number) {
      writer.unfence();
      io.exitNow(code);
    },
  };
  try {
    const { result, error } = await interruptible({ io: leaving, clock }, (interrupts) => {
      const all = {
        ...options,
        tokenShare,
        onTimeout,
        onNotice: (notice: Notice) => hear(context, notice),
        onTriggered: (triggered: TriggeredRun) => {
          announce(context, triggered);
          known = triggered.status;
        },
        onItem: (item: AutomationItem) => {
          show(context, item, known);
          known = undefined;
        },
      };
      return runAutomationJob(automationId, request, all, { readFile: io.readFile, interrupts, onInterrupt });
    });
    // Nothing was started because of what the caller gave.
    if (result.runId === null && error instanceof MogplexError && error.exit === "usage") throw error;
    if (error !== undefined && !(error instanceof MogplexError)) throw error;
    const { runId, status, outcome, exitCode } = result;
    // On a terminal the block says it.
    const block = !json && io.isTerminal("stdout") && io.isTerminal("stderr");
    const told = error instanceof MogplexError && !block;
    if (json) writer.json({ runId, status, outcome, exitCode });
    else {
      const [verdict = "", ...rest] = writer.untrustedLines(
        verdictText(writer.clean(result), { reports: [], inErrorLine: told }),
      );
      const colour = outcome === "success" ? "green" : outcome === "failed" || outcome === "error" ? "red" : "yellow";
      writer.out("", writer.paint(colour, verdict), ...rest);
    }
    if (told) writer.error(result.reason ?? error.message);
    return exitCode;
  } finally {
    writer.unfence();
  }
}

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags } = context;
  const argument = requiredArgument(context, "automations trigger", "automation-id");
  const automationId = checkUuid(argument, "automation id");
  const needsFollow = WATCHING.find(({ name }) => flags.all(name).length > 0);
  if (needsFollow !== undefined && !flags.has("follow")) {
    throw new UsageError(`automations trigger: --${needsFollow.name} works with --follow only`);
  }
  const settings = readWaitSettings(context);
  const options: TriggerOptions = {
    ...connectOptions(context),
    timeoutMs: settings.timeoutMs,
    idempotencyKey: flags.get("idempotency-key"),
    keyScope: wordSetting(context, "key-scope", "MOGPLEX_KEY_SCOPE", KEY_SCOPES),
    keyPart: setting(context, "key-part", "MOGPLEX_KEY_PART"),
  };
  const request = await readTriggerRequest(context);
  protectToken(context);
  const triggering: Triggering = { automationId, request, options, settings };
  return flags.has("follow") ? await follow(context, triggering) : await once(context, triggering);
}
