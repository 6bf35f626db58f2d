import {
  GOOD_VERDICTS,
  ITEM_VERDICTS,
  type ItemState,
  OPEN_STATES,
  outcomeOf,
  totalsOf,
} from "../campaign/view/verdicts.ts";
import { messageOf } from "../error_sentence.ts";
import { MogplexError } from "../errors.ts";
import { isObject, lookup, parseJson, valueOr } from "../lookup.ts";
import { readHistory, taskKey, type UnreadSource } from "../report/history.ts";
import { readResult } from "../run/read_result.ts";
import { runMsOf } from "../run/result.ts";
import { headlineOf, recordedOutcomeOf, viewOf } from "../run/result_view.ts";
import { NotRegularFileError } from "../runtime.ts";
import { formatCount } from "../text/duration.ts";
import { webUrl } from "../text/escape.ts";
import type {
  CampaignCause,
  CampaignEntry,
  CampaignStage,
  CampaignWait,
  Coverage,
  FileProblem,
  PullRequestEntry,
  RunEntry,
} from "./data.ts";
import type { NamedPull } from "./pull_requests.ts";
import { firstWeekOf, leftOutOf, type RunAnswer, settledRuns, unionOf } from "./runs.ts";

export interface Stored {
  runs: RunEntry[];
  campaigns: CampaignEntry[];
  openItems: OpenItem[];
  /** Newest first, without duplicates. */
  pulls: NamedPull[];
  covers: Coverage;
  fileProblems: FileProblem[];
}

interface OpenItem {
  file: string;
  runId: string;
  name: string;
  /** Cause of the run's question. `null` if the run did not wait for an answer. */
  question: string | null;
  /** Whether the next wave starts the item again if its run has failed. */
  hasAttempt: boolean;
}

export interface StoredFiles {
  results: readonly string[];
  histories: readonly string[];
  /** Returns `undefined` if the file does not exist. May throw. */
  readText(path: string): string | undefined;
  readHistoryText?(path: string): string | undefined;
  /** Path of the page with this name in the folder of a file. `null` if the page does not exist. */
  pageOf?(path: string, page: string): string | null;
}

export const NO_SUCH_FILE = "There is no such file";

const IS_RESULT = "This is the result of a run or a campaign. Pass it with --results";
const IS_HISTORY = "This is a history. Pass it with --history";

export const NO_MATCH = "No readable file matches this pattern";

/** A file that cannot be read or used causes no error. The dashboard shows the problem instead. */
export function readStored(
  { results, histories, readText, readHistoryText = readText, pageOf = () => null }: StoredFiles,
  nowMs: number,
): Stored {
  const fileProblems: FileProblem[] = [];
  function existing(text: string | undefined): string {
    if (text === undefined) throw new Error(NO_SUCH_FILE);
    return text;
  }
  function attempt(file: string, ending: string, read: () => void): void {
    try {
      read();
    } catch (error) {
      const why = whyOf(error);
      fileProblems.push({
        file,
        kind: "file",
        why: error instanceof NotRegularFileError ? `${why}; use a pattern, such as '${file}/*${ending}'` : why,
      });
    }
  }
  const ofResults: RunEntry[] = [];
  const ofEvents: RunEntry[] = [];
  const campaigns: StoredCampaign[] = [];
  for (const file of results) {
    attempt(file, "/result.json", () => {
      const { campaign, run, isEvents } = resultIn(file, existing(readText(file)));
      if (run !== undefined) {
        (isEvents ? ofEvents : ofResults).push({ ...run, page: pageOf(file, "run.html") });
      } else {
        campaigns.push({ ...campaign, entry: { ...campaign.entry, page: pageOf(file, "campaign.html") } });
      }
    });
  }
  const ofHistories: RunEntry[] = [];
  const unread = new Map<string, UnreadSource>();
  let historyCount = 0;
  for (const file of histories) {
    attempt(file, ".ndjson", () => {
      const text = existing(readHistoryText(file));
      const { records, unread: sources, skipped: [first], skippedCount } = readHistory(text);
      for (const each of sources) unread.set(each.source, each);
      const isUnusable = first !== undefined && records.length + sources.length === 0;
      if (!isUnusable && (sources.length === 0 || records.length > 0)) historyCount++;
      for (const record of records) ofHistories.push(historyRun(file, record));
      if (first !== undefined) {
        const count = formatCount(skippedCount, "line");
        const isResult = isUnusable && valueOr(() => resultIn(file, text), null) !== null;
        const why = isResult ? IS_RESULT : `${count} could not be read as a run. Line ${first.line}: ${first.why}`;
        fileProblems.push({ file, kind: isUnusable ? "file" : "lines", why });
      }
    });
  }
  for (const { source, why, isEmpty } of unread.values()) {
    fileProblems.push({ file: source, kind: isEmpty ? "empty-project" : "project", why });
  }
  const newest = newestOf(campaigns);
  newest.sort(({ entry: a }, { entry: b }) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.file < b.file ? -1 : 1);
  const items = newest.flatMap(({ entry: { page }, items }) =>
    items.map(({ run, pull }): ItemRun => ({ run: { ...run, page }, pull }))
  );
  // The entries with the most details come first. The events of a run have fewer details than its result.
  const all = [...ofResults, ...ofEvents, ...ofHistories, ...items.map(({ run }) => run)];
  const runs = unionOf(all, nowMs);
  const leftOut = leftOutOf(all, runs);
  const times = runs.flatMap(({ endedAt, createdAt }) => endedAt ?? createdAt ?? []).map((text) => Date.parse(text))
    .filter((ms) => !Number.isNaN(ms));
  return {
    runs,
    campaigns: newest.map(({ entry }) => entry),
    openItems: newest.flatMap((each) => each.openItems),
    pulls: pullsOf(runs, items),
    covers: {
      results: ofResults.length + ofEvents.length,
      campaigns: newest.length,
      histories: historyCount,
      lines: ofHistories.length,
      leftOut,
      since: new Date(firstWeekOf(runs, leftOut, nowMs)).toISOString().slice(0, 10),
      from: times.length === 0 ? null : new Date(times.reduce((a, b) => Math.min(a, b))).toISOString(),
      jobs: [...new Set(runs.flatMap(({ job }) => job ?? []))].sort().slice(0, MAX_JOBS),
    },
    fileProblems,
  };
}

export function settle(stored: Stored, answers: ReadonlyMap<string, RunAnswer | null>): Stored {
  const runs = settledRuns(stored.runs, answers);
  const named = new Set(stored.pulls.map(({ url }) => url));
  const more = pullsOf(runs, []).filter(({ url }) => !named.has(url));
  const byId = new Map(runs.map((run) => [run.runId, run]));
  const campaigns = stored.campaigns.map((entry) =>
    stored.openItems.filter(({ file }) => file === entry.file)
      .reduce((latest, item) => withRun(latest, item, byId.get(item.runId)), entry)
  );
  return { ...stored, runs, campaigns, pulls: newestPulls([...stored.pulls, ...more]) };
}

/** The next wave of the campaign counts runs with other outcomes. */
const COUNTED_AS: Readonly<Record<string, "asking" | "running" | "failed">> = {
  awaiting_input: "asking",
  started: "running",
  failed: "failed",
  cancelled: "failed",
};

/** The campaign's own page shows the state of this run only after the next wave. */
function withRun(
  entry: CampaignEntry,
  { name, question, hasAttempt }: OpenItem,
  run: RunEntry | undefined,
): CampaignEntry {
  if (run === undefined || run.outcome === "unfinished" || run.outcome === "forgotten") return entry;
  const counts = { ended: entry.ended, failed: entry.failed, asking: entry.asking, running: entry.running };
  counts[question === null ? "running" : "asking"]--;
  // A cancelled run is never repeated.
  const now = run.outcome === "failed" && hasAttempt ? undefined : lookup(COUNTED_AS, run.outcome);
  if (now !== undefined) counts[now]++;
  // The question has been answered, or the run has its own entry.
  const causes = question === null ? entry.causes : withoutQuestion(entry.causes, question, name);
  if (now !== "failed") return { ...entry, ...counts, causes };
  counts.ended++;
  return { ...entry, ...counts, causes: withFailure(causes, run, name) };
}

function withoutQuestion(causes: readonly CampaignCause[], question: string, name: string): CampaignCause[] {
  return causes.flatMap((each) => {
    if (each.verdict !== "needs-input" || each.cause !== question) return each;
    return each.items === 1
      ? []
      : { ...each, items: each.items - 1, names: each.names.filter((other) => other !== name) };
  });
}

function withFailure(causes: readonly CampaignCause[], run: RunEntry, name: string): CampaignCause[] {
  const [verdict, cause] = [run.outcome, run.reason ?? ""];
  const isSame = (each: CampaignCause) => each.verdict === verdict && each.cause === cause;
  const same = causes.find(isSame) ?? { verdict, cause, items: 0, names: [], at: null };
  const names = [...same.names, name].slice(0, MAX_NAMES);
  const at = [same.at, run.endedAt].flatMap((each) => each ?? []).sort().at(-1) ?? null;
  return [...causes.filter((each) => !isSame(each)), { ...same, items: same.items + 1, names, at }];
}

const MAX_JOBS = 50;

/** The path is left out, because it is shown beside the reason. */
function whyOf(error: unknown): string {
  if (!(error instanceof MogplexError) || error.attempted === null) return messageOf(error);
  const { why, value } = error;
  return `${why.replace(/^[a-z]/, (letter) => letter.toUpperCase())}${value === null ? "" : `: ${value}`}`;
}

type StoredResult =
  | { campaign: StoredCampaign; run?: undefined; isEvents?: undefined }
  | { campaign?: undefined; run: RunEntry; isEvents: boolean };

function resultIn(file: string, text: string): StoredResult {
  // A file with several lines of JSON is not valid JSON, but contains the events of a run.
  const value = parseJson(text);
  const campaign = isObject(value) && "campaign" in value ? campaignIn(file, value) : undefined;
  if (campaign !== undefined) return { campaign };
  try {
    return { run: runIn(file, text), isEvents: value === undefined };
  } catch (error) {
    const { records, unread } = readHistory(text);
    throw records.length + unread.length > 0 ? new Error(IS_HISTORY) : error;
  }
}

interface StoredCampaign {
  entry: CampaignEntry;
  items: ItemRun[];
  openItems: OpenItem[];
}

interface ItemRun {
  run: RunEntry;
  pull: NamedPull | null;
}

function pullsOf(runs: readonly RunEntry[], items: readonly ItemRun[]): NamedPull[] {
  const pulls = new Map<string, NamedPull>();
  for (const { pull } of items) if (pull !== null) pulls.set(pull.url, pull);
  for (const { pullRequest, repository, task, campaign, endedAt, createdAt } of runs) {
    const url = webUrl(pullRequest ?? "");
    if (url === undefined) continue;
    const openedAt = endedAt ?? createdAt;
    const pull = pulls.get(url);
    if (pull === undefined) pulls.set(url, { url, repository, task, campaign, openedAt, known: null });
    // Later runs worked on the pull request that the first run opened.
    else if (pull.known === null && openedAt !== null) pulls.set(url, { ...pull, openedAt });
  }
  return newestPulls([...pulls.values()]);
}

function newestPulls(pulls: readonly NamedPull[]): NamedPull[] {
  return [...pulls].sort((a, b) => (Date.parse(b.openedAt ?? "") || 0) - (Date.parse(a.openedAt ?? "") || 0));
}

function historyRun(file: string, record: ReturnType<typeof readHistory>["records"][number]): RunEntry {
  const { kind, runId, repository, job, jobUrl, task, title, outcome, exitCode, reason, lastLine } = record;
  const { pullRequest, campaign, mention, endedAt, tookMs, at } = record;
  return {
    ...{ file, kind, runId, repository, job, jobUrl, task: title, taskKey: task, page: null },
    ...{ outcome, exitCode, reason, lastLine },
    ...{ pullRequest, campaign, mention, createdAt: null, endedAt: endedAt ?? at, durationMs: tookMs },
  };
}

function numberIn(value: unknown, max = Number.MAX_SAFE_INTEGER): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max ? Number(value) : 0;
}

const textIn = (value: unknown) => typeof value === "string" ? value : null;
const textsIn = (value: unknown) => Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];

/** Missing numbers become 0, because a later version may have other states. */
function campaignIn(
  file: string,
  value: Record<string, unknown>,
): StoredCampaign | undefined {
  const { schema, campaign, counts, state, items, about } = value;
  if (schema !== 1 || typeof campaign !== "string" || typeof state !== "string") return undefined;
  if (!isObject(counts) || !Array.isArray(items)) return undefined;
  const states = [...ITEM_VERDICTS, ...OPEN_STATES];
  const { items: all, ended, good, skipped, bad, asking, running } = totalsOf(
    Object.fromEntries(states.map((each) => [each, numberIn(counts[each])])),
  );
  const rows = items.filter((item) => isObject(item));
  const pulls = rows.map(({ pullRequestState: pull }) => isObject(pull) ? textIn(pull.state) : null);
  const isRead = pulls.some((each) => each !== null);
  const title = isObject(about) ? textIn(about.title) : null;
  const runs = rows.flatMap((row) => itemIn(file, campaign, title, row));
  return {
    entry: {
      file,
      campaignFile: isObject(about) ? textIn(about.file) : null,
      name: campaign,
      round: textIn(value.round) ?? "",
      title: title === "" ? null : title,
      page: null,
      state,
      stateReason: textIn(value.stateReason),
      gatedAt: textIn(value.gatedAt),
      mergesStopped: textIn(value.mergesStopped),
      lastError: textIn(value.lastError),
      ...{ items: all, ended, good: good + skipped, failed: bad, asking, running },
      pullRequests: rows.filter((item) => textIn(item.pullRequest) !== null).length,
      merged: isRead ? pulls.filter((each) => each === "merged").length : null,
      unmerged: Array.isArray(value.merging) ? stagesIn(value.merging) : [],
      pending: isObject(value.pending) && Array.isArray(value.pending.groups) ? waitsIn(value.pending.groups) : [],
      causes: Array.isArray(value.causes) ? causesIn(value.causes, rows) : [],
      nextWaveAt: textIn(value.nextWaveAt),
      endsAt: textIn(value.endsAt),
      exitCode: numberIn(value.exitCode, 255),
      at: textIn(value.at) ?? "",
    },
    items: runs,
    openItems: rows.flatMap((row) =>
      openItemIn(file, row, {
        causes: Array.isArray(value.causes) ? value.causes : [],
        attempts: isObject(about) && isObject(about.limits) ? numberIn(about.limits.attempts) : 0,
      })
    ),
  };
}

function openItemIn(
  file: string,
  row: Record<string, unknown>,
  { causes, attempts }: { causes: readonly unknown[]; attempts: number },
): OpenItem[] {
  const { id, repository, runId, verdict } = row;
  const isAsking = verdict === "needs-input";
  if (typeof runId !== "string" || !isAsking && verdict !== "running") return [];
  const group = causes.filter((each) => isObject(each)).find(({ items }) => textsIn(items).some((each) => each === id));
  return [{
    file,
    runId,
    name: textIn(repository) ?? textIn(id) ?? "",
    question: isAsking ? textIn(group?.cause) ?? "" : null,
    // An attempt is used up when its run ends or waits for an answer.
    hasAttempt: numberIn(row.attempts) + (isAsking ? 0 : 1) < attempts,
  }];
}

const MAX_STAGES = 10;

function stagesIn(merging: readonly unknown[]): CampaignStage[] {
  return merging.filter((each) => isObject(each)).slice(0, MAX_STAGES).flatMap(({ stage, owners }) => {
    const items = Array.isArray(owners)
      ? owners.filter((each) => isObject(each)).map(({ items }) => textsIn(items))
      : [];
    const pullRequests = items.flat().length;
    return typeof stage !== "string" || stage === "merged" || pullRequests === 0 ? [] : [{ stage, pullRequests }];
  });
}

function waitsIn(groups: readonly unknown[]): CampaignWait[] {
  return groups.filter((each) => isObject(each)).slice(0, MAX_STAGES).flatMap(({ reason, items }) => {
    const pullRequests = textsIn(items).length;
    return typeof reason !== "string" || pullRequests === 0 ? [] : [{ reason, pullRequests }];
  });
}

const MAX_CAUSES = 5;
/** An item that is still `starting` needs attention because its start has had no response for a long time. */
const NEED_ATTENTION: readonly ItemState[] = [
  ...ITEM_VERDICTS.filter((verdict) => !GOOD_VERDICTS.includes(verdict)),
  "starting",
];
const MAX_NAMES = 5;

function causesIn(causes: readonly unknown[], rows: readonly Record<string, unknown>[]): CampaignCause[] {
  const moments = new Map(rows.map(({ id, endedAt, startedAt }) => [id, textIn(endedAt) ?? textIn(startedAt)]));
  const names = new Map(rows.map(({ id, repository }) => [id, textIn(repository)]));
  const isQuestion = ({ verdict }: Record<string, unknown>) => verdict === "needs-input";
  // The other causes wait for a quota, the service or a pull request, and do not need attention now.
  return causes.filter((each) => isObject(each))
    .filter(({ verdict, stuck }) => stuck === null && NEED_ATTENTION.some((each) => each === verdict))
    .sort((a, b) => Number(isQuestion(b)) - Number(isQuestion(a))).slice(0, MAX_CAUSES)
    .map(({ verdict, cause, items }) => {
      const ids = textsIn(items);
      const times = ids.flatMap((id) => moments.get(id) ?? []).sort();
      return {
        verdict: textIn(verdict) ?? "",
        cause: textIn(cause) ?? "",
        items: ids.length,
        names: ids.slice(0, MAX_NAMES).map((id) => names.get(id) ?? id),
        at: times.at(-1) ?? null,
      };
    });
}

function itemIn(file: string, campaign: string, title: string | null, row: Record<string, unknown>): ItemRun[] {
  const [runId, verdict, startedAt, endedAt] = [row.runId, row.verdict, row.startedAt, row.endedAt].map(textIn);
  const outcome = verdict === "running" ? "started" : outcomeOf(verdict ?? "");
  const [repository, reason] = [textIn(row.repository), textIn(row.reason)];
  const pullRequest = textIn(row.pullRequest);
  const url = webUrl(pullRequest ?? "");
  if (runId === null || runId === undefined || outcome === undefined) return [];
  const took = Date.parse(endedAt ?? "") - Date.parse(startedAt ?? "");
  const createdAt = startedAt ?? null;
  const run: RunEntry = {
    ...{
      file,
      kind: "run",
      runId,
      repository,
      job: null,
      jobUrl: null,
      task: title,
      taskKey: null,
      page: null,
      outcome,
    },
    ...{ exitCode: null, reason, lastLine: null, pullRequest, campaign },
    ...{ mention: null, createdAt, endedAt: endedAt ?? null },
    durationMs: took >= 0 ? took : null,
  };
  const openedAt = isObject(row.pullRequestState) ? textIn(row.pullRequestState.createdAt) : null;
  const pull = url === undefined ? null : {
    ...{ url, repository, task: title, campaign, openedAt: openedAt ?? endedAt ?? null },
    known: knownIn(row.pullRequestState),
  };
  return [{ run, pull }];
}

const PULL_STATES: readonly string[] = ["open", "merged", "closed", "unreadable"];

function knownIn(value: unknown): NamedPull["known"] {
  if (!isObject(value) || !PULL_STATES.includes(textIn(value.state) ?? "")) return null;
  const { state, draft, checks, review, conflict, owner } = value;
  return {
    state: state as PullRequestEntry["state"],
    draft: typeof draft === "boolean" ? draft : null,
    checks: textIn(checks),
    review: textIn(review),
    conflict: typeof conflict === "boolean" ? conflict : null,
    owner: textIn(owner),
  };
}

function runIn(file: string, text: string): RunEntry {
  const result = readResult([{ path: file, text }]);
  const task = result.kind === "run" ? result.task : null;
  const { title } = headlineOf(viewOf(result));
  const created = Date.parse(result.createdAt ?? "");
  const outcome = recordedOutcomeOf(result);
  const tookMs = runMsOf(result);
  return {
    file,
    kind: result.kind === "automation-run" ? "automation-run" : "run",
    runId: result.runId,
    repository: result.repository ?? null,
    job: null,
    jobUrl: null,
    task: title,
    taskKey: task === null ? null : taskKey(task),
    page: null,
    outcome,
    exitCode: result.exitCode,
    reason: result.reason,
    lastLine: null,
    pullRequest: result.kind === "automation-run" ? null : result.pullRequest.url,
    campaign: null,
    mention: null,
    createdAt: result.createdAt,
    endedAt: tookMs === null || Number.isNaN(created) ? null : new Date(created + tookMs).toISOString(),
    durationMs: outcome === "not_started" ? null : tookMs,
  };
}

/** Each clone of a campaign's home has its own file, so only the newest file of each campaign and round is used. */
function newestOf<T extends { entry: CampaignEntry }>(campaigns: readonly T[]): T[] {
  const newest = new Map<string, T>();
  const ms = ({ entry: { at } }: T) => Date.parse(at) || 0;
  for (const campaign of campaigns) {
    const key = JSON.stringify([campaign.entry.name, campaign.entry.round]);
    const earlier = newest.get(key);
    if (earlier === undefined || ms(campaign) > ms(earlier)) newest.set(key, campaign);
  }
  return [...newest.values()];
}
