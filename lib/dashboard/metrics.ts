/**
 * No label contains an id. If two automations or campaigns have the same name, their numbers are added, because each series can appear only once.
 *
 * @module
 */
import { countBy, groupBy } from "../lookup.ts";
import { type Family, type Labels, labelText, renderFamilies, single } from "../report/metrics.ts";
import { instantMs } from "../run/result.ts";
import {
  activeSandboxes,
  countedIn,
  type DashboardData,
  isProject,
  isRead,
  LISTS,
  type ListState,
  sumOf,
} from "./data.ts";

/**
 * Values that were not read are left out.
 * @param data Data after `cleanDashboard`.
 */
export function renderDashboardMetrics(data: DashboardData): string {
  return renderFamilies([...lists(data), ...service(data), ...files(data)], "mogplex_dashboard");
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function lists({ at, requests, exitCode, lists }: DashboardData): Family[] {
  const flags = (name: string, help: string, isSet: (list: ListState) => boolean): Family => ({
    name,
    help,
    samples: LISTS.map((list) => [
      { list: snakeCase(list) },
      Number(isSet(lists[list])),
    ]),
  });
  const ms = instantMs(at);
  return [
    single("http_requests", "HTTP requests that were sent for this dashboard.", requests),
    single("exit_code", "Exit code of the dashboard command.", exitCode),
    {
      ...single("read_timestamp_seconds", "Unix time when the lists were read.", ms === null ? null : ms / 1_000),
      unit: "seconds",
    },
    flags("list_read", "1 if at least part of the list was read.", isRead),
    flags("list_complete", "1 if the whole list was read.", ({ state }) => state === "complete"),
  ];
}

function service(data: DashboardData): Family[] {
  const { repositories, sandboxes, automations, at } = data;
  const nowMs = instantMs(at) ?? 0;
  const ages = new Map<string, number>();
  for (const { status, createdAt } of sandboxes) {
    const ms = instantMs(createdAt);
    if (ms !== null) ages.set(status, Math.max(ages.get(status) ?? 0, nowMs - ms, 0));
  }
  const read = automations.filter(({ runs }) => runs !== null);
  return [
    single(
      "repositories",
      "Repositories that the token can access.",
      countedIn(data, "repositories", repositories.length),
    ),
    single("sandboxes_active", "Sandboxes in use.", countedIn(data, "sandboxes", activeSandboxes(data))),
    { name: "sandboxes", help: "Sandboxes by status.", samples: byWord(sandboxes, "status", ({ status }) => status) },
    {
      name: "sandbox_age_max_seconds",
      unit: "seconds",
      help: "Age of the oldest sandbox in each status.",
      // Two long statuses can become equal when they are cut. Ages cannot be added, so only one of the two is used.
      samples: [
        ...new Map([...ages].map(([status, ms]) => [labelText(status), [status, ms] as const]))
          .values(),
      ].map(([status, ms]) => [{ status }, ms / 1_000]),
    },
    {
      name: "automations",
      help: "Automations by status.",
      samples: byWord(automations, "status", ({ status }) => status),
    },
    single(
      "automations_read",
      "Automations whose last runs were read.",
      countedIn(data, "automationRuns", read.length),
    ),
    {
      name: "automation_runs_failed",
      help: "Failed runs among the last runs of an automation (at most 50).",
      samples: added(read.map(({ name, runs }) => [{ automation: name }, runs?.failed ?? 0])),
    },
    {
      name: "automation_runs_failed_last_day",
      help: "Runs of an automation that were created in the last 24 hours and failed.",
      samples: added(read.map(({ name, runs }) => [{ automation: name }, runs?.failedLastDay ?? 0])),
    },
    {
      name: "automation_runs_open",
      help: "Runs of an automation that are waiting or running.",
      samples: added(read.map(({ name, runs }) => [{ automation: name }, runs?.open ?? 0])),
    },
  ];
}

type Sample = readonly [labels: Labels, value: number];

function byWord<T>(items: readonly T[], label: string, wordOf: (item: T) => string): Sample[] {
  return added([...countBy(items, wordOf)].map(([word, count]) => [{ [label]: word }, count]));
}

function added(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, Sample>();
  for (const [labels, value] of samples) {
    // Different texts can have the same written form, so the written forms are compared.
    const key = JSON.stringify(
      Object.entries(labels).map(([name, text]) => [name, labelText(text ?? "")]),
    );
    sums.set(key, [labels, (sums.get(key)?.[1] ?? 0) + value]);
  }
  return [...sums.values()];
}

/** The figures cover only the pull requests that could be read, because a single unreadable pull request must not silence an alert. */
function pulls({ pullRequests, at }: DashboardData): Family[] {
  const { count, state, merged, waiting, entries, unread, partlyRead } = pullRequests;
  const nowMs = instantMs(at) ?? 0;
  const ages = entries.flatMap(({ openedAt }) => {
    const ms = instantMs(openedAt);
    return ms === null ? [] : Math.max(0, nowMs - ms);
  });
  return [
    single("pull_requests", "Pull requests of the runs and campaigns in the files.", count),
    single(
      "pull_requests_unread",
      "Pull requests whose state could not be read.",
      state === "skipped" ? count : sumOf(unread, (each) => each.pullRequests),
    ),
    single(
      "pull_requests_partly_read",
      "Open pull requests whose checks, review or approvals could not be read.",
      merged === null ? null : sumOf(partlyRead, (each) => each.pullRequests),
    ),
    single(
      "pull_requests_merged_last_week",
      "Pull requests merged in the last 7 days, among those that could be read.",
      merged?.last ?? null,
    ),
    single(
      "pull_requests_waiting",
      "Open pull requests, among those that could be read.",
      waiting?.last ?? null,
    ),
    {
      ...single(
        "pull_requests_waiting_age_max_seconds",
        "Age of the oldest open pull request, among those that could be read.",
        waiting !== null && ages.length > 0 ? ages.reduce((a, b) => Math.max(a, b)) / 1_000 : null,
      ),
      unit: "seconds",
    },
  ];
}

const OUTCOMES: readonly string[] = [
  "succeeded",
  "failed",
  "cancelled",
  "notStarted",
  "waiting",
  "running",
  "unfinished",
];

function lastWeekDuration(name: string, help: string, ms: number | null): Family {
  const family = single(`runs_last_week_duration_${name}_seconds`, help, ms === null ? null : ms / 1_000);
  return { ...family, unit: "seconds" };
}

function files(data: DashboardData): Family[] {
  const { runs, days, campaigns, fileProblems, silentJobs } = data;
  const nowMs = instantMs(data.at) ?? 0;
  // A job with several tasks is one series, with the longest silence.
  const silences = groupBy(
    silentJobs,
    ({ repository, job }) => JSON.stringify([labelText(repository ?? ""), labelText(job ?? "")]),
  );
  const of = (name: string, help: string, numberOf: (campaign: DashboardData["campaigns"][number]) => number) => ({
    name,
    help,
    samples: added(campaigns.map((each) => [{ campaign: each.name, round: each.round }, numberOf(each)])),
  });
  return [
    {
      name: "runs",
      help: "Runs in the files, by the outcome that the service reports.",
      samples: byWord(runs, "outcome", (run) => run.outcome),
    },
    {
      name: "runs_last_week",
      help:
        "Runs of the last 7 days, by outcome. unfinished: the result is unknown because the run had not finished when its job ended.",
      samples: Object.entries(days.last).flatMap(([outcome, count]): Sample[] =>
        OUTCOMES.includes(outcome) ? [[{ outcome: snakeCase(outcome) }, count ?? 0]] : []
      ),
    },
    single("jobs_silent", "Regular jobs that have not run for an unusually long time.", silentJobs.length),
    {
      name: "job_silence_seconds",
      unit: "seconds",
      help: "Time since the last run of a regular job that has not run for an unusually long time.",
      samples: [...silences].map(([key, tasks]): Sample => {
        const [repository, job] = JSON.parse(key) as [string, string];
        const times = tasks.map(({ lastAt }) => nowMs - (instantMs(lastAt) ?? nowMs));
        return [{ repository, job }, Math.max(0, ...times) / 1_000];
      }),
    },
    lastWeekDuration(
      "median",
      "Median duration of the runs of the last 7 days that succeeded or failed.",
      days.last.medianMs,
    ),
    lastWeekDuration(
      "p95",
      "95% of the runs of the last 7 days that succeeded or failed took at most this long; left out if there are fewer than 20.",
      days.last.p95Ms,
    ),
    lastWeekDuration(
      "sum",
      "Total duration of the runs of the last 7 days that have ended.",
      days.last.totalMs,
    ),
    ...pulls(data),
    of("campaign_items", "Items of each campaign.", ({ items }) => items),
    of("campaign_items_ended", "Campaign items that have ended.", ({ ended }) => ended),
    of(
      "campaign_items_good",
      "Campaign items that succeeded, needed no change, or were skipped.",
      ({ good }) => good,
    ),
    of("campaign_items_failed", "Campaign items that ended without success.", ({ failed }) => failed),
    of("campaign_items_asking", "Campaign items whose run is waiting for an answer.", ({ asking }) => asking),
    {
      name: "campaigns",
      help: "Campaigns in the files, by state.",
      samples: byWord(campaigns, "state", (each) => each.state),
    },
    single(
      "projects_unread",
      "Projects for which not all runs could be collected.",
      fileProblems.filter(isProject).length,
    ),
    single(
      "files_unread",
      "Files that could not be read completely, and patterns that match no file.",
      fileProblems.filter((problem) => !isProject(problem)).length,
    ),
    single(
      "campaign_items_open",
      "Items of all campaigns that have not ended.",
      sumOf(campaigns, (each) => each.items - each.ended),
    ),
  ];
}
