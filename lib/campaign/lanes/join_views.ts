/**
 * The views of all lanes as one view. Pure.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { groupByCause } from "../report/causes.ts";
import { type CampaignState, ITEM_VERDICTS, type ItemState, OPEN_STATES } from "../verdicts.ts";
import type { CampaignView, ItemView, LaneView, QuotaView } from "../view.ts";

/** A lane with its view. */
export interface NamedView {
  name: string;
  view: CampaignView;
}

/** The state of the whole is the first of these that a lane has: what goes on by itself comes first, an end only when all have it. */
const ORDER: readonly CampaignState[] = ["running", "stopping", "waiting", "planned", "gated", "stopped", "done"];

/** Exit codes, the worst first. Source: specification of campaigns, section 7. */
const CODES: readonly number[] = [
  EXIT.sigint,
  EXIT.sigterm,
  EXIT.internal,
  EXIT.unauthorized,
  EXIT.forbidden,
  EXIT.usage,
  EXIT.unavailable,
  EXIT.failed,
  EXIT.awaitingInput,
  EXIT.rateLimited,
  EXIT.success,
];

/** Compares two exit codes: the worse one comes first. One that no campaign ends with is the worst. */
export function byWorse(a: number, b: number): number {
  return CODES.indexOf(a) - CODES.indexOf(b);
}

function sumOf(views: readonly CampaignView[], pick: (quota: QuotaView) => { used: number | null; limit: number }) {
  const all = views.map(({ quota }) => pick(quota));
  const limit = all.reduce((sum, each) => sum + each.limit, 0);
  const used = all.some((each) => each.used === null) ? null : all.reduce((sum, each) => sum + (each.used ?? 0), 0);
  return { used, limit };
}

function quotaOf(views: readonly CampaignView[]): QuotaView {
  const starts = (pick: (quota: QuotaView) => { used: number; limit: number }) => {
    const { used, limit } = sumOf(views, pick);
    return { used: used ?? 0, limit };
  };
  return {
    minute: starts((quota) => quota.minute),
    hour: starts((quota) => quota.hour),
    day: starts((quota) => quota.day),
    sandboxes: sumOf(views, (quota) => quota.sandboxes),
  };
}

/** The later of two times; null, which is never, is the latest. */
export function later(a: string | null, b: string | null): string | null {
  return a === null || b === null ? null : Date.parse(a) > Date.parse(b) ? a : b;
}

/** What lanes say, each with its name; null when none says anything. */
function said(views: readonly NamedView[], pick: (view: CampaignView) => string | null): string | null {
  const texts = views.flatMap(({ name, view }) => {
    const text = pick(view);
    return text === null ? [] : [`lane ${name}: ${text}`];
  });
  return texts.length === 0 ? null : texts.join("; ");
}

/** Items of all lanes. One that was moved to another lane before it was started is `skipped` in the first, and shown in the other only. */
function itemsOf(views: readonly NamedView[]): ItemView[] {
  const items = new Map<string, ItemView>();
  for (const { name, view } of views) {
    for (const item of view.items) {
      const other = items.get(item.id);
      if (other === undefined || other.verdict === "skipped" && other.starts === 0) {
        items.set(item.id, { ...item, lane: name });
      }
    }
  }
  return [...items.values()];
}

function laneView({ name, view }: NamedView): LaneView {
  const { state, stateReason, counts, quota, waves, trouble, atWork, nextWaveAt, waitsFor, endsAt, exitCode } = view;
  return {
    ...{ name, state, stateReason, counts, quota, waves, trouble, atWork, nextWaveAt, waitsFor, endsAt, exitCode },
  };
}

/**
 * Joins the views of lanes.
 *
 * @param views At least one.
 * @param brief See `ViewInput.brief`.
 */
export function joinViews(views: readonly NamedView[], brief = false): CampaignView {
  const [first] = views;
  if (first === undefined) throw new Error("Cannot join the views of no lane");
  const all = views.map(({ view }) => view);
  const items = itemsOf(views);
  const names: readonly ItemState[] = [...ITEM_VERDICTS, ...OPEN_STATES];
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<ItemState, number>;
  for (const { verdict } of items) counts[verdict]++;
  const state = ORDER.find((each) => all.some((view) => view.state === each)) ?? "done";
  const open = all.filter((view) => view.state !== "done");
  const soonest =
    open.filter(({ nextWaveAt }) => nextWaveAt !== null).sort((a, b) =>
      Date.parse(a.nextWaveAt ?? "") - Date.parse(b.nextWaveAt ?? "")
    )[0];
  const waiting = soonest ?? open.find(({ waitsFor }) => waitsFor !== "nothing") ?? open[0];
  const ends = open.map(({ endsAt }) => endsAt);
  return {
    schema: 1,
    campaign: first.view.campaign,
    round: first.view.round,
    state,
    stateReason: said(views, (view) => view.state === state ? view.stateReason : null),
    counts,
    items,
    causes: brief ? [] : groupByCause(items),
    quota: quotaOf(all),
    waves: Math.max(...all.map(({ waves }) => waves)),
    trouble: said(views, ({ trouble }) => trouble),
    atWork: said(views, ({ atWork }) => atWork),
    nextWaveAt: soonest?.nextWaveAt ?? null,
    waitsFor: waiting?.waitsFor ?? null,
    endsAt: ends.length === 0 ? null : ends.reduce(later),
    exitCode: all.map(({ exitCode }) => exitCode).sort(byWorse)[0] ?? EXIT.success,
    at: all.map(({ at }) => at).sort().at(-1) ?? first.view.at,
    lanes: views.map(laneView),
  };
}
