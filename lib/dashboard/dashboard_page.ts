/**
 * `index.html`: a dashboard for people, in a browser: what needs a person, then everything that was read.
 *
 * @module
 */
import {
  type Cell,
  chip,
  code,
  type Column,
  facts,
  fold,
  type Html,
  link,
  list,
  markup,
  numbers,
  type Part,
  section,
  table,
  type TableRow,
  type Tone,
} from "../pages/blocks.ts";
import { type Line, steps, strip, swatch } from "../pages/charts.ts";
import { page } from "../pages/page.ts";
import { formatCount, formatDuration } from "../result/duration.ts";
import { distanceText, instantMs, spanText, utcText } from "../result/times.ts";
import { cutText } from "../text/plain_text.ts";
import { type Concern, concernsOf, LIST_WORDS } from "./attention.ts";
import {
  activeSandboxes,
  type AutomationEntry,
  type AutomationRuns,
  countBy,
  type DashboardData,
  isRead,
  type ListName,
  LISTS,
  type ListState,
  sumOf,
} from "./data.ts";
import type { Day } from "./history.ts";

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

const DAY_MS = 86_400_000;
/** Days that are drawn. */
const MAX_DRAWN = 120;
/** Days that are in the table. */
const MAX_ROWS = 60;

/** Numbers of a day that have a line. */
type Drawn = "sandboxes" | "failedRuns" | "openItems" | "pullRequests";
const LINES: readonly (readonly [name: Drawn, words: string, colour: number])[] = [
  ["sandboxes", "sandboxes in use", 0],
  ["failedRuns", "failed runs of automations in 24 h", 5],
  ["openItems", "open items of campaigns", 1],
  ["pullRequests", "pull requests", 2],
];

/** The chart with its legend and its numbers; null before the second day. */
function trend(all: readonly Day[]): Html | null {
  const days = all.slice(-MAX_DRAWN);
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const fromMs = Date.parse(first.day);
  const most = Math.max(1, ...days.flatMap((day) => LINES.map(([name]) => day[name] ?? 0)));
  const lines: Line[] = LINES.map(([name, words, colour]) => ({
    name: words,
    colour,
    // A day without a number keeps the height of the day before.
    points: days.flatMap((day) => {
      const value = day[name] ?? null;
      return value === null ? [] : [[Date.parse(day.day) - fromMs, value] as const];
    }),
  }));
  const now = LINES.map(([name, words]) => `${last[name] ?? "unknown"} ${words}`).join(", ");
  const label = `From ${first.day} to ${last.day}, at the end: ${now}`;
  const columns = [
    { name: "Day" },
    { name: "Repositories", number: true },
    { name: "Automations", number: true },
    ...LINES.map(([, words]) => ({ name: words, number: true })),
  ];
  const rows = days.slice(-MAX_ROWS).reverse().map((day) => ({
    cells: [day.day, day.repositories, day.automations, ...LINES.map(([name]) => day[name] ?? null)],
  }));
  return markup`<figure>${
    steps(label, lines, { x: Date.parse(last.day) - fromMs + DAY_MS, y: most })
  }<figcaption><span class="ends"><span>${first.day}</span><span>${last.day}</span></span>From 0 to ${most}.</figcaption><ul class="legend">${
    LINES.map(([name, words, colour]) => markup`<li>${swatch(colour)} ${words}: ${last[name] ?? "not read"}</li>`)
  }</ul></figure>${fold("the numbers", table("Numbers of each day", columns, rows))}`;
}

/** Most kinds that a list can be filtered by: there may be words that nobody thought of. */
const MAX_KINDS = 30;

/** A part of the page: a heading with its number, then a table, or a sentence where there is none. */
interface TablePart {
  /** Unique on the page. */
  readonly id: string;
  /** The heading. */
  readonly heading: string;
  /** What the rows are, in the plural and in lower case. */
  readonly rows: string;
  /** How much of the list was read; undefined for what comes from files. */
  readonly state?: ListState | undefined;
  /** What stands there when there are no rows. */
  readonly empty: string;
  /** The columns. */
  readonly columns: readonly Column[];
  /** The rows. */
  readonly content: readonly TableRow[];
  /** What stands above the table. @default {null} */
  readonly before?: Part;
}

function tablePart(
  { id, heading, rows, state, empty, columns, content, before = null }: TablePart,
): Html | null {
  const isUnread = state !== undefined && state.state !== "complete";
  const kinds = [...countBy(content, ({ kind = "" }) => kind)].filter(([kind]) => kind !== "").slice(0, MAX_KINDS);
  return section(
    id,
    content.length > 0 ? `${heading} (${content.length})` : heading,
    isUnread && markup`<p>${chip(stateWord(state), stateTone(state))} ${state.why}</p>`,
    content.length === 0 && (state === undefined || state.state === "complete") &&
      markup`<p class="soft">${empty}</p>`,
    content.length > 0 && before,
    content.length > 0 &&
      list({ name: "rows", rows, kinds, copy: true }, table(heading, columns, content)),
  );
}

/** A word for how much was read. */
function stateWord({ state }: ListState): string {
  const words = {
    complete: "complete",
    cut: "cut off",
    partial: "not all read",
    failed: "not read",
    skipped: "not read",
  };
  return words[state];
}

/** Its colour. */
function stateTone({ state }: ListState): Tone {
  return state === "complete" ? "good" : state === "cut" ? "wait" : "bad";
}

/** The colour of a status or an outcome, in the words of the service and in ours. */
function toneOf(word: string): Tone {
  if (["error", "failed", "stopped_early"].includes(word)) return "bad";
  if (["success", "done", "active"].includes(word)) return "good";
  return ["awaiting_input", "gated", "stopped", "stopping", "deadline", "cancelled", "suppressed"].includes(word)
    ? "wait"
    : "none";
}

/** Longer than any word for a status: what is longer would make a column as wide as the page. */
const MAX_WORD = 32;

/** A status or an outcome in a frame. */
function word(text: string, tone: Tone): Html {
  return chip(cutText(text, MAX_WORD), tone);
}

/** A time as a distance, which sorts by the time; null for none. */
function since(text: string | null, nowMs: number): Cell {
  const ms = instantMs(text);
  if (ms === null) return text;
  const iso = new Date(ms).toISOString();
  return { show: markup`<time datetime="${iso}" title="${utcText(ms)}">${distanceText(ms, nowMs)}</time>`, value: ms };
}

const HOUR_MS = 3_600_000;
/** Ages of sandboxes: below how many hours, and as a heading. */
const AGES: readonly (readonly [hours: number, name: string])[] = [
  [1, "under 1 h"],
  [24, "1 h to 1 d"],
  [168, "1 to 7 d"],
  [Infinity, "over 7 d"],
];

const number = (value: number, text: Part = value) => ({ show: text, value });

/** Campaigns. */
function campaignTable({ campaigns }: DashboardData, nowMs: number): Html | null {
  const content = campaigns.map(({ name, round, state, stateReason, items, ended, good, running, nextWaveAt, at }) => ({
    kind: state,
    cells: [
      markup`<bdi>${name}</bdi>${round !== "" && markup` <span class="soft"><bdi>${round}</bdi></span>`}`,
      word(state, state === "done" && ended > good ? "bad" : toneOf(state)),
      stateReason,
      number(ended, `${ended} of ${items}`),
      number(good),
      number(ended - good),
      number(running),
      state === "done" ? null : since(nextWaveAt, nowMs),
      since(at, nowMs),
    ],
  }));
  const columns = [
    { name: "Campaign" },
    { name: "State" },
    { name: "Why" },
    { name: "Ended", number: true },
    { name: "Good", number: true },
    { name: "Not good", number: true },
    { name: "At work", number: true },
    { name: "Next wave" },
    { name: "As of" },
  ];
  const empty = "No campaign.json was given: see --results.";
  return tablePart({ id: "campaigns", heading: "Campaigns", rows: "campaigns", empty, columns, content });
}

/** Runs. */
function runTable({ runs }: DashboardData, nowMs: number): Html | null {
  const content = runs.map(({ file, repository, outcome, reason, pullRequest, createdAt, durationMs, runId }) => ({
    kind: outcome,
    cells: [
      repository === null ? code(runId) : markup`<bdi>${repository}</bdi>`,
      word(outcome.replaceAll("_", " "), outcome === "error" ? "bad" : toneOf(outcome)),
      reason,
      pullRequest === null ? null : link(pullRequest, /\/(\d{1,9})\/?$/.exec(pullRequest)?.[1]?.replace(/^/, "#")),
      since(createdAt, nowMs),
      number(durationMs, formatDuration(durationMs)),
      code(file),
    ],
  }));
  const columns = [
    { name: "Repository or run" },
    { name: "Outcome" },
    { name: "Why" },
    { name: "Pull request" },
    { name: "Started" },
    { name: "Took", number: true },
    { name: "File" },
  ];
  const empty = "No result.json was given: see --results.";
  return tablePart({ id: "runs", heading: "Runs", rows: "runs", empty, columns, content });
}

/** Green, red, blue for what is open, grey for everything else. */
function colourOf(status: string): number {
  if (status === "success") return 2;
  if (status === "failed") return 5;
  return status === "running" || status === "pending" ? 0 : 4;
}

function runsCells(runs: AutomationRuns | null, nowMs: number): Cell[] {
  if (runs === null) return ["not read", null, null, null, null, null];
  const { last, statuses, failed, read, more, open, failedLastDay } = runs;
  if (last === null) return ["no run yet", null, null, null, null, null];
  const words = [...countBy(statuses, (status) => status)].map(([status, count]) => `${count} ${status}`).join(", ");
  return [
    word(last.status, toneOf(last.status)),
    since(last.createdAt, nowMs),
    // Oldest first, as a time line is read.
    strip(`last ${statuses.length} runs: ${words}`, statuses.toReversed().map(colourOf)),
    number(failed, `${failed} of ${more ? "the last " : ""}${read}`),
    number(failedLastDay),
    last.error === null ? (open > 0 ? `${open} open` : null) : last.error,
  ];
}

function automationRow(automation: AutomationEntry, nowMs: number) {
  const { name, status, published, runs } = automation;
  return {
    kind: runs?.last?.status ?? (runs === null ? "not read" : "no run yet"),
    cells: [
      markup`<bdi>${name}</bdi>`,
      markup`${word(status, toneOf(status))}${!published && markup` ${chip("not published", "wait")}`}`,
      ...runsCells(runs, nowMs),
    ],
  };
}

/** Automations. */
function automationTable({ automations, lists }: DashboardData, nowMs: number): Html | null {
  const columns = [
    { name: "Automation" },
    { name: "Status" },
    { name: "Last run" },
    { name: "When" },
    { name: "Last 20, newest right" },
    { name: "Failed", number: true },
    { name: "Failed in 24 h", number: true },
    { name: "Remarks" },
  ];
  const runs = lists.automationRuns;
  return tablePart({
    id: "automations",
    heading: "Automations",
    rows: "automations",
    state: lists.automations,
    empty: "The token reaches no automation.",
    columns,
    content: automations.map((each) => automationRow(each, nowMs)),
    before: runs.why !== null && markup`<p>${runs.why}.</p>`,
  });
}

/** Most sandboxes are stopped, and that is as it should be. */
function sandboxTone(status: string): Tone {
  return status === "error" ? "bad" : status === "running" ? "good" : "none";
}

function ageTable({ sandboxes }: DashboardData, nowMs: number): Html {
  const ageOf = (createdAt: string) => {
    const hours = (nowMs - (instantMs(createdAt) ?? nowMs)) / HOUR_MS;
    return AGES.findIndex(([limit]) => hours < limit);
  };
  const statuses = [...countBy(sandboxes, ({ status }) => status)].slice(0, 30);
  const columns = [{ name: "Status" }, ...AGES.map(([, name]) => ({ name, number: true })), {
    name: "all",
    number: true,
  }];
  const rows = statuses.map(([status, all]) => {
    const ages = countBy(sandboxes.filter((each) => each.status === status), ({ createdAt }) => `${ageOf(createdAt)}`);
    return { cells: [word(status, sandboxTone(status)), ...AGES.map((_, index) => ages.get(`${index}`) ?? null), all] };
  });
  return table("Sandboxes by status and age", columns, rows);
}

/** Sandboxes. */
function sandboxTable(data: DashboardData, nowMs: number): Html | null {
  const { sandboxes, lists } = data;
  const content = sandboxes.map(({ id, repository, status, branch, createdAt, lastActiveAt, error }) => {
    const ms = instantMs(createdAt);
    return {
      kind: status,
      cells: [
        repository === null ? code(id) : markup`<bdi>${repository}</bdi>`,
        word(status, sandboxTone(status)),
        code(branch),
        ms === null ? null : number(nowMs - ms, spanText(nowMs - ms)),
        since(lastActiveAt, nowMs),
        error,
      ],
    };
  });
  const columns = [
    { name: "Repository or id" },
    { name: "Status" },
    { name: "Branch" },
    { name: "Age", number: true },
    { name: "Last active" },
    { name: "Its error" },
  ];
  const before = sandboxes.length > 0 && ageTable(data, nowMs);
  const [id, heading, rows] = ["sandboxes", "Sandboxes", "sandboxes"];
  return tablePart({
    id,
    heading,
    rows,
    state: lists.sandboxes,
    empty: "There is no sandbox.",
    columns,
    content,
    before,
  });
}

/** Repositories. */
function repositoryTable({ repositories, sandboxes, runs, lists }: DashboardData): Html | null {
  const used = countBy(sandboxes, ({ repository }) => repository ?? "");
  const ran = countBy(runs, ({ repository }) => repository ?? "");
  const content = repositories.map(({ name, defaultBranch }) => ({
    kind: used.has(name) ? "with a sandbox" : "without a sandbox",
    cells: [markup`<bdi>${name}</bdi>`, code(defaultBranch), number(used.get(name) ?? 0), number(ran.get(name) ?? 0)],
  }));
  const columns = [
    { name: "Repository" },
    { name: "Default branch" },
    { name: "Sandboxes", number: true },
    { name: "Runs here", number: true },
  ];
  const empty = "The token reaches no repository.";
  const [id, heading, rows] = ["repositories", "Repositories", "repositories"];
  return tablePart({ id, heading, rows, state: lists.repositories, empty, columns, content });
}
