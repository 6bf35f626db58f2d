/**
 * `index.html`: a dashboard for people, in a browser: what needs a person, then everything that was read.
 *
 * @module
 */
import { chip, code, facts, type Html, markup, numbers, page, section, type Tone } from "../../pages/pages.ts";
import { formatCount } from "../../result/duration.ts";
import { instantMs, utcText } from "../../result/times.ts";
import { type Concern, concernsOf, LIST_WORDS } from "../attention.ts";
import { activeSandboxes, type DashboardData, isRead, type ListName, LISTS, sumOf } from "../data.ts";
import type { Day } from "../history.ts";
import { stateTone, stateWord } from "./parts.ts";
import { automationTable, campaignTable, repositoryTable, runTable, sandboxTable } from "./tables.ts";
import { trend } from "./trend.ts";

/** Most concerns that are shown: more than anybody reads. */
const MAX_CONCERNS = 25;
/** Most files that are named. */
const MAX_FILES = 50;

function attention(concerns: readonly Concern[]): Html | null {
  if (concerns.length === 0) return null;
  const more = concerns.length - MAX_CONCERNS;
  const entries = concerns.slice(0, MAX_CONCERNS).map(({ kind, name, what, details, part, tone }) =>
    markup`<li class="concern ${tone}"><a href="#${part}">${
      kind !== "" && markup`${kind} <bdi>${name}</bdi>: `
    }${what}</a>${
      details.length > 0 &&
      markup`<p>${details.map((text, index) => markup`${index > 0 && " · "}<bdi>${text}</bdi>`)}</p>`
    }</li>`
  );
  return section(
    "attention",
    "Needs a person",
    markup`<ul class="concerns">${entries}</ul>${more > 0 && markup`<p>And ${more} more.</p>`}`,
  );
}

function overview(data: DashboardData): Html {
  const { lists, repositories, automations, campaigns, runs } = data;
  const known = (name: ListName, value: number) =>
    isRead(lists[name]) ? `${value}${lists[name].state === "complete" ? "" : "+"}` : "?";
  const failedRuns = sumOf(automations, (each) => each.runs?.failedLastDay ?? 0);
  const open = sumOf(campaigns, ({ items, ended }) => items - ended);
  const rows: [string, string | number, Tone][] = [
    ["sandboxes in use", known("sandboxes", activeSandboxes(data)), "none"],
    ["failed runs of automations in 24 h", known("automationRuns", failedRuns), failedRuns > 0 ? "bad" : "none"],
    ["automations", known("automations", automations.length), "none"],
    ["repositories", known("repositories", repositories.length), "none"],
  ];
  if (campaigns.length > 0) rows.push(["open items of campaigns", open, "none"]);
  if (runs.length > 0) rows.push(["runs", runs.length, "none"]);
  return numbers(rows);
}

/** What was read, and what is missing. */
function sources({ lists, fileProblems, requests, exitCode }: DashboardData): Html | null {
  const more = fileProblems.length - MAX_FILES;
  return section(
    "missing",
    "What was read",
    facts([
      ...LISTS.map((name) =>
        [
          LIST_WORDS[name],
          markup`${chip(stateWord(lists[name]), stateTone(lists[name]))} ${lists[name].why}`,
        ] as const
      ),
      ["requests", requests],
      ["exit code", exitCode],
    ]),
    fileProblems.length > 0 &&
      markup`<h3>Files that say nothing</h3><ul>${
        fileProblems.slice(0, MAX_FILES).map(({ file, why }) => markup`<li>${code(file)} <bdi>${why}</bdi></li>`)
      }${more > 0 && markup`<li>and ${more} more</li>`}</ul>`,
  );
}

const PARTS: readonly (readonly [id: string, name: string])[] = [
  ["campaigns", "Campaigns"],
  ["runs", "Runs"],
  ["automations", "Automations"],
  ["sandboxes", "Sandboxes"],
  ["repositories", "Repositories"],
  ["missing", "What was read"],
];

/**
 * Renders the page.
 *
 * @param data Data after `cleanDashboard`. Texts in it are shown as texts; only pull requests become links.
 * @param days Days of the history, with the day of the data.
 */
export function renderDashboardPage(data: DashboardData, days: readonly Day[] = []): string {
  const nowMs = instantMs(data.at) ?? 0;
  const concerns = concernsOf(data);
  const tone: Tone = concerns.some((each) => each.tone === "bad") ? "bad" : concerns.length > 0 ? "wait" : "good";
  const count = concerns.length;
  const headline = count === 0
    ? "Nothing needs a person"
    : `${formatCount(count, "thing")} ${count === 1 ? "needs" : "need"} a person`;
  const host = data.origin.replace(/^https?:\/\//, "");
  const chart = trend(days);
  return page({
    title: `Mogplex: ${headline}`,
    verdict: {
      tone,
      headline,
      line: markup`Agents at <bdi>${host}</bdi>, as of ${utcText(nowMs)}`,
      reason: null,
      next: [],
    },
    body: [
      markup`<nav aria-label="parts of the page"><ul class="legend">${
        PARTS.map(([id, name]) => markup`<li><a href="#${id}">${name}</a></li>`)
      }</ul></nav>`,
      overview(data),
      attention(concerns),
      chart !== null && section("trend", "Day by day", chart),
      campaignTable(data, nowMs),
      runTable(data, nowMs),
      automationTable(data, nowMs),
      sandboxTable(data, nowMs),
      repositoryTable(data),
      sources(data),
    ],
    notes: [
      "The service lists no runs, so there are only those whose files were given. It does not report what runs cost.",
      "The same as data: data.json, metrics.prom and history.jsonl beside this page.",
    ],
  });
}
