/**
 * `junit.xml`: a test case for each item, for the test pages of CI systems.
 *
 * @module
 */
import { type Case, type Mark, renderSuite } from "../../report/junit_suite.ts";
import type { ItemState } from "../verdicts.ts";
import type { CampaignView, ItemView } from "../view.ts";
import { instantMs } from "../../result/times.ts";
import { runMs } from "./words.ts";

/** Null for a case that passed. `failure`: the agent did not bring what was asked for; `error`: something else kept it from that. */
const MARKS: Readonly<Record<ItemState, Mark | null>> = {
  "needs-input": "error",
  unknown: "error",
  conflict: "error",
  failed: "failure",
  overdue: "failure",
  cancelled: "error",
  invalid: "error",
  skipped: "skipped",
  succeeded: null,
  unchanged: null,
  running: "skipped",
  starting: "skipped",
  quota: "skipped",
  service: "skipped",
  waiting: "skipped",
};

/** What a case says when nothing else is known. */
const MEANINGS: Readonly<Record<ItemState, string>> = {
  "needs-input": "The run waits for a person",
  unknown: "The run succeeded; whether it brought what the file requires cannot be seen",
  conflict: "The key belongs to another request",
  failed: "The run failed, or did not bring what the file requires",
  overdue: "The run took longer than limits.run-timeout, and was cancelled",
  cancelled: "Somebody cancelled the run",
  invalid: "The service refuses the request, or does not know the repository",
  skipped: "Left out",
  succeeded: "Succeeded",
  unchanged: "No change was needed",
  running: "The run has not ended",
  starting: "The start was sent",
  quota: "Waits: a limit refused its last start",
  service: "Waits: its last start failed because of the service or the network",
  waiting: "Waits for its start",
};

function caseOf(item: ItemView, name: string, nowMs: number): Case {
  const { verdict, reason, runId, branch, pullRequest } = item;
  const timeMs = runMs(item, nowMs) ?? 0;
  const mark = MARKS[verdict];
  if (mark === null) return { name, timeMs };
  const message = `${verdict}: ${reason ?? MEANINGS[verdict]}`;
  const lines = [
    message,
    ...(reason === null ? [] : [MEANINGS[verdict]]),
    ...(runId === null ? [] : [`Run: ${runId}`]),
    ...(branch === null ? [] : [`Branch: ${branch}`]),
    ...(pullRequest === null ? [] : [`Pull request: ${pullRequest}`]),
  ];
  // The message is the first line of the text, since several readers show only the text.
  return { name, timeMs, problem: { mark, type: verdict, message, text: lines.join("\n\n") } };
}

/** Names of cases. Items have unique names; two long ones may be the same after they were cut. */
function uniqueNames(items: readonly ItemView[]): string[] {
  const used = new Set<string>();
  const next = new Map<string, number>();
  return items.map(({ id }) => {
    const base = id === "" ? "(no name)" : id;
    let name = base;
    for (let number = next.get(base) ?? 2; used.has(name); number++) {
      name = `${base} (${number})`;
      next.set(base, number + 1);
    }
    used.add(name);
    return name;
  });
}

function earliest(items: readonly ItemView[]): string | null {
  let first: string | null = null;
  for (const { startedAt } of items) {
    if (startedAt !== null && (first === null || startedAt < first)) first = startedAt;
  }
  return first;
}

/**
 * Renders the suite. An item without a verdict is skipped, and so is one that a person skipped. The round is no part of the suite's name:
 * GitLab then compares a round with the one before.
 *
 * @param view View after `cleanCampaign`.
 */
export function renderCampaignJunit(view: CampaignView): string {
  const { campaign, round, state, items, exitCode, waves } = view;
  const nowMs = instantMs(view.at) ?? 0;
  const names = uniqueNames(items);
  const properties: [string, string][] = [
    ["campaign", campaign],
    ["round", round],
    ["state", state],
    ["exit_code", String(exitCode)],
    ["waves", String(waves)],
  ];
  return renderSuite({
    name: `Mogplex campaign ${campaign}`,
    className: "Mogplex campaign",
    beganAt: earliest(items),
    properties: properties.filter(([, value]) => value !== ""),
    cases: items.map((item, index) => caseOf(item, names[index] ?? "", nowMs)),
  });
}
