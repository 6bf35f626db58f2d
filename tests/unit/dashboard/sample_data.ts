/** Dashboards of every kind. */
import { assemble } from "../../../lib/dashboard/collect.ts";
import type { AutomationEntry, DashboardData, ListName, ListState } from "../../../lib/dashboard/data.ts";
import type { NamedPull } from "../../../lib/dashboard/pull_requests.ts";
import { unionOf } from "../../../lib/dashboard/runs.ts";
import type { ForgeReading } from "../../../lib/forge/batch.ts";

const NOW = Date.parse("2026-12-01T06:00:00Z");
const HOUR = 3_600_000;
const COMPLETE: ListState = { state: "complete", why: null };

const ago = (hours: number) => new Date(NOW - hours * HOUR).toISOString();
const uuid = (number: number) => `d0000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

/** The states of all lists. */
export function listsWith(changes: Partial<Record<ListName, ListState>> = {}): DashboardData["lists"] {
  return {
    repositories: COMPLETE,
    sandboxes: COMPLETE,
    automations: COMPLETE,
    openRuns: COMPLETE,
    automationRuns: COMPLETE,
    ...changes,
  };
}

export function emptyDashboard(changes: Partial<DashboardData> = {}): DashboardData {
  const { runs = [], campaigns = [], fileProblems = [], covers = NOTHING, ...others } = changes;
  const pulls = runs.flatMap(({ pullRequest: url, repository, task, endedAt }): NamedPull[] =>
    url === null ? [] : [{ url, repository, task, campaign: null, openedAt: endedAt, known: null }]
  );
  const collected = {
    at: new Date(NOW).toISOString(),
    origin: "https://mogplex.com",
    requests: 4,
    exitCode: 0,
    lists: listsWith(),
    repositories: [],
    sandboxes: [],
    automations: [],
    ...others,
  };
  const stored = {
    runs: unionOf(runs, NOW),
    campaigns: [...campaigns],
    pulls,
    covers,
    fileProblems: [...fileProblems],
  };
  return { ...assemble(collected, stored, pulls.length === 0 ? null : readingOf(pulls)), ...others };
}

const NOTHING = {
  results: 0,
  campaigns: 0,
  histories: 0,
  lines: 0,
  leftOut: 0,
  since: "2026-09-14",
  from: null,
  jobs: [],
};

/** What the forges show: the first of four pull requests waits, one is closed, the others are merged. */
function readingOf(pulls: readonly NamedPull[]): ForgeReading {
  const facts = pulls.map(
    ({ url }, index): [string, ForgeReading["facts"] extends Map<string, infer F> ? F : never] => {
      const state = (["open", "closed", "merged", "merged"] as const)[index % 4] ?? "open";
      const times = { createdAt: ago(100 + index * 9), updatedAt: ago(1) };
      const ends = {
        mergedAt: state === "merged" ? ago(index) : null,
        closedAt: state === "closed" ? ago(index) : null,
      };
      const looks = { checks: "green", review: "requested", conflict: false, owner: "mira" } as const;
      const branch = {
        branch: "b",
        isForeign: false,
        isGuarded: false,
        commit: null,
        isBehind: false,
        hasQueue: false,
      };
      const sizes = { files: null, additions: null, deletions: null };
      return [
        url,
        { url, state, draft: false, ...looks, ...branch, ...sizes, ...times, ...ends, problem: null } as never,
      ];
    },
  );
  return { facts: new Map(facts), refused: new Map(), failed: new Map(), unasked: new Map() };
}

const STATUSES = ["running", "paused", "stopped", "error", "creating", "stopped"] as const;
const OUTCOMES = ["success", "success", "failed", "awaiting_input", "unfinished", "cancelled"] as const;
const NAMES = ["Nightly review", "Weekly dependency update", "Label new issues", "Answer questions in Slack"];

function automation(index: number): AutomationEntry {
  const failed = index % 4 === 1 ? 3 : 0;
  const statuses = Array.from(
    { length: index % 5 === 3 ? 3 : 20 },
    (_, run) => run < failed ? "failed" : run === 5 ? "cancelled" : "success",
  );
  return {
    id: uuid(3_000 + index),
    name: `${NAMES[index % NAMES.length]}${index < NAMES.length ? "" : ` ${index}`}`,
    status: index % 7 === 6 ? "inactive" : "active",
    published: index % 7 !== 5,
    updatedAt: ago(100 + index),
    runs: index % 6 === 4 ? null : {
      read: statuses.length,
      more: false,
      failed,
      failedLastDay: Math.min(failed, 2),
      open: index % 3 === 0 ? 1 : 0,
      last: {
        id: uuid(4_000 + index),
        status: statuses[0] ?? "",
        createdAt: ago(2 + index),
        durationMs: 120_000,
        error: failed > 0 ? "Agent exited with code 1: npm test" : null,
      },
      statuses,
    },
  };
}

/** A dashboard with so many of everything. */
export function fullDashboard(size: number, changes: Partial<DashboardData> = {}): DashboardData {
  const numbers = Array.from({ length: size }, (_, index) => index);
  const repository = (index: number) => `acme/service-${index}`;
  return emptyDashboard({
    requests: 12,
    repositories: numbers.map((index) => ({ id: uuid(index), name: repository(index), defaultBranch: "main" })),
    sandboxes: numbers.map((index) => ({
      id: uuid(1_000 + index),
      repository: index % 5 === 4 ? null : repository(index),
      status: STATUSES[index % STATUSES.length] ?? "",
      branch: `mogplex/external/70a41ec8-${index}`,
      createdAt: ago(index * 7 + 0.5),
      lastActiveAt: index % 3 === 2 ? null : ago(index * 6 + 0.2),
      error: STATUSES[index % STATUSES.length] === "error" ? "npm ci exited with code 1" : null,
    })),
    automations: numbers.map(automation),
    runs: numbers.map((index) => {
      const outcome = OUTCOMES[index % OUTCOMES.length] ?? "";
      return {
        file: `public/runs/${index}/result.json`,
        kind: "run",
        runId: uuid(2_000 + index),
        repository: index % 6 === 5 ? null : repository(index),
        task: index % 6 === 5 ? null : `Fix the flaky tests of service ${index}, and do not raise timeouts`,
        page: index % 3 === 2 ? null : `runs/${index}/run.html`,
        outcome,
        exitCode: outcome === "success" ? 0 : 1,
        reason: outcome === "failed" ? "npm test exited with code 1" : null,
        ...{
          job: "nightly",
          jobUrl: "https://gitlab.example.com/acme/web/-/jobs/7",
          taskKey: null,
          campaign: null,
          mention: null,
          lastLine: null,
          endedAt: ago(index + 0.5),
        },
        pullRequest: outcome === "success" ? `https://github.com/acme/service-${index}/pull/${index + 1}` : null,
        createdAt: ago(index + 1),
        durationMs: 60_000 * (index % 40 + 1),
      };
    }),
    campaigns: numbers.slice(0, Math.ceil(size / 4)).map((index) => ({
      file: `public/campaigns/${index}/campaign.json`,
      campaignFile: index === 0 ? null : "campaign.yml",
      name: index === 0 ? "move-to-node-24" : `campaign-${index}`,
      title: index === 0 ? "Move to Node 24" : null,
      gatedAt: index % 4 === 1 ? ago(5) : null,
      merged: index % 4 === 2 ? 30 : null,
      pending: [],
      unmerged: index % 4 === 2 ? [{ stage: "review", pullRequests: 4 }, { stage: "blocked", pullRequests: 2 }] : [],
      causes: index % 4 === 2 ? [] : [{
        verdict: "failed",
        cause: "npm ci: peer dependency conflict",
        items: 3,
        names: ["acme/a", "acme/b", "acme/c"],
        at: ago(16),
      }],
      round: index === 0 ? "2026-12" : "",
      page: index % 2 === 0 ? `campaigns/${index}/campaign.html` : null,
      state: ["waiting", "gated", "done", "running"][index % 4] ?? "",
      stateReason: index % 4 === 1 ? "2 of 3 items of the canary failed" : null,
      items: 40,
      ended: index % 4 === 2 ? 40 : 22,
      good: index % 4 === 2 ? 40 : 19,
      failed: index % 4 === 2 ? 0 : 3,
      asking: index % 4 === 3 ? 1 : 0,
      mergesStopped: null,
      lastError: null,
      running: index % 4 === 2 ? 0 : 3,
      pullRequests: index % 4 === 2 ? 36 : 17,
      nextWaveAt: index % 4 === 2 ? null : ago(-1),
      endsAt: index % 4 === 2 ? null : ago(-9),
      exitCode: 0,
      at: ago(1),
    })),
    ...changes,
  });
}

/** A dashboard of which parts could not be read. */
export function brokenDashboard(): DashboardData {
  const why = "Cannot list sandboxes: the service answers with HTTP 503";
  return fullDashboard(6, {
    exitCode: 69,
    sandboxes: [],
    lists: listsWith({
      repositories: { state: "cut", why: "The service lists at most 200 repositories and has sent 200" },
      sandboxes: { state: "failed", why },
      automationRuns: { state: "partial", why: `The runs of 1 of 6 automations were not read: ${why}` },
    }),
    fileProblems: [{ file: "public/runs/broken.json", kind: "file", why: "line 1 is not an event" }],
  });
}

function hostilePulls(text: string): DashboardData["pullRequests"]["entries"] {
  const texts = { url: text, repository: text, task: text, campaign: text, openedAt: text, owner: text };
  return [{ ...texts, state: "open", draft: false, checks: text, review: text, conflict: true }];
}

/** A dashboard with a text in every place that is not ours. */
export function hostileDashboard(text: string): DashboardData {
  const data = fullDashboard(1);
  const every = <T extends object>(items: readonly T[]): T[] =>
    items.map((item) => Object.fromEntries(Object.keys(item).map((key) => [key, hostile(item[key as keyof T])])) as T);
  function hostile(value: unknown): unknown {
    if (typeof value === "string") return text;
    if (Array.isArray(value)) return value.map(hostile);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hostile(item)]));
  }
  const runs = every(data.runs);
  return {
    ...data,
    repositoryFigures: data.repositoryFigures.map((each) => ({
      ...each,
      repository: text,
      lastAt: text,
      last: [text],
    })),
    silentJobs: [{
      ...{ repository: text, job: text, task: text, lastAt: text },
      runsPerWeek: 7,
      runId: text,
      outcome: text,
      reason: text,
    }],
    pullRequests: {
      ...data.pullRequests,
      why: text,
      state: "partial",
      entries: hostilePulls(text),
      unread: [{ why: text, pullRequests: 2, urls: [text] }],
      partlyRead: [{ why: text, pullRequests: 2, urls: [text] }],
    },
    covers: { ...data.covers, jobs: [text] },
    origin: text,
    lists: listsWith({ repositories: { state: "cut", why: text }, automations: { state: "partial", why: text } }),
    repositories: every(data.repositories),
    sandboxes: every(data.sandboxes).map((each) => ({ ...each, error: text })),
    automations: every(data.automations),
    runs: runs.map((run) => ({ ...run, reason: text, kind: "run" as const })),
    campaigns: every(data.campaigns).map((each) => ({
      ...each,
      stateReason: text,
      unmerged: [{ stage: text, pullRequests: 1 }],
      pending: [{ reason: text, pullRequests: 1 }],
    })),
    fileProblems: [{ file: text, kind: "file", why: text }],
  };
}
