import { bar, columns, figure, legend, lines, spark, strip } from "../report/chart.ts";
import {
  action,
  bare,
  type Cell,
  code,
  type Column,
  type Fill,
  fold,
  grid,
  type Html,
  link,
  list,
  markup,
  more,
  oneLine,
  page,
  panel,
  type Part,
  section,
  shortId,
  state,
  table,
  type TableRow,
  todoList,
  type Tone,
  unbroken,
  withoutEmpty,
} from "../report/page.ts";
import { CAMPAIGN_STATES, stateWords } from "../campaign/view/verdicts.ts";
import { countBy, lookup } from "../lookup.ts";
import { countedRuns, firstMondayOf, isQuestion, MAX_RUNS, momentOf, rollingWeeksOf } from "./runs.ts";
import { OUTCOME_WORDS } from "../report/outcome_words.ts";
import { dayText, dayTimeText, instantMs } from "../run/result.ts";
import { isUuid } from "../service/contract.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { commandLine, encodePath } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";
import {
  ageText,
  agoText,
  CANCEL,
  cautionOf,
  type Concern,
  concernsOf,
  FIRST_PULLS,
  foldConcerns,
  forText,
  headlineOf,
  lateMsOf,
  longBefore,
  longPullsPart,
  longPullsText,
  longWaiting,
  MAX_ROWS,
  MAX_SANDBOXES,
  pullName,
  reviewText,
  type RowFilter,
  runPlace,
  unmatchedText,
  whyOf,
  withoutDrafts,
} from "./attention.ts";
import {
  activeSandboxes,
  type AutomationEntry,
  campaignName,
  type DashboardData,
  dashboardName,
  type FileProblem,
  isProject,
  isRead,
  LIST_WORDS,
  LISTS,
  mayMissOlder,
  type Pair,
  type PullRequestEntry,
  ratedOf,
  type RepositoryFigures,
  type RunEntry,
  type RunFigures,
  unratedTexts,
  unreadCount,
  type UnreadPullRequests,
  type WeekFigures,
} from "./data.ts";

/** @param data Data after `cleanDashboard`. Its texts are escaped, and an address becomes a link only if `webUrl` accepts it. */
export function renderDashboardPage(data: DashboardData): string {
  const nowMs = instantMs(data.at) ?? 0;
  const concerns = concernsOf(data);
  const unmatched = unmatchedText(data);
  const tone: Tone = concerns.length > 0 ? "warn" : cautionOf(data) === null ? "good" : "none";
  const headline = headlineOf(concerns, data);
  const name = dashboardName(data);
  return page({
    title: `${headline} – ${name}`,
    path: [],
    home: { name: bare(name) },
    tone,
    // The page may be out of date, so it must not claim anything about the present. The script adds the age of the page.
    heading: markup`${headline} <small>as of <time datetime="${new Date(nowMs).toISOString()}" data-age>${
      dayTimeText(nowMs)
    }</time></small>`,
    summary: markup`${summary(data)}${missingText(data)}${
      concerns.length === 0 && unmatched !== null && markup` ${unmatched}`
    }`,
    body: [
      concerns.length > 0 &&
      markup`<section aria-label="Needs attention">${attention(concerns, nowMs)}</section>
`,
      section("days", "Last 7 days", isComparable(data) ? "compared with the 7 days before" : null, days(data)),
      section("weeks", weeksTitle(data.weeks), "weeks begin on Monday, UTC", weeks(data.weeks)),
      section("pulls", "Pull requests", "of runs and campaigns", pulls(data, nowMs)),
      section("campaigns", "Campaigns", null, campaigns(data, nowMs)),
      section("repositories", "Repositories", "last 7 days", repositories(data, nowMs)),
      section(
        "automations",
        "Automations and sandboxes",
        null,
        grid("thirds", automations(data, nowMs), sandboxes(data, nowMs)),
        sandboxTable(data, nowMs),
      ),
      section("runs", "Runs", runsAside(data), runs(data, nowMs)),
      section("sources", "What this page covers", null, sources(data)),
    ],
    notes: [
      "The service does not report what runs cost. Agent time is the sum of their durations.",
      markup`The same data for programs: <a href="data.json">data.json</a>, <a href="metrics.prom">metrics.prom</a>.`,
    ],
  });
}

function summary(data: DashboardData): Part {
  const { days: { last }, pullRequests, at } = data;
  const waits = waitingText(pullRequests, instantMs(at) ?? 0);
  const waiting = waits !== null && markup` ${waits}`;
  if (last.runs === 0) return markup`${cautionOf(data)?.text}${waiting}`;
  const count = markup`<strong>${formatCount(last.runs, "run")}</strong> in the last 7 days`;
  const share = shareText(last);
  const unrated = unratedTexts(last).join(", ");
  if (share === null) return markup`${count}: ${unrated}.${waiting}`;
  return markup`${count}, <strong>${share}</strong> succeeded${
    unrated !== "" && ` (not counted: ${unrated})`
  }.${waiting}`;
}

function missingText({ fileProblems }: DashboardData): Html | null {
  const [first, ...others] = fileProblems.filter(isProject);
  if (first === undefined) return null;
  const projects = others.length === 0 ? bare(first.file) : `${others.length + 1} projects`;
  return markup` Runs of ${partLink("sources", projects)} are missing.`;
}

function waitingText(pullRequests: DashboardData["pullRequests"], nowMs: number): Html | null {
  const { waiting, entries } = pullRequests;
  if (waiting === null || waiting.last === 0) return null;
  const { last, before } = waiting;
  const old = longWaiting(entries, nowMs).length;
  const least = mayMissOlder(pullRequests, longBefore(nowMs)) ? "At least " : "";
  const drafts = withoutDrafts(entries);
  const long = old === 0
    ? ""
    : last === 1
    ? " It has been open for more than 3 days."
    : ` ${old === last ? "All" : `${least}${old}`} of them${drafts && `${drafts},`} ${
      old === 1 ? "has" : "have"
    } been open for more than 3 days.`;
  const unread = unreadCount(pullRequests);
  const notes = [
    ...before === null ? [] : [`${before} a week ago`],
    ...unread === 0 ? [] : [`the state of ${unread} more is unknown`],
  ];
  return markup`<strong>${formatCount(last, "pull request")}</strong> ${last === 1 ? "is" : "are"} open${
    notes.length > 0 && ` (${notes.join("; ")})`
  }.${long}`;
}

const LEAST_RUNS = 5;

function shareOf(figures: RunFigures): number | null {
  const rated = ratedOf(figures);
  return rated === 0 ? null : figures.succeeded / rated;
}

function percentOf(figures: RunFigures): number | null {
  const share = shareOf(figures);
  return share === null ? null : Math.round(share * 100);
}

export function shareText(figures: RunFigures): string | null {
  const rated = ratedOf(figures);
  if (rated === 0) return null;
  return rated < LEAST_RUNS ? `${figures.succeeded} of ${rated}` : `${percentOf(figures)}%`;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const MAX_CONCERNS = 7;

function attention(concerns: readonly Concern[], nowMs: number): Html {
  const entryOf = ({ tone, subject, line, command, at, lasts, link: target, jobUrl, appUrl }: Concern) => ({
    tone,
    subject: markup`<b><bdi dir="ltr">${subject}</bdi></b>`,
    // The program's own sentences read from left to right, even if an agent's text in them does not.
    line: line !== "" && markup`<bdi dir="ltr">${line}</bdi>`,
    command,
    note: command?.startsWith(CANCEL) && markup`This needs a token with the ${code("write")} scope.`,
    age: at === null ? null : lasts ? time(at, forText(nowMs - at)) : ago(at, nowMs),
    link: [
      target !== null &&
      (target.page === undefined
        ? partLink(target.part ?? "main", target.words, target.rows)
        : pageLink(target.page, target.words)),
      appUrl !== null && markup` ${link(appUrl, "Open the app")}`,
      jobUrl?.startsWith("https:") && markup` ${jobLink(jobUrl)}`,
    ],
  });
  const { open, folded } = foldConcerns(concerns, MAX_CONCERNS);
  return markup`${todoList(open.map(entryOf))}${
    folded.length > 0 && fold(`${folded.length} more`, todoList(folded.map(entryOf)))
  }`;
}

/** The tooltip is the host, because the history can come from another project. */
function jobLink(url: string): Html {
  return markup`<span title="${hostOf(url)}">${link(url, "Open job")}</span>`;
}

function partLink(part: string, words: Part, rows?: RowFilter): Html {
  if (rows === undefined) return markup`<a href="#${part}">${words}</a>`;
  const { repository, kind = "" } = rows;
  // The quotes make the search exact, so that acme/web does not match acme/website.
  return markup`<a href="#${part}" data-search="${`"${repository}"`}" data-kind="${kind}">${words}</a>`;
}

function pageLink(page: string, words: Part): Html {
  return markup`<a href="${pageAddress(page)}" rel="noopener noreferrer">${words}</a>`;
}

function pageAddress(page: string): string {
  // With each part escaped, the address has no scheme. Without a leading "/", it has no host.
  return encodePath(page.replace(/^\/+/, ""));
}

type Better = "up" | "down" | null;

function tile(
  name: string,
  value: Part,
  change: readonly [more: number, text: string] | null,
  better: Better,
  drawing: Part,
  note: Part = null,
): Html {
  const [more, text] = change ?? [0, ""];
  const sign = more > 0 ? "↑" : "↓";
  const tone = more === 0 || better === null ? "idle" : (more > 0) === (better === "up") ? "good" : "warn";
  return markup`<dl class="panel tile"><dt>${name}</dt><dd class="big">${value}</dd>${drawing}${
    change !== null &&
    markup`<dd class="delta">${
      more !== 0 && markup`<span class="${tone}" aria-hidden="true">${sign}</span> `
    }${text}</dd>`
  }${note !== null && markup`<dd class="delta">${note}</dd>`}</dl>`;
}

function isComparable({ days: { last, before } }: DashboardData): boolean {
  return last.runs >= LEAST_RUNS && before.runs >= LEAST_RUNS;
}

function days(data: DashboardData): Html | null {
  const { days: { last, before }, weeks, runs, covers, at } = data;
  if (last.runs === 0 && weeks.length === 0) return null;
  const compare = (more: number, text: string) => isComparable(data) ? [more, text] as const : null;
  const points = (percentOf(last) ?? 0) - (percentOf(before) ?? 0);
  const isRateComparable = ratedOf(last) >= LEAST_RUNS && ratedOf(before) >= LEAST_RUNS;
  const durations = (pick: (figures: RunFigures) => number | null) => {
    const [exact, exactBefore] = [pick(last), pick(before)];
    if (exact === null || exactBefore === null) return null;
    // Rounded to the displayed precision, so that the numbers add up.
    const [now, then] = [clockMs(exact), clockMs(exactBefore)];
    const more = now - then;
    if (Math.abs(more) < Math.max(1_000, then / 20)) {
      return compare(0, `about as long as ${unbroken(formatDuration(then))}`);
    }
    const [span, earlier] = [unbroken(formatDuration(Math.abs(more))), unbroken(formatDuration(then))];
    return compare(more, `${span} ${more > 0 ? "slower" : "faster"} than ${earlier}`);
  };
  const more = last.runs - before.runs;
  const spans = rollingWeeksOf(countedRuns(runs), instantMs(at) ?? 0, covers.since);
  const curve = (pick: (figures: RunFigures) => number | null) => spark(spans.map(pick));
  const hasP95 = last.p95Ms !== null;
  return grid(
    "quarters",
    tile(
      "Runs",
      last.runs,
      compare(
        more,
        more === 0 ? `as many as before` : `${Math.abs(more)} ${more > 0 ? "more" : "fewer"} than ${before.runs}`,
      ),
      null,
      curve(({ runs }) => runs),
      agentTimeText(last, isComparable(data) ? before : null),
    ),
    tile(
      "Succeeded",
      ratedOf(last) < LEAST_RUNS ? shareText(last) ?? "–" : markup`${percentOf(last)}<small>%</small>`,
      !isRateComparable ? null : compare(
        points,
        points === 0
          ? `unchanged`
          : `${formatCount(Math.abs(points), "point")} ${points > 0 ? "better" : "worse"} than ${shareText(before)}`,
      ),
      "up",
      curve(shareOf),
      ratedOf(last) === last.runs || ratedOf(last) < LEAST_RUNS ? null : `of ${ratedOf(last)} that succeeded or failed`,
    ),
    last.medianMs !== null &&
      tile(
        "Median duration",
        clock(last.medianMs),
        durations(({ medianMs }) => medianMs),
        "down",
        curve(({ medianMs }) => medianMs),
      ),
    last.slowestMs !== null &&
      (hasP95
        ? tile(
          "95% finish within",
          clock(last.p95Ms ?? 0),
          durations(({ p95Ms }) => p95Ms),
          "down",
          curve(({ p95Ms }) => p95Ms),
        )
        : tile(
          "Slowest",
          clock(last.slowestMs),
          durations(({ slowestMs }) => slowestMs),
          "down",
          curve(({ slowestMs }) => slowestMs),
        )),
  );
}

/** Rounds like {@linkcode formatDuration}. */
function clockMs(ms: number): number {
  if (ms < 9_950) return Math.round(ms / 100) * 100;
  const seconds = Math.round(ms / 1_000);
  return seconds < 3_600 ? seconds * 1_000 : Math.round(seconds / 60) * 60_000;
}

function clock(ms: number): Html {
  const words = formatDuration(ms).split(" ");
  return markup`${
    words.map((word, index) =>
      index % 2 === 0 ? word : markup`<small> ${word}</small>${index < words.length - 1 && " "}`
    )
  }`;
}

export function agentTime({ totalMs }: RunFigures): string {
  return totalMs < HOUR_MS
    ? formatDuration(totalMs)
    : `${Number((totalMs / HOUR_MS).toFixed(totalMs < 10 * HOUR_MS ? 1 : 0))} h`;
}

/** The agent time is shown because the cost is unknown. */
function agentTimeText(last: RunFigures, before: RunFigures | null): string | null {
  const text = (figures: RunFigures) => unbroken(agentTime(figures));
  if (last.totalMs === 0) return null;
  return `${text(last)} of agent time${before === null ? "" : ` (${text(before)} before)`}`;
}

/** With fewer weeks, no trend is visible. */
const LEAST_WEEKS = 3;

function weeksTitle(weeks: readonly WeekFigures[]): string {
  return `${weeks.length} weeks`;
}

function weeks(all: readonly WeekFigures[]): Html | null {
  if (all.length < LEAST_WEEKS) return null;
  const step = all.length > 5 ? 3 : 1;
  const name = (week: WeekFigures, index: number) =>
    index === all.length - 1 ? "so far" : (all.length - 1 - index) % step === 0 ? dayText(week.from) : undefined;
  const runsLabel = `Runs by week, ${all.map((week) => `${dayText(week.from)}: ${week.runs}`).join("; ")}`;
  const runs = columns(
    runsLabel,
    all.map((week, index) => ({
      name: name(week, index),
      parts: [["good", week.succeeded], ["idle", week.runs - ratedOf(week)], ["bad", week.failed]],
      text: week.runs === 0 ? undefined : String(week.runs),
      isOpen: index === all.length - 1,
    })),
  );
  return markup`${
    grid(
      "thirds",
      figure(
        "Runs",
        legend([["bad", "failed"], ["idle", "other"], ["good", "succeeded"]]),
        runs,
      ),
      durations(all),
    )
  }${fold("Weeks as a table", markup`<div class="panel">${weekTable(all)}</div>`)}`;
}

function durations(all: readonly WeekFigures[]): Html | null {
  const longest = Math.max(...all.map(({ p95Ms, medianMs }) => p95Ms ?? medianMs ?? 0));
  const [unit, size] = longest >= 120_000 ? ["minutes", 60_000] : ["seconds", 1_000];
  const points = (pick: (week: WeekFigures) => number | null) =>
    all.flatMap((week, index) => {
      const ms = pick(week);
      return ms === null ? [] : [[index / (all.length - 1), ms / size] as const];
    });
  const [median, slow] = [points(({ medianMs }) => medianMs), points(({ p95Ms }) => p95Ms)];
  if (median.length < LEAST_WEEKS) return null;
  const valueText = (point: readonly [at: number, value: number] | undefined) =>
    formatDuration((point?.[1] ?? 0) * size);
  /** Empty for the current week, because the axis already labels that week. */
  const weekText = ([at]: readonly [at: number, value: number] = [1, 0]) =>
    at === 1 ? "" : ` (${dayText(all[Math.round(at * (all.length - 1))]?.from ?? "")})`;
  const [first, last] = [valueText(median[0]), valueText(median.at(-1))];
  const middle = all[Math.floor(all.length / 2)];
  return figure(
    "Duration",
    markup`<span class="soft">${unit}</span>`,
    lines(
      `Duration by week: the median went from ${first} to ${last}`,
      [
        ...slow.length >= LEAST_WEEKS
          ? [{
            name: `95% within ${valueText(slow.at(-1))}${weekText(slow.at(-1))}`,
            color: "idle" as const,
            dashed: true,
            points: slow,
          }]
          : [],
        { name: `median ${last}${weekText(median.at(-1))}`, color: "run", points: median },
      ],
      [
        [0, dayText(all[0]?.from ?? "")],
        [0.5, all.length > 4 ? dayText(middle?.from ?? "") : ""],
        [1, "so far"],
      ],
    ),
  );
}

const duration = (ms: number | null): Cell => ms === null ? null : { show: unbroken(formatDuration(ms)), value: ms };

function weekTable(all: readonly WeekFigures[]): Html {
  const heads: readonly Column[] = [
    { name: "Week of" },
    ...["Runs", "Succeeded", "Failed", "Other", "Success rate", "Median", "95% within"].map((name) => ({
      name,
      number: true,
      named: true,
    })),
  ];
  const rows = all.toReversed().map((week, index) => ({
    cells: [
      `${dayText(week.from)}${index === 0 ? " (so far)" : ""}`,
      week.runs,
      week.succeeded,
      week.failed,
      week.runs - ratedOf(week),
      shareText(week),
      duration(week.medianMs),
      duration(week.p95Ms),
    ],
  }));
  return table("Weeks", ...withoutEmpty(heads, rows));
}

const AGES: readonly (readonly [days: number, name: string, color: Fill])[] = [
  [1, "under 1 day", "idle"],
  [3, "1 to 3 days", "idle"],
  [7, "3 to 7 days", "warn"],
  [Infinity, "over 7 days", "warn"],
];

function pulls({ pullRequests, runs }: DashboardData, nowMs: number): Html | null {
  const { count, opened, merged, closed, waiting, entries, why, state, unread, partlyRead } = pullRequests;
  if (count === 0) return null;
  const ages = entries.map(({ openedAt }) => (nowMs - (instantMs(openedAt) ?? nowMs)) / DAY_MS);
  const groups = AGES.map(([limit, name, color], index) => ({
    name,
    color,
    size: ages.filter((age) => age < limit && age >= (AGES[index - 1]?.[0] ?? -Infinity)).length,
  }));
  const most = Math.max(1, ...groups.map(({ size }) => size));
  const boxes: readonly (readonly [name: string, pair: Pair | null])[] = [
    ["Opened (last 7 days)", opened],
    ["Merged (last 7 days)", merged],
    ["Closed without merging (last 7 days)", closed],
    ["Open now", waiting],
  ];
  const unknown = unreadCount(pullRequests);
  const rowsOf = (all: readonly PullRequestEntry[]) => all.map((entry) => pullRow(entry, nowMs));
  const rows = rowsOf(entries);
  const more = rows.length - FIRST_PULLS;
  const old = longWaiting(entries, nowMs);
  const [oldPart, oldText] = [longPullsPart(old, entries), longPullsText(old.length, entries)];
  const shownFromMs = instantMs(entries.slice(0, FIRST_PULLS).at(-1)?.openedAt ?? null) ?? nowMs;
  const isUncertain = mayMissOlder(pullRequests, shownFromMs);
  const heads = [{ name: isUncertain ? "Open longest (some could not be read)" : "Open longest" }, ...PULLS];
  // A column is removed only if it is empty in all rows, not only in the first rows.
  const [filledHeads, filledRows] = withoutEmpty(heads, rows);
  return markup`<div class="panel"><dl class="strip">${
    boxes.map(([name, pair]) =>
      state === "skipped" && pair === null
        ? false
        : markup`<div><dt>${name}</dt><dd class="big">${pair === null ? "–" : pair.last}</dd>${
          pair?.before !== null &&
          markup`<dd class="delta">${pair === null ? "unknown" : `7 days before: ${pair.before}`}</dd>`
        }</div>`
    )
  }${
    entries.length > 0 &&
    markup`<div class="ages"><dt>Open, by age${
      entries.some(({ draft }) => draft === true) && ", including drafts"
    }</dt><dd><ul>${
      groups.map(({ name, color, size }) =>
        markup`<li><span>${name}</span>${bar(null, [[color, size]], most)}<b>${size}</b></li>`
      )
    }</ul></dd></div>`
  }</dl>${
    isRead(pullRequests) && unknown > 0 &&
    markup`<p class="foot">The state of ${formatCount(unknown, "pull request")} is unknown.</p>`
  }${
    rows.length > 0 &&
    table("The pull requests that have been open longest", filledHeads, filledRows.slice(0, FIRST_PULLS))
  }${!isRead(pullRequests) && newestPulls(runs, nowMs)}${
    why !== null && markup`<p class="foot">${bare(why)}.</p>`
  }</div>${reasons("Pull requests that could not be read", unread)}${
    reasons("Pull requests that could be read only in part", partlyRead)
  }${
    old.length > 0 && oldPart !== "pulls" &&
    fold(oldText, markup`<div id="${oldPart}">${listed("pull requests", oldText, heads, rowsOf(old))}</div>`)
  }${
    more > 0 &&
    fold(`All ${rows.length} open pull requests`, listed("pull requests", "Open pull requests", heads, rows))
  }`;
}

function reasons(heading: string, all: readonly UnreadPullRequests[]): Html | null {
  return all.length === 0 ? null : fold(
    heading,
    markup`<div class="panel pad stack"><ul>${
      all.map((each) => markup`<li>${bare(each.why)}: ${unreadLinks(each)}</li>`)
    }</ul></div>`,
  );
}

function unreadLinks({ urls, pullRequests }: UnreadPullRequests): Html {
  const more = pullRequests - urls.length;
  return markup`${urls.map((url, index) => markup`${index > 0 && ", "}${link(url, url)}`)}${
    more > 0 && ` and ${more} more`
  }`;
}

/** Without access to a forge, pull requests and their times are known only from the runs. */
function newestPulls(runs: readonly RunEntry[], nowMs: number): Html | null {
  const byAddress = new Map<string, RunEntry>();
  for (const run of runs) if (run.pullRequest !== null) byAddress.set(run.pullRequest, run);
  const rows = [...byAddress].slice(0, FIRST_PULLS).map((
    [url, { repository, task, campaign, endedAt, createdAt }],
  ) => ({
    cells: [pullLink(url, repository), oneLine(task ?? campaign), moment(endedAt ?? createdAt, nowMs)],
  }));
  return rows.length === 0 ? null : table("The newest pull requests", ...withoutEmpty(NEWEST_PULLS, rows));
}

const NEWEST_PULLS: readonly Column[] = [
  { name: "Newest" },
  { name: "Task", full: true },
  { name: "Opened", named: true },
];

function pullLink(url: string, repository: string | null): Html {
  return link(url, pullName(url, repository));
}

const PULLS: readonly Column[] = [
  { name: "Task", full: true },
  { name: "Checks" },
  { name: "Review" },
  { name: "Owner", named: true },
  { name: "Age", number: true, named: true },
];

const CHECKS: ReadonlyMap<string, [word: string, tone: Tone]> = new Map([
  ["green", ["passed", "good"]],
  ["red", ["failed", "bad"]],
  ["pending", ["running", "run"]],
]);

function pullRow(
  entry: PullRequestEntry,
  nowMs: number,
): TableRow {
  const { url, repository, task, campaign, openedAt, checks, conflict, owner } = entry;
  const ms = instantMs(openedAt);
  const isUnchecked = checks === null || checks === "none";
  return {
    kind: conflict === true ? "conflict" : CHECKS.get(checks ?? "")?.[0] ?? checks ?? "unknown",
    cells: [
      pullLink(url, repository),
      oneLine(task ?? campaign),
      conflict !== true && isUnchecked
        ? null
        : markup`${!isUnchecked && state(...CHECKS.get(checks) ?? [checks, "none"])}${
          conflict === true && markup` ${state("conflict", "warn")}`
        }`,
      // On one line, because a long task leaves little space for this column.
      oneLine(reviewText(entry) || null),
      oneLine(owner),
      ms === null ? null : { show: time(ms, ageText(nowMs - ms)), value: nowMs - ms },
    ],
  };
}

const STAGES: ReadonlyMap<string, string> = new Map([
  ["queued", "in a queue"],
  ["ready", "approved and green"],
  ["review", "waiting for review"],
  ["checks", "waiting for checks"],
  ["blocked", "blocked"],
]);

function campaigns({ campaigns }: DashboardData, nowMs: number): Html | null {
  if (campaigns.length === 0) return null;
  const heads: readonly Column[] = [
    { name: "Campaign" },
    { name: "State" },
    { name: "Progress", full: true },
    { name: "Finished", number: true, named: true },
    { name: "Failed", number: true, named: true },
    { name: "Merged", number: true, named: true },
    { name: "Open", named: true },
    { name: "Ends", number: true, named: true },
    { name: "As of", named: true },
  ];
  const rows = campaigns.map((campaign): TableRow => {
    const { page, state: word, gatedAt, items, ended, good, failed, asking } = campaign;
    const { title, pullRequests, merged, unmerged, endsAt, at } = campaign;
    const campaignState = CAMPAIGN_STATES.find((each) => each === word);
    const isLate = lateMsOf(campaign, nowMs) !== null;
    const [tone, status] = isLate
      ? ["warn" as const, "late"]
      : gatedAt !== null && word !== "gated"
      ? ["bad" as const, "too many failures"]
      : campaignState === undefined
      ? ["none" as const, word]
      : stateWords(campaignState, failed);
    const words = bare(title ?? campaignName(campaign));
    return {
      kind: status,
      cells: [
        markup`<span class="long">${page === null ? words : pageLink(page, words)}${
          title !== null && markup` <small>${bare(campaignName(campaign))}</small>`
        }</span>`,
        asking === 0
          ? state(status, tone)
          : markup`${state(status, tone)} <small>${formatCount(asking, "question")}</small>`,
        bar(null, [["good", good], ["bad", failed]], items),
        { show: `${ended} of ${items}`, value: ended },
        failed > 0 ? failed : null,
        merged === null ? null : { show: `${merged} of ${pullRequests}`, value: merged },
        unmerged.length === 0
          ? null
          : markup`<span class="long">${
            unmerged.map(({ stage, pullRequests: count }) => `${count} ${STAGES.get(stage) ?? stage}`).join(", ")
          }</span>`,
        word === "done" ? null : gatedAt !== null || word === "gated" ? "after approval" : forecast(endsAt, nowMs),
        moment(at, nowMs),
      ],
    };
  });
  return listed("campaigns", "Campaigns", heads, rows);
}

function moment(text: string | null, nowMs: number): Cell {
  const ms = instantMs(text);
  if (ms === null) return null;
  return { show: ago(ms, nowMs), value: ms };
}

/** If scripts run, the text is updated when the page is opened. */
function ago(ms: number, nowMs: number): Html {
  return time(ms, agoText(ms, nowMs));
}

function time(ms: number, text: string): Html {
  return markup`<time datetime="${new Date(ms).toISOString()}" title="${dayTimeText(ms)}">${unbroken(text)}</time>`;
}

function forecast(text: string | null, nowMs: number): Cell {
  const ms = instantMs(text);
  if (ms !== null && nowMs - ms > HOUR_MS) return null;
  return ms !== null && ms < nowMs ? { show: "soon", value: ms } : moment(text, nowMs);
}

function colorOf(outcome: string): Fill {
  if (outcome === "success") return "good";
  if (outcome === "failed") return "bad";
  return outcome === "running" || outcome === "pending" || outcome === "started" ? "run" : "idle";
}

function lastStrip(outcomes: readonly string[]): Html | null {
  if (outcomes.length === 0) return null;
  const failed = outcomes.filter((each) => each === "failed").length;
  return strip(`last ${formatCount(outcomes.length, "run")}, oldest first: ${failed} failed`, outcomes.map(colorOf));
}

const REPOSITORIES: readonly Column[] = [
  { name: "Repository" },
  { name: "Last run", named: true },
  { name: "Runs", number: true, named: true },
  { name: "Succeeded", number: true, named: true },
  { name: "Last 12" },
  { name: "Median", number: true, named: true },
  { name: "Slowest", number: true, named: true },
  { name: "Open PRs", number: true, named: true },
];
const FIRST_REPOSITORIES = 8;

function repositories(data: DashboardData, nowMs: number): Html | null {
  const { repositoryFigures, silentJobs, pullRequests, repositories, lists, runs } = data;
  if (repositoryFigures.length === 0) return null;
  const places = new Map<string, string>();
  runs.forEach(({ kind, repository }, index) => {
    if (kind === "run" && repository !== null && !places.has(repository)) places.set(repository, runPlace(index));
  });
  const waiting = countBy(pullRequests.entries, ({ repository }) => repository ?? "");
  const silent = new Set(silentJobs.map(({ repository }) => repository));
  const row = (figures: RepositoryFigures): TableRow => {
    const { repository, lastAt, runs: count, medianMs, slowestMs, last } = figures;
    const ms = instantMs(lastAt);
    const isSilent = silent.has(repository);
    return {
      kind: isSilent ? "silent job" : count > 0 ? "with runs" : "without runs",
      cells: [
        partLink(places.get(repository) ?? "runs", bare(repository), { repository }),
        ms === null ? null : isSilent ? { show: state(ago(ms, nowMs), "bad"), value: ms } : moment(lastAt, nowMs),
        count,
        count === 0 ? null : { show: shareText(figures), value: shareOf(figures) ?? 0 },
        lastStrip(last),
        duration(medianMs),
        duration(slowestMs),
        waiting.get(repository) ?? null,
      ],
    };
  };
  const rows = repositoryFigures.map(row);
  const counted = `${rows.length} ${rows.length === 1 ? "repository" : "repositories"} with runs`;
  const all = isRead(lists.repositories) && lists.repositories.state === "complete"
    ? `${counted} (the token can access ${repositories.length})`
    : counted;
  const isLong = rows.length > FIRST_REPOSITORIES;
  return markup`<div class="panel">${
    table("Repositories", ...withoutEmpty(REPOSITORIES, rows.slice(0, FIRST_REPOSITORIES)))
  }${!isLong && markup`<p class="foot soft">${all}</p>`}</div>${
    isLong && fold(`Show all ${all}`, listed("repositories", "All repositories", REPOSITORIES, rows))
  }`;
}

function runsAside({ runs, covers: { from } }: DashboardData): string {
  return `${runs.length}${from === null ? "" : `, since ${dayText(from)}`}`;
}

const RUNS: readonly Column[] = [
  { name: "Repository or run" },
  { name: "State" },
  { name: "Task", full: true },
  { name: "Why", full: true },
  { name: "Pull request" },
  { name: "Ended", named: true },
  { name: "Took", number: true, named: true },
];
function runs({ runs }: DashboardData, nowMs: number): Html | null {
  if (runs.length === 0) return null;
  const rows = runs.slice(0, MAX_ROWS).map((run, index) => ({
    id: runPlace(index),
    ...runRow(run, nowMs),
  }));
  const more = runs.length - rows.length;
  return fold(
    `Show the ${more > 0 ? `newest ${rows.length} of ` : ""}${formatCount(runs.length, "run")}`,
    listed("runs", "Runs", RUNS, rows),
  );
}

const UNKNOWN_WORDS = {
  unfinished: { tone: "none", state: "not finished" },
  forgotten: { tone: "none", state: "not visible" },
} as const;

function runRow(run: RunEntry, nowMs: number): TableRow {
  const { repository, runId, file, page, outcome, task, campaign, pullRequest, endedAt, createdAt, durationMs } = run;
  const { tone, state: word } = lookup(UNKNOWN_WORDS, outcome) ?? lookup(OUTCOME_WORDS, outcome) ?? OUTCOME_WORDS.error;
  const name = repository !== null ? bare(repository) : runId !== null ? shortId(runId) : bare(file);
  const number = /\/(\d{1,9})\/?$/.exec(pullRequest ?? "")?.[1];
  const isActive = isQuestion(run) || endedAt === null && outcome === "started";
  const startMs = instantMs(createdAt);
  return {
    kind: word,
    cells: [
      page === null
        ? (repository === null && runId !== null ? shortId(runId) : oneLine(repository ?? file))
        : pageLink(page, name),
      state(word, tone),
      oneLine(task ?? campaign),
      why({ ...run, reason: whyOf(run) }),
      pullRequest === null ? null : link(pullRequest, number === undefined ? pullRequest : `#${number}`),
      ...isActive
        ? [null, startMs === null ? null : { show: `${ageText(nowMs - startMs)} so far`, value: nowMs - startMs }]
        : [moment(endedAt ?? createdAt, nowMs), duration(durationMs)],
    ],
  };
}

const MAX_WHY = 60;

function why({ page, reason, lastLine, runId, outcome, jobUrl }: RunEntry): Html | null {
  if (page !== null || runId === null || outcome === "success") {
    return oneLine(reason, page === null ? undefined : pageAddress(page));
  }
  // The host is shown, because the history can come from another project.
  const log = jobUrl?.startsWith("https:") ? link(jobUrl, `job log on ${hostOf(jobUrl)}`) : null;
  const summary = reason === null ? "Run and job" : bare(cutText(reason, MAX_WHY).replace(/…\[.*$/s, "…"));
  return more(
    summary,
    markup`${reason !== null && reason.length > MAX_WHY && markup`<p>${bare(reason)}</p>`}${
      lastLine !== null && markup`<p>Last line from the agent: ${code(lastLine)}</p>`
    }<p>Run ${code(runId)}${log !== null && markup`, ${log}`}</p>${
      isUuid(runId) && action("Write the report", commandLine("mogplex-ci", "report", runId))
    }`,
  );
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "";
}

const AUTOMATIONS: readonly Column[] = [
  { name: "Automation" },
  { name: "Last run" },
  { name: "When", number: true, named: true },
  { name: "Last 20" },
];

function automations({ automations }: DashboardData, nowMs: number): Html | null {
  if (automations.length === 0) return null;
  return listed("automations", "Automations", AUTOMATIONS, automations.map((each) => automationRow(each, nowMs)));
}

const { success, failed, cancelled, awaiting_input, started } = OUTCOME_WORDS;
const STATUS_WORDS: Readonly<Record<string, { tone: Tone; state: string }>> = {
  ...{ success, failed, cancelled, awaiting_input, running: started },
  pending: { tone: "queued", state: "queued" },
};

function automationRow({ name, status, published, runs }: AutomationEntry, nowMs: number): TableRow {
  const last = runs?.last ?? null;
  const none = runs === null
    ? "not read"
    : status !== "active"
    ? "inactive"
    : published
    ? "no run yet"
    : "not published";
  const { tone, state: word } = lookup(STATUS_WORDS, last?.status ?? "") ??
    { tone: "none" as const, state: last?.status ?? none };
  return {
    kind: word,
    cells: [
      oneLine(name),
      state(word, tone),
      moment(last?.createdAt ?? null, nowMs),
      lastStrip((runs?.statuses ?? []).toReversed()),
    ],
  };
}

const FIRST_SANDBOXES = 5;

const SANDBOXES: readonly Column[] = [
  { name: "Repository or id" },
  { name: "Status" },
  { name: "Branch", full: true },
  { name: "Age", number: true, named: true },
  { name: "Last active", named: true },
  { name: "Error", full: true },
];

function sandboxes(data: DashboardData, nowMs: number): Html | null {
  const { sandboxes, lists } = data;
  if (!isRead(lists.sandboxes)) return panel(markup`<h3>Sandboxes</h3>`, markup`<p class="soft">Not read.</p>`);
  const used = activeSandboxes(data);
  const active = sandboxes.filter(({ status }) => ["creating", "installing", "running"].includes(status));
  const usedText = used > MAX_SANDBOXES ? String(used) : `${used} of ${MAX_SANDBOXES}`;
  const label = `${usedText} sandboxes in use`;
  return markup`<div class="panel pad stack"><h3>Sandboxes</h3><ul class="meters"><li><span>in use now</span><b>${usedText}</b>${
    bar(label, [["run", Math.min(used, MAX_SANDBOXES)]], MAX_SANDBOXES)
  }</li></ul>${
    active.length > 0 &&
    markup`<dl class="facts">${
      active.slice(0, FIRST_SANDBOXES).map(({ repository, id, status, createdAt }) => {
        const ms = instantMs(createdAt);
        return markup`<dt>${repository === null ? shortId(id) : bare(repository)}</dt><dd>${
          state(status, status === "running" ? "run" : "queued")
        }${ms !== null && markup` <small>${unbroken(ageText(Math.max(0, nowMs - ms)))}</small>`}</dd>`;
      })
    }</dl>`
  }</div>`;
}

/** The table has the full width, because a row contains two long names. */
function sandboxTable({ sandboxes, lists }: DashboardData, nowMs: number): Html | null {
  if (!isRead(lists.sandboxes) || sandboxes.length === 0) return null;
  const rows = sandboxes.map(({ id, repository, status, branch, createdAt, lastActiveAt, error }): TableRow => {
    const ms = instantMs(createdAt);
    return {
      kind: status,
      cells: [
        repository === null ? shortId(id) : oneLine(repository),
        state(status, status === "error" ? "bad" : status === "running" ? "run" : "none"),
        oneLine(branch),
        ms === null ? null : { show: unbroken(ageText(nowMs - ms)), value: nowMs - ms },
        moment(lastActiveAt, nowMs),
        oneLine(error),
      ],
    };
  });
  const count = sandboxes.length === 1 ? "The sandbox" : `All ${sandboxes.length} sandboxes`;
  return fold(count, listed("sandboxes", "Sandboxes", SANDBOXES, rows));
}

const MAX_PROBLEMS = 50;

function sources({ runs, lists, fileProblems, covers, repositories, at }: DashboardData): Html {
  const { results, histories, lines, campaigns, from, jobs } = covers;
  const files = [
    ...histories > 0 ? [`${formatCount(histories, "history file")} (${formatCount(lines, "line")})`] : [],
    ...results > 0 ? [formatCount(results, "result file")] : [],
    ...campaigns > 0 ? [formatCount(campaigns, "campaign")] : [],
  ];
  const incomplete = LISTS.filter((name) => lists[name].state !== "complete");
  const problems = (wanted: FileProblem["kind"]) => fileProblems.filter(({ kind }) => kind === wanted);
  const unmatched = problems("pattern").slice(0, MAX_PROBLEMS);
  const noMatch = unmatched.length > 0 &&
    markup`No file matches ${unmatched.map(({ file }, index) => markup`${index > 0 && ", "}${code(file)}`)}`;
  return markup`<div class="panel pad stack"><p>${
    files.length === 0
      ? noMatch === false
        ? "No files from jobs were read."
        : markup`${noMatch}, so no runs are counted. Check the ${
          unmatched.length === 1 ? "pattern" : "patterns"
        }, and make sure that jobs write a history.`
      : `${formatCount(runs.length, "run")} from ${files.join(", ")}${
        from === null ? "" : `, since ${dayTimeText(instantMs(from))}`
      }.${leftOutText(covers, at)}${futureText(runs, instantMs(at) ?? 0)}`
  }${jobs.length > 0 && markup` Jobs: ${bare(jobs.join(", "))}.`}${
    files.length > 0 && " Only runs in these files are counted."
  }${
    histories === 0 && fileProblems.length === 0 &&
    " To count every run, have jobs write a history, and pass it with --history."
  }${files.length > 0 && noMatch !== false && markup` ${noMatch}.`}</p><p>${
    isRead(lists.repositories) &&
    `The service listed ${repositories.length} ${repositories.length === 1 ? "repository" : "repositories"}. `
  }${incomplete.length === 0 ? "All lists from the service are complete." : "These lists are incomplete:"}</p>${
    incomplete.length > 0 &&
    markup`<ul>${incomplete.map((name) => markup`<li>${LIST_WORDS[name]}: ${bare(lists[name].why ?? "")}</li>`)}</ul>`
  }${problemList("Projects with runs that were not collected", fileProblems.filter(isProject))}${
    problemList("Files that could not be read completely", [...problems("file"), ...problems("lines")])
  }</div>`;
}

function problemList(heading: string, problems: readonly FileProblem[]): Html | null {
  if (problems.length === 0) return null;
  const more = problems.length - MAX_PROBLEMS;
  return markup`<h3>${heading}</h3><ul>${
    problems.slice(0, MAX_PROBLEMS).map(({ file, why }) => markup`<li>${code(file)}: ${bare(why)}</li>`)
  }${more > 0 && markup`<li>and ${more} more</li>`}</ul>`;
}

const SMALL_SKEW_MS = 60_000;

/** The figures of the last seven days leave out runs that end in the future. */
function futureText(runs: readonly RunEntry[], nowMs: number): string {
  const count = runs.filter((run) => (momentOf(run) ?? 0) > nowMs + SMALL_SKEW_MS).length;
  return count === 0
    ? ""
    : ` The last 7 days do not include ${formatCount(count, "run")} with an end in the future. The clock of ${
      count === 1 ? "its job" : "their jobs"
    } was probably wrong.`;
}

function leftOutText({ leftOut, since }: DashboardData["covers"], at: string): string {
  if (leftOut === 0) return "";
  const [count, are] = [formatCount(leftOut, "older run"), leftOut === 1 ? "is" : "are"];
  const isCut = Date.parse(since) > firstMondayOf(instantMs(at) ?? 0);
  return isCut
    ? ` ${count} ${are} left out because the page counts at most ${MAX_RUNS} runs. The weeks before Monday, ${
      dayText(since)
    }, are incomplete and not shown.`
    : ` ${count} ${are} left out because the page covers the 12 weeks since Monday, ${dayText(since)}.`;
}

const MAX_KINDS = 30;
const MIN_LISTED = 20;

function listed(nouns: string, caption: string, heads: readonly Column[], rows: readonly TableRow[]): Html {
  const drawn = table(caption, ...withoutEmpty(heads, rows));
  const kinds = [...countBy(rows, ({ kind = "" }) => kind)].filter(([kind]) => kind !== "").slice(0, MAX_KINDS);
  return markup`<div class="panel">${
    rows.length < MIN_LISTED ? drawn : list({ name: "items", rows: nouns, kinds, copy: true }, drawn)
  }</div>`;
}
