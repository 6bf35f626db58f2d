/**
 * Items without a good end, grouped by identical cause.
 *
 * @module
 */
import { GOOD_VERDICTS, ITEM_VERDICTS, type ItemState } from "../verdicts.ts";
import type { CauseGroup, ItemView } from "../view.ts";
import { groupStuck } from "../pulls/stuck.ts";
import { campaignNames, type CausePattern, causePattern } from "./cause_pattern.ts";

/** What is grouped: verdicts that are no good end, and starts that fail because of the service. A person has skipped the skipped ones. */
const TROUBLES: readonly ItemState[] = [
  ...ITEM_VERDICTS.filter((verdict) => !GOOD_VERDICTS.includes(verdict)),
  "service",
];

/** Whether {@linkcode groupByCause} takes items in a state. */
export function isTrouble(state: ItemState): boolean {
  return TROUBLES.includes(state);
}

const MAX_SLUG = 24;
const SHORT_HASH = 4;
const FULL_HASH = 8;
// They say nothing about a cause.
const FILLERS = new Set(
  "a an and as at be but by for from in is it of on or that the this to was were with".split(" "),
);

interface Group {
  readonly verdict: ItemState;
  readonly texts: readonly string[];
  /** A value that all items share, or null where they differ. */
  readonly values: (string | null)[];
  readonly key: string;
  readonly items: string[];
}

/** FNV-1a, 32 bits, as 8 hex digits: words only have to differ within a campaign. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(FULL_HASH, "0");
}

/** The first words of the texts that all items of a group have. */
function slugOf({ verdict, texts }: Group): string {
  let slug = "";
  for (const [word] of texts.join(" ").toLowerCase().matchAll(/(?<![\p{L}\p{N}])[a-z]{2,}(?![\p{L}\p{N}])/gu)) {
    if (FILLERS.has(word)) continue;
    const longer = slug === "" ? word.slice(0, MAX_SLUG) : `${slug}-${word}`;
    if (longer.length > MAX_SLUG) break;
    slug = longer;
  }
  return slug === "" ? verdict : slug;
}

/** A group without a reason is called by its verdict. */
function wordOf(group: Group, digits: number): string {
  const { verdict, texts } = group;
  return texts.length === 1 && texts[0] === "" ? verdict : `${slugOf(group)}-${hashOf(group.key).slice(0, digits)}`;
}

/** Unique words. Those of other groups do not depend on a group, unless two have the same slug and the same short hash. */
function wordsOf(groups: readonly Group[], taken: readonly string[]): string[] {
  const short = groups.map((group) => wordOf(group, SHORT_HASH));
  const times = new Map<string, number>();
  for (const word of short) times.set(word, (times.get(word) ?? 0) + 1);
  const seen = new Map<string, number>(taken.map((word) => [word, 1]));
  return groups.map((group, index) => {
    const word = times.get(short[index] ?? "") === 1 ? short[index] ?? "" : wordOf(group, FULL_HASH);
    const before = seen.get(word) ?? 0;
    seen.set(word, before + 1);
    return before === 0 ? word : `${word}-${before + 1}`;
  });
}

function causeOf({ texts, values }: Group): string {
  const cause = texts.map((text, index) => index === 0 ? text : `${values[index - 1] ?? "…"}${text}`).join("");
  // Several gaps in one word are one.
  return cause.replace(/\u2026(?:[:/.,_-]*\u2026)+/g, "…");
}

function merge(group: Group, { values }: CausePattern): void {
  for (const [index, value] of values.entries()) {
    if (group.values[index] !== value) group.values[index] = null;
  }
}

/**
 * Groups items by verdict and cause: two reasons are the same cause when they differ only in numbers, ids, hashes, temporary folders
 * and names of repositories and branches. Where all items of a group agree, its text shows these parts. Takes linear time.
 *
 * @param items All items of the campaign, for their names; every one without a good end is in exactly one group.
 * Items whose pull request is stuck follow, by what they wait for.
 *
 * @returns The largest group first; groups of one size in the order of verdicts, then of items. The word of a group depends on its
 * verdict and its cause alone.
 */
export function groupByCause(items: readonly ItemView[]): CauseGroup[] {
  const names = campaignNames(items);
  const groups = new Map<string, Group>();
  for (const item of items) {
    if (!isTrouble(item.verdict)) continue;
    const pattern = causePattern(item, names);
    const key = JSON.stringify([item.verdict, pattern.texts]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.items.push(item.id);
      merge(group, pattern);
    } else {
      const { texts, values } = pattern;
      groups.set(key, { verdict: item.verdict, texts, values: [...values], key, items: [item.id] });
    }
  }
  const sorted = [...groups.values()].sort((a, b) =>
    b.items.length - a.items.length || TROUBLES.indexOf(a.verdict) - TROUBLES.indexOf(b.verdict)
  );
  const stuck = groupStuck(items);
  const words = wordsOf(sorted, stuck.map(({ word }) => word));
  const bad = sorted.map((group, index): CauseGroup => {
    const { verdict, items } = group;
    return { verdict, cause: causeOf(group), word: words[index] ?? "", stuck: null, owners: [], items };
  });
  return [...bad, ...stuck];
}
