/**
 * What has been done of a campaign over time, as lines.
 *
 * @module
 */
import { type Html, type Line, markup, steps, swatch } from "../../pages/pages.ts";
import { instantMs, utcText } from "../../result/times.ts";
import { hasEnded } from "../report/words.ts";
import type { CampaignView, ItemView } from "../view.ts";

const HOUR_MS = 3_600_000;
/** Most hours for which the limit is drawn: two months. */
const MAX_HOURS = 1_500;

/** Times as points of a line that counts them. */
function counted(times: readonly (number | null)[], fromMs: number): [number, number][] {
  return times.filter((time) => time !== null).sort((a, b) => a - b).map((time, index) => [time - fromMs, index + 1]);
}

/** The chart with its legend; null when nothing has been started. */
export function burnUp({ items, quota, at }: CampaignView): Html | null {
  const started = items.map(({ startedAt }) => instantMs(startedAt));
  const fromMs = Math.min(...started.filter((time) => time !== null));
  if (!Number.isFinite(fromMs)) return null;
  const endOf = (item: ItemView) => hasEnded(item) ? instantMs(item.endedAt) : null;
  const ended = items.map(endOf);
  const merged = items.map(({ pullRequestState: pull }) => pull?.state === "merged" ? instantMs(pull.updatedAt) : null);
  const toMs = Math.max(
    instantMs(at) ?? fromMs,
    ...[...ended, ...merged].filter((time) => time !== null),
    fromMs + 60_000,
  );
  const hours = Math.min(MAX_HOURS, Math.ceil((toMs - fromMs) / HOUR_MS));
  const limit = (hour: number) =>
    Math.min(quota.hour.limit * (hour + 1), quota.day.limit * (Math.floor(hour / 24) + 1));
  const lines: Line[] = [
    {
      name: "what the quotas allow",
      colour: 4,
      dashed: true,
      points: Array.from({ length: hours + 1 }, (_, hour) => [hour * HOUR_MS, limit(hour)] as const),
    },
    { name: "started", colour: 0, points: counted(started, fromMs) },
    { name: "ended", colour: 1, points: counted(ended, fromMs) },
    {
      name: "with a pull request",
      colour: 2,
      points: counted(items.map((item) => item.pullRequest === null ? null : endOf(item)), fromMs),
    },
    // Where pull requests are read.
    ...(merged.some((time) => time !== null) ? [{ name: "merged", colour: 3, points: counted(merged, fromMs) }] : []),
  ];
  const words = lines.slice(1).map(({ name, points }) => `${points.length} ${name}`);
  const label = `${words.join(", ")} of ${items.length} items, from ${utcText(fromMs)} to ${utcText(toMs)}`;
  return markup`<figure>${
    steps(label, lines, { x: toMs - fromMs, y: items.length })
  }<figcaption><span class="ends"><span>${utcText(fromMs)}</span><span>${
    utcText(toMs)
  }</span></span>From 0 to ${items.length} items.</figcaption><ul class="legend">${
    lines.map(({ name, colour, dashed, points }) =>
      markup`<li>${swatch(colour)} ${name}${dashed ? " (dashed)" : `: ${points.length}`}</li>`
    )
  }</ul></figure>`;
}
