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
  /** What it is, in a few words of ours. */
  title: string;
  /** What is known of it; untrusted text. */
  detail: string;
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

function named(names: readonly string[]): string {
  const shown = [...new Set(names)];
  const more = shown.length - MAX_NAMES;
  return `${shown.slice(0, MAX_NAMES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function ofLists({ lists, fileProblems }: DashboardData): Concern[] {
  const found: Concern[] = LISTS.filter((name) => ["failed", "partial"].includes(lists[name].state)).map((name) => ({
    title: `${lists[name].state === "failed" ? "not read" : "not all read"}: ${LIST_WORDS[name]}`,
    detail: lists[name].why ?? "",
    part: "missing",
    tone: "bad",
  }));
  if (fileProblems.length > 0) {
    const title = `${formatCount(fileProblems.length, "file")} could not be read`;
    found.push({ title, detail: named(fileProblems.map(({ file }) => file)), part: "missing", tone: "bad" });
  }
  return found;
}

function ofCampaigns({ campaigns }: DashboardData): Concern[] {
  const found: Concern[] = [];
  for (const { name, state, stateReason, items, ended, good } of campaigns) {
    const bad = ended - good;
    const detail = [stateReason, `${good} of ${items} with a good end`].filter(Boolean).join("; ");
    if (state === "gated" || state === "stopped") {
      found.push({ title: `campaign ${name} is ${state}`, detail, part: "campaigns", tone: "wait" });
    } else if (bad > 0) {
      const title = `campaign ${name}: ${formatCount(bad, "item")} without a good end`;
      found.push({ title, detail, part: "campaigns", tone: "bad" });
    }
  }
  return found;
}

function ofAutomations({ automations }: DashboardData): Concern[] {
  const failing = automations.filter(({ runs }) => runs?.last?.status === "failed");
  const unpublished = automations.filter(({ status, published }) => status === "active" && !published);
  const found: Concern[] = failing.map(({ name, runs }) => ({
    title: `automation ${name}: its last run failed`,
    detail: [`${runs?.failed ?? 0} of the last ${runs?.read ?? 0} failed`, runs?.last?.error].filter(Boolean).join(
      "; ",
    ),
    part: "automations",
    tone: "bad",
  }));
  if (unpublished.length > 0) {
    const title = `${formatCount(unpublished.length, "automation")} active without a published version`;
    found.push({ title, detail: named(unpublished.map(({ name }) => name)), part: "automations", tone: "wait" });
  }
  return found;
}

function ofSandboxes(data: DashboardData): Concern[] {
  const { sandboxes, at } = data;
  const nowMs = instantMs(at) ?? 0;
  const namesOf = (chosen: DashboardData["sandboxes"]) =>
    named(chosen.map(({ repository, branch }) => repository ?? branch ?? "?"));
  const broken = sandboxes.filter(({ status }) => status === "error");
  const stuck = sandboxes.filter(({ status, createdAt }) =>
    ["creating", "installing"].includes(status) && nowMs - (instantMs(createdAt) ?? nowMs) > STUCK_MS
  );
  const found: Concern[] = [];
  if (broken.length > 0) {
    const title = `${formatCount(broken.length, "sandbox")} with an error`.replace("sandboxs", "sandboxes");
    found.push({ title, detail: namesOf(broken), part: "sandboxes", tone: "bad" });
  }
  if (stuck.length > 0) {
    const title = `${formatCount(stuck.length, "sandbox")} in the making for over an hour`
      .replace("sandboxs", "sandboxes");
    found.push({ title, detail: namesOf(stuck), part: "sandboxes", tone: "bad" });
  }
  if (activeSandboxes(data) >= MAX_SANDBOXES) {
    const title = `${activeSandboxes(data)} sandboxes are in use`;
    const detail = `With ${MAX_SANDBOXES} in use the service may refuse the next run`;
    found.push({ title, detail, part: "sandboxes", tone: "wait" });
  }
  return found;
}

function ofRuns({ runs }: DashboardData): Concern[] {
  const waiting = runs.filter(({ outcome }) => outcome === "awaiting_input");
  const bad = runs.filter(({ outcome }) => !["success", "started", "awaiting_input"].includes(outcome));
  const namesOf = (chosen: DashboardData["runs"]) => named(chosen.map(({ repository, file }) => repository ?? file));
  const found: Concern[] = [];
  if (waiting.length > 0) {
    const title = `${formatCount(waiting.length, "run")} ${waiting.length === 1 ? "waits" : "wait"} for a person`;
    found.push({ title, detail: namesOf(waiting), part: "runs", tone: "wait" });
  }
  if (bad.length > 0) {
    const title = `${formatCount(bad.length, "run")} without a good end`;
    found.push({ title, detail: namesOf(bad), part: "runs", tone: "bad" });
  }
  return found;
}

/** Everything that needs a person. @param data Data after `cleanDashboard`. */
export function concernsOf(data: DashboardData): Concern[] {
  const all = [ofLists, ofCampaigns, ofAutomations, ofRuns, ofSandboxes].flatMap((find) => find(data));
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone === "wait")];
}
