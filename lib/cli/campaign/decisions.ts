/**
 * A decision sends requests to the service only to cancel runs, or to find the run of a start that got no response. The next wave, or the process
 * that is using the directory, applies the decision.
 *
 * @module
 */
import { decideCampaign, type Decision, type Selection } from "../../campaign/decide.ts";
import { needsRetry, nextStep } from "../../campaign/report/next_step.ts";
import { campaignCommand, itemNames } from "../../campaign/report/words.ts";
import type { CampaignView } from "../../campaign/view/view.ts";
import { personOf, UNKNOWN_PERSON } from "../../ci/platform.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { machineUser } from "../../files/processes.ts";
import { own } from "../../text/safe_line.ts";
import { explain } from "../explain.ts";
import { isLaptop } from "../settings.ts";
import type { Context, Verb, VerbFlag } from "../verb.ts";
import { maskToken } from "../context.ts";
import { type CampaignPlace, campaignVerb, readPlace, refreshReports } from "./campaign_job.ts";
import {
  ALLOW_OUTSIDE,
  BY,
  CANCEL,
  CAUSE,
  DECISION,
  DRY_RUN,
  FAILED,
  FORGE,
  JSON_OBJECT,
  LOCAL_CODES,
  OF_DECISIONS,
  OF_SETTLING,
  ONLY,
  REASON,
  SELECTION,
  SETTLE_CODES,
  WHERE,
} from "./flags.ts";
import { BY_HAND } from "./status_text.ts";
import { CANCEL_NOW } from "../../campaign/report/attention.ts";

const ADOPT: VerbFlag = { name: "adopt-changes", help: "Start the items with the current task in the file" };
const KEEP_TASK: VerbFlag = {
  name: "keep-task",
  help: "Start the items with the planned task, even if the task in the file has changed",
};

export const campaignApproveVerb: Verb = campaignVerb("approve", {
  summary: "Open a gate that closed after the canary, too many failures, or merges that broke a branch",
  flags: [WHERE, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ['mogplex-ci campaign approve campaign.yml --reason "all three look right"'],
  run: (context) => decide(context, { kind: "approve", ...readReason(context) }),
});

export const campaignResumeVerb: Verb = campaignVerb("resume", {
  summary: "Let a stopped campaign continue",
  flags: [WHERE, DECISION],
  codes: LOCAL_CODES,
  meanings: OF_DECISIONS,
  examples: ["mogplex-ci campaign resume campaign.yml"],
  run: (context) => decide(context, { kind: "resume", ...readReason(context) }),
});

export const campaignStopVerb: Verb = campaignVerb("stop", {
  summary: "Stop a campaign: nothing more starts, and active runs continue",
  flags: [WHERE, CANCEL, DECISION],
  codes: SETTLE_CODES,
  meanings: {
    ...OF_DECISIONS,
    success: "the decision is recorded: nothing more will start; with --cancel, no run is active, or there is no token",
    unavailable:
      "the directory is not writable; or with --cancel, the service did not answer, and the next wave tries again",
    rateLimited:
      "the process that uses the directory did not confirm the stop within 30 s; or with --cancel, the start quota is used up, and the next wave looks up the starts that got no response",
  },
  examples: ["mogplex-ci campaign stop campaign.yml"],
  run: (context) => decide(context, { kind: "stop", cancel: context.flags.has(CANCEL), ...readReason(context) }),
});

export const campaignRetryVerb: Verb = campaignVerb("retry", {
  summary: "Allow another attempt for items that have finished",
  flags: [WHERE, SELECTION, [ADOPT, KEEP_TASK, ALLOW_OUTSIDE], DECISION, FORGE],
  codes: SETTLE_CODES,
  meanings: OF_SETTLING,
  examples: [
    "mogplex-ci campaign retry campaign.yml --failed",
    "mogplex-ci campaign retry campaign.yml --only 'acme/web*'",
  ],
  run(context) {
    const { flags } = context;
    const [adopts, keeps] = [ADOPT, KEEP_TASK].map((flag) => flags.has(flag));
    if (adopts && keeps) {
      const why = `--${ADOPT.name} and --${KEEP_TASK.name} cannot be used together`;
      throw new UsageError({ attempted: "retry items", why });
    }
    const adopt = adopts || keeps ? adopts : undefined;
    return decide(context, { kind: "retry", select: readSelection(context), adopt, ...readReason(context) });
  },
});

export const campaignSkipVerb: Verb = campaignVerb("skip", {
  summary: "Skip items, so that they do not start again; --reason is required",
  flags: [WHERE, SELECTION, CANCEL, DECISION, FORGE],
  codes: SETTLE_CODES,
  meanings: {
    ...OF_SETTLING,
    success:
      "the decision is recorded, and the next wave applies it; the service has answered all starts of these items; with --cancel, none of their runs is active, or there is no token",
    usage:
      "--reason is missing; there is no plan, no item matches, or the decision does not apply now; a mistake in the file or the arguments; a modified journal",
  },
  examples: ["mogplex-ci campaign skip campaign.yml --only acme/web --reason 'by hand'"],
  async run(context) {
    const reason = requiredReason(context, "skip items", "use --reason TEXT, which the reports show");
    const cancel = context.flags.has(CANCEL);
    const code = await decide(context, { kind: "skip", select: readSelection(context), reason, cancel });
    context.writer.note(
      "this skip applies to this round only; to leave the repository out of later rounds, add it to `exclude`",
    );
    return code;
  },
});

export function readSelection(context: Context): Selection {
  const { flags, option } = context;
  return { failed: flags.has(FAILED), cause: option(CAUSE), only: flags.all(ONLY), shortIds: isLaptop(context) };
}

function readReason({ option }: Context): { reason?: string } {
  const reason = option(REASON)?.trim();
  return reason ? { reason } : {};
}

export function requiredReason(context: Context, attempted: string, advice: string): string {
  const { reason } = readReason(context);
  if (reason === undefined) throw new UsageError({ attempted, why: "the reason is missing", advice });
  return reason;
}

export function decider(context: Context): string {
  const { option, io, writer } = context;
  const person = personOf(io.env);
  const user = person === UNKNOWN_PERSON && isLaptop(context) ? machineUser() : null;
  return writer.redact(option(BY)?.trim() || (user ?? person));
}

const MAX_NAMES = 20;

function followingStep(
  kind: Decision["kind"],
  { options: { home } }: CampaignPlace,
  view: CampaignView,
  isOnLaptop: boolean,
): [text: string, verb: string, ...args: string[]] {
  if (view.waitingFor === "stopped") return ["The campaign is stopped. To let it continue:", "resume"];
  if (view.waitingFor === "gate") {
    // After `retry`, only the approval is missing. The message of `resume` already names the gate.
    if (kind !== "resume") return ["A gate is closed. To open it:", "approve"];
    const next = nextStep(view, "run");
    if (next === null) return ["To see what to do first:", "status"];
    if (next.first !== null) return [`To continue, ${next.first}, then:`, ...next.command];
    const [verb, ...args] = next.command;
    return [verb === "approve" ? "To open it:" : "To continue:", verb, ...args];
  }
  // A campaign on a branch usually has a schedule, which starts the next wave.
  return isOnLaptop && !home?.startsWith("git:") ? ["To continue the campaign:", "run"] : [BY_HAND, "advance"];
}

const STARTING: readonly Decision["kind"][] = ["retry", "approve", "resume"];

async function decide(context: Context, decision: Decision): Promise<number> {
  const { flags, writer } = context;
  const place = readPlace(context, `campaign ${decision.kind}`);
  maskToken(context);
  const dryRun = flags.has(DRY_RUN);
  const options = { ...place.options, by: decider(context), dryRun };
  // The reason may contain secrets that the user pasted.
  const masked = decision.reason === undefined ? decision : { ...decision, reason: writer.redact(decision.reason) };
  const decided = await decideCampaign(place.path, masked, options, place.internals);
  const { items, text, elsewhere, view, isElsewhere = false, leavesCancels = false, error } = decided;
  if (!dryRun && !isElsewhere) await refreshReports(context, place, view);
  if (flags.has(JSON_OBJECT)) {
    writer.json(writer.clean({ decision: decision.kind, dryRun, items, state: view.state }));
    return codeOf(context, error);
  }
  writer.out(writer.untrusted(text));
  writer.out(...items.slice(0, MAX_NAMES).map((name) => own`  ${writer.untrusted(name)}`));
  if (items.length > MAX_NAMES) writer.out(own`  and ${items.length - MAX_NAMES} more`);
  if (elsewhere !== undefined) writer.out(writer.untrusted(elsewhere));
  const [nextText, ...nextCommand] = followingStep(decision.kind, place, view, isLaptop(context));
  if (!dryRun && decision.kind === "resume") {
    const groups = nextCommand[0] === "retry" ? [] : view.causes.filter(({ verdict }) => verdict === "cancelled");
    const count = groups.reduce((sum, { items: { length } }) => sum + length, 0);
    if (count > 0) {
      writer.out(
        count === 1 ? own`To start the cancelled item again:` : own`To start the ${count} cancelled items again:`,
        ...groups.map(({ word }) =>
          own`  ${writer.untrusted(campaignCommand(place.command, "retry", "--cause", word))}`
        ),
      );
    }
  }
  if (!dryRun && STARTING.includes(decision.kind)) {
    const print = (text: string, ...command: [verb: string, ...args: string[]]) =>
      writer.out(writer.untrusted(text), own`  ${writer.untrusted(campaignCommand(place.command, ...command))}`);
    print(nextText, ...nextCommand);
    if (decision.kind === "resume" && needsRetry(view)) print("To start the other items anyway:", "approve");
  }
  const cancel = dryRun || isElsewhere ? null : cancelCommand(place, masked, items, view);
  if (cancel !== null) writer.out(own`To cancel what is still running:`, own`  ${writer.untrusted(cancel)}`);
  if (leavesCancels) {
    const advance = campaignCommand(place.command, "advance");
    writer.out(writer.untrusted(CANCEL_NOW), own`  ${writer.untrusted(advance)}`);
  }
  return codeOf(context, error);
}

function cancelCommand(
  { command }: CampaignPlace,
  decision: Decision,
  ids: readonly string[],
  { items }: CampaignView,
): string | null {
  if (decision.kind !== "skip") return null;
  const names = itemNames(items);
  const running = items.filter(({ id, skippedBy }) => skippedBy !== undefined && ids.includes(id)).slice(0, MAX_NAMES);
  if (running.length === 0) return null;
  const only = running.flatMap(({ id }) => ["--only", names.get(id) ?? id]);
  return campaignCommand(command, "skip", ...only, "--cancel", "--reason", decision.reason);
}

export function codeOf({ writer, vocabulary }: Context, error: unknown): number {
  if (error === undefined) return EXIT.success;
  explain(error, writer, vocabulary);
  return exitCodeFor(error);
}
