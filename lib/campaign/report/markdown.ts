/**
 * `campaign.md`, which is also the step summary on GitHub: where the campaign is, what needs a person and what to do, then everything else
 * in tables.
 *
 * @module
 */
import type { PlatformLinks } from "../../ci/platform.ts";
import { codeCell, markdownTable } from "../../report/markdown.ts";
import { formatCount } from "../../text/duration.ts";
import { markdownBlock, markdownCode, markdownLink } from "../../text/escape.ts";
import { cutText } from "../../text/plain_text.ts";
import type { CampaignState } from "../verdicts.ts";
import type { CampaignView, ItemView } from "../view.ts";
import { type Attention, attentionOf } from "./attention.ts";
import {
  ANY_COMMAND,
  boundText,
  byVerdict,
  type CampaignCommand,
  campaignName,
  countSentences,
  itemNames,
  nextWaveText,
  runMs,
  sandboxesText,
  stateDetail,
  totalsOf,
} from "./words.ts";
import { pullRequestsSentence, pullRequestText, unreadAdvice } from "../pulls.ts";
import { instantMs, spanText, timeText, utcText } from "../../run/result.ts";

// Both together are far below the 1 MiB of a step summary on GitHub and the 1,000,000 characters of a note on GitLab.
const MAX_ATTENTION_BYTES = 200_000;
const MAX_ROWS_BYTES = 300_000;
// Nobody reads a longer table; the other files have all items.
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
  done: "✅",
};

/** Options of {@linkcode renderCampaignMarkdown}. */
export interface CampaignMarkdownOptions {
  /** How commands are written. @default {ANY_COMMAND} */
  command?: CampaignCommand | undefined;
  /** Message of the error that stopped the last step. @default {null} */
  problem?: string | null | undefined;
  /** Whether an address may be a link; any other is shown as text. @default every address may */
  mayLink?: ((url: string) => boolean) | undefined;
  /** Pages of the job on its CI system. @default {{}} */
  links?: PlatformLinks | undefined;
  /** Tasks for the page, after redaction. @default {[]} (it says nothing of them) */
  prompts?: readonly string[] | undefined;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** As many values from the beginning as fit. @param sizeOf Bytes that a value takes. */
function fitting<T>(values: Iterable<T>, sizeOf: (value: T) => number, maxBytes: number, maxCount = Infinity): T[] {
  const kept: T[] = [];
  let bytes = 0;
  for (const value of values) {
    bytes += sizeOf(value);
    if (bytes > maxBytes || kept.length >= maxCount) break;
    kept.push(value);
  }
  return kept;
}

function entryText({ title, cause, count, items, steps }: Attention): string {
  const shown = items.slice(0, MAX_EXAMPLES).map((item) => markdownCode(cutText(item, MAX_EXAMPLE)));
  const more = count - shown.length;
  return [
    `#### ${title}${count > 0 ? ` (${count})` : ""}`,
    ...(cause === "" ? [] : [markdownBlock(cause)]),
    ...(shown.length === 0 ? [] : [`${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`]),
    ...steps.flatMap(({ text, command }) => command === null ? [text] : [text, markdownBlock(command)]),
  ].join("\n\n");
}

function attentionPart(
  view: CampaignView,
  { command = ANY_COMMAND, problem = null }: CampaignMarkdownOptions,
): string[] {
  const entries = attentionOf(view, command, problem);
  if (entries.length === 0) return ["Nothing needs attention."];
  const texts = entries.map(entryText);
  const kept = fitting(texts, (text) => bytesOf(text) + 1, MAX_ATTENTION_BYTES);
  const more = texts.length - kept.length;
  return [
    "### Needs attention",
    ...kept,
    ...(more > 0 ? [`… and ${more} more: see \`campaign.json\`, \`causes\`.`] : []),
  ];
}

function factRows(view: CampaignView, nowMs: number, { links = {} }: CampaignMarkdownOptions): string[][] {
  const { quota: { minute, hour, day, sandboxes }, waitsFor, waves } = view;
  const time = (text: string | null) => {
    const ms = instantMs(text);
    return ms === null ? "" : timeText(ms, nowMs);
  };
  const link = (url: string | undefined) => url === undefined ? "" : markdownLink(url);
  const rows = [
    [
      "Starts",
      `${minute.used} of ${minute.limit} in the last minute, ${hour.used} of ${hour.limit} in the last hour, ` +
      `${day.used} of ${day.limit} in the last 24 hours`,
    ],
    ["Sandboxes", sandboxes.used === null ? "not read" : sandboxesText(sandboxes)],
    ["Next start", waitsFor === null || waitsFor === "nothing" ? "" : `waits for ${boundText(waitsFor, view.quota)}`],
    ["Next wave", time(view.nextWaveAt)],
    ["Earliest end", time(view.endsAt)],
    ["Waves so far", String(waves)],
    ["Exit code", String(view.exitCode)],
    ["As of", utcText(nowMs)],
    ["CI job", link(links.job)],
    ["CI pipeline", link(links.pipeline)],
    ["CI commit", link(links.commit)],
  ];
  return rows.filter(([, value]) => value !== "");
}

const COLUMNS = ["Item", "Verdict", "Why", "Pull request or branch", "Time", "Attempts"];

function itemsPart(view: CampaignView, nowMs: number, { mayLink = () => true }: CampaignMarkdownOptions): string[] {
  if (view.items.length === 0) return [];
  const names = itemNames(view.items);
  const sorted = [...view.items].sort(byVerdict);
  function* rows(): Generator<string[]> {
    for (const item of sorted) yield row(item);
  }
  function row(item: ItemView): string[] {
    const { id, verdict, reason, pullRequest, branch, attempts } = item;
    const ms = runMs(item, nowMs);
    const work = pullRequest === null
      ? codeCell(branch)
      : mayLink(pullRequest)
      ? markdownLink(pullRequest)
      : markdownCode(pullRequest);
    const pull = pullRequestText(item);
    return [
      codeCell(names.get(id) ?? id),
      verdict,
      reason === null ? "" : markdownCode(cutText(reason, MAX_REASON)),
      pull === null ? work : `${work}: ${pull}`,
      ms === null ? "" : spanText(ms),
      String(attempts),
    ];
  }
  const kept = fitting(rows(), (cells) => bytesOf(cells.join(" | ")) + 5, MAX_ROWS_BYTES, MAX_ROWS);
  const more = sorted.length - kept.length;
  return [
    "### Items",
    markdownTable(COLUMNS, kept),
    ...(more > 0 ? [`… and ${more} more: see \`campaign.csv\` or \`campaign.json\`.`] : []),
  ];
}

/** What the campaign does, and whether a person has to do something, in one line. */
function verdictLine(view: CampaignView, nowMs: number): string {
  const { bad } = totalsOf(view);
  const detail = stateDetail(view, codeCell);
  const sentences = [
    // The first text may be code, which has no capitals.
    detail.replace(/^[a-z]/, (letter) => letter.toUpperCase()),
    nextWaveText(view, nowMs)?.replace(/^n/, "N"),
    bad > 0 ? `**${formatCount(bad, "item")} without a good end: see below what to do**` : undefined,
  ];
  return sentences.filter((sentence) => sentence !== undefined).map((sentence) => `${sentence}.`).join(" ");
}

/**
 * Renders the report for people. Untrusted text is always code. The only links are `http(s)` addresses of pull requests and of the job on its
 * CI system. Long lists are cut, and say so.
 *
 * @param view View after `cleanCampaign`.
 * @returns Less than 600 KB of UTF-8.
 */
export function renderCampaignMarkdown(view: CampaignView, options: CampaignMarkdownOptions = {}): string {
  const nowMs = instantMs(view.at) ?? 0;
  const { items, bad } = totalsOf(view);
  const mark = view.state === "done" && bad > 0 ? "❌" : MARKS[view.state];
  const counts = items === 0 ? "There are no items." : countSentences(view).map((sentence) => `${sentence}.`).join(" ");
  const [pulls, advice] = [pullRequestsSentence(view.items), unreadAdvice(view.items)];
  return `${
    [
      `## ${mark} Campaign ${campaignName(view, codeCell)} is ${view.state}`,
      verdictLine(view, nowMs),
      pulls === null ? counts : `${counts} ${pulls}${advice === null ? "" : `; ${advice}`}.`,
      ...attentionPart(view, options),
      "### Pace",
      markdownTable(["Fact", "Value"], factRows(view, nowMs, options)),
      ...itemsPart(view, nowMs, options),
    ].join("\n\n")
  }\n`;
}
