/**
 * A pull request's own branch never decides who reviews the pull request. Source: GitHub, "About code owners"; GitLab, "Code Owners", and "Code
 * Owners syntax"; Gitea, "Code Owners".
 *
 * @module
 */
import type { CodeOwnersForm, Reviewers } from "./writes.ts";

const MAX_RULES = 3_000;
const MAX_PATTERN = 500;
/** Maximum number of steps in all comparisons. With this limit, no file takes more than a few seconds. */
const MAX_STEPS = 30_000_000;

type Spend = (steps: number) => void;

class TooLong extends Error {}

interface Rule {
  readonly matches: (path: string, spend: Spend) => boolean;
  readonly owners: readonly string[];
}

export function ownersOf(text: string, form: CodeOwnersForm["rules"], files: readonly string[]): Reviewers | string {
  const sections = sectionsOf(text, form);
  if (typeof sections === "string") return sections;
  let left = MAX_STEPS;
  const spend = (steps: number) => {
    left -= steps;
    if (left < 0) throw new TooLong();
  };
  const owners = new Set<string>();
  try {
    for (const path of files) {
      for (const rules of sections) {
        const matches = ({ matches }: Rule) => matches(path, spend);
        const last = form === "all" ? undefined : rules.findLast(matches);
        const counted = form === "all" ? rules.filter(matches) : last === undefined ? [] : [last];
        for (const owner of counted.flatMap((rule) => rule.owners)) owners.add(owner);
      }
    }
  } catch (error) {
    if (!(error instanceof TooLong)) throw error;
    return "CODEOWNERS and the list of changed files are too long";
  }
  const names = [...owners];
  return { users: names.filter((name) => !name.includes("/")), teams: names.filter((name) => name.includes("/")) };
}

function sectionsOf(text: string, form: CodeOwnersForm["rules"]): Rule[][] | string {
  const sections = new Map<string, Rule[]>([["", []]]);
  let section = "";
  let usual: readonly string[] = [];
  let count = 0;
  for (const line of text.split(/\r?\n/)) {
    const plain = line.replace(/(?:^|\s)#.*$/, "").trim();
    if (plain === "") continue;
    if (++count > MAX_RULES) return `CODEOWNERS has more than ${MAX_RULES} rules`;
    const [, name, rest = ""] = form === "sections" ? /^\^?\[([^\]]+)\](?:\[\d+\])?(.*)$/.exec(plain) ?? [] : [];
    if (name !== undefined) {
      section = name.toLowerCase();
      usual = namesIn(rest.trim().split(/\s+/));
      continue;
    }
    // A space in a path is escaped.
    const [pattern = "", ...words] = plain.split(/(?<!\\)\s+/);
    const names = namesIn(words);
    const matches = form === "all" ? expression(pattern) : glob(pattern);
    if (matches === undefined) return `a pattern in CODEOWNERS is too complex: ${JSON.stringify(pattern.slice(0, 80))}`;
    const rules = sections.get(section) ?? [];
    sections.set(section, rules);
    rules.push({ matches, owners: names.length === 0 && !pattern.startsWith("!") ? usual : names });
  }
  return [...sections.values()];
}

/** Email addresses and roles are left out, because a review cannot be requested from them. */
function namesIn(words: readonly string[]): string[] {
  return words.filter((word) => /^@[A-Za-z0-9_][\w./-]*$/.test(word)).map((word) => word.slice(1));
}

/**
 * A pattern as in `.gitignore`, except that `docs/*` matches only files directly in the folder. The number of steps is proportional to the lengths of
 * the pattern and the path.
 */
function glob(pattern: string): Rule["matches"] | undefined {
  if (pattern.length > MAX_PATTERN) return undefined;
  // An exclusion is a rule without owners, and applies if no later rule matches the file.
  const bare = pattern.replace(/^!/, "").replace(/\\ /g, " ");
  const inner = bare.replace(/^\//, "").replace(/\/$/, "");
  const isAnchored = bare.startsWith("/") || inner.includes("/");
  const steps = (isAnchored ? inner : `**/${inner}`).match(/\*\*\/|\*\*|[\s\S]/g) ?? [];
  const isFolder = bare.endsWith("/");
  const isWholeFolder = !isFolder && !/(?:^|\/)\*$/.test(inner);
  return (path, spend) => {
    const ends = endsOf(steps, path, spend);
    const inside = (end: number) => path[end] === "/";
    return [...ends].some((end) => end === path.length && !isFolder || (isFolder || isWholeFolder) && inside(end));
  };
}

function endsOf(steps: readonly string[], path: string, spend: Spend): Set<number> {
  let places = new Set([0]);
  for (const step of steps) {
    const next = new Set<number>();
    const [first = 0] = places;
    spend(1 + (step.startsWith("*") ? path.length - first : places.size));
    if (step === "**/") {
      for (let at = first; at <= path.length; at++) {
        if (places.has(at) || at > first && path[at - 1] === "/") next.add(at);
      }
    } else if (step === "**") {
      for (let at = first; at <= path.length; at++) next.add(at);
    } else if (step === "*") {
      for (let at = first, isOn = false; at <= path.length; at++) {
        isOn = (isOn && path[at - 1] !== "/") || places.has(at);
        if (isOn) next.add(at);
      }
    } else {
      for (const place of places) {
        const char = path[place];
        if (char !== undefined && (char === step || step === "?" && char !== "/")) next.add(place + 1);
      }
    }
    if (next.size === 0) return next;
    places = next;
  }
  return places;
}

/** A Gitea regular expression. Expressions that can take a long time are rejected. */
function expression(pattern: string): Rule["matches"] | undefined {
  const isNegative = pattern.startsWith("!");
  const source = isNegative ? pattern.slice(1) : pattern;
  const repeats = source.replace(/\\./g, "").match(/[*+{]/g)?.length ?? 0;
  if (source.length > MAX_PATTERN || repeats > 2 || /\)[*+{?]/.test(source) || /\\[1-9k]|\(\?/.test(source)) {
    return undefined;
  }
  let whole: RegExp;
  try {
    whole = new RegExp(`^(?:${source})$`);
  } catch {
    return undefined;
  }
  return (path, spend) => {
    spend(path.length ** Math.max(repeats, 1));
    return whole.test(path) !== isNegative;
  };
}
