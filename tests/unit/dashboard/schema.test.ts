import { expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readFileSync } from "node:fs";
import type {
  AutomationEntry,
  AutomationRunEntry,
  AutomationRuns,
  CampaignCause,
  CampaignEntry,
  CampaignStage,
  CampaignWait,
  Coverage,
  DashboardData,
  FileProblem,
  ListState,
  Pair,
  PullRequestEntry,
  PullRequests,
  RepositoryEntry,
  RepositoryFigures,
  RunEntry,
  RunFigures,
  SandboxEntry,
  SilentJob,
  UnreadPullRequests,
  WeekFigures,
} from "../../../lib/dashboard/data.ts";
import { cleanDashboard, renderDashboard } from "../../../lib/dashboard/collect.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, hostileDashboard } from "./sample_data.ts";

interface Schema {
  required?: string[];
  properties?: Record<string, Schema>;
  $defs?: Record<string, Schema>;
  description?: string;
}

const schema: Schema = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../../schema/dashboard.schema.json`, "utf8"),
);
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

function written(data: DashboardData): Record<string, unknown> {
  const files = renderDashboard(cleanDashboard(data, createRedactor()));
  return JSON.parse(files.find(({ name }) => name === "data.json")?.text ?? "");
}

// The compiler demands every field of the types here, and refuses every other one.
type Fields<T> = Record<keyof T, true>;
const DATA: Fields<DashboardData> = {
  schema: true,
  at: true,
  origin: true,
  requests: true,
  exitCode: true,
  lists: true,
  repositories: true,
  sandboxes: true,
  automations: true,
  runs: true,
  days: true,
  weeks: true,
  silentJobs: true,
  repositoryFigures: true,
  pullRequests: true,
  campaigns: true,
  covers: true,
  fileProblems: true,
};
const LIST: Fields<ListState> = { state: true, why: true };
const REPOSITORY: Fields<RepositoryEntry> = { id: true, name: true, defaultBranch: true };
const SANDBOX: Fields<SandboxEntry> = {
  id: true,
  repository: true,
  status: true,
  branch: true,
  createdAt: true,
  lastActiveAt: true,
  error: true,
};
const AUTOMATION_RUN: Fields<AutomationRunEntry> = {
  id: true,
  status: true,
  createdAt: true,
  durationMs: true,
  error: true,
};
const AUTOMATION_RUNS: Fields<AutomationRuns> = {
  read: true,
  more: true,
  failed: true,
  failedLastDay: true,
  open: true,
  last: true,
  statuses: true,
};
const AUTOMATION: Fields<AutomationEntry> = {
  id: true,
  name: true,
  status: true,
  published: true,
  updatedAt: true,
  runs: true,
};
const RUN: Fields<RunEntry> = {
  file: true,
  kind: true,
  runId: true,
  repository: true,
  job: true,
  jobUrl: true,
  task: true,
  taskKey: true,
  page: true,
  outcome: true,
  exitCode: true,
  reason: true,
  lastLine: true,
  pullRequest: true,
  campaign: true,
  mention: true,
  createdAt: true,
  endedAt: true,
  durationMs: true,
};
const CAUSE: Fields<CampaignCause> = { verdict: true, cause: true, items: true, names: true, at: true };
const FIGURES: Fields<RunFigures> = {
  runs: true,
  succeeded: true,
  failed: true,
  cancelled: true,
  notStarted: true,
  waiting: true,
  running: true,
  unfinished: true,
  medianMs: true,
  p95Ms: true,
  slowestMs: true,
  totalMs: true,
};
const WEEK: Fields<WeekFigures> = { from: true, ...FIGURES };
const REPOSITORY_FIGURES: Fields<RepositoryFigures> = { repository: true, lastAt: true, ...FIGURES, last: true };
const SILENT_JOB: Fields<SilentJob> = {
  repository: true,
  job: true,
  task: true,
  lastAt: true,
  runsPerWeek: true,
  runId: true,
  outcome: true,
  reason: true,
};
const PAIR: Fields<Pair> = { last: true, before: true };
const PULL: Fields<PullRequestEntry> = {
  url: true,
  repository: true,
  task: true,
  campaign: true,
  openedAt: true,
  state: true,
  draft: true,
  checks: true,
  review: true,
  conflict: true,
  owner: true,
};
const PULLS: Fields<PullRequests> = {
  state: true,
  why: true,
  count: true,
  opened: true,
  merged: true,
  closed: true,
  waiting: true,
  entries: true,
  unread: true,
  partlyRead: true,
  unreadFrom: true,
};
const UNREAD: Fields<UnreadPullRequests> = { why: true, pullRequests: true, urls: true };
const COVERAGE: Fields<Coverage> = {
  results: true,
  campaigns: true,
  histories: true,
  lines: true,
  leftOut: true,
  since: true,
  from: true,
  jobs: true,
};
const CAMPAIGN: Fields<CampaignEntry> = {
  file: true,
  campaignFile: true,
  name: true,
  round: true,
  title: true,
  page: true,
  state: true,
  stateReason: true,
  gatedAt: true,
  mergesStopped: true,
  lastError: true,
  items: true,
  ended: true,
  good: true,
  failed: true,
  asking: true,
  running: true,
  pullRequests: true,
  merged: true,
  unmerged: true,
  pending: true,
  causes: true,
  nextWaveAt: true,
  endsAt: true,
  exitCode: true,
  at: true,
};
const STAGE: Fields<CampaignStage> = { stage: true, pullRequests: true };
const WAIT: Fields<CampaignWait> = { reason: true, pullRequests: true };
const PROBLEM: Fields<FileProblem> = { file: true, kind: true, why: true };

test.each<[string, Schema | undefined, Record<string, true>]>([
  ["the whole", schema, DATA],
  ["lists", schema.$defs?.ListState, LIST],
  ["repositories", schema.$defs?.RepositoryEntry, REPOSITORY],
  ["sandboxes", schema.$defs?.SandboxEntry, SANDBOX],
  ["silent jobs", schema.$defs?.SilentJob, SILENT_JOB],
  ["runs of automations", schema.$defs?.AutomationRunEntry, AUTOMATION_RUN],
  ["runs of an automation", schema.$defs?.AutomationRuns, AUTOMATION_RUNS],
  ["automations", schema.$defs?.AutomationEntry, AUTOMATION],
  ["runs", schema.$defs?.RunEntry, RUN],
  ["campaigns", schema.$defs?.CampaignEntry, CAMPAIGN],
  ["stages", schema.$defs?.CampaignStage, STAGE],
  ["waits", schema.$defs?.CampaignWait, WAIT],
  ["causes", schema.$defs?.CampaignCause, CAUSE],
  ["figures", schema.$defs?.RunFigures, FIGURES],
  ["weeks", schema.$defs?.WeekFigures, WEEK],
  ["figures of repositories", schema.$defs?.RepositoryFigures, REPOSITORY_FIGURES],
  ["pairs", schema.$defs?.Pair, PAIR],
  ["pull requests that wait", schema.$defs?.PullRequestEntry, PULL],
  ["pull requests", schema.$defs?.PullRequests, PULLS],
  ["pull requests that could not be read", schema.$defs?.UnreadPullRequests, UNREAD],
  ["coverage", schema.$defs?.Coverage, COVERAGE],
  ["files", schema.$defs?.FileProblem, PROBLEM],
])("dashboard.schema.json has every field of %s, described and required, and no other", (_name, part, fields) => {
  expect(Object.keys(part?.properties ?? {})).toEqual(Object.keys(fields));
  expect(part?.required).toEqual(Object.keys(fields));
  for (const [name, { description }] of Object.entries(part?.properties ?? {})) {
    expect([name, description !== undefined && description.length > 3]).toEqual([name, true]);
  }
});

test("renderDashboard() writes data that keep to the schema, whatever the size and the texts", () => {
  const all = [emptyDashboard(), brokenDashboard(), fullDashboard(30)]
    .concat(CORPUS.map(({ text }) => ({ ...hostileDashboard(text.slice(0, 3_000)), at: emptyDashboard().at })));
  for (const data of all) {
    validate(written(data));
    expect(validate.errors ?? []).toEqual([]);
  }
});

test("dashboard.schema.json refuses a wrong type, a missing field, and words that it does not know", () => {
  const good = written(fullDashboard(2));
  expect(validate(good)).toBe(true);
  const { runs: _runs, ...missing } = good;
  const lists = good.lists as object;
  const wrong = [{ schema: 2 }, { requests: 31 }, { exitCode: "0" }, { runs: [{}] }, { lists: {} }];
  const unknown = { ...good, lists: { ...lists, sandboxes: { state: "great", why: null } } };
  for (const bad of [missing, unknown, ...wrong.map((fields) => ({ ...good, ...fields }))]) {
    expect(validate(bad)).toBe(false);
  }
});
