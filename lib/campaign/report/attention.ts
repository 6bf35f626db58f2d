import { groupBy } from "../../lookup.ts";
import type { CampaignItem, CampaignView, CauseGroup } from "../view/view.ts";
import { NO_CHANGE } from "../view/verdicts.ts";
import { isUuid } from "../../service/contract.ts";
import { joinWords, type Words } from "../../text/document.ts";
import { formatCount } from "../../text/duration.ts";
import { commandLine } from "../../text/escape.ts";
import { byVerdict, type CampaignCommand, campaignCommand, itemNames, LATE_MS } from "./words.ts";
import { instantMs, timeText } from "../../run/result.ts";
import { lookup } from "../../lookup.ts";
import { failedGroups, isAtGate, isOver, isStoppedByFailures, needsRetry, retriedCount } from "./next_step.ts";

interface Step {
  readonly text: string;
  readonly command: string | null;
}

export function stepBlocks(steps: readonly Step[]): ({ text: string } | { code: string })[] {
  return steps.flatMap(({ text, command }) => command === null ? [{ text }] : [{ text }, { code: command }]);
}

interface Ending {
  readonly ids: readonly string[];
  /** Untrusted text. */
  readonly names: readonly string[];
  /** Untrusted text: the last lines of the newest agent's log. */
  readonly lines: readonly string[];
  readonly pullRequest: string | null;
}

interface Newest {
  readonly run: Ending;
  readonly command: string;
  /**
   * The ending of the newest run comes first, then the most frequent endings. Untrusted text: agents write these lines, so no decision depends on
   * them.
   */
  readonly endings: readonly Ending[];
}

const MAX_ENDINGS = 3;
export const MAX_ALL_ENDINGS = 20;
const MAX_NAMES = 5;

interface NewestOptions {
  /** Whether an address can be shown as a link. Other addresses are shown as text. @default all addresses */
  mayLink?: ((url: string) => boolean) | undefined;
  max?: number;
  rest: string;
}

interface NewestParts {
  lastLines: { head: Words; lines: readonly string[] }[];
  more: Words | null;
  step: Words;
  command: string;
}

/** Untrusted text: agents wrote the lines. */
export function newestParts(
  { newest, count }: Attention,
  { mayLink = () => true, max = MAX_ENDINGS, rest }: NewestOptions,
): NewestParts | null {
  if (newest === null) return null;
  const { run, command, endings } = newest;
  const isMixed = endings.length > 1;
  const whose = ({ ids, names, pullRequest }: Ending): Words => {
    if (isMixed && names.length > 1) return [`s in ${names.length} items (`, namesOf(names), "):"];
    const link: Words = pullRequest === null
      ? []
      : [" (", mayLink(pullRequest) ? { link: pullRequest } : { name: pullRequest, max: Infinity }, ")"];
    const isNewest = ids[0] === run.ids[0];
    return [count === 1 ? [] : [" in ", { name: names[0] ?? "" }, isNewest ? ", the newest" : ""], link, ":"];
  };
  const others = endings.slice(max);
  return {
    lastLines: endings.slice(0, max).map((each) => ({
      head: ["Last lines from the agent", whose(each)],
      lines: each.lines,
    })),
    more: others.length === 0 ? null : [
      `And ${formatCount(others.length, "other log ending")}, in `,
      namesOf(others.flatMap(({ names }) => names)),
      `: ${rest}`,
    ],
    command,
    step: run.lines.length === 0
      ? ["To see what the agent did", whose(run)]
      : isMixed
      ? ["To see more of ", { name: run.names[0] ?? "" }, ":"]
      : "To see more:",
  };
}

function namesOf(names: readonly string[]): Words {
  const more = names.length - MAX_NAMES;
  return [joinWords(names.slice(0, MAX_NAMES).map((name) => ({ name })), ", "), more > 0 ? ` and ${more} more` : ""];
}

export function endingsText({ newest }: Attention): string {
  const { endings: { length } } = newest ?? { endings: [] };
  return length > 1 ? `, ${length} different log endings` : "";
}

export function newestBlocks(entry: Attention, options: NewestOptions): ({ text: Words } | { code: string })[] {
  const parts = newestParts(entry, options);
  if (parts === null) return [];
  const { lastLines, more, step, command } = parts;
  return [
    ...lastLines.flatMap(({ head, lines }) => [{ text: head }, { code: lines.join("\n") }]),
    ...more === null ? [] : [{ text: more }],
    { text: step },
    { code: command },
  ];
}

export function attentionCount(entries: readonly Attention[]): string {
  const items = entries.reduce((sum, { count }) => sum + count, 0);
  const parts = [
    ...items > 0 ? [formatCount(items, "item")] : [],
    ...entries.flatMap(({ title }) => lookup(NOUNS, title) ?? []),
  ];
  return parts.join(", ").replace(/, ([^,]*)$/, " and $1");
}

export const CANCEL_NOW = "To cancel the runs now:";

export const AFTERWARDS = "When that is done";

export const GATE_CLOSED = "gate closed";

const NOUNS: Readonly<Partial<Record<string, string>>> = {
  [GATE_CLOSED]: "a closed gate",
  stopping: "a stopped campaign",
  stopped: "a stopped campaign",
  "stopped by an error": "an error",
  "merges stopped": "stopped merges",
  "no items": "an empty list",
  "not started": "the first wave",
  "wave is late": "a late wave",
};

/** All text is untrusted. */
export interface Attention {
  readonly title: string;
  readonly cause: string;
  readonly count: number;
  readonly ids: readonly string[];
  readonly items: readonly string[];
  readonly newest: Newest | null;
  readonly steps: readonly Step[];
  readonly isLater: boolean;
}

interface Context {
  readonly view: CampaignView;
  readonly command: CampaignCommand;
  readonly names: ReadonlyMap<string, string>;
}

const MAX_NAMED = 20;

export function attentionOf(view: CampaignView, command: CampaignCommand, problem: string | null): Attention[] {
  const names = itemNames(view.items);
  const context: Context = { view, command, names };
  const stopped = problem ?? view.lastError;
  const whole = campaignEntry(context);
  const [before, after] = whole?.isLater ? [[], [whole]] : [whole === undefined ? [] : [whole], []];
  const items = new Map(view.items.map((item) => [item.id, item]));
  const failed = isStoppedByFailures(view) ? failedGroups(view) : [];
  const later = (group: CauseGroup) => Number(!failed.includes(group));
  const groups = [...view.causes].sort((a, b) => later(a) - later(b) || byVerdict(a, b));
  const noWave = isOver(view) && groups.some(({ stuck }) => stuck === null);
  return [
    ...(stopped === null ? [] : [troubleEntry(stopped, context)]),
    ...before,
    ...(view.mergesStopped === undefined ? [] : [mergesEntry(view.mergesStopped, command)]),
    ...groups.map((group): Attention => {
      const visibleNames = group.items.slice(0, MAX_NAMED).map((id) => {
        const item = items.get(id);
        return item === undefined ? id : located(item, names.get(id) ?? id);
      });
      const steps = stepsFor(group, items.get(group.items[0] ?? ""), context);
      const { verdict: title, cause, items: ids } = group;
      const common = { count: ids.length, ids, items: visibleNames, steps, isLater: false };
      if (group.stuck === null) {
        const groupItems = ids.map((id) => items.get(id)).filter((item) => item !== undefined);
        // For these items, the agent's question is the cause.
        const newest = title === "needs-input" ? null : newestOf(groupItems, names, command);
        return { title, cause, ...common, newest };
      }
      const held = `${cause}; owner: ${group.owners.join(", ")}`;
      return { title: `stuck: ${group.word}`, cause: held, ...common, newest: null };
    }),
    ...after,
    ...stillRunning(context),
    ...(noWave ? [afterwardsEntry(context)] : []),
  ];
}

/** A stopped campaign must be resumed after a retry, because a retry does not revoke the stop. */
function afterwardsEntry({ view, command }: Context): Attention {
  const { stateReason, causes } = view;
  const asks = causes.some(({ verdict }) => verdict === "needs-input");
  const after = `After ${asks ? "an answer or a retry" : "a retry"}`;
  const next = stateReason === null || view.pending?.hold === "gate"
    ? step(`${after}, start the next wave (unless a schedule does):`, campaignCommand(command, "run"))
    : step(
      `The campaign was ${stateReason}. ${after}, resume it:`,
      campaignCommand(command, "resume"),
    );
  return { ...ofCampaign(AFTERWARDS, "", next), isLater: true };
}

function newestOf(
  items: readonly CampaignItem[],
  names: ReadonlyMap<string, string>,
  { program }: CampaignCommand,
): Newest | null {
  const timeOf = ({ endedAt, startedAt }: CampaignItem) => instantMs(endedAt ?? startedAt) ?? -Infinity;
  const runs = items.filter(({ runId }) => runId !== null && isUuid(runId)).sort((a, b) => timeOf(b) - timeOf(a));
  const [newest] = runs;
  if (newest === undefined) return null;
  const byText = new Map<string, CampaignItem[]>();
  for (const item of runs) {
    const text = textOf(item);
    const others = byText.get(text);
    if (others !== undefined) others.push(item);
    else if (text !== "") byText.set(text, [item]);
  }
  const endingOf = (items: readonly CampaignItem[]): Ending => ({
    ids: items.map(({ id }) => id),
    names: items.map(({ id }) => names.get(id) ?? id),
    lines: items[0]?.lastLines ?? [],
    pullRequest: items[0]?.pullRequest ?? null,
  });
  const isNewest = ([first]: readonly CampaignItem[]) => Number(first === newest);
  const groups = [...byText.values()].sort((a, b) => isNewest(b) - isNewest(a) || b.length - a.length);
  const command = commandLine(program, "report", newest.runId ?? "");
  return { run: endingOf([newest]), endings: groups.map(endingOf), command };
}

/** Times and counts differ between runs, so all numbers are replaced with 0. */
function textOf({ lastLines = [] }: CampaignItem): string {
  return lastLines.join("\n").replace(/\d+/g, "0");
}

function stillRunning({ view, command, names }: Context): Attention[] {
  const people = groupBy(
    view.items.filter(({ skippedBy }) => skippedBy !== undefined),
    ({ skippedBy = "" }) => skippedBy,
  );
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
      isLater: false,
    };
  });
}

function mergesEntry(reason: string, command: CampaignCommand): Attention {
  return ofCampaign(
    "merges stopped",
    reason,
    step("Fix these target branches, or revert the merges. To continue merging:", campaignCommand(command, "approve")),
  );
}

function campaignEntry({ view, command }: Context): Attention | undefined {
  const { state, gateReason, nextWaveAt, at, writer, counts, pendingCancels = 0 } = view;
  const isClosed = state === "gated" || state === "stopping" || state === "stopped";
  if (isAtGate(view)) return gateEntry(view, command);
  if (isClosed) {
    const runs = counts.running + counts["needs-input"] - pendingCancels;
    const isRetryFirst = needsRetry(view);
    const approve = campaignCommand(command, "approve");
    const resume = step(
      isRetryFirst ? "Deal with the items below first. Then let the campaign continue:" : "To resume the campaign:",
      campaignCommand(command, "resume"),
    );
    // The campaign's state contains the reason. Runs that continue without a process do not prevent a resume.
    return ofCampaign(
      writer === null ? "stopped" : state,
      "",
      // The other process uses the campaign until its last run has finished.
      ...(writer === null ? [resume] : []),
      ...(gateReason === undefined || writer !== null ? [] : [
        step(
          isRetryFirst ? "To start the other items anyway, resume the campaign, then approve:" : "Then open the gate:",
          approve,
        ),
      ]),
      ...(pendingCancels > 0 && writer === null ? [step(CANCEL_NOW, campaignCommand(command, "advance"))] : []),
      ...(runs > 0
        ? [
          step(`To cancel the active ${runs === 1 ? "run" : "runs"}:`, campaignCommand(command, "stop", "--cancel")),
        ]
        : []),
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
      step("To start the campaign and follow it until it is done:", campaignCommand(command, "run")),
      step("Or one wave at a time, from a schedule:", campaignCommand(command, "advance")),
    );
  }
  if (view.pending?.hold === "stopped") {
    return ofCampaign("stopped", "", step("To merge the pull requests after all:", campaignCommand(command, "resume")));
  }
  if (view.pending?.hold === "gate") {
    const approve = step("To merge the pull requests anyway:", campaignCommand(command, "approve"));
    return { ...ofCampaign(GATE_CLOSED, "", approve), isLater: failedGroups(view).length > 0 };
  }
  const due = instantMs(nextWaveAt);
  const now = instantMs(at);
  // A process that follows the campaign starts a wave when one is due, and writes nothing in between.
  if (writer !== null) return undefined;
  if (due !== null && now !== null && now - due > LATE_MS) {
    return ofCampaign(
      "wave is late",
      `it was due ${timeText(due, now)}, but has not run`,
      step("Check whether the schedule is active. To run the wave by hand:", campaignCommand(command, "advance")),
    );
  }
  return undefined;
}

/** The state of the campaign already contains the reason. Items that did not succeed come first. */
function gateEntry(view: CampaignView, command: CampaignCommand): Attention {
  const isLater = failedGroups(view).length > 0;
  const isStopped = isStoppedByFailures(view);
  const again = retriedCount(view);
  const start = again === 1 ? "1 retried item starts" : `${again} retried items start`;
  const text = isStopped
    ? `${isLater ? FIX_FIRST : "Once the cause is fixed,"} let the campaign continue${
      again > 0 ? `; ${start} first` : ""
    }:`
    : isLater
    ? `${retryFirst(view)} To start the other items anyway:`
    : "Review the finished items. To start the others:";
  const steps = [
    step(text, campaignCommand(command, "approve")),
    ...isStopped ? [] : [step("To stop the campaign instead:", campaignCommand(command, "stop"))],
  ];
  return { ...ofCampaign(GATE_CLOSED, "", ...steps), isLater };
}

const FIX_FIRST = "Fix the cause and retry the failed items, as shown above. Then";

export function retryFirst({ canaryGate }: Pick<CampaignView, "canaryGate">): string {
  const then = canaryGate?.gate === "automatic" ? " If they succeed, the campaign continues without approval." : "";
  return `Deal with the items above first. Retried items do not wait for the gate.${then}`;
}

function ofCampaign(title: string, cause: string, ...steps: Step[]): Attention {
  return { title, cause, count: 0, ids: [], items: [], steps, newest: null, isLater: false };
}

function only(itemNames: readonly string[]): string[] {
  return itemNames.flatMap((name) => ["--only", name]);
}

function step(text: string, command: string | null = null): Step {
  return { text, command };
}

function troubleEntry(problem: string, { view, command }: Context): Attention {
  const next = step(
    "Nothing is lost. Once the problem is fixed, the next wave continues. To run it by hand:",
    campaignCommand(command, "advance"),
  );
  return ofCampaign("stopped by an error", problem, ...(view.state === "done" ? [] : [next]));
}

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
  const runId = first?.runId ?? null;
  const retry = campaignCommand(command, "retry", "--cause", word);
  const skip = (reason: string) => campaignCommand(command, "skip", "--cause", word, "--reason", reason);
  const leaveOut = isOne ? "Or skip it:" : "Or skip them:";
  const limit = view.quota.sandboxes.limit;
  switch (verdict) {
    case "needs-input": {
      const run = runId !== null && /^[\w-]{1,100}$/.test(runId) ? runId : null;
      const holds = isOne ? "the run occupies" : "each of these runs occupies";
      return [
        step(`Answer the agent in the app. Until then, ${holds} one of the ${limit} sandboxes.`),
        ...(run === null ? [] : [
          step(
            isOne ? "Or cancel the run:" : "Or cancel one of the runs:",
            commandLine(command.program, "runs", "cancel", run),
          ),
        ]),
      ];
    }
    case "unknown":
      if (first?.runId === null) {
        return [
          step("Check in the app whether the item has a run and what the run did. To try again:", retry),
          step("If its work is good:", skip("checked by hand")),
        ];
      }
      return [
        step(
          isOne
            ? "The run succeeded, but nothing shows whether it produced what the file requires. Review its work. If it is good:"
            : "The runs succeeded, but nothing shows whether they produced what the file requires. Review their work. If all of it " +
              "is good (use --only NAME instead of --cause to select one item):",
          skip("checked by hand"),
        ),
        step(isOne ? "Otherwise, try again:" : "Otherwise, try them again:", retry),
      ];
    case "conflict":
      return [
        step("An earlier request with the same key was different. If this request is right, try again:", retry),
        step("If the earlier request is right:", skip("done by an earlier run")),
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
        : [step("Nothing to do: the next wave tries again. After 5 failures in a row, the item fails.")];
    case "starting": {
      const asks = view.state === "stopped" || view.state === "stopping"
        ? ""
        : " The campaign sends the start again automatically, at least every three hours.";
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

function stepsForStuck({ stuck, word, items }: CauseGroup, { command, names }: Context): Step[] {
  const retry = campaignCommand(command, "retry", "--cause", word);
  switch (stuck) {
    case "conflict":
      return [step("To have a run resolve the conflicts on the same branch:", retry)];
    case "failed-checks":
      return [step("Fix the cause yourself, or have a run fix it on the same branch:", retry)];
    case "changes-requested":
      return [step("Make the changes yourself, or have a run make them on the same branch:", retry)];
    case "closed-unmerged":
    case "no-pull-request":
      return [step("If the change is still wanted, start the task again on a new branch:", retry)];
    case "unreadable": {
      const isOne = items.length === 1;
      const text = isOne
        ? "Give the token access to this repository. If the repository no longer exists, skip its item:"
        : "Give the token access to these repositories. To skip items whose repositories no longer exist, delete the other names from this command:";
      const visibleNames = items.slice(0, MAX_NAMED).map((id) => names.get(id) ?? id);
      return [step(text, campaignCommand(command, "skip", ...only(visibleNames), "--reason", "gone"))];
    }
    case "no-reviewer":
      return [
        step(
          "Request a review on the forge, or with this command (add --reviewer NAME if the file names no reviewers):",
          campaignCommand(command, "ask", "--cause", word),
        ),
      ];
    default:
      return [
        step(
          "Remind the people who have to act. To merge what is approved and green:",
          campaignCommand(command, "merge"),
        ),
        step(
          `To close ${items.length === 1 ? "it" : "them"} instead:`,
          campaignCommand(command, "close", "--cause", word, "--reason", "not wanted"),
        ),
      ];
  }
}
