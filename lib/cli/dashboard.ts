import { dirname, join, relative } from "node:path";
import {
  cleanDashboard,
  collect,
  FILES,
  filesOf,
  MAX_ENTRIES,
  readStored,
  renderDashboard,
  type Stored,
} from "../dashboard/collect.ts";
import {
  activeSandboxes,
  type AutomationEntry,
  campaignTitle,
  concernsOf,
  countBy,
  type DashboardData,
  type FileProblem,
  headlineOf,
  sumOf,
} from "../dashboard/data.ts";
import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { directoryLister } from "../files/disk.ts";
import { distanceText, instantMs, utcText } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import { fitCells } from "../text/cells.ts";
import { formatCount } from "../text/duration.ts";
import { cutText } from "../text/plain_text.ts";
import { joinLines, own, type SafeLine } from "../text/safe_line.ts";
import { openOneShot } from "./context.ts";
import { type Writer } from "./log/writer.ts";
import { anyText, JSON_LINES } from "./options.ts";
import type { Context, Option, Verb, VerbFlag } from "./verb.ts";
import { ASKING } from "./verbs/codes.ts";

export const DASHBOARD_OUT: Option<string> = {
  name: "out",
  value: "DIR",
  help: "Write index.html, data.json, metrics.prom and history.jsonl into this directory",
  parse: anyText,
};

export const RESULTS: VerbFlag = {
  name: "results",
  value: "GLOB",
  multiple: true,
  help: "Show these result.json, events.ndjson and campaign.json: a path, or a pattern with *, ? and **, in quotes",
};

export const ALLOW_WRITE: VerbFlag = {
  name: "allow-write-token",
  help: "Take a token that could start something, too (default: refuse it)",
};

export const PARTIAL: VerbFlag = { name: "partial", help: "End with 0 as long as one list could be read" };

// The row of `dashboard`.

export const dashboardVerb: Verb = {
  name: "dashboard",
  usage: "",
  maxPositionals: 0,
  summary: "Show repositories, sandboxes, automations, runs and campaigns as a page, as data and as metrics",
  group: "toolkit",
  flags: [[DASHBOARD_OUT, RESULTS, ALLOW_WRITE, PARTIAL], JSON_LINES],
  codes: [ASKING],
  meanings: {
    success: "everything was read",
    usage: "bad arguments; the token could start something; a file cannot be written",
    unauthorized: "no token, or the service refused it, maybe after some lists: the page says which",
    forbidden: "the token may not read a list: the page says which",
    unavailable: "the service failed at a list: the page says which",
    rateLimited: "429 for longer than two minutes: the page says what is missing",
  },
  examples: [
    "mogplex-ci dashboard --out public --results '*/result.json'",
    "mogplex-ci dashboard",
  ],
  run: showDashboard,
};

const ATTEMPTED = "make a dashboard";

/** Largest file of a run or a campaign: 10 000 items need half of it. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Keeps the page readable. */
const MAX_FILES = 2_000;

/** @returns The exit code. */
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
  // Checked first: a mistake in a pattern costs no request.
  const stored = storedOf(context);
  const allowWriteToken = flags.has(ALLOW_WRITE);
  const collected = await collect({ client: session.client, clock, allowWriteToken });
  return cleanDashboard({ schema: 1, ...collected, ...stored }, writer.redact);
}

/** @throws {UsageError} if there are too many files. */
function storedOf({ io, flags, option }: Context): Stored {
  const { found, cut } = filesOf(flags.all(RESULTS), directoryLister());
  const paths = [...new Set([...found.values()].flat())];
  if (cut !== null) {
    const where = cut.folder === "" ? "this folder" : JSON.stringify(cut.folder);
    const why = `--results looks at more than ${MAX_ENTRIES} files and folders, the last ones in ${where}`;
    const advice = "write the folders of the reports before `**`, such as 'reports/**/result.json'";
    throw new UsageError({ attempted: ATTEMPTED, why, value: JSON.stringify(cut.pattern), advice });
  }
  if (paths.length > MAX_FILES) {
    const why = `--results finds more than ${MAX_FILES} files`;
    throw new UsageError({ attempted: ATTEMPTED, why, value: String(paths.length) });
  }
  const from = option(DASHBOARD_OUT) ?? ".";
  const pageOf = (path: string, name: string): string | null => {
    const page = join(dirname(path), name);
    const link = relative(from, page).replaceAll("\\", "/");
    // Only the dashboard's folder is published. A link to a file outside would be dead.
    if (link.startsWith("../")) return null;
    try {
      return io.realPath(page) === undefined ? null : link;
    } catch {
      // There is no page, or Deno does not permit the check.
      return null;
    }
  };
  const stored = readStored(paths, (path) => io.readFile(path, MAX_BYTES, "follow"), pageOf);
  const empty: FileProblem[] = [...found].filter(([, files]) => files.length === 0).map(([file]) => ({
    file,
    kind: "pattern",
    why: "No file that can be read matches this pattern",
  }));
  return { ...stored, fileProblems: [...empty, ...stored.fileProblems] };
}

function say({ writer, flags, option }: Context, data: DashboardData): void {
  for (const { state, why } of Object.values(data.lists)) {
    if (why !== null && state !== "skipped") writer.note(why);
  }
  for (const { file, why } of data.fileProblems) writer.note(`${file}: ${why}`);
  if (flags.has(JSON_LINES)) writer.json(data);
  else if (option(DASHBOARD_OUT) === undefined) writer.out(...writer.broken("stdout", dashboardLines(data, writer), 4));
}

function write({ io, writer, flags }: Context, out: string, data: DashboardData): void {
  const directory = out.replace(/(.)\/+$/, "$1");
  const pathOf = (name: string) => directory === "/" ? `/${name}` : `${directory}/${name}`;
  let history: string;
  try {
    history = io.readFile(pathOf(FILES.history), MAX_BYTES, "refuse", "replace") ?? "";
  } catch (cause) {
    // Writing a new file would lose the old one.
    const why = `"${pathOf(FILES.history)}" cannot be read`;
    throw new UsageError({ attempted: ATTEMPTED, why, value: messageOf(cause) }, { cause });
  }
  const { files, unread } = renderDashboard(data, history);
  if (unread > 0) {
    writer.note(`${formatCount(unread, "line")} of ${FILES.history} could not be read: left out from now on`);
  }
  for (const { name, text } of files) {
    try {
      io.writeFile(pathOf(name), text);
    } catch (cause) {
      const why = `"${pathOf(name)}" cannot be written`;
      throw new UsageError({ attempted: ATTEMPTED, why, value: messageOf(cause) }, { cause });
    }
  }
  if (!flags.has(JSON_LINES)) writer.out(...files.map(({ name }) => writer.untrusted(`wrote ${pathOf(name)}`)));
}

type Print = Pick<Writer, "untrusted" | "paint">;

/** Most lines of a kind: a terminal has about 40. */
const MAX_LINES = 12;

const NAME_WIDTH = 32;

/**
 * What needs attention, then the lists.
 * @param data Data after `cleanDashboard`.
 */
function dashboardLines(data: DashboardData, print: Print): SafeLine[] {
  const { repositories, sandboxes, automations, campaigns, runs, at, requests } = data;
  const nowMs = instantMs(at) ?? 0;
  const concerns = concernsOf(data);
  const failed = sumOf(automations, (each) => each.runs?.failedLastDay ?? 0);
  const used = formatCount(requests, "request");
  const heading = headlineOf(concerns);
  return [
    print.paint(concerns.length === 0 ? "green" : "yellow", print.untrusted(heading)),
    print.paint("dim", print.untrusted(`${utcText(nowMs)}, ${used}`)),
    ...rows(concerns, ({ kind, name, what, details, tone }) => {
      const title = kind === "" ? what : `${kind} ${name}: ${what}`;
      const line = print.untrusted(cutText(`  ${title}${details.length > 0 ? ` (${details.join(", ")})` : ""}`, 200));
      return print.paint(tone === "bad" ? "red" : "yellow", line);
    }),
    own``,
    own`repositories: ${repositories.length}, sandboxes in use: ${
      activeSandboxes(data)
    }, failed automation runs in 24 h: ${failed}`,
    ...sandboxes.length > 0 ? [own`sandboxes: ${counts(print, countBy(sandboxes, ({ status }) => status))}`] : [],
    ...runs.length > 0 ? [own`runs: ${counts(print, countBy(runs, ({ outcome }) => outcome))}`] : [],
    ...campaigns.length > 0 ? [own``, own`campaigns`] : [],
    ...rows(
      campaigns,
      (campaign) => {
        const { state, ended, items, good } = campaign;
        return own`  ${column(print, campaignTitle(campaign))} ${
          column(print, state, 9)
        } ${ended} of ${items} ended, ${good} of them well or skipped`;
      },
    ),
    ...automations.length > 0 ? [own``, own`automations`] : [],
    ...rows(automations, (each) => automationLine(print, each, nowMs)),
  ];
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
  const when = print.untrusted(at === null ? "" : distanceText(at, nowMs)).padEnd(14);
  const line = own`  ${joinLines(cells, " ")} ${when} ${print.untrusted(failed)}`.trimEnd();
  return runs?.last?.status === "failed" ? print.paint("red", line) : line;
}

function counts(print: Print, words: ReadonlyMap<string, number>): SafeLine {
  return joinLines([...words].map(([word, count]) => own`${count} ${print.untrusted(word)}`), ", ");
}
