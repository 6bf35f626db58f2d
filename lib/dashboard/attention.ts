import { groupBy } from "../lookup.ts";
import { instantMs, spanText } from "../run/result.ts";
import { appAddress } from "../report/app_link.ts";
import { NEEDS_PEOPLE, PENDING_WORDS } from "../campaign/report/pending_words.ts";
import { OUTCOME_WORDS } from "../report/outcome_words.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { commandLine } from "../text/escape.ts";
import { capital } from "../text/plain_text.ts";
import {
  activeSandboxes,
  type CampaignEntry,
  campaignName,
  type DashboardData,
  type FileProblem,
  isProject,
  LIST_WORDS,
  LISTS,
  mayMissOlder,
  type PullRequestEntry,
  type RunEntry,
  type SilentJob,
} from "./data.ts";
import { NOT_AMONG_NEWEST } from "./pull_requests.ts";
import { NO_MATCH, NO_SUCH_FILE } from "./stored.ts";
import {
  campaignTroublesOf,
  countedRuns,
  isQuestion,
  momentOf,
  type Trouble,
  troublesOf,
  unreadCampaignsOf,
  unseenRunsOf,
  weakRepositoriesOf,
} from "./runs.ts";

const KINDS = [
  "decision",
  "campaign",
  "job",
  "run",
  "repository",
  "item",
  "automation",
  "pull request",
  "sandbox",
  "source",
] as const;

type ConcernKind = typeof KINDS[number];

/** These kinds are never folded, because somebody is waiting for an answer or a review. */
const UNFOLDED: readonly ConcernKind[] = ["decision", "pull request"];

export interface Concern {
  readonly kind: ConcernKind;
  readonly tone: "bad" | "warn";
  /** What the concern is about, as a clause. May contain untrusted text. */
  readonly subject: string;
  /** Why it needs attention, or what to do. Empty if nothing is known. Untrusted text. */
  readonly line: string;
  /** Shown after the line. Untrusted text. */
  readonly command: string | null;
  /** When the problem occurred or began, in milliseconds since 1970. */
  readonly at: number | null;
  /** Whether the problem still exists. If so, its age is shown as `for 5 h` instead of `5 h ago`. */
  readonly lasts: boolean;
  readonly link: ConcernLink | null;
  /** Untrusted text. */
  readonly jobUrl: string | null;
  /** Where to answer the question of a run. Untrusted text. */
  readonly appUrl: string | null;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const MINUTE_MS = 60_000;

/** `page.js` has the same rule. */
export function ageText(ms: number): string {
  if (ms < MINUTE_MS) return "under 1 min";
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  const hours = Math.round(ms / HOUR_MS);
  return hours < 24 ? `${hours} h` : `${Math.max(1, Math.floor(ms / DAY_MS))} d`;
}

export function forText(ms: number): string {
  return `for ${ageText(ms)}`;
}

export function agoText(ms: number, nowMs: number): string {
  const distance = Math.abs(ms - nowMs);
  if (distance < 1_000) return "now";
  return ms > nowMs ? `in ${ageText(distance)}` : `${ageText(distance)} ago`;
}

export const MAX_ROWS = 1_000;

export interface ConcernLink {
  readonly words: string;
  readonly page?: string;
  readonly part?: string;
  /** The rows that a list shows after a click, if scripts run. Untrusted text. */
  readonly rows?: RowFilter;
}

export interface RowFilter {
  /** The exact name. Untrusted text. */
  readonly repository: string;
  readonly kind?: string;
}

const concern = (
  kind: ConcernKind,
  tone: Concern["tone"],
  subject: string,
  line: string,
  { command = null, at = null, lasts = false, link = null, jobUrl = null, appUrl = null }: Partial<
    Pick<Concern, "command" | "at" | "lasts" | "link" | "jobUrl" | "appUrl">
  > = {},
): Concern => ({ kind, tone, subject, line, command, at, lasts, link, jobUrl, appUrl });

function linkTo(page: string | null, words: string, part: string): ConcernLink {
  return page === null ? { words: "Show", part } : { words, page };
}

export function runPlace(index: number): string {
  return index < MAX_ROWS ? `run-${index + 1}` : "runs";
}

/** Contains the name of the campaign, because several campaigns can have the same task. Untrusted text. */
function titled(campaign: CampaignEntry): string {
  const { title } = campaign;
  return title === null ? `“${campaignName(campaign)}”` : `“${title}” (${campaignName(campaign)})`;
}

function campaignCommand(verb: string, { campaignFile }: CampaignEntry): string {
  // A file name that begins with a hyphen would be read as a flag.
  const file = campaignFile?.startsWith("-") === false ? campaignFile : "FILE";
  return commandLine("mogplex-ci", "campaign", verb, file);
}

function ofCampaigns({ campaigns }: DashboardData): Concern[] {
  return campaigns.flatMap((campaign) => {
    const { state, stateReason, items, ended, gatedAt, mergesStopped, lastError, page, pending } = campaign;
    const name = titled(campaign);
    const open = items - ended;
    const isGated = state === "gated" || gatedAt !== null;
    const isStopped = !isGated && (state === "stopped" || state === "stopping") && open > 0;
    const wait = isGated
      ? `${open} ${open === 1 ? "repository is waiting" : "repositories are waiting"}.`
      : `${open} ${open === 1 ? "repository is" : "repositories are"} left.`;
    const reason = stateReason === null ? "" : sentenceOf(stateReason);
    const verb = isStopped ? "resume" : state === "gated" ? "approve" : "status";
    const why = `${reason} ${wait} Run this command with the same flags as the campaign's jobs:`.trim();
    const more = { lasts: true, link: linkTo(page, "Open campaign", "campaigns") };
    const nextMore = { command: campaignCommand(verb, campaign), ...more };
    const gateMore = { at: instantMs(gatedAt), ...nextMore };
    return [
      ...isGated
        ? [
          state === "gated"
            ? concern("decision", "warn", `Approve or stop the campaign ${name}`, why, gateMore)
            : concern("decision", "bad", `The campaign ${name} stopped after too many failures`, why, gateMore),
        ]
        : [],
      ...isStopped
        ? [concern("campaign", "warn", `Resume the campaign ${name}, or skip the remaining items`, why, nextMore)]
        : [],
      ...state === "merging" && stateReason !== null
        ? [concern("campaign", "warn", `The campaign ${name} cannot merge anything until somebody acts`, reason, more)]
        : pendingConcern(name, pending, more),
      ...mergesStopped === null
        ? []
        : [concern("campaign", "warn", `The campaign ${name} has stopped merging`, sentenceOf(mergesStopped), more)],
      ...lastError === null ? [] : [
        concern(
          "campaign",
          "bad",
          `The last wave of the campaign ${name} stopped with an error`,
          sentenceOf(lastError),
          more,
        ),
      ],
    ];
  });
}

function pendingConcern(
  name: string,
  pending: CampaignEntry["pending"],
  more: Pick<Concern, "lasts" | "link">,
): Concern[] {
  const waits = NEEDS_PEOPLE.flatMap((reason) =>
    pending.filter((wait) => wait.reason === reason).map((wait) => ({ ...wait, reason }))
  );
  const count = waits.reduce((sum, { pullRequests }) => sum + pullRequests, 0);
  if (count === 0) return [];
  const words = waits.map(({ reason, pullRequests }) => `${pullRequests} ${PENDING_WORDS[reason]}`).join(", ");
  const title = `${formatCount(count, "pull request")} of the campaign ${name} ${
    count === 1 ? "is" : "are"
  } waiting for somebody to act`;
  return [concern("campaign", "warn", title, `${words}.`, more)];
}

const LATE_MS = 3_600_000;

export function lateMsOf(campaign: CampaignEntry, nowMs: number): number | null {
  const { state, gatedAt, nextWaveAt, endsAt, at } = campaign;
  if (["done", "gated", "stopped"].includes(state) || gatedAt !== null) return null;
  const reportMs = instantMs(at);
  const dueMs = instantMs(nextWaveAt) ?? instantMs(endsAt) ?? reportMs;
  if (reportMs === null || dueMs === null || nowMs - reportMs <= LATE_MS) return null;
  return nowMs - dueMs > LATE_MS ? nowMs - dueMs : null;
}

function ofLateCampaigns({ campaigns, at }: DashboardData): Concern[] {
  const nowMs = instantMs(at) ?? 0;
  return campaigns.flatMap((campaign) => {
    const lateMs = lateMsOf(campaign, nowMs);
    if (lateMs === null) return [];
    const { nextWaveAt, items, ended, page, state } = campaign;
    const silentMs = nowMs - (instantMs(campaign.at) ?? nowMs);
    return [concern(
      "campaign",
      "warn",
      nextWaveAt === null
        ? `The campaign ${titled(campaign)} has not reported anything for ${longText(silentMs)}`
        : `The next wave of the campaign ${titled(campaign)} is ${longText(lateMs)} late`,
      `${
        state === "merging"
          ? "Its pull requests are waiting for later waves"
          : `${ended} of ${items} items have finished`
      }. Check the schedule that runs its waves.`,
      { link: linkTo(page, "Open campaign", "campaigns") },
    )];
  });
}

function punctuated(text: string, mark: "." | ":"): string {
  const bare = text.replace(/\.$/, "");
  return /[!?]$|[.!?…]”$/.test(bare) ? bare : `${bare}${mark}`;
}

function sentenceOf(text: string): string {
  return capital(asWritten(text));
}

/** The service, an agent or a user wrote the text, so `npm test failed` gets no capital letter. */
function asWritten(text: string): string {
  return punctuated(firstLine(text), ".");
}

function firstLine(text: string): string {
  const [line = ""] = text.trim().split("\n", 1);
  return line;
}

/** The agent's own words, because the service's reason is often only an exit code. */
function lastLineText({ lastLine }: Pick<RunEntry, "lastLine">): string {
  return lastLine === null ? "" : punctuated(`Last line from the agent: “${lastLine}”`, ".");
}

function firstNames(names: readonly string[], count = names.length): string {
  const first = names.slice(0, 5);
  const more = count - first.length;
  return `${first.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** `null` for a run that waits for an answer, because its reason only repeats this fact. */
export function whyOf({ outcome, reason }: Pick<RunEntry, "outcome" | "reason">): string | null {
  return outcome === "awaiting_input" ? null : reason;
}

function answerText(names: readonly string[], count: number, runId: string | null = null): string {
  const advice = count === 1 ? "answer in the app, or cancel the run" : "answer in the app, or cancel the runs";
  const end = runId === null ? "." : count === 1 ? ":" : ", starting with:";
  return `${firstNames(names, count)}: ${advice}${end}`;
}

const HAPPENED: ReadonlyMap<string, string> = new Map([
  ["failed", "failed"],
  ["awaiting_input", "needs an answer"],
  ["suppressed", "was not started"],
  ["not_started", "was not started"],
]);

function answerUrl(origin: string, runId: string | null = null): string | null {
  return appAddress(origin, runId) ?? null;
}

/** For example, `acme/web (nightly): “Fix it”`. Untrusted text. */
function runName({ repository, job, runId, file }: RunEntry, task: string | null): string {
  const where = repository ?? (runId === null ? file : runIdText(runId));
  return `${where}${job === null ? "" : ` (${job})`}${task === null ? "" : `: “${task}”`}`;
}

export const CANCEL = "mogplex-ci runs cancel";

function cancelCommand(runId: string | null): string | null {
  return runId === null ? null : commandLine(CANCEL, runId);
}

function runIdText(runId: string): string {
  return `Run ${runId.slice(0, 8)}`;
}

function ofRuns({ runs, silentJobs, origin }: DashboardData, troubles: readonly Trouble[]): Concern[] {
  const places = new Map(runs.map((run, index) => [run, runPlace(index)]));
  // The line of a silent job already shows its last run, so that run has its own line only if it waits for an answer.
  const lastIds = new Set(silentJobs.length > MAX_SILENT ? [] : silentJobs.flatMap(({ runId }) => runId ?? []));
  const isCovered = ({ run }: Trouble) => !isQuestion(run) && run.runId !== null && lastIds.has(run.runId);
  return troubles.filter((trouble) => !isCovered(trouble)).map(({ run, task, times }) => {
    const { repository, runId, outcome, reason, durationMs, page, jobUrl } = run;
    const what = HAPPENED.get(outcome) ?? "has no verdict";
    const often = outcome === "failed" && times > 1 ? ` ${times} times in a row` : "";
    const took = durationMs === null
      ? ""
      : `${outcome === "failed" && reason === null ? "Failed after" : "After"} ${formatDuration(durationMs)}.`;
    const name = task === null && repository !== null && runId !== null ? `${runIdText(runId)}.` : "";
    const asks = isQuestion(run);
    const why = whyOf(run);
    const words = asks
      ? [runId === null ? "" : "Answer in the app, or cancel the run:"]
      : [why === null ? "" : asWritten(why), took, lastLineText(run), name];
    return concern(
      asks ? "decision" : "run",
      outcome === "failed" ? "bad" : "warn",
      `${runName(run, task)} ${what}${often}`,
      words.filter(Boolean).join(" "),
      {
        command: asks ? cancelCommand(runId) : null,
        at: momentOf(run),
        lasts: asks,
        link: linkTo(page, "Open run", places.get(run) ?? "runs"),
        jobUrl,
        appUrl: asks ? answerUrl(origin, runId) : null,
      },
    );
  });
}

const LONG_RUN_MS = 6 * 3_600_000;

function longText(ms: number): string {
  return ms < 2 * DAY_MS
    ? formatCount(Math.floor(ms / 3_600_000), "hour")
    : formatCount(Math.floor(ms / DAY_MS), "day");
}

function ofLongRuns({ runs, at }: DashboardData): Concern[] {
  const nowMs = instantMs(at) ?? 0;
  return runs.flatMap((run, index) => {
    const { kind, outcome, createdAt, repository, runId, task, page, jobUrl, campaign } = run;
    const ms = nowMs - (instantMs(createdAt) ?? nowMs);
    if (kind !== "run" || outcome !== "started" || ms <= LONG_RUN_MS) return [];
    const link = linkTo(page, "Open run", runPlace(index));
    const line = [
      repository === null || runId === null ? "" : `${runIdText(runId)}.`,
      campaign === null ? "" : `Campaign “${campaign}”.`,
      runId === null ? "" : "Check it in the app. To cancel it:",
    ].filter(Boolean).join(" ");
    return [{
      ms,
      concern: concern("run", "bad", `${runName(run, task)} has been running for ${longText(ms)}`, line, {
        command: cancelCommand(runId),
        link,
        jobUrl,
      }),
    }];
  }).sort((a, b) => b.ms - a.ms).map((each) => each.concern);
}

/** If more jobs are silent, they share one line, because they probably have the same cause. */
const MAX_SILENT = 3;

function ofSilence({ runs, silentJobs, at }: DashboardData): Concern[] {
  const nowMs = instantMs(at) ?? 0;
  const msOf = ({ lastAt }: SilentJob) => nowMs - (instantMs(lastAt) ?? nowMs);
  const advice = "Check the schedules and the token.";
  if (silentJobs.length > MAX_SILENT) {
    const names = silentJobs.map((silent) =>
      `${silentName(silent, silentJobs)} (${ageText(msOf(silent))}${silent.outcome === "failed" ? ", failed" : ""})`
    );
    const link = { words: "Show", part: "repositories" };
    return [
      concern(
        "job",
        "bad",
        `${silentJobs.length} regular jobs have stopped running`,
        `${firstNames(names)}. ${advice}`,
        { link },
      ),
    ];
  }
  return silentJobs.map((silent) => {
    const { runId, outcome, runsPerWeek, repository, job } = silent;
    const isAll = repository === null && job === null;
    const usual = runsPerWeek >= 1
      ? `before that, ${formatCount(Math.round(runsPerWeek), "run")} a week`
      : `before that, one every ${Math.round(7 / runsPerWeek)} days`;
    const what = HAPPENED.get(outcome) ?? (outcome === "cancelled" ? "was cancelled" : null);
    const why = whyOf(silent);
    const last = what === null ? "" : `The last run ${what}${why === null ? "" : `: ${why}`}`;
    const index = runId === null ? -1 : runs.findIndex((run) => run.runId === runId);
    const since = longText(msOf(silent));
    return concern(
      "job",
      "bad",
      `${isAll ? "No run has ended" : `${silentName(silent, silentJobs)}: no run`} for ${since} (${usual})`,
      [
        last === "" ? "" : asWritten(last),
        lastLineText(runs[index] ?? { lastLine: null }),
        isAll ? advice : "Check its schedule and its token.",
      ].filter(Boolean).join(
        " ",
      ),
      {
        link: linkTo(runs[index]?.page ?? null, "Open the last run", index < 0 ? "runs" : runPlace(index)),
        jobUrl: runs[index]?.jobUrl ?? null,
      },
    );
  });
}

/** For example, `acme/web (nightly)`. Untrusted text. */
function silentName({ repository, job, task }: SilentJob, all: readonly SilentJob[]): string {
  const isUnique = all.filter((each) => each.repository === repository && each.job === job).length === 1;
  const name = job === null || repository === null ? repository ?? job ?? "A job" : `${repository} (${job})`;
  return task === null || isUnique && job !== null ? name : `${name}: “${task}”`;
}

function ofUnseenQuestions({ runs, campaigns, lists, at, origin }: DashboardData): Concern[] {
  const { questions } = unseenRunsOf(runs, campaigns.map(({ name }) => name), instantMs(at) ?? 0);
  const groups = groupBy(questions, ({ campaign, runId, file }) => JSON.stringify(campaign ?? [runId, file]));
  return [...groups.values()].flatMap((group) => {
    const [run] = group;
    if (run === undefined) return [];
    const { length } = group;
    const { runId, outcome, task, page, jobUrl, campaign } = run;
    const unread = lists.openRuns.why === null
      ? `${length === 1 ? "Its" : "Their"} current state is unknown.`
      : sentenceOf(lists.openRuns.why);
    const advice = length === 1
      ? "Its user can answer in the app, or cancel the run:"
      : "Their user can answer in the app, or cancel the runs, starting with:";
    return concern(
      "decision",
      "warn",
      campaign === null
        ? `${runName(run, task)} was waiting for an answer when its job ended`
        : `${formatCount(length, "item")} of the campaign “${campaign}” ${
          length === 1 ? "was" : "were"
        } waiting for an answer when ${length === 1 ? "its job" : "their jobs"} ended`,
      [
        campaign === null ? "" : `${firstNames(group.map((each) => each.repository ?? each.runId ?? ""))}.`,
        outcome === "forgotten"
          ? `The dashboard's token cannot see ${
            length === 1 ? "it: it was deleted, or it belongs" : "them: they were deleted, or they belong"
          } to another user.`
          : unread,
        runId === null ? "" : advice,
      ].filter(Boolean).join(" "),
      {
        command: cancelCommand(runId),
        at: momentOf(run),
        link: linkTo(page, "Open run", length === 1 ? runPlace(runs.indexOf(run)) : "runs"),
        jobUrl,
        appUrl: answerUrl(origin, length === 1 ? runId : null),
      },
    );
  });
}

function ofUnfinishedRuns({ runs, campaigns, lists, at }: DashboardData): Concern[] {
  const unfinished = unseenRunsOf(runs, campaigns.map(({ name }) => name), instantMs(at) ?? 0).others;
  const names = [...new Set(unfinished.map(({ repository, runId }) => repository ?? runId ?? ""))];
  const { length } = unfinished;
  return length === 0 ? [] : [concern(
    "source",
    "warn",
    `The state of ${formatCount(length, "unfinished run")} is unknown`,
    `${firstNames(names)}.${lists.openRuns.why === null ? "" : ` ${sentenceOf(lists.openRuns.why)}`}`,
    { link: { words: "Show", part: "runs" } },
  )];
}

function ofRepositories({ runs, at }: DashboardData, troubles: readonly Trouble[]): Concern[] {
  const listed = new Set(troubles.map(({ run }) => run.repository));
  return weakRepositoriesOf(countedRuns(runs), instantMs(at) ?? 0).filter(({ repository }) => !listed.has(repository))
    .map(
      ({ repository, runs: count, failed, lastFailure }) => {
        const { reason } = lastFailure;
        const index = runs.indexOf(lastFailure);
        return concern(
          "repository",
          "warn",
          `${repository}: ${failed} of ${count} runs in the last 7 days failed`,
          reason === null ? "" : [`Last failure: ${asWritten(reason)}`, lastLineText(lastFailure)].join(" ").trim(),
          {
            at: momentOf(lastFailure),
            link: {
              words: "Show the runs",
              part: index < 0 ? "runs" : runPlace(index),
              rows: { repository, kind: OUTCOME_WORDS.failed.state },
            },
          },
        );
      },
    );
}

const CAUSES: ReadonlyMap<string, readonly [one: string, many: string]> = new Map([
  ["needs-input", ["needs an answer", "need an answer"]],
  ["unknown", ["needs a review", "need a review"]],
  ["overdue", ["did not finish in time", "did not finish in time"]],
  ["cancelled", ["was cancelled", "were cancelled"]],
  ["conflict", ["conflicts with an earlier request", "conflict with earlier requests"]],
  ["invalid", ["cannot be started", "cannot be started"]],
  ["starting", ["has an unconfirmed start", "have unconfirmed starts"]],
]);

function ofCauses({ campaigns, origin }: DashboardData): Concern[] {
  return campaigns.flatMap((campaign) =>
    campaign.causes.map(({ verdict, cause, items, names, at }) => {
      const [one, many] = CAUSES.get(verdict) ?? ["failed", cause === "" ? "failed" : "failed with the same message"];
      const asks = verdict === "needs-input";
      return concern(
        asks ? "decision" : "item",
        asks ? "warn" : "bad",
        `${formatCount(items, "item")} of ${titled(campaign)} ${items === 1 ? one : many}`,
        asks
          ? answerText(names, items)
          : `${cause === "" ? "" : `${punctuated(cause, ":")} `}${firstNames(names, items)}`,
        {
          at: instantMs(at),
          lasts: asks,
          link: linkTo(campaign.page, "Open campaign", "campaigns"),
          appUrl: asks ? answerUrl(origin) : null,
        },
      );
    })
  );
}

const ITEMS_HAPPENED: ReadonlyMap<string, readonly [one: string, many: string]> = new Map([
  ["awaiting_input", ["needs an answer", "need an answer"]],
  ["error", ["has no verdict", "have no verdict"]],
  ["not_started", ["was not started", "were not started"]],
]);

function ofCampaignRuns({ runs, campaigns, at, origin }: DashboardData): Concern[] {
  const readCampaigns = campaigns.map(({ name }) => name);
  return campaignTroublesOf(runs, readCampaigns, instantMs(at) ?? 0).map(({ campaign, outcome, runs: itemRuns }) => {
    const [one, many] = ITEMS_HAPPENED.get(outcome) ?? ["failed", "failed"];
    const asks = isQuestion({ outcome });
    const { length } = itemRuns;
    const run = itemRuns.find((each) => each.reason !== null || each.lastLine !== null);
    const reason = run?.reason ?? null;
    const names = itemRuns.map(({ repository, runId }) => repository ?? runId ?? "");
    const [newest] = itemRuns;
    const rounds = campaigns.filter(({ name }) => name === campaign);
    const [round] = rounds;
    const name = round === undefined || rounds.length > 1 ? `the campaign “${campaign}”` : titled(round);
    const dated = asks ? itemRuns.at(-1) : newest;
    const place = length === 1 && newest !== undefined ? runPlace(runs.indexOf(newest)) : "runs";
    return concern(
      asks ? "decision" : "item",
      outcome === "failed" ? "bad" : "warn",
      `${formatCount(length, "item")} of ${name} ${length === 1 ? one : many}`,
      asks ? answerText(names, length, newest?.runId) : [
        run === undefined ? firstNames(names) : `${firstNames(names)}:`,
        reason === null ? "" : `${length === 1 ? "" : "Last failure: "}${asWritten(reason)}`,
        run === undefined ? "" : lastLineText(run),
      ].filter(Boolean).join(" "),
      {
        command: asks ? cancelCommand(newest?.runId ?? null) : null,
        at: dated === undefined ? null : momentOf(dated),
        lasts: asks,
        appUrl: asks ? answerUrl(origin, length === 1 ? newest?.runId : null) : null,
        link: linkTo(newest?.page ?? null, "Open campaign", place),
      },
    );
  });
}

/** A campaign whose `campaign.json` was not read may be waiting for a decision. */
function ofUnreadCampaigns({ runs, campaigns, at }: DashboardData): Concern[] {
  const names = unreadCampaignsOf(runs, campaigns.map(({ name }) => name), instantMs(at) ?? 0);
  const [first] = names;
  if (first === undefined) return [];
  const isOne = names.length === 1;
  const folder = `campaigns/${isOne ? first : "NAME"}`;
  return [concern(
    "campaign",
    "warn",
    isOne ? `The state of the campaign “${first}” is unknown` : `The state of ${names.length} campaigns is unknown`,
    `${isOne ? "" : `${firstNames(names)}. `}Gates, stops and late waves are not shown because ${
      isOne ? "its campaign.json was not" : "no campaign.json of these campaigns was"
    } read. Pass the file with --results. If ${isOne ? "the" : "a"} campaign is on a branch, write its file first:`,
    {
      command: commandLine("mogplex-ci", "campaign", "report", "FILE", "--home", "HOME", "--dir", folder),
      link: { words: "Show the runs", part: "runs" },
    },
  )];
}

function ofAutomations({ automations, origin }: DashboardData): Concern[] {
  const asking = automations.flatMap(({ name, runs }) => {
    const count = runs?.statuses.filter((status) => status === "awaiting_input").length ?? 0;
    const what = count === 1 ? "Answer its question" : `Answer the questions of ${count} runs`;
    return count === 0 ? [] : [
      concern("decision", "warn", `Automation “${name}” needs an answer`, `${what} in the app.`, {
        appUrl: answerUrl(origin),
        link: { words: "Show runs", part: "automations" },
      }),
    ];
  });
  const failing = automations.filter(({ runs }) => runs?.last?.status === "failed").map(({ name, runs }) =>
    concern(
      "automation",
      "bad",
      `Automation “${name}” failed`,
      `${runs?.failed ?? 0} of the last ${formatCount(runs?.read ?? 0, "run")} failed${
        runs?.last?.error ? `: ${runs.last.error}` : "."
      }`,
      { at: instantMs(runs?.last?.createdAt ?? null), link: { words: "Show runs", part: "automations" } },
    )
  );
  const unpublished = automations.filter(({ status, published }) => status === "active" && !published);
  if (unpublished.length === 0) return [...asking, ...failing];
  const count = formatCount(unpublished.length, "active automation");
  return [
    ...asking,
    ...failing,
    concern(
      "automation",
      "warn",
      `${count} ${unpublished.length === 1 ? "has" : "have"} no published version`,
      unpublished.map(({ name }) => name).slice(0, 5).join(", "),
      {
        link: { words: "Show", part: "automations" },
      },
    ),
  ];
}

const LONG_MS = 3 * DAY_MS;

export function longBefore(nowMs: number): number {
  return nowMs - LONG_MS;
}

/** Drafts are left out, because they are not ready to be merged. */
export function longWaiting(entries: readonly PullRequestEntry[], nowMs: number): PullRequestEntry[] {
  return entries.filter(({ draft, openedAt }) => draft !== true && nowMs - (instantMs(openedAt) ?? nowMs) > LONG_MS);
}

export function withoutDrafts(entries: readonly PullRequestEntry[]): string {
  return entries.some(({ draft }) => draft === true) ? ", not counting drafts" : "";
}

export function longPullsText(count: number, entries: readonly PullRequestEntry[]): string {
  return `${formatCount(count, "pull request")} ${count === 1 ? "has" : "have"} been open for more than 3 days${
    withoutDrafts(entries)
  }`;
}

export const FIRST_PULLS = 5;

export function longPullsPart(old: readonly PullRequestEntry[], entries: readonly PullRequestEntry[]): string {
  return entries.length > FIRST_PULLS && old.length < entries.length ? "long-pulls" : "pulls";
}

/** For example, `acme/web #7`. Untrusted text. */
export function pullName(url: string, repository: string | null): string {
  const number = /\/(\d{1,9})\/?$/.exec(url)?.[1];
  return repository === null || number === undefined ? url : `${repository} #${number}`;
}

const CHECKS: ReadonlyMap<string, string> = new Map([
  ["green", "checks passed"],
  ["red", "checks failed"],
  ["pending", "checks are running"],
]);

const REVIEWS: ReadonlyMap<string, string> = new Map([
  ["approved", "approved"],
  ["requested", "review requested"],
  ["changes-requested", "changes requested"],
  ["not-requested", "no reviewer"],
]);

/** Untrusted text. */
export function reviewText({ draft, review }: Pick<PullRequestEntry, "draft" | "review">): string {
  return draft === true ? "draft" : REVIEWS.get(review ?? "") ?? review ?? "";
}

export function checksText({ checks, conflict }: Pick<PullRequestEntry, "checks" | "conflict">): string {
  return [CHECKS.get(checks ?? "") ?? "", conflict === true ? "conflict" : ""].filter(Boolean).join(", ");
}

const NAMED_PULLS = 3;

/** For example, `acme/web #7 (16 days, checks passed, changes requested, with mira)`. Untrusted text. */
function pullText(entry: PullRequestEntry, nowMs: number): string {
  const { repository, url, owner, openedAt } = entry;
  const details = [
    formatCount(Math.floor((nowMs - (instantMs(openedAt) ?? nowMs)) / DAY_MS), "day"),
    checksText(entry),
    reviewText(entry),
    owner === null ? "" : `with ${owner}`,
  ].filter(Boolean);
  return `${pullName(url, repository)} (${details.join(", ")})`;
}

function ofPullRequests({ pullRequests, at }: DashboardData): Concern[] {
  const { entries } = pullRequests;
  const nowMs = instantMs(at) ?? 0;
  const old = longWaiting(entries, nowMs);
  if (old.length === 0) return [];
  const named = old.slice(0, NAMED_PULLS);
  const namedFromMs = instantMs(named.at(-1)?.openedAt ?? null) ?? nowMs;
  const least = mayMissOlder(pullRequests, longBefore(nowMs)) ? "At least " : "";
  return [
    concern(
      "pull request",
      "warn",
      `${least}${longPullsText(old.length, entries)}`,
      `Oldest${mayMissOlder(pullRequests, namedFromMs) ? " known" : ""}: ${
        named.map((each) => pullText(each, nowMs)).join(", ")
      }.`,
      { link: { words: "Show them", part: longPullsPart(old, entries) } },
    ),
  ];
}

/** Source: contract, 2.2. */
export const MAX_SANDBOXES = 3;
const STUCK_MS = 3_600_000;

function ofSandboxes(data: DashboardData): Concern[] {
  const nowMs = instantMs(data.at) ?? 0;
  const about = (what: string, chosen: DashboardData["sandboxes"]) => {
    const names = [...new Set(chosen.map(({ repository, branch }) => repository ?? branch ?? "no name"))];
    const count = chosen.length === 1 ? "1 sandbox is" : `${chosen.length} sandboxes are`;
    return chosen.length === 0 ? [] : [
      concern("sandbox", "bad", `${count} ${what}`, names.slice(0, 5).join(", "), {
        link: { words: "Show", part: "automations" },
      }),
    ];
  };
  const queued = data.automations.flatMap(({ name, runs }) => runs?.statuses.includes("pending") ? name : []);
  const stuck = data.sandboxes.filter(({ status, createdAt }) =>
    ["creating", "installing"].includes(status) && nowMs - (instantMs(createdAt) ?? nowMs) > STUCK_MS
  );
  const idle = data.sandboxes.filter(({ status, createdAt, lastActiveAt }) =>
    status === "running" && nowMs - (instantMs(createdAt) ?? nowMs) > LONG_RUN_MS &&
    nowMs - (instantMs(lastActiveAt ?? createdAt) ?? nowMs) > STUCK_MS
  );
  return [
    ...about(`still running after ${spanText(LONG_RUN_MS)}, although idle`, idle),
    ...about(`still starting after ${spanText(STUCK_MS)}`, stuck),
    ...about("in an error state", data.sandboxes.filter(({ status }) => status === "error")),
    // Sandboxes in use are not a problem unless a run is waiting for a sandbox.
    ...activeSandboxes(data) < MAX_SANDBOXES || queued.length === 0 ? [] : [concern(
      "sandbox",
      "warn",
      `All ${MAX_SANDBOXES} sandboxes are in use, and runs are waiting`,
      queued.slice(0, 5).join(", "),
      { link: { words: "Show", part: "automations" } },
    )],
  ];
}

/** A recipe continues if its campaign cannot be read, so only the job's log contains the reason. */
function missingText({ file, why }: FileProblem): string {
  const isReport = why === NO_SUCH_FILE && /(^|\/)campaign\.json$/.test(file);
  return isReport ? `${why}. If a job runs "campaign report", its log shows the reason.` : why;
}

function ofFiles({ lists, fileProblems, pullRequests, covers }: DashboardData): Concern[] {
  const link = { words: "Show", part: "sources" };
  const unread = LISTS.filter((name) => ["failed", "partial"].includes(lists[name].state)).map((name) =>
    concern(
      "source",
      "bad",
      lists[name].state === "failed"
        ? `The ${LIST_WORDS[name]} were not read`
        : `Not all ${LIST_WORDS[name]} were read`,
      lists[name].why ?? "",
      { link },
    )
  );
  const pulls = pullRequests.unread.filter(({ why }) => why !== NOT_AMONG_NEWEST).map(({ why, pullRequests: count }) =>
    concern(
      "source",
      "warn",
      `${formatCount(count, "pull request")} could not be read`,
      sentenceOf(why),
      { link: { words: "Show", part: "pulls" } },
    )
  );
  const parts = pullRequests.partlyRead.map(({ why, pullRequests: count, urls }) =>
    concern(
      "source",
      "warn",
      `${formatCount(count, "open pull request")} could be read only in part`,
      `${sentenceOf(why)} ${firstNames(urls, count)}`,
      { link: { words: "Show", part: "pulls" } },
    )
  );
  // Many projects use the same command, so a pattern without a match matters only if no file was read.
  const patterns = hasFiles(covers) ? [] : patternsOf(fileProblems);
  const problemsOf = (wanted: FileProblem["kind"]) => fileProblems.filter(({ kind }) => kind === wanted);
  const [files, partial] = [problemsOf("file"), problemsOf("lines")];
  const projects = groupBy(fileProblems.filter(isProject), ({ kind, why }) => `${kind} ${why}`);
  const uncollected = [...projects.values()].map((problems) => {
    const names = problems.map(({ file }) => file);
    const { kind, why } = problems[0] as FileProblem;
    const subject = names.length === 1 ? names[0] : `${names.length} projects`;
    return concern(
      "source",
      "bad",
      kind === "empty-project"
        ? `No runs of ${subject} have ever been collected`
        : `Not all runs of ${subject} were collected`,
      `${names.length === 1 ? "" : `${firstNames(names)}: `}${sentenceOf(why)}`,
      { link },
    );
  });
  const some = (one: string, many: string, names: readonly string[], reasons: readonly string[] = []) => {
    const { length } = names;
    const [[first, ...others], [why]] = [names, reasons];
    const line = why === undefined
      ? firstNames(names)
      : `${first}: ${sentenceOf(why)}${others.length === 0 ? "" : ` Also: ${firstNames(others)}`}`;
    return length === 0
      ? []
      : [concern("source", "warn", length === 1 ? `1 ${one}` : `${length} ${many}`, line, { link })];
  };
  const ofProblems = (one: string, many: string, problems: readonly FileProblem[]) =>
    some(one, many, problems.map(({ file }) => file), problems.map(missingText));
  return [
    ...unread,
    ...pulls,
    ...parts,
    ...uncollected,
    ...some("pattern matches no file", "patterns match no file", patterns),
    ...ofProblems("file could not be read", "files could not be read", files),
    ...ofProblems("history could not be read completely", "histories could not be read completely", partial),
  ];
}

/** @param data Data after `cleanDashboard`. */
export function concernsOf(data: DashboardData): Concern[] {
  const troubles = troublesOf(data.runs, instantMs(data.at) ?? 0);
  const all = [
    ...[
      ofCampaigns,
      ofLateCampaigns,
      ofUnreadCampaigns,
      ofSilence,
      ofLongRuns,
      ofRuns,
      ofUnseenQuestions,
      ofRepositories,
      ofCauses,
      ofCampaignRuns,
      ofAutomations,
      ofPullRequests,
      ofSandboxes,
    ],
    ...[ofUnfinishedRuns, ofFiles],
  ].flatMap((find) => find(data, troubles));
  const age = ({ at, lasts }: Concern) => at === null ? 0 : lasts ? at : -at;
  return all.sort((a, b) =>
    KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || Number(b.lasts) - Number(a.lasts) || age(a) - age(b)
  );
}

export function foldConcerns(concerns: readonly Concern[], max: number): { open: Concern[]; folded: Concern[] } {
  const isUnfolded = ({ kind }: Concern) => UNFOLDED.includes(kind);
  const room = Math.max(0, max - concerns.filter(isUnfolded).length);
  const first = new Set(concerns.filter((each) => !isUnfolded(each)).slice(0, room));
  const isOpen = (each: Concern) => isUnfolded(each) || first.has(each);
  const folded = concerns.filter((each) => !isOpen(each));
  // A fold takes as much space as the single line that it would hide.
  return folded.length === 1 ? { open: [...concerns], folded: [] } : { open: concerns.filter(isOpen), folded };
}

function hasFiles({ results, campaigns, histories }: DashboardData["covers"]): boolean {
  return results + campaigns + histories > 0;
}

function patternsOf(fileProblems: readonly FileProblem[]): string[] {
  return fileProblems.filter(({ kind }) => kind === "pattern").map(({ file }) => file);
}

export function uncountedText({ runs, covers, fileProblems }: DashboardData): string | null {
  const { results, campaigns, histories, lines, leftOut } = covers;
  if (runs.length === 0 && leftOut > 0) {
    return "No runs are counted because every run is older than 12 weeks.";
  }
  if (results + campaigns + lines > 0) return null;
  if (histories + fileProblems.length === 0) {
    return "No runs are counted because neither --history nor --results was given.";
  }
  if (histories > 0) return "No runs are counted because the files contain no runs.";
  const patterns = patternsOf(fileProblems);
  if (patterns.length === fileProblems.length) {
    const isEmpty = fileProblems.every(({ why }) => why === NO_MATCH);
    const what = isEmpty ? "no file matches" : "no file that a dashboard reads matches";
    return `No runs are counted because ${what} ${patterns.slice(0, 3).join(" or ")}.`;
  }
  const missing = fileProblems.filter(({ why }) => why === NO_SUCH_FILE).map(({ file }) => file);
  if (missing.length < fileProblems.length) return "No runs are counted because no file could be read.";
  const [first] = missing;
  return `No runs are counted because ${missing.length === 1 ? `${first} does` : "the files do"} not exist.`;
}

export function unmatchedText(data: DashboardData): string | null {
  const patterns = patternsOf(data.fileProblems);
  return patterns.length === 0 || uncountedText(data) !== null
    ? null
    : `No file matches ${patterns.length > 3 ? firstNames(patterns) : patterns.join(" or ")}.`;
}

/** Why a dashboard does not show `All is well`, although nothing needs attention. */
export function cautionOf(data: DashboardData): { heading: string; text: string } | null {
  const uncounted = uncountedText(data);
  if (uncounted !== null) return { heading: "No runs are counted", text: uncounted };
  if (data.days.last.runs === 0) {
    const heading = "No run ended in the last 7 days";
    const lastMs = countedRuns(data.runs).map(({ endedAt }) => instantMs(endedAt)).find((ms) => ms !== null);
    const nowMs = instantMs(data.at) ?? 0;
    return { heading, text: lastMs == null ? `${heading}.` : `The last run ended ${longText(nowMs - lastMs)} ago.` };
  }
  const unmatched = unmatchedText(data);
  return unmatched === null ? null : { heading: "No problems in the files that were read", text: unmatched };
}

export function headlineOf(concerns: readonly Concern[], data: DashboardData): string {
  const { length } = concerns;
  if (length === 0) return cautionOf(data)?.heading ?? "All is well";
  return length === 1 ? "1 thing needs attention" : `${length} things need attention`;
}
