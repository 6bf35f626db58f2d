/**
 * `campaign.html`: a campaign for people, in a browser: its state, what needs attention, then everything else.
 *
 * @module
 */
import {
  bar,
  bare,
  type Cell,
  chip,
  type Column,
  fold,
  gauge,
  type Html,
  htmlOf,
  type Line,
  list,
  longBlock,
  markup,
  numbers,
  oneLine,
  page,
  type Part,
  pullLink,
  section,
  shortId,
  steps,
  swatch,
  table,
  type TableRow,
  withoutEmpty,
  wordsOf,
} from "../../report/page.ts";
import { jobLinks } from "../../report/markdown.ts";
import { type Fact, joinWords, plainWords, sentence } from "../../text/document.ts";
import { formatCount, formatDuration } from "../../text/duration.ts";
import { instantMs, spanText, timeText, utcText } from "../../run/result.ts";
import { cutText } from "../../text/plain_text.ts";
import { parseTemplate } from "../file/items.ts";
import { ownerOf, pullRequestText } from "../pulls.ts";
import { hasVerdict, ITEM_VERDICTS, type ItemState, OPEN_STATES } from "../view/verdicts.ts";
import type { CampaignAbout, CampaignItem, CampaignView } from "../view/view.ts";
import { AFTERWARDS, type Attention, attentionOf, newestBlocks, stepBlocks } from "./attention.ts";
import { isTrouble } from "./causes.ts";
import {
  ANY_COMMAND,
  byVerdict,
  campaignName,
  countSentences,
  endBasis,
  endMsOf,
  itemNames,
  nextStartText,
  outputsText,
  pullRequestWords,
  runMs,
  stateDetail,
  STATES,
  totalsOf,
  waveTimeText,
} from "./words.ts";
import type { CampaignMarkdownOptions } from "./markdown.ts";

/**
 * Renders the page.
 *
 * @param view View after `cleanCampaign`. Texts in it are shown as texts; only pull requests become links.
 */
export function renderCampaignPage(view: CampaignView, options: CampaignMarkdownOptions = {}): string {
  const { command = ANY_COMMAND, problem = null, prompts = [] } = options;
  const nowMs = instantMs(view.at) ?? 0;
  const { items, ended, good, bad, running } = totalsOf(view);
  const entries = attentionOf(view, command, problem);
  const byId = new Map(view.items.map((item) => [item.id, item]));
  const { title = "" } = view.about ?? {};
  const { line: task, isWhole } = firstLine(prompts.at(-1) ?? "", title);
  const failed = view.state === "done" && bad > 0
    ? `, but ${bad} of ${formatCount(items, "item")} did not succeed`
    : "";
  const headline = ["Campaign ", campaignName(view), ` is ${view.state}${failed}`];
  const tone = view.state === "done" ? (bad > 0 ? "bad" : "good") : entries.length > 0 ? "wait" : "none";
  return page({
    title: `${plainWords(headline)}${title === "" ? "" : `: ${title}`}`,
    verdict: {
      tone,
      headline: wordsOf(headline, bare),
      line: markup`${title !== "" && markup`<strong><bdi>${title}</bdi></strong><br>`}${
        task !== "" &&
        markup`<bdi>${withVariables(task)}</bdi>${!isWhole && markup` <a href="#task">whole task</a>`}<br>`
      }${wordsOf(sentence(stateDetail(view)), bare)}`,
      reason: null,
      next: [needsPerson(entries)],
    },
    body: [
      shares(view),
      numbers([
        [`ended of ${items}`, ended, "none"],
        ["succeeded or unchanged", good, "good"],
        ["for a person to decide", bad, bad > 0 ? "bad" : "none"],
        ["at work", running, "none"],
      ]),
      section(
        "attention",
        "Needs attention first",
        entries.length > 0 && entries.map((entry, index) => entryOf(entry, index, byId, nowMs)),
      ),
      section(
        "pace",
        view.state === "done" ? "How it went" : "End in sight",
        htmlOf([{ facts: pace(view, nowMs, options) }]),
      ),
      section("burn-up", "Done over time", burnUp(view)),
      section(
        "items",
        "Items",
        items > 0 && markup`<p>${wordsOf(joinWords(countSentences(view).map(sentence), " "))}</p>`,
        itemsTable(view, nowMs),
      ),
      section("quota", "Quotas", quotas(view)),
      section("task", "Task", tasks(prompts)),
      section("about", "File and journal", htmlOf([{ facts: aboutFacts(view) }])),
    ],
    notes: ["The service reports neither what runs cost nor which pull requests were merged."],
  });
}

/** What needs a person: items, and what is about the campaign as a whole. What comes after them needs no attention yet. */
function needsPerson(entries: readonly Attention[]): Part {
  const items = entries.reduce((sum, { count }) => sum + count, 0);
  const others = entries.filter(({ count, title }) => count === 0 && title !== AFTERWARDS).length;
  const texts = [
    ...items > 0 ? [formatCount(items, "item")] : [],
    ...others > 0 ? [`${others} ${items > 0 ? "other " : ""}${others === 1 ? "thing" : "things"}`] : [],
  ];
  if (texts.length === 0) return "Nothing needs a person.";
  return markup`<a href="#attention">${texts.join(" and ")}</a> below ${
    items + others === 1 ? "needs" : "need"
  } a person.`;
}

/** The first line of a task that is not its title, and whether the task has no other; empty without such a line. */
function firstLine(prompt: string, title: string): { line: string; isWhole: boolean } {
  const [first = "", ...others] = prompt.split("\n").map((line) => line.trim()).filter((line) =>
    !["", title].includes(line)
  );
  const line = cutText(first, MAX_TASK_LINE);
  return { line, isWhole: line === first && others.length === 0 };
}

/** A task with its variables, which each item replaces, as in the file. */
function withVariables(task: string): Part {
  return parseTemplate(task).parts.map((part) =>
    typeof part === "string" ? part : markup`<var>${`{{ ${part.name} }}`}</var>`
  );
}

/** Most earlier tasks that are shown: a change of the file adds one. */
const MAX_EARLIER = 4;

/** The newest task, and the ones before it, which some items had; null without any. */
function tasks(prompts: readonly string[]): Html | null {
  const newest = prompts.at(-1);
  if (newest === undefined) return null;
  const earlier = prompts.slice(0, -1);
  const visiblePrompts = earlier.slice(-MAX_EARLIER).reverse();
  const count = formatCount(earlier.length, "earlier task");
  const title = earlier.length > MAX_EARLIER ? `${count}, the last ${MAX_EARLIER} of them` : count;
  return markup`${longBlock(newest)}${
    earlier.length > 0 && fold(title, visiblePrompts.map((prompt) => longBlock(prompt)))
  }`;
}

/** Most UTF-16 units of the task in the head. */
const MAX_TASK_LINE = 240;

/** The items as one bar with its legend: done, needs attention, running, left out, and not started. Null without items. */
function shares(view: CampaignView): Html | null {
  const { items, good, bad, running } = totalsOf(view);
  const { skipped } = view.counts;
  const parts: [name: string, value: number, colour: number][] = [
    ["succeeded or unchanged", good, 2],
    ["for a person to decide", bad, 5],
    ["at work", running, 0],
    ["skipped", skipped, 4],
    ["still to come", items - good - bad - running - skipped, 1],
  ];
  const rows = parts.filter(([, value]) => value > 0)
    .map(([name, value, colour]) => ({ name, value, text: String(value), colour }));
  const drawn = bar(formatCount(items, "item"), rows);
  return drawn &&
    markup`<figure class="shares">${drawn}<ul class="legend">${
      rows.map(({ name, text, colour }) => markup`<li class="line">${swatch(colour)} ${text} ${name}</li>`)
    }</ul></figure>`;
}

function toneOf(verdict: ItemState): "good" | "bad" | "wait" | "none" {
  if (verdict === "needs-input" || verdict === "unknown") return "wait";
  return isTrouble(verdict) ? "bad" : verdict === "succeeded" || verdict === "unchanged" ? "good" : "none";
}

const MAX_OWNERS = 5;
/** Since when the items of an entry are stuck, and whose they are. */
function agesOf({ ids }: Attention, items: ReadonlyMap<string, CampaignItem>, nowMs: number): string[] {
  const rows = ids.map((id) => items.get(id)).filter((item) => item !== undefined);
  const times = rows.map(({ endedAt, startedAt }) => instantMs(endedAt ?? startedAt)).filter((time) => time !== null);
  const owners = [...new Set(rows.map(ownerOf))].filter(Boolean);
  const more = owners.length - MAX_OWNERS;
  return [
    ...(times.length > 0 ? [`waits for a person for ${spanText(nowMs - Math.min(...times))}`] : []),
    ...(owners.length > 0
      ? [`owner: ${owners.slice(0, MAX_OWNERS).join(", ")}${more > 0 ? ` and ${more} more` : ""}`]
      : []),
  ];
}

function entryOf(entry: Attention, index: number, items: ReadonlyMap<string, CampaignItem>, nowMs: number): Html {
  const { title, cause, count, items: shown, steps } = entry;
  const state = [...ITEM_VERDICTS, ...OPEN_STATES].find((each) => each === title);
  const tone = state === undefined ? "wait" : toneOf(state);
  const ages = agesOf(entry, items, nowMs).join("; ");
  const more = count - shown.length;
  const names = [...shown.map((name) => ({ name })), ...(more > 0 ? [`and ${more} more`] : [])];
  return markup`<section class="entry ${tone}" aria-labelledby="a-${index}"><h3 id="a-${index}">${chip(title, tone)} ${
    count > 0 &&
    formatCount(count, "item")
  }</h3>${ages !== "" && markup`<p class="soft">${ages}</p>`}${
    htmlOf([
      ...(cause === "" ? [] : [{ code: cause }]),
      ...(shown.length === 0 ? [] : [{ list: names }]),
      ...newestBlocks(entry),
      ...stepBlocks(steps),
    ])
  }</section>`;
}

function pace(view: CampaignView, nowMs: number, { links = {} }: CampaignMarkdownOptions): Fact[] {
  const { waves, items, exitCode, writer, state } = view;
  const endMs = endMsOf(view, nowMs);
  const canary = items.filter((item) => item.canary);
  const ended = canary.filter(({ verdict }) => hasVerdict(verdict)).length;
  return [
    ["Earliest end", endMs === null ? null : `${timeText(endMs, nowMs)}, ${endBasis(view)}`],
    ["Next start", state === "done" ? null : nextStartText(view)],
    ["Next wave", waveTimeText(view, nowMs)],
    ["Waves so far", waves],
    ["Canary", canary.length === 0 ? null : `${ended} of ${canary.length} have ended`],
    ["Pull requests", pullRequestWords(items)],
    ["At work now", { name: writer }],
    ["Exit code", exitCode],
    ["As of", utcText(nowMs)],
    ...jobLinks(links),
  ];
}

const HOUR_MS = 3_600_000;
/** Most hours for which the limit is drawn: two months. */
const MAX_HOURS = 1_500;

/** Times as points of a line that counts them. */
function counted(times: readonly (number | null)[], fromMs: number): [number, number][] {
  return times.filter((time) => time !== null).sort((a, b) => a - b).map((time, index) => [time - fromMs, index + 1]);
}

/** The chart with its legend; null when nothing has been started. */
function burnUp({ items, quota, at }: CampaignView): Html | null {
  const started = items.map(({ startedAt }) => instantMs(startedAt));
  const fromMs = Math.min(...started.filter((time) => time !== null));
  if (!Number.isFinite(fromMs)) return null;
  const endOf = (item: CampaignItem) => item.isFinal ? instantMs(item.endedAt) : null;
  const ended = items.map(endOf);
  const merged = items.map(({ pullRequestState: pull }) => pull?.state === "merged" ? instantMs(pull.updatedAt) : null);
  const toMs = Math.max(
    instantMs(at) ?? fromMs,
    ...[...ended, ...merged].filter((time) => time !== null),
    fromMs + 60_000,
  );
  const hours = Math.min(MAX_HOURS, Math.ceil((toMs - fromMs) / HOUR_MS));
  const limit = (hour: number) =>
    Math.min((quota.hour.limit ?? 0) * (hour + 1), (quota.day.limit ?? 0) * (Math.floor(hour / 24) + 1));
  const allowed: Line = {
    name: "what the quotas allow",
    colour: 4,
    dashed: true,
    points: Array.from({ length: hours + 1 }, (_, hour) => [hour * HOUR_MS, limit(hour)] as const),
  };
  const happened: Line[] = [
    { name: "started", colour: 0, points: counted(started, fromMs) },
    { name: "ended", colour: 1, points: counted(ended, fromMs) },
    {
      name: "with a pull request",
      colour: 2,
      points: counted(items.map((item) => item.pullRequest === null ? null : endOf(item)), fromMs),
    },
    // Where pull requests are read.
    ...(merged.some((time) => time !== null) ? [{ name: "merged", colour: 3, points: counted(merged, fromMs) }] : []),
  ];
  const lines = quota.hour.limit === null ? happened : [allowed, ...happened];
  const words = happened.map(({ name, points }) => `${points.length} ${name}`);
  const label = `${words.join(", ")} of ${items.length} items, from ${utcText(fromMs)} to ${utcText(toMs)}`;
  return markup`<figure>${
    steps(label, lines, { x: toMs - fromMs, y: items.length }, [utcText(fromMs), utcText(toMs)])
  }<ul class="legend">${
    lines.map(({ name, colour, dashed, points }) =>
      markup`<li>${swatch(colour)} ${name}${dashed ? " (dashed)" : `: ${points.length}`}</li>`
    )
  }</ul></figure>`;
}

/**
 * How much an item changes: `+12 -3 in 2 files` as its forge says, else `at least 2 files` by the events of its run; null when neither says.
 * It sorts by lines, and by files where no lines are known.
 */
function sizeCell({ pullRequestState, files: committed }: CampaignItem): Cell {
  const { files = null, additions = null, deletions = null } = pullRequestState ?? {};
  const lines = additions === null || deletions === null ? null : additions + deletions;
  const seen = committed === undefined ? null : `at least ${formatCount(committed, "file")}`;
  const count = files === null ? seen : formatCount(files, "file");
  const text = [lines === null ? null : `+${additions} -${deletions}`, count].filter((part) => part !== null).join(
    " in ",
  );
  if (text === "") return null;
  return { show: markup`<bdi>${text}</bdi>`, value: lines ?? files ?? committed ?? 0 };
}

function rowOf(item: CampaignItem, name: string, nowMs: number): TableRow {
  const { verdict, reason, pullRequest, branch, attempts, runId, canary } = item;
  const ms = runMs(item, nowMs);
  const pull = pullRequestText(item);
  const work: Part = pullRequest === null
    ? oneLine(branch)
    : markup`${pullLink(pullRequest)}${pull !== null && markup` <span class="soft">${pull}</span>`}`;
  return {
    kind: verdict,
    cells: [
      markup`${oneLine(name)}${canary && markup` ${chip("canary")}`}`,
      chip(verdict, toneOf(verdict)),
      work,
      sizeCell(item),
      oneLine(reason ?? outputsText(item)),
      ms === null ? null : { show: spanText(ms), value: ms },
      attempts === 0 ? null : attempts,
      shortId(runId),
    ],
  };
}

const COLUMNS: readonly Column[] = [
  { name: "Item" },
  { name: "Verdict" },
  { name: "PR or branch" },
  { name: "Change", extra: true, named: true },
  { name: "Why", extra: true },
  { name: "Time", number: true, extra: true, named: true },
  { name: "Attempts", number: true, extra: true, named: true },
  { name: "Run", extra: true, named: true },
];

/** The table; null when there are no items. */
function itemsTable(view: CampaignView, nowMs: number): Html | null {
  const { items, counts } = view;
  if (items.length === 0) return null;
  const names = itemNames(items);
  const kinds = STATES.filter((state) => counts[state] > 0).map((state) => [state, counts[state]] as const);
  const rows = [...items].sort(byVerdict).map((item) => rowOf(item, names.get(item.id) ?? item.id, nowMs));
  return markup`<ul class="legend">${
    kinds.map(([state, count]) => markup`<li class="line">${chip(state, toneOf(state))} ${count}</li>`)
  }</ul>${list({ name: "items", rows: "items", kinds, copy: true }, table("Items", ...withoutEmpty(COLUMNS, rows)))}`;
}

function quotas({ quota: { minute, hour, day, sandboxes }, waitingFor }: CampaignView): Html {
  const rows: [bound: CampaignView["waitingFor"], string, { used: number | null; limit: number | null }][] = [
    ["minute", "starts of this campaign in the last minute", minute],
    ["hour", "starts of this campaign in the last hour", hour],
    ["day", "starts of this campaign in the last 24 hours", day],
    ["sandboxes", sandboxes.used === null ? "sandboxes at a time" : "sandboxes in use", sandboxes],
  ];
  return markup`<ul class="quotas">${
    rows.map(([bound, name, { used, limit }]) => {
      if (limit === null) return null;
      const binds = bound === waitingFor;
      const text = used === null ? `At most ${limit} ${name}` : `${used} of ${limit} ${name}`;
      return markup`<li>${text}${binds && markup` ${chip("the next start waits for this", "wait")}`}${
        used !== null && gauge(text, used, limit, binds ? 1 : 0)
      }</li>`;
    })
  }</ul>${
    minute.limit === null &&
    markup`<p>This service does not limit starts. This campaign made ${minute.used} in the last minute, ${hour.used} in the last hour and ${day.used} in the last 24 hours.</p>`
  }`;
}

function limitsText({ limits, windows }: CampaignAbout): string {
  const { parallel, attempts, runTimeoutMs, stopAfterFailures, openPullRequests } = limits;
  return [
    `${parallel} at a time`,
    formatCount(attempts, "attempt"),
    `${formatDuration(runTimeoutMs)} a run`,
    ...(stopAfterFailures === null ? [] : [`stops after ${stopAfterFailures} failures`]),
    ...(openPullRequests === null ? [] : [`${openPullRequests} open pull requests`]),
    ...(windows === 0 ? [] : [formatCount(windows, "window")]),
  ].join(", ");
}

function aboutFacts({ about }: CampaignView): Fact[] {
  if (about === undefined) return [];
  const { fileHash, plannedAt, origin, approvals, records, lastRecordAt } = about;
  return [
    ["SHA-256 of the file", { name: fileHash }],
    ["Limits", limitsText(about)],
    ["Planned", { time: plannedAt }],
    ["Service", { name: origin }],
    ...approvals.map(({ gate, by, at, note }): Fact => [
      `${gate === "canary" ? "Canary" : "Threshold"} opened`,
      ["by ", { name: by }, ", ", { time: at }, ...(note === null ? [] : [": ", { name: note, max: Infinity }])],
    ]),
    ["Journal", formatCount(records, "record")],
    ["Last record", { time: lastRecordAt }],
  ];
}
