/**
 * The tables of the page.
 *
 * @module
 */
import {
  type Cell,
  chip,
  code,
  type Html,
  link,
  markup,
  type Part,
  strip,
  table,
  type Tone,
} from "../../pages/pages.ts";
import { formatDuration } from "../../result/duration.ts";
import { instantMs, spanText } from "../../result/times.ts";
import { type AutomationEntry, type AutomationRuns, countBy, type DashboardData } from "../data.ts";
import { since, tablePart, toneOf, word } from "./parts.ts";

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
export function campaignTable({ campaigns }: DashboardData, nowMs: number): Html | null {
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
export function runTable({ runs }: DashboardData, nowMs: number): Html | null {
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
export function automationTable({ automations, lists }: DashboardData, nowMs: number): Html | null {
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
export function sandboxTable(data: DashboardData, nowMs: number): Html | null {
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
export function repositoryTable({ repositories, sandboxes, runs, lists }: DashboardData): Html | null {
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
