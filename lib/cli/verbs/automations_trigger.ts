/**
 * `automations trigger`: triggers an automation; with `--follow` waits for a slot, follows the run, and ends with its verdict.
 *
 * Without `--follow` it ends with `success` when a run works or has succeeded, with `deadline` when it waits for a slot, and with
 * `rateLimited` when the service accepted the trigger and started nothing. See `triggerEnd`.
 *
 * @module
 */
import { checkUuid } from "../../api/validate.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import type { AutomationItem } from "../../automations/follow.ts";
import { automationEndOf } from "../../automations/follow.ts";
import type { TriggeredRun, TriggerOptions, TriggerRequest } from "../../automations/plan.ts";
import { runAutomationJob } from "../../automations/run.ts";
import { triggerJob } from "../../automations/trigger.ts";
import { AutomationSuppressedError } from "../../runs/errors.ts";
import { interruptible } from "../../job/interrupt.ts";
import type { Notice } from "../../notice.ts";
import { connectOptions } from "../job/one_shot.ts";
import { automationVerdict, shownTrigger, triggerEnd, triggerLines } from "../log/automation_text.ts";
import { row } from "../log/event_text.ts";
import { noticeText } from "../log/notices.ts";
import { requiredArgument } from "../options/arguments.ts";
import { INPUT, INPUT_FILE, readTriggerRequest } from "../options/automation_input.ts";
import { readTriggerSettings, type WaitSettings } from "../options/settings.ts";
import { IDEMPOTENCY_KEY, JSON_LINES, KEY_PART, KEY_SCOPE, REPO, TIMEOUT, WATCHING } from "../options/table.ts";
import type { Verb, VerbContext } from "../verb.ts";

/** What to trigger, and how. */
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

/** Triggers, and prints what came of it. */
async function once(context: VerbContext, { automationId, request, options }: Triggering): Promise<number> {
  const { flags, writer, platform } = context;
  try {
    const internals = { connection: context.connection(), platform };
    const triggered = await triggerJob(automationId, request, options, internals);
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

/** @param known Status that the line about the trigger has shown already. */
function show({ flags, writer }: VerbContext, item: AutomationItem, known: string | undefined): void {
  if (item.type === "end") return;
  if (flags.has("json")) {
    const { type, run } = item;
    writer.json(type === "status" ? { type, status: run.status } : { type, count: item.count });
    return;
  }
  // The verdict shows the last status.
  if (item.type === "status" && (item.status === known || automationEndOf(item.status) !== undefined)) return;
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
  const { io, flags, writer, clock, platform } = context;
  const connection = context.connection();
  const { automationId, request, options, settings: { tokenShare, onTimeout, onInterrupt } } = triggering;
  const json = flags.has("json");
  let known: string | undefined;
  if (!json) writer.fence();
  const leaving = {
    onSignal: io.onSignal,
    // As for runs: some CI systems give their jobs a terminal, but no person sits there.
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
      return runAutomationJob(automationId, request, all, { connection, platform, interrupts, onInterrupt });
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
      const [verdict = "", ...rest] = writer.untrustedLines(automationVerdict(writer.clean(result), told));
      const colour = outcome === "success" ? "green" : outcome === "failed" || outcome === "error" ? "red" : "yellow";
      writer.out("", writer.paint(colour, verdict), ...rest);
    }
    if (told) writer.error(result.reason ?? error.message);
    return exitCode;
  } finally {
    writer.unfence();
  }
}

export const automationsTriggerVerb: Verb = {
  name: "automations trigger",
  usage: "<automation-id>",
  maxPositionals: 1,
  summary: "Trigger an automation; with --follow wait for its run and end with the verdict",
  group: "toolkit",
  flags: [
    REPO,
    [INPUT, INPUT_FILE],
    [IDEMPOTENCY_KEY, KEY_SCOPE, KEY_PART],
    TIMEOUT,
    { name: "follow", help: "Wait for a slot and for the end; the three flags below need it" },
    WATCHING,
    JSON_LINES,
  ],
  codes: [
    "success",
    "failed",
    "usage",
    "cancelled",
    "unauthorized",
    "forbidden",
    "unavailable",
    "internal",
    "rateLimited",
    "deadline",
    "sigint",
    "sigterm",
  ],
  meanings: { success: "the run works or has succeeded; with --follow: it has succeeded" },
  examples: [
    'mogplex-ci automations trigger "$AUTOMATION_ID" --repo "$MOGPLEX_REPO_ID" --input depth=full --follow',
    'mogplex-ci automations trigger "$AUTOMATION_ID" --input-file input.json --json | jq -r .runId',
  ],
  async run(context) {
    const { flags } = context;
    const argument = requiredArgument(context, "automations trigger", "automation-id");
    const automationId = checkUuid(argument, "automation id");
    const needsFollow = WATCHING.find(({ name }) => flags.all(name).length > 0);
    if (needsFollow !== undefined && !flags.has("follow")) {
      throw new UsageError({ attempted: "trigger automation", why: `--${needsFollow.name} works with --follow only` });
    }
    const { key, ...settings } = readTriggerSettings(context);
    const options: TriggerOptions = { ...connectOptions(context), ...key, timeoutMs: settings.timeoutMs };
    const request = await readTriggerRequest(context);
    // Masks the token before anything is printed.
    context.connection();
    const triggering: Triggering = { automationId, request, options, settings };
    return flags.has("follow") ? await follow(context, triggering) : await once(context, triggering);
  },
};
