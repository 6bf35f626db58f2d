/**
 * `index.html`: a dashboard for people, in a browser. First what needs attention, then everything that was read.
 * @module
 */
import {
  bare,
  type Cell,
  code,
  type Column,
  facts,
  type Fill,
  fold,
  type Html,
  list,
  markup,
  MAX_LINE,
  oneLine,
  page,
  panel,
  type Part,
  pullLink,
  section,
  shortId,
  state as stateOf,
  table,
  type TableRow,
  todoList,
  type Tone,
  withoutEmpty,
} from "../report/page.ts";
import { figure, lines, strip } from "../report/chart.ts";
import { LATE_MS } from "../campaign/report/words.ts";
import { formatDuration } from "../text/duration.ts";
import { dayTimeText, distanceText, instantMs, roundSpanText, utcText } from "../run/result.ts";
import { cutText } from "../text/plain_text.ts";
import {
  activeSandboxes,
  type AutomationEntry,
  type AutomationRuns,
  type Concern,
  concernsOf,
  countBy,
  type DashboardData,
  type Day,
  headlineOf,
  LIST_WORDS,
  LISTS,
  type ListState,
  sumOf,
} from "./data.ts";

const FIRST_DAY = markup`<p class="soft">From the second day on, a chart of the days stands here.</p>`;

/**
 * @param data Data after `cleanDashboard`. Texts stay texts; only pull requests become links.
 * @param days Days of the history, including the day of the data.
 */
export function renderDashboardPage(data: DashboardData, days: readonly Day[] = []): string {
  const nowMs = instantMs(data.at) ?? 0;
  const concerns = concernsOf(data);
  const tone: Tone = concerns.some((each) => each.tone === "bad") ? "bad" : concerns.length > 0 ? "warn" : "good";
  const headline = headlineOf(concerns);
  const host = data.origin.replace(/^https?:\/\//, "");
  const chart = trend(days);
  const parts = [
    campaignTable(data, nowMs),
    runTable(data, nowMs),
    automationTable(data, nowMs),
    sandboxTable(data, nowMs),
    repositoryTable(data),
  ].filter((part) => part !== null);
  return page({
    title: `Mogplex: ${headline}`,
    path: [],
    home: { name: "Mogplex" },
    asOf: dayTimeText(nowMs),
    tone,
    heading: headline,
    summary: markup`Agents at <bdi>${host}</bdi>.`,
    body: [
      attention(concerns),
      // The first table is open. The others are for looking things up and open at a click.
      ...parts.slice(0, 1).map(partOf),
      days.length > 0 && section("trend", "Day by day", null, chart ?? FIRST_DAY),
      ...parts.slice(1).map(partOf),
      sources(data),
    ],
    notes: [
      "The service lists no runs, so there are only those whose files were given, and the pull requests of these runs and campaigns. It does not report what runs cost.",
      "The same as data: data.json, metrics.prom and history.jsonl beside this page.",
    ],
  });
}

const MAX_DRAWN = 120;
const MAX_ROWS = 60;

const number = (value: number, text: Part = value) => ({ show: text, value });

const LINES: readonly (readonly [name: Drawn, words: string, color: "run" | "idle" | "good"])[] = [
  ["sandboxes", "sandboxes in use", "idle"],
  ["failedRuns", "failed runs of automations in 24 h", "run"],
  ["openItems", "campaign items not ended", "idle"],
  ["pullRequests", "pull requests", "good"],
];

/** Null before the second day. */
function trend(all: readonly Day[]): Html | null {
  const days = all.slice(-MAX_DRAWN);
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const fromMs = Date.parse(first.day);
  const span = Date.parse(last.day) - fromMs;
  const drawn = LINES.map(([name, words, color]) => ({
    name: words,
    color,
    points: days.flatMap((day) => {
      const value = day[name] ?? null;
      return value === null ? [] : [[(Date.parse(day.day) - fromMs) / span, value] as const];
    }),
  }));
  const now = LINES.map(([name, words]) => `${last[name] ?? "unknown"} ${words}`).join(", ");
  const label = `From ${first.day} to ${last.day}, at the end: ${now}`;
  const columns = [
    { name: "Day" },
    { name: "Repositories", number: true },
    { name: "Automations", number: true },
    ...LINES.map(([, words]) => ({ name: words.replace(/^./, (letter) => letter.toUpperCase()), number: true })),
  ];
  const rows = days.slice(-MAX_ROWS).reverse().map((day) => ({
    cells: [
      markup`<span class="line">${day.day}</span>`,
      day.repositories,
      day.automations,
      ...LINES.map(([name]) => day[name] ?? null),
    ],
  }));
  return markup`${figure("Days", null, lines(label, drawn, [[0, first.day], [1, last.day]]))}${
    fold("the numbers", table("Numbers of each day", columns, rows))
  }`;
}

interface TablePart {
  /** Unique on the page. */
  readonly id: string;
  readonly heading: string;
  /** Plural noun for the rows, in lower case. */
  readonly rows: string;
  /** How much of the list was read; undefined for data from files. */
  readonly state?: ListState | undefined;
  /** Text shown if there are no rows; null leaves the part out. */
  readonly empty: string | null;
  readonly columns: readonly Column[];
  readonly content: readonly TableRow[];
  /** Content above the table. @default {null} */
  readonly before?: Part;
  /** Whether the table opens at a click. @default {false} */
  readonly folded?: boolean;
}

const MORE_AT_WORK =
  markup`<p class="soft">More items are at work than sandboxes are in use. A run that was just started has no sandbox yet, and each campaign is shown as of the time of its file.</p>`;

function campaignTable(data: DashboardData, nowMs: number): TablePart | null {
  const { campaigns, lists } = data;
  if (campaigns.length === 0) return null;
  const isMore = lists.sandboxes.state === "complete" &&
    sumOf(campaigns, ({ running }) => running) > activeSandboxes(data);
  const content = campaigns.map((
    { name, round, page, state, stateReason, items, ended, good, running, nextWaveAt, at },
  ) => ({
    kind: state,
    cells: [
      markup`${linkedName(page, name)}${round !== "" && markup`<span class="soft">, round ${oneLine(round)}</span>`}`,
      word(state, state === "done" && ended > good ? "none" : toneOf(state)),
      oneLine(stateReason),
      number(ended, `${ended} of ${items}`),
      number(good),
      number(ended - good),
      number(running),
      state === "done" ? null : waveCell(nextWaveAt, nowMs),
      since(at, nowMs),
    ],
  }));
  const columns = [
    { name: "Campaign" },
    { name: "State" },
    { name: "Why" },
    { name: "Ended", number: true, named: true },
    { name: "Well or skipped", number: true, named: true },
    { name: "Failed", number: true, named: true },
    { name: "At work", number: true, named: true },
    { name: "Next wave", named: true },
    { name: "As of", named: true },
  ];
  const before = isMore && MORE_AT_WORK;
  return { id: "campaigns", heading: "Campaigns", rows: "campaigns", empty: null, columns, content, before };
}

/** Longer than any status. A longer word would make a column as wide as the page. */
const MAX_WORD = 32;

function word(text: string, tone: Tone): Html {
  return stateOf(cutText(text, MAX_WORD), tone);
}

/** Accepts the words of the service and ours. */
function toneOf(word: string): Tone {
  if (["error", "failed", "stopped_early"].includes(word)) return "bad";
  if (["success", "done", "active"].includes(word)) return "good";
  return ["awaiting_input", "gated", "stopped", "stopping", "deadline", "cancelled", "suppressed"].includes(word)
    ? "warn"
    : "none";
}

/** A time as a distance, which sorts by the time; null without a time. @param past Text before a time that has passed. @default {""} */
function since(text: string | null, nowMs: number, past = ""): Cell {
  const ms = instantMs(text);
  if (ms === null) return text;
  const iso = new Date(ms).toISOString();
  const words = `${ms > nowMs ? "" : past}${distanceText(ms, nowMs)}`;
  return { show: markup`<time datetime="${iso}" title="${utcText(ms)}">${words}</time>`, value: ms };
}

/** A process that keeps running starts a wave when it is due. */
function waveCell(text: string | null, nowMs: number): Cell {
  const lateMs = nowMs - (instantMs(text) ?? Infinity);
  return lateMs >= 0 && lateMs <= LATE_MS ? "due now" : since(text, nowMs, "due ");
}

function runTable({ runs }: DashboardData, nowMs: number): TablePart | null {
  if (runs.length === 0) return null;
  const content = runs.map((
    { repository, task, outcome, reason, pullRequest, createdAt, durationMs, runId, file, page },
  ) => ({
    kind: outcome,
    cells: [
      repository === null && runId !== null ? pageLink(page, shortId(runId)) : linkedName(page, repository ?? file),
      oneLine(task),
      word(outcome.replaceAll("_", " "), outcome === "error" ? "bad" : toneOf(outcome)),
      oneLine(reason),
      pullRequest === null ? null : pullLink(pullRequest),
      since(createdAt, nowMs),
      number(durationMs, formatDuration(durationMs)),
    ],
  }));
  const columns = [
    { name: "Repository or run" },
    { name: "Task" },
    { name: "Outcome" },
    { name: "Why" },
    { name: "Pull request" },
    { name: "Started", named: true },
    { name: "Took", number: true, named: true },
  ];
  return { id: "runs", heading: "Runs", rows: "runs", empty: null, columns, content };
}

function linkedName(page: string | null, name: string): Html | null {
  if (page === null) return oneLine(name);
  return pageLink(page, name.length > MAX_LINE ? markup`<bdi class="long">${name}</bdi>` : bare(name));
}

/** The link to a page in the folder of the dashboard; the label alone if there is no page. */
function pageLink(page: string | null, shown: Html | null): Html | null {
  if (page === null || page.startsWith("/")) return shown;
  // With each part escaped it has no scheme, and without a leading "/" it has no host.
  const address = page.split("/").map(encodeURIComponent).join("/");
  return markup`<a href="${address}" rel="noopener noreferrer">${shown}</a>`;
}

function automationTable({ automations, lists }: DashboardData, nowMs: number): TablePart {
  const columns = [
    { name: "Automation" },
    { name: "Status" },
    { name: "Last run", named: true },
    { name: "When", named: true },
    { name: "Last 20, newest right" },
    { name: "Failed", number: true, named: true },
    { name: "Remarks" },
  ];
  const runs = lists.automationRuns;
  return {
    id: "automations",
    heading: "Automations",
    rows: "automations",
    state: lists.automations,
    empty: "The token reaches no automation.",
    columns,
    content: automations.map((each) => automationRow(each, nowMs)),
    before: runs.why !== null && markup`<p>${runs.why}.</p>`,
  };
}

function automationRow(automation: AutomationEntry, nowMs: number) {
  const { name, status, published, runs } = automation;
  return {
    kind: runs?.last?.status ?? (runs === null ? "not read" : "no run yet"),
    cells: [
      oneLine(name),
      markup`${word(status, toneOf(status))}${!published && markup` ${stateOf("not published", "warn")}`}`,
      ...runsCells(runs, nowMs),
    ],
  };
}

function runsCells(runs: AutomationRuns | null, nowMs: number): Cell[] {
  if (runs === null) return ["not read", null, null, null, null];
  const { last, statuses, failed, read, more, open, failedLastDay } = runs;
  if (last === null) return ["no run yet", null, null, null, null];
  const words = [...countBy(statuses, (status) => status)].map(([status, count]) => `${count} ${status}`).join(", ");
  return [
    word(last.status, toneOf(last.status)),
    since(last.createdAt, nowMs),
    // Oldest first, as a time line is read.
    strip(`last ${statuses.length} runs: ${words}`, statuses.toReversed().map(colourOf)),
    number(
      failed,
      `${failed} of ${more ? "the last " : ""}${read}${failedLastDay > 0 ? `, ${failedLastDay} in 24 h` : ""}`,
    ),
    last.error === null ? (open > 0 ? `${open} open` : null) : oneLine(last.error),
  ];
}

/** Green, red, blue for open, gray for everything else. */
function colourOf(status: string): Fill {
  if (status === "success") return "good";
  if (status === "failed") return "bad";
  return status === "running" || status === "pending" ? "run" : "idle";
}

function sandboxTable(data: DashboardData, nowMs: number): TablePart {
  const { sandboxes, lists } = data;
  const content = sandboxes.map(({ id, repository, status, branch, createdAt, lastActiveAt, error }) => {
    const ms = instantMs(createdAt);
    return {
      kind: status,
      cells: [
        repository === null ? shortId(id) : oneLine(repository),
        word(status, sandboxTone(status)),
        branchCell(branch),
        ms === null ? null : number(nowMs - ms, roundSpanText(nowMs - ms)),
        since(lastActiveAt, nowMs),
        oneLine(error),
      ],
    };
  });
  const columns = [
    { name: "Repository or id" },
    { name: "Status" },
    { name: "Branch" },
    { name: "Age", number: true, named: true },
    { name: "Last active", named: true },
    { name: "Its error" },
  ];
  const before = sandboxes.length > 0 && ageTable(data, nowMs);
  const [id, heading, rows] = ["sandboxes", "Sandboxes", "sandboxes"];
  return {
    id,
    heading,
    rows,
    state: lists.sandboxes,
    empty: "There is no sandbox.",
    columns,
    content,
    before,
    folded: true,
  };
}

/** Longest branch that gets its own line: the service's own branches are shorter. */
const MAX_BRANCH = 40;

function branchCell(branch: string | null): Html | null {
  const isShort = branch !== null && branch !== "" && branch.length <= MAX_BRANCH;
  return isShort ? markup`<bdi class="line">${branch}</bdi>` : oneLine(branch);
}

/** Most sandboxes are stopped, which is normal. */
function sandboxTone(status: string): Tone {
  return status === "error" ? "bad" : status === "running" ? "good" : "none";
}

const HOUR_MS = 3_600_000;
const AGES: readonly (readonly [hours: number, name: string])[] = [
  [1, "under 1\u00a0h"],
  [24, "1\u00a0h to 1\u00a0d"],
  [168, "1 to 7\u00a0d"],
  [Infinity, "over 7\u00a0d"],
];

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
    return { cells: [word(status, sandboxTone(status)), ...AGES.map((_, index) => ages.get(`${index}`) ?? 0), all] };
  });
  return table("Sandboxes by status and age", columns, rows);
}

function repositoryTable({ repositories, sandboxes, runs, lists }: DashboardData): TablePart {
  const used = countBy(sandboxes, ({ repository }) => repository ?? "");
  const ran = countBy(runs, ({ repository }) => repository ?? "");
  const content = repositories.map(({ name, defaultBranch }) => ({
    kind: used.has(name) ? "with a sandbox" : "without a sandbox",
    cells: [
      oneLine(name),
      oneLine(defaultBranch),
      number(used.get(name) ?? 0),
      runs.length === 0 ? null : number(ran.get(name) ?? 0),
    ],
  }));
  const columns = [
    { name: "Repository" },
    { name: "Default branch" },
    { name: "Sandboxes", number: true, named: true },
    { name: "Of the runs above", number: true, named: true },
  ];
  const empty = "The token reaches no repository.";
  const [id, heading, rows] = ["repositories", "Repositories", "repositories"];
  return { id, heading, rows, state: lists.repositories, empty, columns, content, folded: true };
}

const MAX_CONCERNS = 25;
const MAX_FILES = 50;

function attention(concerns: readonly Concern[]): Html | null {
  if (concerns.length === 0) return null;
  const more = concerns.length - MAX_CONCERNS;
  const entries = concerns.slice(0, MAX_CONCERNS).map(({ kind, name, what, details, part, tone }) => ({
    tone: tone === "bad" ? "bad" as const : "warn" as const,
    subject: markup`${kind !== "" && markup`${kind} <bdi>${name}</bdi>: `}${what}`,
    line: details.map((text, index) => markup`${index > 0 && " · "}<bdi>${text}</bdi>`),
    age: null,
    link: markup`<a href="#${part}">Show</a>`,
  }));
  return section(
    "attention",
    "Needs attention",
    null,
    todoList(entries),
    more > 0 && markup`<p>And ${more} more.</p>`,
  );
}

/** Most kinds in the filter of a list: the service may add words. */
const MAX_KINDS = 30;

/** From this many rows on, a list has a search, a filter and a copy button. */
const MIN_LISTED = 20;

/** Null if there is nothing to show. */
function partOf({ id, heading, rows, state, empty, columns, content, before = null, folded }: TablePart): Html | null {
  const isUnread = state !== undefined && state.state !== "complete";
  const kinds = [...countBy(content, ({ kind = "" }) => kind)].filter(([kind]) => kind !== "").slice(0, MAX_KINDS);
  const drawn = table(heading, ...withoutEmpty(columns, content));
  const shown = content.length < MIN_LISTED ? drawn : list({ name: "rows", rows, kinds, copy: true }, drawn);
  return section(
    id,
    content.length > 0 ? `${heading} (${content.length})` : heading,
    null,
    isUnread && markup`<p>${stateOf(stateWord(state), stateTone(state))} ${state.why}</p>`,
    content.length === 0 && !isUnread && markup`<p class="soft">${empty}</p>`,
    content.length > 0 && before,
    content.length > 0 && markup`<div class="panel">${folded ? fold(`show the ${rows}`, shown) : shown}</div>`,
  );
}

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

function stateTone({ state }: ListState): Tone {
  return state === "complete" ? "good" : state === "cut" ? "warn" : "bad";
}

function sources({ lists, campaigns, runs, fileProblems, requests, exitCode }: DashboardData): Html | null {
  const more = fileProblems.length - MAX_FILES;
  return section(
    "missing",
    "What was read",
    null,
    panel(facts([
      ...LISTS.map((name) =>
        [
          LIST_WORDS[name],
          markup`${stateOf(stateWord(lists[name]), stateTone(lists[name]))} ${lists[name].why}`,
        ] as const
      ),
      ["campaigns", campaigns.length === 0 && "No campaign.json was given: see --results."],
      ["runs", runs.length === 0 && "No result.json was given: see --results."],
      ["requests", requests],
      ["exit code", exitCode],
    ])),
    fileProblems.length > 0 &&
      markup`<h3>Files that say nothing</h3><ul>${
        fileProblems.slice(0, MAX_FILES).map(({ file, why }) => markup`<li>${code(file)} <bdi>${why}</bdi></li>`)
      }${more > 0 && markup`<li>and ${more} more</li>`}</ul>`,
  );
}

/** Numbers of a day that are drawn as a line. */
type Drawn = "sandboxes" | "failedRuns" | "openItems" | "pullRequests";
