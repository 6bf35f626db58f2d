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
  longBlock,
  markup,
  numbers,
  page,
  type Part,
  section,
  time,
} from "../../pages/pages.ts";
import { formatCount, formatDuration } from "../../result/duration.ts";
import { instantMs, spanText, timeText, utcText } from "../../result/times.ts";
import { ownerOf, pullRequestsSentence } from "../pulls/stuck.ts";
import { type Attention, attentionOf } from "../report/attention.ts";
import { ANY_COMMAND } from "../report/commands.ts";
import type { CampaignMarkdownOptions } from "../report/markdown.ts";
import { campaignName, countSentences, nextStartText, stateDetail, totalsOf } from "../report/words.ts";
import { hasVerdict, ITEM_VERDICTS, OPEN_STATES } from "../verdicts.ts";
import type { CampaignAbout, CampaignView, ItemView } from "../view.ts";
import { burnUp } from "./burn_up.ts";
import { itemsTable, toneOf } from "./items.ts";

const MAX_OWNERS = 5;
/** No text of a view has it: `plainText` takes out control characters. */
const MARK = "\x01";

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

/** A sentence whose untrusted texts, between {@linkcode MARK}, keep their direction to themselves. */
function isolated(text: string): Part {
  return text.split(MARK).map((part, index) => index % 2 === 1 ? markup`<bdi>${part}</bdi>` : part);
}

const marked = (text: string) => `${MARK}${text}${MARK}`;

function sentence(text: string): string {
  return `${text.replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`;
}

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
  const headline = `Campaign ${campaignName(view, marked)} is ${view.state}`;
  const tone = view.state === "done" ? (bad > 0 ? "bad" : "good") : entries.length > 0 ? "wait" : "none";
  return page({
    title: headline.replaceAll(MARK, ""),
    verdict: {
      tone,
      headline: isolated(headline),
      line: isolated(sentence(stateDetail(view, marked))),
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
