/**
 * What needs a person, and what that person can do: one entry for the campaign as a whole, and one for each group of items with one cause.
 *
 * @module
 */
import type { CampaignItem, CampaignView, CauseGroup } from "../view/view.ts";
import { NO_CHANGE } from "../view/verdicts.ts";
import { isUuid } from "../../service/contract.ts";
import type { Words } from "../../text/document.ts";
import { commandLine } from "../../text/escape.ts";
import { byVerdict, type CampaignCommand, campaignCommand, itemNames, LATE_MS } from "./words.ts";
import { instantMs, timeText } from "../../run/result.ts";

interface Step {
  /** A sentence; it ends in a colon when a command follows. */
  readonly text: string;
  /** The command that does it; null when a person does it elsewhere. */
  readonly command: string | null;
}

export function stepBlocks(steps: readonly Step[]): ({ text: string } | { code: string })[] {
  return steps.flatMap(({ text, command }) => command === null ? [{ text }] : [{ text }, { code: command }]);
}

/** A run of a group. */
interface GroupRun {
  /** Name of its item. Untrusted. */
  readonly name: string;
  /** The last lines of its agent's log. Untrusted. */
  readonly lines: readonly string[];
  /** Address of its pull request; null without one. */
  readonly pullRequest: string | null;
}

/** The newest run of a group, and the way to all of it. */
interface Newest extends GroupRun {
  /** The command that shows all of it. */
  readonly command: string;
  /** The newest run for each of the other last lines. */
  readonly others: readonly GroupRun[];
}

/** Most different last lines that a group shows. */
const MAX_LAST_LINES = 3;

/**
 * Where to find the cause of a group, in the order in which it is shown. Lines are the agents' own; the step has the command.
 *
 * @param mayLink Whether an address may be a link; any other is shown as text. @default every address may
 */
export function newestParts(
  { newest, count }: Attention,
  mayLink: (url: string) => boolean = () => true,
): { lastLines: { head: Words; lines: readonly string[] }[]; step: Words; command: string } | null {
  if (newest === null) return null;
  const { lines, command, others } = newest;
  const whose = (run: GroupRun): Words => {
    const { name, pullRequest } = run;
    const link: Words = pullRequest === null
      ? []
      : [" (", mayLink(pullRequest) ? { link: pullRequest } : { name: pullRequest, max: Infinity }, ")"];
    return [count === 1 ? [] : [" in ", { name }, run === newest ? ", the newest" : ""], link, ":"];
  };
  const lastLines = [newest, ...others].filter((run) => run.lines.length > 0)
    .map((run) => ({ head: ["Last lines of the agent", whose(run)], lines: run.lines }));
  return {
    lastLines,
    command,
    step: lines.length === 0 ? ["To see what the agent did", whose(newest)] : "To see more:",
  };
}

/** @param mayLink See {@linkcode newestParts}. */
export function newestBlocks(
  entry: Attention,
  mayLink?: (url: string) => boolean,
): ({ text: Words } | { code: string })[] {
  const parts = newestParts(entry, mayLink);
  if (parts === null) return [];
  const { lastLines, step, command } = parts;
  return [
    ...lastLines.flatMap(({ head, lines }) => [{ text: head }, { code: lines.join("\n") }]),
    { text: step },
    { code: command },
  ];
}

/** Before the command that cancels what a person has decided to cancel. */
export const CANCEL_NOW = "To cancel the runs now:";

/** Title of the entry about what comes after the others. */
export const AFTERWARDS = "then continue";

/** Title of the entry about a closed gate of canary or failures. */
export const GATE_CLOSED = "gate closed";

/** Something that needs a person. Its texts are untrusted. */
export interface Attention {
  /** A verdict, or a few words of ours. */
  readonly title: string;
  /** Why, in one line; empty when nothing is known. */
  readonly cause: string;
  /** Number of items; 0 when it is about the campaign as a whole. */
  readonly count: number;
  /** Names of all of them, as in `ItemView.id`. */
  readonly ids: readonly string[];
  /** The items, at most {@linkcode MAX_NAMED}, each with what is needed to find it. */
  readonly items: readonly string[];
  /** Null where no item has a run that did not succeed. */
  readonly newest: Newest | null;
  readonly steps: readonly Step[];
}

interface Context {
  readonly view: CampaignView;
  readonly command: CampaignCommand;
  /** Names of the items by their ids. */
  readonly names: ReadonlyMap<string, string>;
}

const MAX_NAMED = 20;

/**
 * Everything that needs a person, most urgent first: the campaign as a whole, then groups in the order of verdicts, large groups before
 * small ones.
 *
 * @param problem Message of the error that stopped the last step, which is not in the view (another user's token, for example).
 */
export function attentionOf(view: CampaignView, command: CampaignCommand, problem: string | null): Attention[] {
  const names = itemNames(view.items);
  const context: Context = { view, command, names };
  const stopped = problem ?? view.lastError;
  const whole = campaignEntry(context);
  const items = new Map(view.items.map((item) => [item.id, item]));
  const groups = [...view.causes].sort(byVerdict);
  const isOver = view.state === "done" || view.state === "waiting" && view.nextWaveAt === null;
  const noWave = isOver && groups.some(({ stuck }) => stuck === null);
  return [
    ...(stopped === null ? [] : [troubleEntry(stopped, context)]),
    ...(whole === undefined ? [] : [whole]),
    ...(view.mergesStopped === undefined ? [] : [mergesEntry(view.mergesStopped, command)]),
    ...groups.map((group): Attention => {
      const visibleNames = group.items.slice(0, MAX_NAMED).map((id) => {
        const item = items.get(id);
        return item === undefined ? id : located(item, names.get(id) ?? id);
      });
      const steps = stepsFor(group, items.get(group.items[0] ?? ""), context);
      const { verdict: title, cause, items: ids } = group;
      const common = { count: ids.length, ids, items: visibleNames, steps };
      if (group.stuck === null) {
        const groupItems = ids.map((id) => items.get(id)).filter((item) => item !== undefined);
        // Its question is the cause.
        const newest = title === "needs-input" ? null : newestOf(groupItems, names, command);
        return { title, cause, ...common, newest };
      }
      const held = `${cause}; owner: ${group.owners.join(", ")}`;
      return { title: `stuck: ${group.word}`, cause: held, ...common, newest: null };
    }),
    ...stillRunning(context),
    ...(noWave ? [afterwardsEntry(context)] : []),
  ];
}

/** What to do when no wave is due. A stop holds also after a retry. */
function afterwardsEntry({ view, command }: Context): Attention {
  const { stateReason, counts } = view;
  const after = `After ${counts["needs-input"] > 0 ? "an answer or a retry" : "a retry"}`;
  if (stateReason !== null) {
    const resume = campaignCommand(command, "resume");
    return ofCampaign(AFTERWARDS, "", step(`The campaign is stopped: ${stateReason}. ${after}, resume it:`, resume));
  }
  const run = campaignCommand(command, "run");
  return ofCampaign(
    AFTERWARDS,
    "",
    step(`${after}, start the next wave (unless a schedule does):`, run),
  );
}

/** The item with the newest run, and items whose agents ended with other lines; null where no item has a run. */
function newestOf(
  items: readonly CampaignItem[],
  names: ReadonlyMap<string, string>,
  { program }: CampaignCommand,
): Newest | null {
  const timeOf = ({ endedAt, startedAt }: CampaignItem) => instantMs(endedAt ?? startedAt) ?? -Infinity;
  const runs = items.filter(({ runId }) => runId !== null && isUuid(runId)).sort((a, b) => timeOf(b) - timeOf(a));
  const [newest] = runs;
  if (newest === undefined) return null;
  const distinct = new Map<string, CampaignItem>([[textOf(newest), newest]]);
  for (const item of runs) {
    const text = textOf(item);
    if (text !== "" && !distinct.has(text)) distinct.set(text, item);
  }
  const [run, ...others] = [...distinct.values()].slice(0, MAX_LAST_LINES)
    .map(({ id, pullRequest, lastLines = [] }) => ({ name: names.get(id) ?? id, lines: lastLines, pullRequest }));
  return run === undefined ? null : { ...run, others, command: commandLine(program, "report", newest.runId ?? "") };
}

/** The last lines of an item's agent. Times and counts differ from run to run, and make no other text. */
function textOf({ lastLines = [] }: CampaignItem): string {
  return lastLines.join("\n").replace(/\d+/g, "0");
}

/** Skipped items whose runs are still running, by the person who skipped them. */
function stillRunning({ view, command, names }: Context): Attention[] {
  const people = new Map<string, CampaignItem[]>();
  for (const item of view.items) {
    if (item.skippedBy !== undefined) people.set(item.skippedBy, [...people.get(item.skippedBy) ?? [], item]);
  }
  return [...people].map(([by, items]): Attention => {
    const isOne = items.length === 1;
    const visibleNames = items.slice(0, MAX_NAMED).map(({ id }) => names.get(id) ?? id);
    return {
      title: "running",
      cause: `skipped by ${by}; ${isOne ? "its run is still running" : "their runs are still running"}`,
      count: items.length,
      ids: items.map(({ id }) => id),
      items: visibleNames,
      steps: [
        step(
          isOne ? "To cancel it:" : `To cancel ${items.length > MAX_NAMED ? `the first ${MAX_NAMED}` : "them"}:`,
          campaignCommand(command, "skip", ...only(visibleNames), "--reason", "not wanted", "--cancel"),
        ),
      ],
      newest: null,
    };
  });
}

/** Merges that have broken their targets. */
function mergesEntry(reason: string, command: CampaignCommand): Attention {
  return ofCampaign(
    "merges stopped",
    reason,
    step("Fix these targets, or revert the merges. To merge the rest:", campaignCommand(command, "approve")),
  );
}

/** What holds up the campaign as a whole; undefined when nothing does. */
function campaignEntry({ view, command }: Context): Attention | undefined {
  const { state, stateReason, gateReason, waitingFor, nextWaveAt, at, writer, counts, pendingCancels = 0 } = view;
  const reason = stateReason ?? "";
  const isClosed = state === "gated" || state === "stopping" || state === "stopped";
  if (state === "gated" || isClosed && waitingFor === "gate") {
    const again = state === "gated"
      ? "Review what has finished. Items that you retry with the commands below pass the gate. To start the rest:"
      : "Fix the cause, and use the commands below to retry what should run again. To start the rest:";
    return ofCampaign(
      GATE_CLOSED,
      reason,
      step(
        view.causes.length > 0 ? again : "Review what has finished. To start the rest:",
        campaignCommand(command, "approve"),
      ),
      ...(state === "gated" ? [step("To start nothing more:", campaignCommand(command, "stop"))] : []),
    );
  }
  if (isClosed) {
    const runs = counts.running + counts["needs-input"] > pendingCancels;
    return ofCampaign(
      state,
      reason,
      step("To start the rest after all:", campaignCommand(command, "resume")),
      ...(gateReason === undefined ? [] : [step("Then open the gate:", campaignCommand(command, "approve"))]),
      ...(pendingCancels > 0 && writer === null ? [step(CANCEL_NOW, campaignCommand(command, "advance"))] : []),
      ...(runs ? [step("To cancel the active runs:", campaignCommand(command, "stop", "--cancel"))] : []),
    );
  }
  if (view.items.length === 0) {
    return ofCampaign(
      "no items",
      "",
      step("The file's list is empty. Fix the file, then plan again:", campaignCommand(command, "plan")),
    );
  }
  if (state === "planned") {
    return ofCampaign(
      "not started",
      "",
      step("To start it and follow it until it is done:", campaignCommand(command, "run")),
      step("Or one wave at a time, from a schedule:", campaignCommand(command, "advance")),
    );
  }
  const due = instantMs(nextWaveAt);
  const now = instantMs(at);
  // A process that stays makes its waves when something is due, and writes nothing in between.
  if (writer !== null) return undefined;
  if (due !== null && now !== null && state !== "done" && now - due > LATE_MS) {
    return ofCampaign(
      "wave is late",
      `it was due ${timeText(due, now)}, but nothing ran it`,
      step("Check whether the schedule is on. By hand:", campaignCommand(command, "advance")),
    );
  }
  return undefined;
}

function ofCampaign(title: string, cause: string, ...steps: Step[]): Attention {
  return { title, cause, count: 0, ids: [], items: [], steps, newest: null };
}

/** Flags that select items by name. */
function only(itemNames: readonly string[]): string[] {
  return itemNames.flatMap((name) => ["--only", name]);
}

function step(text: string, command: string | null = null): Step {
  return { text, command };
}

/** What stopped the last wave. The message says what to do about it. */
function troubleEntry(problem: string, { view, command }: Context): Attention {
  const next = step(
    "Nothing is lost. Once that is fixed, the next wave continues. By hand:",
    campaignCommand(command, "advance"),
  );
  return ofCampaign("stopped by an error", problem, ...(view.state === "done" ? [] : [next]));
}

/** An item with what is needed to find its work: its run while it waits for an answer, its branch or pull request while its verdict is unknown. */
function located(item: CampaignItem, name: string): string {
  const { verdict, runId, pullRequest, branch, stuck, pullRequestState: pull } = item;
  if (stuck !== null) {
    const since = pull?.createdAt?.slice(0, "2026-12-01".length);
    const age = since === undefined || pull?.state !== "open" ? "" : `, open since ${since}`;
    return pullRequest === null ? `${name} (branch ${branch})` : `${name} (${pullRequest}${age})`;
  }
  if (verdict === "needs-input") return runId === null ? name : `${name} (run ${runId})`;
  if (verdict !== "unknown") return name;
  if (pullRequest !== null) return `${name} (${pullRequest})`;
  return branch === null ? name : `${name} (branch ${branch})`;
}

function stepsFor(group: CauseGroup, first: CampaignItem | undefined, context: Context): Step[] {
  const { view, command } = context;
  const { verdict, word, items } = group;
  if (group.stuck !== null) return stepsForStuck(group, context);
  const isOne = items.length === 1;
  const runId = isOne ? first?.runId ?? null : null;
  const retry = campaignCommand(command, "retry", "--cause", word);
  const skip = (reason: string) => campaignCommand(command, "skip", "--cause", word, "--reason", reason);
  const leaveOut = isOne ? "Or leave it out:" : "Or leave them out:";
  const limit = view.quota.sandboxes.limit;
  switch (verdict) {
    case "needs-input": {
      const run = runId !== null && /^[\w-]{1,100}$/.test(runId) ? runId : null;
      const holds = isOne ? "the run keeps" : "each of these runs keeps";
      return [
        step(`Answer the agent in the app: until then, ${holds} one of the ${limit} sandboxes.`),
        ...(run === null ? [] : [step("Or end it:", commandLine(command.program, "runs", "cancel", run))]),
      ];
    }
    case "unknown":
      if (first?.runId === null) {
        return [
          step("Check in the app whether it has a run and what the run did. To try again:", retry),
          step("If its work is good:", skip("checked by hand")),
        ];
      }
      return [
        step(
          isOne
            ? "The run succeeded, but nothing shows whether it produced what the file requires. Review its work. If it is good:"
            : "The runs succeeded, but nothing shows whether they produced what the file requires. Review their work. If all of " +
              "it is good (--only NAME instead of --cause selects one of them):",
          skip("checked by hand"),
        ),
        step(isOne ? "If it is not, try again:" : "If it is not, try again, all or one:", retry),
      ];
    case "conflict":
      return [
        step("An earlier request with the same key asked for something else. If this one is right, try again:", retry),
        step("If the earlier one is right:", skip("done by an earlier run")),
      ];
    case "failed":
      if (first?.reason === NO_CHANGE) {
        return [
          step(`If ${isOne ? "it needs" : "they need"} no change:`, skip("no change needed")),
          step("To accept that for later runs, set `success: { accept-unchanged: true }` in the file, and plan again."),
          step("Otherwise make the task more precise, then try again:", retry),
        ];
      }
      return [step("Fix the cause, then try again:", retry)];
    case "overdue":
      return [step("If the task needs more time, raise limits.run-timeout and plan again. Then try again:", retry)];
    case "cancelled":
      return [step("Try again:", retry), step(leaveOut, skip("not wanted"))];
    case "invalid":
      return [
        step("Fix the file, then plan again:", campaignCommand(command, "plan")),
        step(leaveOut, skip("not wanted")),
      ];
    case "service":
      return view.state === "stopped" || view.state === "stopping"
        ? [step("Nothing to do: the campaign is stopped.")]
        : [step("Nothing to do: the next wave tries again. After 5 failures in a row the item has failed.")];
    case "starting": {
      const asks = view.state === "stopped" || view.state === "stopping"
        ? ""
        : " The campaign asks for it again automatically, at least every three hours.";
      const cancel = campaignCommand(command, "skip", "--cause", word, "--cancel", "--reason", "no answer");
      return [
        step(`Check in the app whether it has a run.${asks} To find its run and keep it:`, retry),
        step("To find its run and cancel it:", cancel),
      ];
    }
    default:
      return [step("To try again:", retry)];
  }
}

/** What to do about pull requests that wait for the same. */
function stepsForStuck({ stuck, word, items }: CauseGroup, { command, names }: Context): Step[] {
  const retry = campaignCommand(command, "retry", "--cause", word);
  switch (stuck) {
    case "conflict":
      return [step("To let a run resolve the conflicts, on the same branch:", retry)];
    case "failed-checks":
      return [step("Fix the cause at the forge; or let a run fix it, on the same branch:", retry)];
    case "changes-requested":
      return [step("Make the changes; or let a run make them, on the same branch:", retry)];
    case "closed-unmerged":
    case "no-pull-request":
      return [step("If it is wanted after all, start the task again, on a new branch:", retry)];
    case "unreadable": {
      const isOne = items.length === 1;
      const text = isOne
        ? "Give the token access to this repository. If it is gone, leave its item out:"
        : "Give the token access to these repositories. To leave out items whose repositories are gone, remove the other names:";
      const visibleNames = items.slice(0, MAX_NAMED).map((id) => names.get(id) ?? id);
      return [step(text, campaignCommand(command, "skip", ...only(visibleNames), "--reason", "gone"))];
    }
    case "no-reviewer":
      return [
        step(
          "Ask somebody to review, at the forge or with this command (--reviewer NAME, unless the file names reviewers):",
          campaignCommand(command, "ask", "--cause", word),
        ),
      ];
    default:
      return [
        step(
          "Remind the people who have to act. To merge what is approved and green:",
          campaignCommand(command, "merge"),
        ),
        step("To give it up:", campaignCommand(command, "close", "--cause", word, "--reason", "not wanted")),
      ];
  }
}
