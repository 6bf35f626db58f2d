import { instantMs, roundSpanText } from "../../run/result.ts";
import type { Words } from "../../text/document.ts";
import type { CampaignView, MergeGroup, MergeStage } from "../view/view.ts";
import { type CampaignCommand, campaignCommand } from "./words.ts";

const STAGES: Readonly<Record<MergeStage, readonly [one: string, several: string]>> = {
  merged: ["is merged", "are merged"],
  queued: ["is in a queue", "are in a queue"],
  ready: ["is approved and green", "are approved and green"],
  review: ["is waiting for review", "are waiting for review"],
  checks: ["is waiting for checks", "are waiting for checks"],
  blocked: ["is blocked", "are blocked"],
};

const [MAX_OWNERS, MAX_LINKS] = [5, 500];

interface MergeRow {
  readonly text: Words;
  readonly command: string | null;
  readonly links: readonly Words[];
}

export function mergeRows(view: CampaignView, command: CampaignCommand): MergeRow[] {
  const { merging = [], at } = view;
  if (merging.every(({ stage }) => stage === "merged")) return [];
  const byId = new Map(view.items.map((item) => [item.id, item]));
  return merging.map((group): MergeRow => {
    const ids = group.owners.flatMap(({ items }) => items);
    return {
      text: lineOf(group, ids.length, instantMs(at) ?? 0),
      command: group.stage === "merged" ? null : campaignCommand(command, ...commandFor(view, group, ids)),
      links: ids.slice(0, MAX_LINKS).flatMap((id): Words[] => {
        const { pullRequest = null, merge } = byId.get(id) ?? {};
        if (pullRequest === null) return [];
        const reason = merge?.reason ?? null;
        return [[{ link: pullRequest }, ...reason === null ? [] : [": ", { name: reason }]]];
      }),
    };
  });
}

export function mergeBlocks(view: CampaignView, command: CampaignCommand): ({ text: Words } | { code: string })[] {
  return mergeRows(view, command).flatMap((row) => [
    { text: row.text },
    ...row.command === null ? [] : [{ code: row.command }],
  ]);
}

function countText(stage: MergeStage, count: number): string {
  return `${count} ${STAGES[stage][count === 1 ? 0 : 1]}`;
}

function lineOf({ stage, owners }: MergeGroup, count: number, nowMs: number): Words {
  const text = countText(stage, count);
  if (stage === "merged") return text;
  const names = owners.slice(0, MAX_OWNERS).flatMap(({ owner, items }, index): Words[] => [
    index === 0 ? "" : ", ",
    { name: owner, max: 100 },
    ` ${items.length}`,
  ]);
  const more = owners.length > MAX_OWNERS ? [` and ${owners.length - MAX_OWNERS} more`] : [];
  const oldestMs = Math.min(...owners.map(({ since }) => instantMs(since) ?? Infinity));
  const age = oldestMs === Infinity ? "" : `; the oldest for ${roundSpanText(Math.max(nowMs - oldestMs, 0))}`;
  return [`${text}: `, ...names, ...more, age];
}

function commandFor({ items }: CampaignView, { stage }: MergeGroup, ids: readonly string[]): [string, ...string[]] {
  if (stage === "ready") return ["merge"];
  const group = new Set(ids);
  const isUnasked = stage === "review" && items.some(({ id, stuck }) => stuck === "no-reviewer" && group.has(id));
  return isUnasked ? ["ask", "--cause", "no-reviewer"] : ["merge", "--dry-run"];
}
