/**
 * `campaign.html`: a campaign for people, in a browser: how it stands, what needs a person, then everything else.
 *
 * @module
 */
import {
  block,
  chip,
  code,
  facts,
  type Html,
  jobLinks,
  type Line,
  link,
  list,
  longBlock,
  markup,
  numbers,
  page,
  type Part,
  section,
  steps,
  swatch,
  table,
  type TableRow,
  time,
} from "../../report/pages.ts";
import { plainWords } from "../../text/document.ts";
import { formatCount, formatDuration } from "../../text/duration.ts";
import { instantMs, spanText, timeText, utcText } from "../../run/result.ts";
import { ownerOf, pullRequestsSentence, pullRequestText } from "../pulls.ts";
import { GOOD_VERDICTS, hasVerdict, ITEM_VERDICTS, type ItemState, OPEN_STATES } from "../verdicts.ts";
import type { CampaignAbout, CampaignView, ItemView } from "../view.ts";
import { type Attention, attentionOf } from "./attention.ts";
import { isTrouble } from "./causes.ts";
import {
  ANY_COMMAND,
  byVerdict,
  campaignName,
  countSentences,
  hasEnded,
  itemNames,
  nextStartText,
  runMs,
  stateDetail,
  STATES,
  totalsOf,
} from "./words.ts";
import type { CampaignMarkdownOptions } from "./markdown.ts";

/** No text of a view has it: `plainText` takes out control characters. */
const MARK = "\x01";

/**
 * Renders the page. With more than 2 000 items it has those that need a person, and says where all of them are.
 *
 * @param view View after `cleanCampaign`. Texts in it are shown as texts; only pull requests become links.
 */
export function renderCampaignPage(view: CampaignView, options: CampaignMarkdownOptions = {}): string {
  const { command = ANY_COMMAND, problem = null, prompts = [] } = options;
  const nowMs = instantMs(view.at) ?? 0;
  const { items, ended, good, bad, running } = totalsOf(view);
  const entries = attentionOf(view, command, problem);
  const byId = new Map(view.items.map((item) => [item.id, item]));
  const headline = `Campaign ${plainWords(campaignName(view), marked)} is ${view.state}`;
  const tone = view.state === "done" ? (bad > 0 ? "bad" : "good") : entries.length > 0 ? "wait" : "none";
  return page({
    title: headline.replaceAll(MARK, ""),
    verdict: {
      tone,
      headline: isolated(headline),
      line: isolated(sentence(plainWords(stateDetail(view), marked))),
      reason: null,
      next: [
        entries.length === 0
          ? "Nothing: no item and no error needs a person."
          : markup`<a href="#attention">${formatCount(entries.length, "thing")}</a> below ${
            entries.length === 1 ? "needs" : "need"
          } a person.`,
      ],
    },
    body: [
      numbers([
        [`ended of ${items}`, ended, "none"],
        ["with a good end", good, "good"],
        ["without a good end", bad, bad > 0 ? "bad" : "none"],
        ["at work", running, "none"],
      ]),
      section(
        "attention",
        "Needs attention first",
        entries.length > 0 && entries.map((entry, index) => entryOf(entry, index, byId, nowMs)),
      ),
      section("pace", view.state === "done" ? "How it went" : "End in sight", pace(view, nowMs, options)),
      section("burn-up", "Done over time", burnUp(view)),
      section(
        "items",
        "Items",
        items > 0 && markup`<p>${countSentences(view).map(sentence).join(" ")}</p>`,
        itemsTable(view, nowMs),
      ),
      section("quota", "Quotas", quotas(view.quota)),
      section("task", "Task", prompts.length > 0 && prompts.map((prompt) => longBlock(prompt))),
      section("about", "File and journal", aboutFacts(view)),
    ],
    notes: [
      "The service does not report what runs cost, and not which pull requests were merged.",
      `View of schema version ${view.schema}.`,
    ],
  });
}

/** A sentence whose untrusted texts, between {@linkcode MARK}, keep their direction to themselves. */
function isolated(text: string): Part {
  return text.split(MARK).map((part, index) => index % 2 === 1 ? markup`<bdi>${part}</bdi>` : part);
}

const marked = (text: string) => `${MARK}${text}${MARK}`;

function sentence(text: string): string {
  return `${text.replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`;
}

/** The colour of a verdict. */
function toneOf(verdict: ItemState): "good" | "bad" | "wait" | "none" {
  if (verdict === "needs-input" || verdict === "unknown") return "wait";
  return isTrouble(verdict) ? "bad" : GOOD_VERDICTS.includes(verdict) ? "good" : "none";
}

const MAX_OWNERS = 5;
/** Since when the items of an entry are stuck, and whose they are. */
function agesOf({ ids }: Attention, items: ReadonlyMap<string, ItemView>, nowMs: number): string[] {
  const found = ids.map((id) => items.get(id)).filter((item) => item !== undefined);
  const times = found.map(({ endedAt, startedAt }) => instantMs(endedAt ?? startedAt)).filter((time) => time !== null);
  const owners = [...new Set(found.map(ownerOf))].filter(Boolean);
  const more = owners.length - MAX_OWNERS;
  return [
    ...(times.length > 0 ? [`for ${spanText(nowMs - Math.min(...times))}`] : []),
    ...(owners.length > 0
      ? [`owner ${owners.slice(0, MAX_OWNERS).join(", ")}${more > 0 ? ` and ${more} more` : ""}`]
      : []),
  ];
}

function entryOf(entry: Attention, index: number, items: ReadonlyMap<string, ItemView>, nowMs: number): Html {
  const { title, cause, count, items: shown, steps } = entry;
  const state = [...ITEM_VERDICTS, ...OPEN_STATES].find((each) => each === title);
  const tone = state === undefined ? "wait" : toneOf(state);
  const ages = agesOf(entry, items, nowMs).join(", ");
  const more = count - shown.length;
  return markup`<section class="entry ${tone}" aria-labelledby="a-${index}"><h3 id="a-${index}">${chip(title, tone)} ${
    count > 0 &&
    formatCount(count, "item")
  }</h3>${ages !== "" && markup`<p class="soft">${ages}</p>`}${
    cause !== "" &&
    block(cause)
  }${
    shown.length > 0 &&
    markup`<ul>${shown.map((each) => markup`<li>${code(each)}</li>`)}${
      more > 0 && markup`<li>and ${more} more</li>`
    }</ul>`
  }${steps.map(({ text, command }) => markup`<p>${text}</p>${command !== null && block(command)}`)}</section>`;
}

function endText(view: CampaignView, nowMs: number): Part {
  const ms = instantMs(view.endsAt);
  return ms === null ? null : timeText(ms, nowMs);
}

function pace(view: CampaignView, nowMs: number, { links = {} }: CampaignMarkdownOptions): Part {
  const { waves, items, nextWaveAt, exitCode, atWork, state } = view;
  const waveMs = instantMs(nextWaveAt);
  const canary = items.filter((item) => item.canary);
  return facts([
    ["Earliest end", endText(view, nowMs)],
    ["Next start", state === "done" ? null : nextStartText(view)],
    ["Next wave", waveMs !== null && timeText(waveMs, nowMs)],
    ["Waves so far", waves],
    [
      "Canary",
      canary.length > 0 &&
      `${canary.filter(({ verdict }) => hasVerdict(verdict)).length} of ${canary.length} have ended`,
    ],
    ["Pull requests", pullRequestsSentence(items)],
    ["At work now", atWork],
    ["Exit code", exitCode],
    ["As of", utcText(nowMs)],
    ...jobLinks(links),
  ]);
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
  const endOf = (item: ItemView) => hasEnded(item) ? instantMs(item.endedAt) : null;
  const ended = items.map(endOf);
  const merged = items.map(({ pullRequestState: pull }) => pull?.state === "merged" ? instantMs(pull.updatedAt) : null);
  const toMs = Math.max(
    instantMs(at) ?? fromMs,
    ...[...ended, ...merged].filter((time) => time !== null),
    fromMs + 60_000,
  );
  const hours = Math.min(MAX_HOURS, Math.ceil((toMs - fromMs) / HOUR_MS));
  const limit = (hour: number) =>
    Math.min(quota.hour.limit * (hour + 1), quota.day.limit * (Math.floor(hour / 24) + 1));
  const lines: Line[] = [
    {
      name: "what the quotas allow",
      colour: 4,
      dashed: true,
      points: Array.from({ length: hours + 1 }, (_, hour) => [hour * HOUR_MS, limit(hour)] as const),
    },
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
  const words = lines.slice(1).map(({ name, points }) => `${points.length} ${name}`);
  const label = `${words.join(", ")} of ${items.length} items, from ${utcText(fromMs)} to ${utcText(toMs)}`;
  return markup`<figure>${
    steps(label, lines, { x: toMs - fromMs, y: items.length })
  }<figcaption><span class="ends"><span>${utcText(fromMs)}</span><span>${
    utcText(toMs)
  }</span></span>From 0 to ${items.length} items.</figcaption><ul class="legend">${
    lines.map(({ name, colour, dashed, points }) =>
      markup`<li>${swatch(colour)} ${name}${dashed ? " (dashed)" : `: ${points.length}`}</li>`
    )
  }</ul></figure>`;
}

/** Most items of which all are on the page. */
const MAX_ITEMS = 2_000;
/** Most that are on it when there are more: a person looks at those that need one. */
const MAX_TROUBLES = 1_000;

function rowOf(item: ItemView, name: string, nowMs: number): TableRow {
  const { verdict, reason, pullRequest, branch, attempts, runId, canary } = item;
  const ms = runMs(item, nowMs);
  const pull = pullRequestText(item);
  const work: Part = pullRequest === null
    ? code(branch)
    : markup`${link(pullRequest)}${pull !== null && markup`<br><span class="soft">${pull}</span>`}`;
  return {
    kind: verdict,
    cells: [
      markup`<bdi>${name}</bdi>${canary && markup` ${chip("canary")}`}`,
      chip(verdict, toneOf(verdict)),
      reason,
      work,
      ms === null ? null : { show: spanText(ms), value: ms },
      attempts,
      code(runId),
    ],
  };
}

const COLUMNS = [
  { name: "Item" },
  { name: "Verdict" },
  { name: "Why" },
  { name: "Pull request or branch" },
  { name: "Time", number: true },
  { name: "Attempts", number: true },
  { name: "Run" },
];

/** The table; null when there are no items. */
function itemsTable(view: CampaignView, nowMs: number): Html | null {
  const { items, counts } = view;
  if (items.length === 0) return null;
  const names = itemNames(items);
  const sorted = [...items].sort(byVerdict);
  const shown = items.length <= MAX_ITEMS
    ? sorted
    : sorted.filter(({ verdict }) => isTrouble(verdict)).slice(0, MAX_TROUBLES);
  const kinds = STATES.filter((state) => counts[state] > 0).map((state) => [state, counts[state]] as const);
  const rows = shown.map((item) => rowOf(item, names.get(item.id) ?? item.id, nowMs));
  const content = table("Items", COLUMNS, rows);
  return markup`<ul class="legend">${
    kinds.map(([state, count]) => markup`<li>${chip(state, toneOf(state))} ${count}</li>`)
  }</ul>${
    shown.length < items.length &&
    markup`<p>Here are the ${shown.length} that need a person most. All ${items.length} are in campaign.csv and campaign.json.</p>`
  }${
    list({
      name: "items",
      rows: "items",
      kinds: kinds.filter(([state]) => shown.some(({ verdict }) => verdict === state)),
      copy: true,
    }, content)
  }`;
}

function quotas({ minute, hour, day, sandboxes }: CampaignView["quota"]): Html {
  const rows: [string, { used: number | null; limit: number }][] = [
    ["starts in the last minute", minute],
    ["starts in the last hour", hour],
    ["starts in the last 24 hours", day],
    ["sandboxes in use", sandboxes],
  ];
  return markup`<ul class="quotas">${
    rows.map(([name, { used, limit }]) =>
      markup`<li>${used === null ? "not read" : used} of ${limit} ${name}${
        used !== null && markup`<meter aria-label="${name}" max="${limit}" value="${Math.min(used, limit)}"></meter>`
      }</li>`
    )
  }</ul>`;
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

function aboutFacts({ about }: CampaignView): Part {
  if (about === undefined) return null;
  const { fileHash, plannedAt, origin, opened, records, lastRecordAt } = about;
  return facts([
    ["File", code(fileHash)],
    ["Limits", limitsText(about)],
    ["Planned", time(plannedAt)],
    ["Service", code(origin)],
    ...opened.map(({ gate, by, at, note }): [string, Part] => [
      `${gate === "canary" ? "Canary" : "Threshold"} opened`,
      markup`by <bdi>${by}</bdi>, ${time(at)}${note !== null && markup`: <bdi>${note}</bdi>`}`,
    ]),
    ["Journal", formatCount(records, "record")],
    ["Last record", time(lastRecordAt)],
  ]);
}
