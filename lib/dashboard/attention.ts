/**
 * What on a dashboard needs a person, most urgent first.
 *
 * @module
 */
import { formatCount } from "../result/duration.ts";
import { instantMs } from "../result/times.ts";
import { activeSandboxes, type DashboardData, type ListName, LISTS } from "./data.ts";

/** Something that needs a person. */
export interface Concern {
  /** What it is about, before its name; empty when {@linkcode Concern.what} says it. */
  kind: "" | "automation" | "campaign";
  /** Its name; empty without one. Untrusted text. */
  name: string;
  /** What is the matter, in words of ours. */
  what: string;
  /** What is known of it. Untrusted texts. */
  details: readonly string[];
  /** Which part of the page has more. */
  part: "repositories" | "sandboxes" | "automations" | "campaigns" | "runs" | "missing";
  /** Whether something went wrong, or only waits. */
  tone: "bad" | "wait";
}

/** Names of the lists in sentences. */
export const LIST_WORDS: Readonly<Record<ListName, string>> = {
  repositories: "repositories",
  sandboxes: "sandboxes",
  automations: "automations",
  automationRuns: "runs of automations",
};

/** Most sandboxes that are in use at the same time. Source: contract, 2.2. */
const MAX_SANDBOXES = 3;
/** After this time a sandbox that is still being made is stuck, in milliseconds. */
const STUCK_MS = 3_600_000;
/** Most names in a detail. */
const MAX_NAMES = 5;

/** Something about several things, of which the first are named. */
function about(part: Concern["part"], tone: Concern["tone"], what: string, names: readonly string[]): Concern {
  const shown = [...new Set(names)];
  const more = shown.length - MAX_NAMES;
  const details = [...shown.slice(0, MAX_NAMES), ...more > 0 ? [`${more} more`] : []];
  return { kind: "", name: "", what, details, part, tone };
}

const texts = (...all: readonly (string | null | undefined)[]) => all.filter((text) => text) as string[];

function ofLists({ lists, fileProblems }: DashboardData): Concern[] {
  const found = LISTS.filter((name) => ["failed", "partial"].includes(lists[name].state)).map((name) => {
    const read = lists[name].state === "failed" ? "not read" : "not all read";
    return about("missing", "bad", `${read}: ${LIST_WORDS[name]}`, texts(lists[name].why));
  });
  if (fileProblems.length > 0) {
    const what = `${formatCount(fileProblems.length, "file")} could not be read`;
    found.push(about("missing", "bad", what, fileProblems.map(({ file }) => file)));
  }
  return found;
}

function ofCampaigns({ campaigns }: DashboardData): Concern[] {
  return campaigns.flatMap(({ name, state, stateReason, items, ended, good }): Concern[] => {
    const bad = ended - good;
    const details = texts(stateReason, `${good} of ${items} succeeded`);
    const common = { kind: "campaign", name, details, part: "campaigns" } as const;
    if (state === "gated" || state === "stopped") return [{ ...common, what: state, tone: "wait" }];
    return bad > 0 ? [{ ...common, what: `${formatCount(bad, "item")} did not succeed`, tone: "bad" }] : [];
  });
}

function ofAutomations({ automations }: DashboardData): Concern[] {
  const failing = automations.filter(({ runs }) => runs?.last?.status === "failed");
  const unpublished = automations.filter(({ status, published }) => status === "active" && !published);
  const found: Concern[] = failing.map(({ name, runs }) => ({
    kind: "automation",
    name,
    what: "its last run failed",
    details: texts(`${runs?.failed ?? 0} of the last ${runs?.read ?? 0} failed`, runs?.last?.error),
    part: "automations",
    tone: "bad",
  }));
  if (unpublished.length > 0) {
    const what = `${formatCount(unpublished.length, "automation")} active without a published version`;
    found.push(about("automations", "wait", what, unpublished.map(({ name }) => name)));
  }
  return found;
}

const sandboxCount = (count: number) => `${count} ${count === 1 ? "sandbox" : "sandboxes"}`;

function ofSandboxes(data: DashboardData): Concern[] {
  const { sandboxes, at } = data;
  const nowMs = instantMs(at) ?? 0;
  const namesOf = (chosen: DashboardData["sandboxes"]) =>
    chosen.map(({ repository, branch }) => repository ?? branch ?? "no name");
  const broken = sandboxes.filter(({ status }) => status === "error");
  const stuck = sandboxes.filter(({ status, createdAt }) =>
    ["creating", "installing"].includes(status) && nowMs - (instantMs(createdAt) ?? nowMs) > STUCK_MS
  );
  const used = activeSandboxes(data);
  const found: Concern[] = [];
  if (broken.length > 0) {
    found.push(about("sandboxes", "bad", `${sandboxCount(broken.length)} with an error`, namesOf(broken)));
  }
  if (stuck.length > 0) {
    const what = `${sandboxCount(stuck.length)} in the making for over an hour`;
    found.push(about("sandboxes", "bad", what, namesOf(stuck)));
  }
  if (used >= MAX_SANDBOXES) {
    const why = `With ${MAX_SANDBOXES} in use the service may refuse the next run`;
    found.push(about("sandboxes", "wait", `${sandboxCount(used)} in use`, [why]));
  }
  return found;
}

function ofRuns({ runs }: DashboardData): Concern[] {
  const waiting = runs.filter(({ outcome }) => outcome === "awaiting_input");
  const bad = runs.filter(({ outcome }) => !["success", "started", "awaiting_input"].includes(outcome));
  const namesOf = (chosen: DashboardData["runs"]) => chosen.map(({ repository, file }) => repository ?? file);
  const found: Concern[] = [];
  if (waiting.length > 0) {
    const what = `${formatCount(waiting.length, "run")} ${waiting.length === 1 ? "waits" : "wait"} for a person`;
    found.push(about("runs", "wait", what, namesOf(waiting)));
  }
  if (bad.length > 0) {
    found.push(about("runs", "bad", `${formatCount(bad.length, "run")} did not succeed`, namesOf(bad)));
  }
  return found;
}

/** Everything that needs a person. @param data Data after `cleanDashboard`. */
export function concernsOf(data: DashboardData): Concern[] {
  const all = [ofLists, ofCampaigns, ofAutomations, ofRuns, ofSandboxes].flatMap((find) => find(data));
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone === "wait")];
}
