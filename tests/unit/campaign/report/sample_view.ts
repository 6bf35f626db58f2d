/**
 * Views of campaigns, as screens and reports get them.
 *
 * @module
 */
import { groupByCause } from "../../../../lib/campaign/report/causes.ts";
import { STATES } from "../../../../lib/campaign/report/words.ts";
import { isFinal, type ItemState } from "../../../../lib/campaign/view/verdicts.ts";
import type { CampaignItem, CampaignView } from "../../../../lib/campaign/view/view.ts";

/** When the views are computed. */
export const NOW = "2026-12-01T13:53:00.000Z";

function minutesBefore(minutes: number): string {
  return new Date(Date.parse(NOW) - minutes * 60_000).toISOString();
}

function uuid(number: number): string {
  return `3f0f6f0a-6f0e-4a7e-9a0b-${number.toString(16).padStart(12, "0")}`;
}

const OPEN: readonly ItemState[] = ["waiting", "quota", "service", "invalid", "skipped"];
const WITH_BRANCH: readonly ItemState[] = ["succeeded", "unknown"];

/** An item with everything that belongs to its verdict. */
export function anItem(number: number, verdict: ItemState, changes: Partial<CampaignItem> = {}): CampaignItem {
  const repository = changes.repository ?? `acme/service-${number}`;
  const started = !OPEN.includes(verdict);
  const ended = started && verdict !== "running" && verdict !== "starting" && verdict !== "needs-input";
  return {
    id: `${repository}@main`,
    repository,
    baseBranch: "main",
    root: null,
    verdict,
    isFinal: isFinal(verdict),
    reason: null,
    starts: started || verdict === "quota" || verdict === "service" ? 1 : 0,
    attempts: started && verdict !== "conflict" ? 1 : 0,
    runId: started && verdict !== "starting" && verdict !== "conflict" ? uuid(number) : null,
    branch: WITH_BRANCH.includes(verdict) ? `codemod/replace-moment-${number}` : null,
    pullRequest: verdict === "succeeded" ? `https://github.com/${repository}/pull/${number + 7}` : null,
    pullRequestState: null,
    stuck: null,
    startedAt: started ? minutesBefore(20 + number % 40) : null,
    endedAt: ended ? minutesBefore(number % 15) : null,
    canary: number < 3,
    ...changes,
  };
}

/** The quotas of a local Mogplex that limits no starts. */
export function unlimited({ quota: { sandboxes } }: CampaignView): CampaignView["quota"] {
  const free = { used: 40, limit: null };
  return { minute: free, hour: free, day: free, sandboxes };
}

/** A view of these items; counts and causes follow from them. */
export function viewOf(items: readonly CampaignItem[], changes: Partial<CampaignView> = {}): CampaignView {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<ItemState, number>;
  for (const { verdict } of items) counts[verdict]++;
  return {
    schema: 1,
    campaign: "replace-moment",
    round: "2026-12",
    state: counts.running > 0 ? "running" : "waiting",
    stateReason: null,
    counts,
    items,
    causes: groupByCause(items),
    quota: {
      minute: { used: 3, limit: 10 },
      hour: { used: 30, limit: 30 },
      day: { used: 84, limit: 150 },
      sandboxes: { used: 2, limit: 3 },
    },
    waves: 11,
    lastError: null,
    writer: null,
    nextWaveAt: "2026-12-01T14:05:00.000Z",
    waitingFor: "hour",
    endsAt: "2026-12-02T18:40:00.000Z",
    exitCode: 0,
    at: NOW,
    ...changes,
  };
}

const REASONS: Readonly<Partial<Record<ItemState, (number: number) => string>>> = {
  "needs-input": () => "Should dates without a zone be read as UTC?",
  unknown: () => "the run succeeded, but no event seen says whether there is a pull request",
  conflict: () => "the idempotency key was used with another request (HTTP 409)",
  overdue: (number) => `run ${uuid(number)} took longer than 60 min`,
  cancelled: () => "the run was cancelled by somebody else",
  invalid: () => "the service does not know the repository, or hides it",
  skipped: () => "archived (by ann)",
  service: () => "Cannot start run: connection refused",
};

/** Reasons of failures: three causes, which differ in what is in them. */
const FAILURES: readonly ((number: number) => string)[] = [
  (number) => `npm test exited with code 1: ${number + 2} of 214 tests failed in /tmp/run-${uuid(number)}`,
  (number) => `fatal: could not push to codemod/replace-moment-${number}: protected branch`,
  () => "no change: the requirement is a pull request",
];

/** How many items of each verdict a campaign in the middle has, for every hundred. */
const MIX: readonly (readonly [ItemState, number])[] = [
  ["succeeded", 34],
  ["running", 3],
  ["failed", 8],
  ["needs-input", 1],
  ["unknown", 2],
  ["unchanged", 5],
  ["overdue", 2],
  ["conflict", 1],
  ["cancelled", 1],
  ["invalid", 1],
  ["skipped", 2],
  ["quota", 1],
  ["service", 1],
];

/** A campaign in the middle, of any size; at most three runs are active, as the service permits. */
export function mixedView(size: number, changes: Partial<CampaignView> = {}): CampaignView {
  const verdicts = MIX.flatMap(([verdict, share]) => {
    const count = verdict === "running" ? Math.min(3, size) : Math.floor(share * size / 100);
    return Array<ItemState>(count).fill(verdict);
  });
  const items = Array.from({ length: size }, (_, number) => {
    const verdict = verdicts[number] ?? "waiting";
    const reason = verdict === "failed" ? FAILURES[number % 3]?.(number) : REASONS[verdict]?.(number);
    return anItem(number, verdict, { reason: reason ?? null });
  });
  return viewOf(items, changes);
}

/** One item of every verdict and state. */
export function everyVerdict(): CampaignView {
  return viewOf(
    STATES.map((verdict, number) => anItem(number, verdict, { reason: REASONS[verdict]?.(number) ?? null })),
  );
}

const OPEN_PULL = {
  state: "open",
  draft: false,
  checks: "red",
  review: null,
  conflict: true,
  createdAt: NOW,
  updatedAt: NOW,
} as const;

/** A view that says `text` wherever a text from outside can stand. */
export function hostileView(text: string): CampaignView {
  const items = STATES.map((verdict, number) =>
    anItem(number, verdict, {
      id: `${text}${number}`,
      repository: text,
      baseBranch: text,
      root: text,
      reason: text,
      runId: text,
      branch: text,
      pullRequest: text,
      pullRequestState: { ...OPEN_PULL, owner: text, reason: text },
      stuck: verdict === "succeeded" ? "failed-checks" : null,
    })
  );
  return viewOf(items, {
    campaign: text,
    round: text,
    state: "gated",
    stateReason: text,
    lastError: text,
    writer: text,
  });
}
