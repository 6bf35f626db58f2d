import { basename, dirname, join } from "node:path";
import {
  ageText,
  agoText,
  cautionOf,
  checksText,
  type Concern,
  concernsOf,
  FIRST_PULLS,
  foldConcerns,
  forText,
  headlineOf,
  lateMsOf,
  pullName,
  reviewText,
  uncountedText,
} from "../dashboard/attention.ts";
import { assemble, cleanDashboard, collect, filesOf, MAX_ENTRIES, renderDashboard } from "../dashboard/collect.ts";
import {
  activeSandboxes,
  type AutomationEntry,
  campaignName,
  type DashboardData,
  dashboardName,
  type FileProblem,
  ratedOf,
  unratedTexts,
  unreadCount,
} from "../dashboard/data.ts";
import { agentTime, shareText } from "../dashboard/dashboard_page.ts";
import { MAX_ASKED } from "../dashboard/pull_requests.ts";
import { openRunsOf } from "../dashboard/runs.ts";
import { NO_MATCH, readStored, settle, type Stored } from "../dashboard/stored.ts";
import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { directoryLister } from "../files/disk.ts";
import { type ForgeReading, Forges } from "../forge/batch.ts";
import { resolveForgeAccess } from "../forge/open.ts";
import { MAX_HISTORY_BYTES } from "../report/history.ts";
import { CAMPAIGN_FILES } from "../campaign/report/files.ts";
import { REPORT_FILES, STATE_FILE, VALUE_FILE } from "../report/files.ts";
import { publishedPage } from "../report/page.ts";
import type { Notice } from "../notice.ts";
import { instantMs, utcText } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import { sha256Hex } from "../sha256.ts";
import { fitCells } from "../text/cells.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { cutMiddle, cutText } from "../text/plain_text.ts";
import { joinLines, own, type SafeLine } from "../text/safe_line.ts";
import { openOneShot } from "./context.ts";
import { noticeText } from "./log/live_log.ts";
import { type Writer } from "./log/writer.ts";
import { anyText, JSON_LINES } from "./options.ts";
import type { Context, Option, Verb, VerbFlag } from "./verb.ts";
import { ASKING } from "./verbs/codes.ts";
import { countBy, valueOr } from "../lookup.ts";

export const DASHBOARD_OUT: Option<string> = {
  name: "out",
  value: "DIR",
  help: "Write index.html, data.json, metrics.prom and the pages of runs and campaigns to this directory",
  parse: anyText,
};

export const RESULTS: VerbFlag = {
  name: "results",
  value: "GLOB",
  multiple: true,
  help: "Files to show (result.json, events.ndjson, campaign.json): a path, or a quoted pattern with *, ? or **",
};

export const HISTORIES: VerbFlag = {
  name: "history",
  value: "GLOB",
  multiple: true,
  help: "History files, which jobs write with --history: a path or a quoted pattern, as above",
};

export const ALLOW_WRITE: VerbFlag = {
  name: "allow-write-token",
  help: "Also accept a token that can start runs (default: refuse it)",
};

export const PARTIAL: VerbFlag = { name: "partial", help: "Exit with 0 if at least one list could be read" };

export const dashboardVerb: Verb = {
  name: "dashboard",
  summary: "Show what needs attention in runs, pull requests and campaigns, as text or as a web page",
  group: "toolkit",
  flags: [[DASHBOARD_OUT, RESULTS, HISTORIES, ALLOW_WRITE, PARTIAL], JSON_LINES],
  otherVariables: ["GITHUB_TOKEN", "GITLAB_TOKEN", "GITHUB_SERVER_URL", "CI_SERVER_URL"],
  codes: [ASKING],
  meanings: {
    success: "everything was read",
    usage: "bad arguments; the token can start runs; a file cannot be written",
    unauthorized: "no token, or the service refused it; no page if no list was read",
    forbidden: "the token cannot read a list: the page shows which; no page if no list was read",
    unavailable: "the service could not return a list: the page shows which; no page if no list was read",
    rateLimited:
      "rate limited (429) for longer than two minutes: the page shows what is missing; no page if no list was read",
  },
  examples: [
    "mogplex-ci dashboard --out public --history 'runs/*.ndjson'",
    "mogplex-ci dashboard --history 'runs/*.ndjson'",
  ],
  run: showDashboard,
};

const ATTEMPTED = "make a dashboard";

/** A campaign with 10,000 items needs half of this size. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Files that jobs, campaigns and dashboards write beside the files that are read. A broad pattern also matches these files. */
const OTHER_FILES: ReadonlySet<string> = new Set(
  [
    ...[...Object.values(REPORT_FILES), ...Object.values(CAMPAIGN_FILES)].map((file) => basename(file)),
    ...[STATE_FILE, VALUE_FILE, "lock.json", "data.json", "metrics.prom", "index.html"],
  ].filter((name) => ![REPORT_FILES.json, REPORT_FILES.ndjson, CAMPAIGN_FILES.json].some((file) => file === name)),
);

/** The limit keeps the page readable. */
const MAX_FILES = 2_000;

export async function showDashboard(context: Context): Promise<number> {
  const { flags, option } = context;
  const out = option(DASHBOARD_OUT);
  const { session } = openOneShot(context);
  const data = await look(context, session);
  say(context, data);
  if (out !== undefined) write(context, out, data);
  return flags.has(PARTIAL) ? EXIT.success : data.exitCode;
}

async function look(context: Context, session: Session): Promise<DashboardData> {
  const { flags, clock, writer } = context;
  // The files are read first, so that a mistake in a pattern causes no request.
  const stored = storedOf(context);
  const allowWriteToken = flags.has(ALLOW_WRITE);
  const openRuns = openRunsOf(stored.runs);
  const { answers, ...collected } = await collect({ client: session.client, clock, openRuns, allowWriteToken });
  const settled = settle(stored, answers);
  const reading = await askForges(context, settled);
  return cleanDashboard(assemble(collected, settled, reading), writer.redact);
}

/** How long a forge may take for its first response. The page is also useful without the pull requests of that forge. */
const FORGE_ANSWER_MS = 20_000;

async function askForges(
  { forges, io: { env }, clock, fetch, writer }: Context,
  { pulls }: Stored,
): Promise<ForgeReading | null> {
  const access = resolveForgeAccess(forges, env);
  if (access === undefined) return null;
  const onNotice = (notice: Notice) => writer.note(noticeText(notice));
  const world = { clock, fetch, onNotice, answerMs: FORGE_ANSWER_MS };
  return await new Forges(forges, access, world).read(
    pulls.slice(0, MAX_ASKED).map(({ url }) => url),
    (host, count) => writer.note(`Reading ${formatCount(count, "pull request")} from ${host}`),
  );
}

function matchesOf({ flags }: Context, flag: VerbFlag): { paths: string[]; empty: FileProblem[] } {
  const { found, cut } = filesOf(flags.all(flag), directoryLister());
  const isOther = (path: string, pattern: string) => path !== pattern && OTHER_FILES.has(basename(path));
  const matches = [...found].map(([pattern, all]) => ({
    pattern,
    other: all[0],
    files: all.filter((path) => !isOther(path, pattern)),
  }));
  const paths = [...new Set(matches.flatMap(({ files }) => files))];
  if (cut !== null) {
    const where = cut.folder === "" ? "this folder" : JSON.stringify(cut.folder);
    const why = `--${flag.name} searches more than ${MAX_ENTRIES} files and folders, the last ones in ${where}`;
    const advice = "write the folders of the reports before `**`, such as 'reports/**/result.json'";
    throw new UsageError({ attempted: ATTEMPTED, why, value: JSON.stringify(cut.pattern), advice });
  }
  if (paths.length > MAX_FILES) {
    const why = `--${flag.name} matches more than ${MAX_FILES} files`;
    throw new UsageError({ attempted: ATTEMPTED, why, value: String(paths.length) });
  }
  const empty = matches.filter(({ files }) => files.length === 0).map(({ pattern, other }): FileProblem => ({
    file: pattern,
    kind: "pattern",
    why: other === undefined
      ? NO_MATCH
      : `This pattern matches only files that a dashboard does not read, such as ${basename(other)}`,
  }));
  return { paths, empty };
}

function storedOf(context: Context): Stored {
  const { io, clock, option } = context;
  const [results, histories] = [matchesOf(context, RESULTS), matchesOf(context, HISTORIES)];
  const isWritten = option(DASHBOARD_OUT) !== undefined;
  const stored = readStored({
    results: results.paths,
    histories: histories.paths,
    readText: (path) => io.readFile(path, MAX_BYTES, "follow"),
    readHistoryText: (path) => io.readFile(path, MAX_HISTORY_BYTES, "refuse", "replace"),
    pageOf(path, name) {
      if (!isWritten) return null;
      const page = join(dirname(path), name);
      // The page does not exist, or Deno does not permit the check.
      return valueOr(() => io.realPath(page) === undefined ? null : page, null);
    },
  }, clock.wallTime());
  return { ...stored, fileProblems: [...results.empty, ...histories.empty, ...stored.fileProblems] };
}

const MAX_PAGES = 500;
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

interface PageCopy {
  readonly name: string;
  readonly text: string;
}

function copiesOf({ io, writer }: Context, data: DashboardData): { data: DashboardData; copies: PageCopy[] } {
  const copies = new Map<string, PageCopy>();
  const home = { name: dashboardName(data), href: "../index.html" };
  const copied = (page: string | null): string | null => {
    if (page === null) return null;
    const copy = copies.get(page);
    if (copy !== undefined) return copy.name;
    if (copies.size >= MAX_PAGES) return null;
    try {
      // Files behind a symbolic link are not published.
      const text = publishedPage(io.readFile(page, MAX_PAGE_BYTES, "refuse") ?? "", home);
      if (text === undefined) {
        writer.note(`${page}: this version cannot publish this page, so there is no link to it`);
        return null;
      }
      const copy = { name: `pages/${sha256Hex(page).slice(0, 16)}.html`, text };
      copies.set(page, copy);
      return copy.name;
    } catch (error) {
      writer.note(`${page}: ${messageOf(error)}`);
      return null;
    }
  };
  const campaigns = data.campaigns.map((each) => ({ ...each, page: copied(each.page) }));
  const runs = data.runs.map((each) => ({ ...each, page: copied(each.page) }));
  return { data: { ...data, campaigns, runs }, copies: [...copies.values()] };
}

function say({ writer, flags, option }: Context, data: DashboardData): void {
  for (const { state, why } of Object.values(data.lists)) {
    if (why !== null && state !== "skipped") writer.note(why);
  }
  const { state, why, partlyRead } = data.pullRequests;
  if (state !== "complete" && state !== "skipped" && why !== null) writer.note(why);
  for (const { why: part, pullRequests } of partlyRead) {
    writer.note(`${formatCount(pullRequests, "open pull request")} could be read only in part: ${part}`);
  }
  for (const { file, why } of data.fileProblems) writer.note(`${file}: ${why}`);
  if (flags.has(JSON_LINES)) writer.json(data);
  else if (option(DASHBOARD_OUT) === undefined) writer.out(...writer.broken("stdout", dashboardLines(data, writer), 4));
}

function write(context: Context, out: string, whole: DashboardData): void {
  const { io, writer, flags } = context;
  const directory = out.replace(/(.)\/+$/, "$1");
  const pathOf = (name: string) => directory === "/" ? `/${name}` : `${directory}/${name}`;
  const { data, copies } = copiesOf(context, whole);
  const files = renderDashboard(data);
  for (const { name, text } of [...copies, ...files]) {
    try {
      io.writeFile(pathOf(name), text);
    } catch (cause) {
      const why = `"${pathOf(name)}" cannot be written`;
      throw new UsageError({ attempted: ATTEMPTED, why, value: messageOf(cause) }, { cause });
    }
  }
  if (flags.has(JSON_LINES)) return;
  if (copies.length > 0) {
    writer.out(writer.untrusted(`wrote ${formatCount(copies.length, "page")} to ${pathOf("pages")}`));
  }
  writer.out(...files.map(({ name }) => writer.untrusted(`wrote ${pathOf(name)}`)));
}

type Print = Pick<Writer, "untrusted" | "paint">;

const MAX_LINES = 12;

const NAME_WIDTH = 32;

function dashboardLines(data: DashboardData, print: Print): SafeLine[] {
  const { repositories, sandboxes, automations, campaigns, days: { last }, weeks, at, requests } = data;
  const nowMs = instantMs(at) ?? 0;
  const concerns = concernsOf(data);
  const used = formatCount(requests, "request");
  const uncounted = uncountedText(data);
  const heading = concerns.length === 0 && uncounted !== null ? uncounted : headlineOf(concerns, data);
  const { open, folded } = foldConcerns(concerns, MAX_LINES);
  const tone = concerns.length === 0 && cautionOf(data) === null ? "green" : "yellow";
  const rated = ratedOf(last);
  const unrated = unratedTexts(last).join(", ");
  const percent = shareText(last);
  const notes = [percent?.endsWith("%") && percent, unrated && `not counted: ${unrated}`].filter(Boolean);
  const share = rated === 0
    ? unrated === "" ? "" : `, ${unrated}`
    : `, ${last.succeeded} of ${rated} succeeded${notes.length === 0 ? "" : ` (${notes.join("; ")})`}`;
  const times = [
    ...last.medianMs === null ? [] : [`median ${formatDuration(last.medianMs)}`],
    ...last.p95Ms === null ? [] : [`95% within ${formatDuration(last.p95Ms)}`],
    ...last.totalMs === 0 ? [] : [`${agentTime(last)} of agent time`],
  ].map((text) => `, ${text}`).join("");
  return [
    print.paint(tone, print.untrusted(heading)),
    print.paint("dim", print.untrusted(`${utcText(nowMs)}, ${used}`)),
    ...open.flatMap((each) => concernLines(print, each, nowMs)),
    ...folded.length > 0 ? [own`  … and ${folded.length} more`] : [],
    ...concerns.length > 0 && uncounted !== null ? [own``, print.untrusted(uncounted)] : [],
    own``,
    own`repositories: ${repositories.length}, sandboxes in use: ${activeSandboxes(data)}`,
    ...sandboxes.length > 0 ? [own`sandboxes: ${counts(print, countBy(sandboxes, ({ status }) => status))}`] : [],
    ...weeks.length > 0 ? [print.untrusted(`runs in the last 7 days: ${last.runs}${share}${times}`)] : [],
    ...pullRequestLine(data, print),
    ...openPullLines(data, print, nowMs),
    ...campaigns.length > 0 ? [own``, own`campaigns`] : [],
    ...rows(
      campaigns,
      (campaign) => {
        const { state, ended, items, failed, asking } = campaign;
        const writtenMs = instantMs(campaign.at);
        const written = print.untrusted(
          writtenMs === null || writtenMs > nowMs ? "" : `, as of ${agoText(writtenMs, nowMs)}`,
        );
        const questions = asking === 0 ? own`` : own`, ${asking} ${asking === 1 ? own`needs` : own`need`} an answer`;
        return own`  ${column(print, campaignName(campaign))} ${
          column(print, lateMsOf(campaign, nowMs) === null ? state : "late", 9)
        } ${ended} of ${items} finished, ${failed} failed${questions}${written}`;
      },
    ),
    ...automations.length > 0 ? [own``, own`automations`] : [],
    ...rows(automations, (each) => automationLine(print, each, nowMs)),
  ];
}

/** Maximum length of a concern's subject and line, in UTF-16 units. Both wrap at the width of the terminal. */
const MAX_CONCERN = 500;

function concernLines(print: Print, { tone, subject, line, command, at, lasts }: Concern, nowMs: number): SafeLine[] {
  const distance = at === null ? "" : agoText(at, nowMs);
  const age = at === null ? "" : lasts ? `, ${forText(nowMs - at)}` : `, ${distance === "now" ? "just now" : distance}`;
  return [
    print.paint(tone === "bad" ? "red" : "yellow", print.untrusted(`${cutText(`  ${subject}`, MAX_CONCERN)}${age}`)),
    ...line === "" ? [] : [print.untrusted(`    ${cutMiddle(line, MAX_CONCERN)}`)],
    ...command === null ? [] : [print.untrusted(`      ${command}`)],
  ];
}

function pullRequestLine({ pullRequests }: DashboardData, print: Print): SafeLine[] {
  const { count, opened, waiting, merged, why } = pullRequests;
  if (count === 0) return [];
  const unread = unreadCount(pullRequests);
  const state = merged === null || waiting === null
    ? why === null ? "" : `; ${why.replace(/^[A-Z]/, (letter) => letter.toLowerCase())}`
    : `, ${merged.last} merged; open now: ${waiting.last}${
      unread === 0 ? "" : `; the state of ${unread} more is unknown`
    }`;
  return [print.untrusted(`pull requests in the last 7 days: ${opened.last} opened${state}`)];
}

const TASK_WIDTH = 30;

function openPullLines({ pullRequests: { entries } }: DashboardData, print: Print, nowMs: number): SafeLine[] {
  const more = entries.length - FIRST_PULLS;
  const lines = entries.slice(0, FIRST_PULLS).map((entry) => {
    const { url, repository, task, campaign, openedAt, owner } = entry;
    const ms = instantMs(openedAt);
    const cells = [
      column(print, pullName(url, repository)),
      column(print, ms === null ? "" : ageText(nowMs - ms), 5),
      column(print, checksText(entry), 23),
      column(print, reviewText(entry), 17),
      column(print, owner ?? "", 12),
      column(print, task ?? campaign ?? "", TASK_WIDTH),
    ];
    return own`  ${joinLines(cells, " ")}`.trimEnd();
  });
  return lines.length === 0
    ? []
    : [own``, own`open pull requests, oldest first`, ...lines, ...more > 0 ? [own`  … and ${more} more`] : []];
}

function rows<T>(items: readonly T[], lineOf: (item: T) => SafeLine): SafeLine[] {
  const more = items.length - MAX_LINES;
  return [...items.slice(0, MAX_LINES).map(lineOf), ...more > 0 ? [own`  … and ${more} more`] : []];
}

function column(print: Print, text: string, width = NAME_WIDTH): SafeLine {
  return fitCells(print.untrusted(text), width);
}

function automationLine(print: Print, { name, status, runs }: AutomationEntry, nowMs: number): SafeLine {
  const at = instantMs(runs?.last?.createdAt ?? null);
  const last = runs === null ? "not read" : runs.last === null ? "no run yet" : runs.last.status;
  const failed = runs === null || runs.read === 0 ? "" : `${runs.failed} of ${runs.read} failed`;
  const cells = [column(print, name), column(print, status, 9), column(print, last, 11)];
  const when = print.untrusted(at === null ? "" : agoText(at, nowMs)).padEnd(14);
  const line = own`  ${joinLines(cells, " ")} ${when} ${print.untrusted(failed)}`.trimEnd();
  return runs?.last?.status === "failed" ? print.paint("red", line) : line;
}

function counts(print: Print, words: ReadonlyMap<string, number>): SafeLine {
  return joinLines([...words].map(([word, count]) => own`${count} ${print.untrusted(word)}`), ", ");
}
