import type { PlatformLinks } from "../../ci/platform.ts";
import { jobLinks } from "../../report/markdown.ts";
import { instantMs, spanText, timeText, utcText } from "../../run/result.ts";
import {
  type Block,
  type Fact,
  joinWords,
  markdownOf,
  markdownWords,
  sentence,
  type Words,
} from "../../text/document.ts";
import { formatCount } from "../../text/duration.ts";
import { pullRequestText } from "../pulls.ts";
import { areRunsOver, type CampaignState, totalsOf } from "../view/verdicts.ts";
import type { CampaignItem, CampaignView } from "../view/view.ts";
import { mergeBlocks } from "./merge_stages.ts";
import { type Attention, attentionOf, endingsText, newestBlocks, stepBlocks } from "./attention.ts";
import {
  ANY_COMMAND,
  boundText,
  byVerdict,
  type CampaignCommand,
  campaignName,
  countSentences,
  endMsOf,
  itemNames,
  outputsText,
  pullRequestWords,
  runMs,
  sandboxesText,
  startsText,
  stateDetail,
  stateWord,
  waveTimeText,
} from "./words.ts";

export interface CampaignMarkdownOptions {
  command?: CampaignCommand | undefined;
  problem?: string | null | undefined;
  /** Whether an address can be shown as a link. Other addresses are shown as code. @default all addresses */
  mayLink?: ((url: string) => boolean) | undefined;
  links?: PlatformLinks | undefined;
  /** Whether the campaign is stored on a Git branch. Commands then also work while another process is running the campaign. */
  isShared?: boolean | undefined;
  /** Tasks for the HTML page, after redaction. */
  prompts?: readonly string[] | undefined;
}

// Together, these limits are far below 1 MiB for a step summary on GitHub and 1,000,000 characters for a note on GitLab.
const MAX_ATTENTION_BYTES = 200_000;
const MAX_ROWS_BYTES = 300_000;
// A longer table would not be readable. The CSV and JSON files contain all items.
const MAX_ROWS = 500;
const MAX_EXAMPLES = 10;
const MAX_EXAMPLE = 200;
const MAX_REASON = 200;

const MARKS: Readonly<Record<CampaignState, string>> = {
  planned: "📋",
  running: "🚀",
  waiting: "⏳",
  gated: "✋",
  stopping: "🚫",
  stopped: "🚫",
  merging: "🔀",
  done: "✅",
};

/**
 * Untrusted text is always shown as code. Only `http(s)` addresses of pull requests and of the job on its CI system become links. Long lists are
 * truncated, with a note.
 * @returns Less than 600 KB of UTF-8.
 */
export function renderCampaignMarkdown(view: CampaignView, options: CampaignMarkdownOptions = {}): string {
  const nowMs = instantMs(view.at) ?? 0;
  const mark = areRunsOver(view.state) && totalsOf(view.counts).bad > 0 ? "❌" : MARKS[view.state];
  return `${
    markdownOf([
      { heading: [`${mark} Campaign `, campaignName(view), ` is ${view.state}`], level: 2 },
      { text: stateLine(view, nowMs) },
      { text: countLine(view) },
      ...attention(view, options),
      ...merging(view, options),
      { heading: "Pace", level: 3 },
      { facts: pace(view, nowMs, options) },
      ...items(view, nowMs, options),
    ])
  }\n`;
}

function stateLine(view: CampaignView, nowMs: number): Words {
  const { bad, asking } = totalsOf(view.counts);
  const isCounted = !areRunsOver(view.state) && bad > 0;
  const wave = waveTimeText(view, nowMs);
  return joinWords([
    sentence(stateDetail(view)),
    ...(wave === null ? [] : [sentence(`next wave: ${wave}`)]),
    // `stateDetail` contains the other numbers.
    ...(bad + asking === 0 ? [] : [sentence({
      strong: isCounted ? `${formatCount(bad, "item")} did not succeed: see what to do below` : "See what to do below",
    })]),
  ], " ");
}

function countLine(view: CampaignView): Words {
  const sentences = totalsOf(view.counts).items === 0 ? ["there are no items"] : countSentences(view);
  const pulls = pullRequestWords(view.items);
  return joinWords([...sentences, ...(pulls === null ? [] : [pulls])].map(sentence), " ");
}

function attention(
  view: CampaignView,
  { command = ANY_COMMAND, problem = null, mayLink }: CampaignMarkdownOptions,
): Block[] {
  const entries = attentionOf(view, command, problem).map((one) => entry(one, mayLink));
  if (entries.length === 0) return [{ text: "Nothing needs attention." }];
  const visibleEntries = fitting(entries, (blocks) => bytesOf(markdownOf(blocks)) + 1, MAX_ATTENTION_BYTES);
  return [
    { heading: "Needs attention", level: 3 },
    ...visibleEntries.flat(),
    ...rest(entries.length - visibleEntries.length, "see `campaign.json`, `causes`"),
  ];
}

function merging(view: CampaignView, { command = ANY_COMMAND }: CampaignMarkdownOptions): Block[] {
  const blocks = mergeBlocks(view, command);
  return blocks.length === 0 ? [] : [{ heading: "Merge status", level: 3 }, ...blocks];
}

function entry(one: Attention, mayLink: CampaignMarkdownOptions["mayLink"]): Block[] {
  const { title, cause, count, items, steps } = one;
  const names = items.slice(0, MAX_EXAMPLES).map((name) => ({ name, max: MAX_EXAMPLE }));
  const more = count - names.length;
  return [
    { heading: `${title}${count > 0 ? ` (${count})${endingsText(one)}` : ""}`, level: 4 },
    ...(cause === "" ? [] : [{ code: cause }]),
    ...(names.length === 0 ? [] : [{ text: [joinWords(names, ", "), more > 0 ? ` and ${more} more` : null] }]),
    ...newestBlocks(one, { mayLink, rest: "see `campaign.html`" }),
    ...stepBlocks(steps),
  ];
}

function pace(view: CampaignView, nowMs: number, { links = {} }: CampaignMarkdownOptions): Fact[] {
  const { quota, quota: { sandboxes }, waitingFor, waves } = view;
  const end = endMsOf(view, nowMs);
  return [
    ["Starts", startsText(quota)],
    ["Sandboxes", sandboxes.used === null ? `${sandboxes.limit} at most` : sandboxesText(sandboxes)],
    [
      "Next start",
      waitingFor === null || waitingFor === "nothing" ? null : `waits for ${boundText(waitingFor, view)}`,
    ],
    ["Next wave", waveTimeText(view, nowMs)],
    ["Earliest end", end === null ? null : timeText(end, nowMs)],
    ["Waves so far", waves],
    ["Exit code", view.exitCode],
    ["As of", utcText(nowMs)],
    ...jobLinks(links),
  ];
}

const COLUMNS = ["Item", "Verdict", "Why", "Pull request or branch", "Time", "Attempts"];

function items(view: CampaignView, nowMs: number, { mayLink = () => true }: CampaignMarkdownOptions): Block[] {
  if (view.items.length === 0) return [];
  const names = itemNames(view.items);
  const sorted = [...view.items].sort(byVerdict);
  function* cells(): Generator<Words[]> {
    for (const item of sorted) yield row(item, names.get(item.id) ?? item.id, nowMs, mayLink);
  }
  const rows = fitting(
    cells(),
    (row) => bytesOf(row.map(markdownWords).join(" | ")) + 5,
    MAX_ROWS_BYTES,
    MAX_ROWS,
  );
  return [
    { table: "Items", head: COLUMNS, rows },
    ...rest(sorted.length - rows.length, "see `ci/campaign.csv` or `campaign.json`"),
  ];
}

function row(item: CampaignItem, name: string, nowMs: number, mayLink: (url: string) => boolean): Words[] {
  const { verdict, reason, pullRequest, branch, attempts } = item;
  const ms = runMs(item, nowMs);
  const pull = pullRequestText(item);
  const work = pullRequest === null
    ? { name: branch }
    : mayLink(pullRequest)
    ? { link: pullRequest }
    : { name: pullRequest, max: Infinity };
  return [
    { name },
    stateWord(verdict),
    { name: reason ?? outputsText(item), max: MAX_REASON },
    pull === null ? work : [work, `: ${pull}`],
    ms === null ? null : spanText(ms),
    attempts,
  ];
}

function rest(more: number, where: string): Block[] {
  return more > 0 ? [{ text: `… and ${more} more: ${where}.` }] : [];
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

function fitting<T>(values: Iterable<T>, sizeOf: (value: T) => number, maxBytes: number, maxCount = Infinity): T[] {
  const fittingValues: T[] = [];
  let bytes = 0;
  for (const value of values) {
    bytes += sizeOf(value);
    if (bytes > maxBytes || fittingValues.length >= maxCount) break;
    fittingValues.push(value);
  }
  return fittingValues;
}
