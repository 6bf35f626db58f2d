import { plainText } from "../../text/plain_text.ts";
import { groupStuck } from "../pulls.ts";
import { GOOD_VERDICTS, ITEM_VERDICTS, type ItemState } from "../view/verdicts.ts";
import type { CampaignItem, CauseGroup } from "../view/view.ts";

// Reasons are compared without the parts that differ between items: numbers, ids, hashes, temporary folders, and names of repositories and branches.

interface CausePattern {
  readonly texts: readonly string[];
  readonly values: readonly string[];
}

interface CampaignNames {
  /** In lowercase. */
  readonly names: ReadonlySet<string>;
  readonly parts: number;
}

// Twice the limit for reasons in the journal.
const MAX_REASON = 1_000;
// Names with more parts are not compared. If they come from the service, they contain digits or hashes, which are removed from causes anyway.
const MAX_NAME_PARTS = 6;

/** A word with the punctuation after it. This fast check covers most tokens. */
const WORD = /^([A-Za-z]+)[.,!?:]*$/;
const TOKEN = /[^\s"'`()<>{}[\]|;=]+/g;
const TEMPORARY = ["tmp", "temp", ".tmp", "_temp"];
const FILE_NAME = /^[^.].*\.[a-z][a-z0-9]{0,4}$/;

// A UUID; a separate number with its sign; a number with its unit; or a sequence of letters and digits, which is searched for hashes, ids and more
// numbers.
const VARIABLE = new RegExp(
  [
    "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "(?<![a-z0-9_])-?\\d+(?:[.,]\\d+)*(?![a-z0-9]|[.,]\\d)",
    "\\d+(?:[.,]\\d+)+[a-z]*",
    "[a-z0-9]+",
  ].join("|"),
  "gi",
);
const WHOLE = /^(?:-?\d+(?:[.,]\d+)*|[^-]*(?:-[^-]*){4})$/;
const NUMBERS = /\d+(?:[.,]\d+)*/g;
/** Error codes such as `TS2304` or `E0308`. A different code is a different cause. */
const ERROR_CODE = /^[A-Z]{1,6}\d+$/;
/** The text before an exit code or a status code. A different code is a different cause. */
const BEFORE_CODE = /(?:^|[^a-z0-9])(?:code|status|http)[ :=]+$/i;
const CODE = /^-?\d+[.,:!?]*$/;
const BEFORE_CODE_LENGTH = 12;
const MIN_HASH = 7;
const MIN_ID = 12;

function campaignNames(items: readonly CampaignItem[]): CampaignNames {
  const names = new Set<string>();
  let parts = 1;
  // Items often have the same base branch.
  const all = new Set(items.flatMap(({ repository, baseBranch, branch }) => [repository, baseBranch, branch ?? ""]));
  for (const name of all) {
    const count = name.split("/", MAX_NAME_PARTS + 1).length;
    if (name.trim() === "" || count > MAX_NAME_PARTS) continue;
    names.add(name.toLowerCase());
    parts = Math.max(parts, count);
  }
  return { names, parts };
}

class Builder {
  readonly texts: string[] = [];
  readonly values: string[] = [];
  #text = "";

  text(text: string): void {
    this.#text += text;
  }

  value(value: string): void {
    this.texts.push(this.#text);
    this.values.push(value);
    this.#text = "";
  }

  end(): CausePattern {
    return { texts: [...this.texts, this.#text], values: this.values };
  }
}

function isHash(run: string): boolean {
  return run.length >= MIN_HASH && /^(?:[0-9a-f]+|[0-9A-F]+)$/.test(run) && /\d/.test(run);
}

function isRandom(run: string): boolean {
  return run.length >= MIN_ID && (run.match(/\d[A-Za-z]|[A-Za-z]\d/g)?.length ?? 0) >= 3;
}

function split(text: string, pattern: RegExp, to: Builder, each: (match: string) => void): void {
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    to.text(text.slice(end, match.index));
    each(match[0]);
    end = match.index + match[0].length;
  }
  to.text(text.slice(end));
}

function variables(text: string, to: Builder): void {
  split(text, VARIABLE, to, (run) => {
    if (!/\d/.test(run)) to.text(run);
    else if (WHOLE.test(run) || isHash(run) || isRandom(run)) to.value(run);
    else if (ERROR_CODE.test(run)) to.text(run);
    else split(run, NUMBERS, to, (number) => to.value(number));
  });
}

function temporaryPath(token: string): { from: number; until: number } | undefined {
  const match = /(?<=^|[:@,])(?:file:\/\/)?(?:[A-Za-z]:)?[\\/](?![\\/])[^:]*/.exec(token);
  if (match === null) return undefined;
  const path = match[0].replace(/[.,!?]{1,3}$/, "");
  const parts = path.split(/[\\/]/);
  const root = parts.findIndex((part, at) =>
    TEMPORARY.includes(part.toLowerCase()) || part === "folders" && parts[at - 1] === "var"
  );
  if (root < 0 || root === parts.length - 1) return undefined;
  const last = parts.at(-1) ?? "";
  const nameLength = parts.length > root + 2 && FILE_NAME.test(last) ? last.length : 0;
  return { from: match.index, until: match.index + path.length - nameLength };
}

function isShortName(piece: string, own: string, before: string, after: string): boolean {
  if (piece.toLowerCase() !== own) return false;
  return /[^a-z]/.test(own) || /[/'"`]$/.test(before) || /^(?:[/@'"`]|\.git\b)/.test(after);
}

function nameAndRest(text: string): [name: string, rest: string] {
  const rest = /(?:\.git)?[.,!?]*$/.exec(text.slice(-8))?.[0] ?? "";
  return [text.slice(0, text.length - rest.length), rest];
}

interface Names extends CampaignNames {
  /** In lowercase. */
  readonly own: string;
}

function pieces(token: string, before: string, after: string, { names, parts, own }: Names, to: Builder): void {
  const all = token.split(/([/@:\\]+)/);
  let at = 0;
  function takeName(): boolean {
    for (let count = Math.min(parts, Math.ceil((all.length - at) / 2)); count > 0; count--) {
      const until = at + count * 2 - 1;
      const [name, rest] = nameAndRest(all.slice(at, until).join(""));
      if (!names.has(name.toLowerCase())) continue;
      to.value(name);
      to.text(rest);
      at = until;
      return true;
    }
    return false;
  }
  while (at < all.length) {
    if (at % 2 === 0 && takeName()) continue;
    const [name, rest] = nameAndRest(all[at] ?? "");
    const around = [at === 0 ? before : all[at - 1] ?? "", rest + (at + 1 < all.length ? all[at + 1] ?? "" : after)];
    if (at % 2 === 0 && own !== "" && isShortName(name, own, around[0] ?? "", around[1] ?? "")) {
      to.value(name);
      to.text(rest);
    } else variables(all[at] ?? "", to);
    at++;
  }
}

/**
 * Finds the parts of a reason that differ from item to item, in linear time.
 *
 * File names, words, exit codes and error codes in capital letters (`TS2304`) are kept, because a different code is a different cause.
 */
function causePattern({ reason, repository }: CampaignItem, names: CampaignNames): CausePattern {
  const text = plainText((reason ?? "").slice(0, MAX_REASON)).replace(/\s+/g, " ").trim();
  const to = new Builder();
  const context = { ...names, own: repository.slice(repository.lastIndexOf("/") + 1).toLowerCase() };
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    to.text(text.slice(end, index));
    end = index + token.length;
    const word = WORD.exec(token)?.[1]?.toLowerCase();
    const isCode = CODE.test(token) && BEFORE_CODE.test(text.slice(Math.max(index - BEFORE_CODE_LENGTH, 0), index));
    if (isCode || word !== undefined && word !== context.own && !names.names.has(word)) {
      to.text(token);
      continue;
    }
    const [before, after] = [text.charAt(index - 1), text.charAt(end)];
    const path = temporaryPath(token);
    if (path === undefined) pieces(token, before, after, context, to);
    else {
      pieces(token.slice(0, path.from), before, "", context, to);
      to.value(token.slice(path.from, path.until));
      pieces(token.slice(path.until), "", after, context, to);
    }
  }
  to.text(text.slice(end));
  return to.end();
}

/** Skipped items are left out, because they need no attention. */
const TROUBLES: readonly ItemState[] = [
  ...ITEM_VERDICTS.filter((verdict) => !GOOD_VERDICTS.includes(verdict)),
  "service",
  "starting",
];

export function isTrouble(state: ItemState): boolean {
  return state !== "starting" && TROUBLES.includes(state);
}

const MAX_SLUG = 24;
const SHORT_HASH = 4;
const FULL_HASH = 8;
const FILLERS = new Set(
  "a an and as at be but by for from in is it of on or that the this to was were with".split(" "),
);

interface Group {
  readonly verdict: ItemState;
  readonly texts: readonly string[];
  readonly values: (string | null)[];
  readonly key: string;
  readonly items: string[];
  readonly word?: string | undefined;
}

/** FNV-1a, 32 bits, as 8 hex digits. Words need to be unique only within a campaign. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(16).padStart(FULL_HASH, "0");
}

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

function wordOf(group: Group, digits: number): string {
  const { verdict, texts, word } = group;
  if (word !== undefined) return word;
  return texts.length === 1 && texts[0] === "" ? verdict : `${slugOf(group)}-${hashOf(group.key).slice(0, digits)}`;
}

/** Words are unique. The word of a group does not depend on other groups, unless two groups have the same slug and the same short hash. */
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
  // Several gaps in one word become one gap.
  return cause.replace(/\u2026(?:[:/.,_-]*\u2026)+/g, "…");
}

function merge(group: Group, { values }: CausePattern): void {
  for (const [index, value] of values.entries()) {
    if (group.values[index] !== value) group.values[index] = null;
  }
}

/**
 * The text of a group shows a variable part only if all its items share the value. Takes linear time.
 *
 * @param items All items of the campaign, because their names are needed.
 */
export function groupByCause(
  items: readonly CampaignItem[],
  unanswered: ReadonlySet<string> = new Set(),
): CauseGroup[] {
  const names = campaignNames(items);
  const groups = new Map<string, Group>();
  for (const item of items) {
    if (!isTrouble(item.verdict) && !unanswered.has(item.id)) continue;
    // The mistakes in a result file differ from item to item, but the fix is the same for all items.
    const cause = item.verdict === "failed" ? item.result?.cause ?? undefined : undefined;
    const pattern = cause === undefined ? causePattern(item, names) : { texts: [cause], values: [] };
    const key = JSON.stringify([item.verdict, pattern.texts]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.items.push(item.id);
      merge(group, pattern);
    } else {
      const { texts, values } = pattern;
      groups.set(key, { verdict: item.verdict, texts, values: [...values], key, items: [item.id], word: cause });
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
