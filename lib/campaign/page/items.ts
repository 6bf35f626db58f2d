/**
 * The items of a campaign as a table.
 *
 * @module
 */
import { chip, code, type Html, link, list, markup, type Part, table, type TableRow } from "../../pages/pages.ts";
import { spanText } from "../../result/times.ts";
import { GOOD_VERDICTS, type ItemState } from "../verdicts.ts";
import { pullRequestText } from "../pulls/stuck.ts";
import { isTrouble } from "../report/causes.ts";
import { byVerdict, itemNames, runMs, STATES } from "../report/words.ts";
import type { CampaignView, ItemView } from "../view.ts";

/** Most items of which all are on the page. */
const MAX_ITEMS = 2_000;
/** Most that are on it when there are more: a person looks at those that need one. */
const MAX_TROUBLES = 1_000;

/** The colour of a verdict. */
export function toneOf(verdict: ItemState): "good" | "bad" | "wait" | "none" {
  if (verdict === "needs-input" || verdict === "unknown") return "wait";
  return isTrouble(verdict) ? "bad" : GOOD_VERDICTS.includes(verdict) ? "good" : "none";
}

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
export function itemsTable(view: CampaignView, nowMs: number): Html | null {
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
