/**
 * Sentences about a campaign. They contain untrusted text from the view, which must be made safe before it is printed.
 * @module
 */
import { lookup } from "../../lookup.ts";
import { instantMs, timeText } from "../../run/result.ts";
import type { Words } from "../../text/document.ts";
import { formatCount } from "../../text/duration.ts";
import { commandLine } from "../../text/escape.ts";
import { cutText } from "../../text/plain_text.ts";
import { SENT_ELSEWHERE, START_MS } from "../journal/memory.ts";
import type { CampaignLimit } from "../pace/next_starts.ts";
import { pullRequestsSentence, unreadAdvice } from "../pulls.ts";
import { STOPPED_BY } from "../view/progress.ts";
import { GOOD_VERDICTS, isFinal, ITEM_VERDICTS, type ItemState, OPEN_STATES, totalsOf } from "../view/verdicts.ts";
import type { CampaignItem, CampaignView, QuotaView } from "../view/view.ts";
import { pendingText } from "./pending_words.ts";
import { isTrouble } from "./causes.ts";

export const STATES: readonly ItemState[] = [
  ...ITEM_VERDICTS.filter(isTrouble),
  ...OPEN_STATES,
  ...GOOD_VERDICTS,
];

export function byVerdict(a: { verdict: ItemState }, b: { verdict: ItemState }): number {
  return STATES.indexOf(a.verdict) - STATES.indexOf(b.verdict);
}

const PHRASES: Readonly<Partial<Record<ItemState, string>>> = {
  starting: "sent to the service, no answer yet",
  quota: "held back by a quota",
  service: "held back by the service",
};

/**
 * The word for a state in human-readable text. `waiting` becomes `queued`, because a campaign can be `waiting`, too. Data formats and `--cause` use
 * the state itself.
 */
export function stateWord(state: ItemState): string {
  return state === "waiting" ? "queued" : state;
}

function countsText({ counts }: Pick<CampaignView, "counts">, states: readonly ItemState[]): string {
  return states.filter((state) => counts[state] > 0).map((state) =>
    `${counts[state]} ${lookup(PHRASES, state) ?? stateWord(state)}`
  )
    .join(", ");
}

const OPEN: readonly ItemState[] = ["needs-input", ...OPEN_STATES];
const ENDED: readonly ItemState[] = [
  "succeeded",
  "unchanged",
  ...ITEM_VERDICTS.filter((verdict) => isTrouble(verdict) && isFinal(verdict)),
  "skipped",
];

export function countSentences(view: Pick<CampaignView, "counts">): string[] {
  const { items, ended } = totalsOf(view.counts);
  const open = items - ended;
  if (items === 0) return [];
  return [
    `${ended} of ${items} ${ended === 1 ? "has" : "have"} finished${ended === 0 ? "" : `: ${countsText(view, ENDED)}`}`,
    ...(open > 0 ? [countsText(view, OPEN)] : []),
  ];
}

export function sandboxesText({ used, limit, ended = 0 }: QuotaView["sandboxes"]): string {
  return `${used} of ${limit} in use${ended > 0 ? `, ${ended} by finished runs` : ""}`;
}

export function startsText({ minute, hour, day }: QuotaView): string {
  const parts = [[minute, "a minute"], [hour, "an hour"], [day, "a day"]] as const;
  return parts.map(([{ used, limit }, span]) => limit === null ? null : `${used} of ${limit} ${span}`)
    .filter((part) => part !== null).join(", ") || NO_QUOTAS;
}

export const NO_QUOTAS = "not limited";

export function boundText(
  bound: Exclude<CampaignLimit, "nothing">,
  { quota: { minute, hour, day, sandboxes } }: Pick<CampaignView, "quota">,
): string {
  const used = (quota: { used: number | null; limit: number | null }) =>
    quota.used === null ? `${quota.limit} at most` : `${quota.used} of ${quota.limit} used`;
  const texts: Readonly<Record<typeof bound, string>> = {
    minute: `the quota of starts per minute (${used(minute)})`,
    hour: `the quota of starts per hour (${used(hour)})`,
    day: `the quota of starts per day (${used(day)})`,
    sandboxes: `a free sandbox (${used(sandboxes)})`,
    requests: "the quota of requests per minute",
    refused: "the service to accept starts again",
    // The campaign's own numbers do not show what other tokens of the user have started.
    "user-starts": "the service's limit of starts, which includes this user's starts outside this campaign",
    unanswered: "a pause to end: the last start had no answer, so an agent may be running",
    parallel: "a run to end (limits.parallel)",
    "pull-requests": "pull requests to be merged, closed or read (limits.open-pull-requests)",
    window: "the next window in the campaign file",
    gate: "your approval",
    stopped: "somebody to resume the campaign",
    home: "the campaign's branch to become writable again",
  };
  return texts[bound];
}

export function nextStartText(view: CampaignView, stays: boolean = view.writer !== null): string | null {
  const { waitingFor, quota, counts, items } = view;
  if (waitingFor === null) return stays ? "right away" : "comes with the next wave";
  const { used, limit, ended = 0 } = quota.sandboxes;
  const others = (used ?? 0) - ended - counts.running - counts["needs-input"] - counts.starting;
  if (waitingFor === "sandboxes" && (others > 0 || ended > 0)) {
    const parts = [
      ...ended > 0 ? [`${ended} of them by finished runs`] : [],
      ...others > 0 ? [`${others} ${ended > 0 ? "" : "of them "}outside this campaign`] : [],
    ];
    return `waits for a free sandbox (${used} of ${limit} used, ${parts.join(", ")})`;
  }
  if (waitingFor !== "nothing") return `waits for ${boundText(waitingFor, view)}`;
  if (counts.waiting === 0) return null;
  const retry = canaryRetryText(view);
  if (retry !== null) return `waits for ${retry}`;
  const canary = items.filter((item) => item.canary && !isFinal(item.verdict)).length;
  return canary === 0
    ? "waits for the canary's gate"
    : `waits for the end of the canary (${formatCount(canary, "item")})`;
}

function nextStart(view: CampaignView, stays: boolean): string {
  const text = nextStartText(view, stays);
  const next = view.waitingFor === null && stays
    ? "the next run starts right away"
    : text === null
    ? "no item is waiting to start"
    : `the next start ${text}`;
  const retry = view.waitingFor === "nothing" ? null : canaryRetryText(view);
  return retry === null ? next : `${next}; the others wait for ${retry}`;
}

function canaryRetryText({ canaryGate, items }: CampaignView): string | null {
  const { gate, retried } = canaryGate ?? { gate: "automatic", retried: 0 };
  if (retried === 0 || items.every(({ canary, verdict }) => canary || isFinal(verdict))) return null;
  const bad = items.filter(({ canary, verdict }) => canary && isFinal(verdict) && !GOOD_VERDICTS.includes(verdict));
  const then = bad.length > 0
    ? `, and ${bad.length} did not succeed`
    : gate === "manual"
    ? ", then somebody must approve"
    : "";
  return `the canary: ${formatCount(retried, "item")} ${retried === 1 ? "is" : "are"} being retried${then}`;
}

function doneText(view: CampaignView): string {
  const { items, good, skipped, bad } = totalsOf(view.counts);
  const { unchanged } = view.counts;
  if (items === 0) return "it has no items";
  const how = unchanged > 0 ? "succeeded or needed no change" : "succeeded";
  if (good === items) return `${items === 1 ? "its item" : `all ${items} items`} ${how}`;
  const others = [
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(bad > 0 ? [`${bad} did not succeed`] : []),
  ];
  return `${good} of ${formatCount(items, "item")} ${how}, ${others.join(", ")}`;
}

const NOTHING_RUNS = "nothing is running";

function cancelsText({ pendingCancels: cancels = 0 }: CampaignView, stays: boolean): string | null {
  if (cancels === 0) return null;
  const runs = formatCount(cancels, "run");
  return stays ? `${runs} ${cancels === 1 ? "is" : "are"} being cancelled` : `the next wave cancels ${runs}`;
}

function sendingCount({ items, at }: CampaignView): number {
  const nowMs = instantMs(at) ?? 0;
  return items.filter(({ verdict, reason, startedAt }) =>
    verdict === "starting" && reason !== SENT_ELSEWHERE && nowMs - (instantMs(startedAt) ?? -Infinity) < START_MS
  ).length;
}

function held({ pending, stateReason }: CampaignView): Words[] {
  switch (pending?.hold) {
    case "stopped":
      return ["; ", { name: stateReason ?? "" }, "; nothing is merged until somebody resumes the campaign"];
    case "gate":
      return ["; ", { name: stateReason ?? "" }, "; nothing is merged until somebody approves"];
    case "merge-gate":
      return ["; nothing is merged until somebody approves"];
    default:
      return [];
  }
}

const MAX_ERROR = 200;

export function stateClause(view: CampaignView, stays?: boolean): Words {
  const { state, stateReason, waitingFor } = view;
  const isStoppedByPerson = (state === "stopping" || state === "stopped") && waitingFor === "stopped";
  return [isStoppedByPerson && stateReason !== null ? "was " : `is ${state}: `, stateDetail(view, stays)];
}

export function stateDetail(view: CampaignView, stays: boolean = view.writer !== null): Words {
  const { state, stateReason } = view;
  const { items, running, asking } = totalsOf(view.counts);
  // The program's own words before a name stay plain text, so that a sentence can begin with them.
  const prefix = stateReason?.startsWith(STOPPED_BY) ? STOPPED_BY : "";
  const because = stateReason === null ? [] : [prefix, { name: stateReason.slice(prefix.length) }, "; "];
  const sending = stays ? sendingCount(view) : 0;
  const elsewhere =
    view.items.filter(({ verdict, reason }) => verdict === "starting" && reason === SENT_ELSEWHERE).length;
  const unanswered = view.counts.starting - sending - elsewhere;
  const open = [
    ...(running > 0 ? [`${formatCount(running, "run")} active`] : []),
    ...(asking > 0 ? [`${formatCount(asking, "run")} ${asking === 1 ? "needs" : "need"} an answer`] : []),
    ...(sending > 0 ? [`${formatCount(sending, "start")} ${sending === 1 ? "is" : "are"} being sent`] : []),
    ...(elsewhere > 0
      ? [`${formatCount(elsewhere, "start")} ${elsewhere === 1 ? "is" : "are"} being sent by another job`]
      : []),
    ...(unanswered > 0 ? [`${formatCount(unanswered, "start")} without an answer`] : []),
  ].join(", ") || NOTHING_RUNS;
  const cancels = cancelsText(view, stays);
  const atWork = cancels === null ? open : `${open}; ${cancels}`;
  const nextWords = (): Words =>
    stays || view.lastError === null ? `${atWork}; ${nextStart(view, stays)}` : [
      "the last wave ended with an error: ",
      { name: cutText(view.lastError, MAX_ERROR) },
      ...atWork === NOTHING_RUNS ? [] : ["; ", atWork],
    ];
  const details: Readonly<Record<CampaignView["state"], () => Words>> = {
    planned: () => `${formatCount(items, "item")}, nothing has been started`,
    running: nextWords,
    waiting: () =>
      stays && view.waitingFor === null && atWork === NOTHING_RUNS ? "the next run is about to start" : nextWords(),
    gated: () => [...because, `${atWork}, and nothing starts until somebody approves`],
    stopping: () => [...because, `nothing more will start, ${atWork}`],
    stopped: () => [...because, `nothing more will start, and ${atWork}`],
    merging:
      () => [doneText(view), ...view.pending === undefined ? [] : ["; ", pendingText(view.pending)], ...held(view)],
    done: () => doneText(view),
  };
  return details[state]();
}

/** Delay after which a due wave is reported as late. Schedules of CI systems are often late themselves. */
export const LATE_MS = 15 * 60_000;

export function waveTimeText(
  { nextWaveAt, writer }: CampaignView,
  nowMs: number,
  textOf?: (ms: number) => string | null,
): string | null {
  const ms = instantMs(nextWaveAt);
  if (ms === null || writer !== null) return null;
  if (ms > nowMs) return timeText(ms, nowMs, textOf);
  return nowMs - ms > LATE_MS ? `due since ${timeText(ms, nowMs, textOf)}` : "due now";
}

export function endMsOf({ endsAt }: Pick<CampaignView, "endsAt">, nowMs: number): number | null {
  const end = instantMs(endsAt);
  return end !== null && end > nowMs ? end : null;
}

export function endBasis(view: Pick<CampaignView, "items">): string {
  return hasEndedRun(view)
    ? "if the remaining runs take as long as the runs so far"
    : "based on an assumed mean run duration, because no run has succeeded or failed yet";
}

/** A cancelled run does not show how long runs take. */
export function hasEndedRun({ items }: Pick<CampaignView, "items">): boolean {
  return items.some(({ endedAt, verdict }) => endedAt !== null && verdict !== "cancelled");
}

/**
 * The times that a long-running process can predict, in milliseconds since 1970; `null` if unknown. `start`: when the next start is due, unless a run
 * ends earlier. `end`: the earliest end, once a run has finished.
 */
export function outlookMs(view: CampaignView, nowMs: number): { start: number | null; end: number | null } {
  const { nextWaveAt, waitingFor, counts } = view;
  const next = instantMs(nextWaveAt);
  const isTimed = waitingFor !== null && waitingFor !== "nothing" && counts.running + counts["needs-input"] === 0;
  return {
    start: isTimed && next !== null && next > nowMs ? next : null,
    end: hasEndedRun(view) ? endMsOf(view, nowMs) : null,
  };
}

export function campaignName({ campaign, round }: Pick<CampaignView, "campaign" | "round">): Words {
  return [{ name: campaign }, ...(round === "" ? [] : [", round ", { name: round }, ","])];
}

export function pullRequestWords(items: readonly CampaignItem[]): string | null {
  const pulls = pullRequestsSentence(items);
  const advice = unreadAdvice(items);
  return pulls === null || advice === null ? pulls : `${pulls}; ${advice}`;
}

export function runMs({ startedAt, endedAt, verdict }: CampaignItem, nowMs: number): number | null {
  const began = instantMs(startedAt);
  if (began === null) return null;
  const ended = instantMs(endedAt);
  if (ended !== null) return Math.max(0, ended - began);
  const atWork = verdict === "running" || verdict === "starting" || verdict === "needs-input";
  return atWork ? Math.max(0, nowMs - began) : null;
}

export function itemNames(items: readonly CampaignItem[]): Map<string, string> {
  const named = items.map((item) => {
    const { repository, root } = item;
    return { item, short: root === null ? repository : `${repository}:${root}` };
  });
  const times = new Map<string, number>();
  for (const { short } of named) times.set(short, (times.get(short) ?? 0) + 1);
  return new Map(
    named.map(({ item, short }) => [item.id, times.get(short) === 1 ? short : `${short} @ ${item.baseBranch}`]),
  );
}

export interface CampaignCommand {
  readonly program: string;
  readonly file: string;
  readonly flags: readonly string[];
  /** Flags that permit things that the campaign file names, such as files outside its folder. */
  readonly permits?: readonly string[];
  readonly forge?: ForgeFlags;
}

interface ForgeFlags {
  readonly hosts?: readonly string[] | undefined;
  readonly stuckAfterMs?: number | undefined;
}

/** Commands that record a person's decision. They are shown without the permits. */
const DECISIONS: readonly string[] = ["approve", "ask", "close", "merge", "resume", "retry", "skip", "stop"];

/** Commands that do not read pull requests. */
const LOCAL: readonly string[] = ["approve", "resume", "stop"];

export const ANY_COMMAND: CampaignCommand = { program: "mogplex-ci", file: "FILE", flags: [] };

export function campaignCommand(
  { program, file, flags, permits = [], forge: { hosts = [], stuckAfterMs } = {} }: CampaignCommand,
  verb: string,
  ...args: readonly string[]
): string {
  const all = [
    ...flags,
    ...DECISIONS.includes(verb) ? [] : permits,
    ...LOCAL.includes(verb) ? [] : hosts.flatMap((host) => ["--forge-host", host]),
    ...stuckAfterMs === undefined || verb === "plan" || LOCAL.includes(verb)
      ? []
      : ["--stuck-after", stuckAfterMs % 3_600_000 === 0 ? `${stuckAfterMs / 3_600_000}h` : `${stuckAfterMs / 1_000}`],
  ];
  return commandLine(program, "campaign", verb, file, ...all, ...args);
}

export function placeFlags(directory: string | undefined, home: string | undefined): string[] {
  return [...directory === undefined ? [] : ["--dir", directory], ...home === undefined ? [] : ["--home", home]];
}

const MAX_OUTPUTS = 200;

export function outputsText({ result }: CampaignItem): string | null {
  const parts = Object.entries(result?.outputs ?? {}).map(([name, value]) => `${name}: ${value}`);
  return parts.length === 0 ? null : cutText(parts.join(", "), MAX_OUTPUTS);
}
