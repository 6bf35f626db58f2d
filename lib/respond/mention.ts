/**
 * Whether a text mentions the agent, and the request in it. A mention is only recognized at the beginning of a line, outside of quotes and code.
 * Forges parse Markdown in different ways, so in doubt it is not a mention: a missed mention costs a second one, a run that nobody requested
 * costs more.
 * @module
 */
import { lookup } from "../lookup.ts";
import { type Fix, FIXES } from "../run/fix.ts";
import { plainText } from "../text/plain_text.ts";

/**
 * The request. `unsure`: a line begins with the mention, but may be part of a quote, or not be visible. `isHidden`: it only looks like the beginning
 * of a line, because there are invisible characters. `isInside`: it begins a sentence inside a line. `word`: a word with other
 * possible meanings, such as `pause`. `task` of a `fix`: the text, if its words can also mean something else, such as `fix the build`. It is an
 * ordinary task where they do: on an issue, and on a line of code. `explanation` of a `fix`: the text below a first line that is only the command.
 * `isAfterLast`: the task changes the last one, as in `again, but without the tests`.
 */
export type Ask =
  | { kind: "unsure"; isHidden?: true; isInside?: true }
  | { kind: "task"; task: string; isAfterLast?: true }
  | { kind: "stop"; word?: string }
  | { kind: "help" }
  | { kind: "status" }
  | { kind: "again" }
  | { kind: "fix"; fix: Fix; task?: string; explanation?: string };

/** Part of a text that is read, in UTF-16 units. */
const MAX_TEXT = 100_000;

/** Words that do not change a fixed word, and are not a task. */
const FILLERS =
  ("please it this that now just run agent the all everything thanks thank you try here immediately ok okay sorry wait " +
    "can could hey oh oops nope actually").split(" ");
const STOPS = ["stop", "cancel", "abort", "halt"];
/** Words that stop only if nothing else is written: `kill the zombie processes` is a task. */
const STOPS_ALONE = ["pause", "kill", "quit", "terminate"];
/** The other commands of one word. */
const COMMANDS = { again: "again", retry: "again", help: "help", status: "status" } as const;
/** Words in front of a real mention: `Hi @mogplex please fix it`. */
const GREETINGS = [...FILLERS, ..."hi hello dear cc ping fyi attention and also".split(" ")];
/** Most mentions in a line to look at: text of strangers must not take quadratic time. */
const MAX_MENTIONS = 10;
/** HTML comments. */
const HIDDEN = /<!--[^]*?(?:-->|$)/g;
const INLINE_CODE = /(?<!`)(`+)(?!`)[^`]+\1/g;
const INDENTED = /^(?: {4}|\t)/;
const LIST_MARKER = /^ {0,3}(?:[-*+]|\d{1,3}[.)]) +/;
/** Signs of a quote, code, a table or a link. */
const QUOTING = /[`<>|[\]\\$~{}"“”„«»]/;
/** An abbreviation such as `e.g.` ends no sentence. */
const SENTENCE_END = /(?<=[\p{L}\p{N}]{2}[)*_]{0,3})[.!?…]+\s|\(/u;
/**
 * Words of a request to fix something. `names`: one of them must be there. `more`: they do not change its meaning. The last two lists have words that
 * can also mean something else.
 */
const FIX_WORDS: Readonly<Record<Fix, Readonly<Record<"names" | "more" | "otherNames" | "otherVerbs", string[]>>>> = {
  checks: {
    names: ["check", "checks"],
    more: ["failing", "failed", "red", "broken"],
    otherNames: ["ci", "tests", "build", "builds", "pipeline"],
    otherVerbs: [],
  },
  review: {
    names: ["review", "reviews"],
    more: ["comment", "comments", "feedback"],
    otherNames: [],
    otherVerbs: ["address", "resolve"],
  },
  conflict: { names: ["conflict", "conflicts"], more: ["merge"], otherNames: [], otherVerbs: ["resolve"] },
};
/** The beginning of a task that changes the last one. `retry` is also an ordinary verb: `retry the upload three times`. */
const AFTER_LAST = /^\W{0,3}(?:please,?\s+)?(?:again(?![\w-])|retry(?:\s*[,:;.!]|\s+(?:but|and)\b))/i;
/** Signs of a path, code or a reference: `fix tests/build` is about files. */
const REFERENCE = /[/\\#@`_<>=]/;
/** Words that do not change a stop: `stop working on it for now`. */
const OF_STOP = [
  ...STOPS,
  ..."agents and are both branch current doing for job jobs on pls right running runs task tasks thread what work working"
    .split(" "),
];
/** The end of the first part of a sentence. */
const CLAUSE_END = /[.,:;!?…](?=[\s.,:;!?…\d]|$)|[，。：；！？、—]|[ \t](?:[-–][ \t]|\(|(?:because|since|until)\b)/i;
/** A name in code, such as `cancel()`. */
const CALL = /\w\(/;
/** Longest task that can be one of the fixed words, such as `fix conflict`. */
const MAX_WORDS = 100;

/** A picture as forges paste it: a whole element without content, on one line. */
const PICTURE = /<img(?: [a-z]+="[^"<>`$\\]*")* ?\/?>/g;

/** Syntax that may turn the lines after it into a quote or code, or hide them, even after a blank line: HTML, GitLab's `>>>`, formulas. */
const OPENS = /<[a-z/!?]|>>>|\$\$|\\\[/i;

const FENCE = /`{3}|~{3}/;

/** GitLab treats this as the beginning of front matter, on the first line or after a line with `coding:`. */
const FRONT_MATTER = /^\s*(?:---|\+\+\+|;;;)/;

/** A line of a paragraph that cannot be part of a list, a quote or a table, and opens nothing that could end on the next line. */
const PLAIN = /^[\p{L}@][^`<[\]\\$|~{}]*$/u;

/** Characters that forges treat in different ways, or drop; a carriage return inside a line is one. */
const CONTROL = /[^\P{Cc}\t]/u;

/**
 * Reads a comment. A mention must not be indented, and must be on the first line or follow a blank line, a block of code, or lines of plain text. All
 * text before it must be unambiguous: after the first line that is not, no mention is recognized. Lists need no special rule, because their lines are
 * indented and a line without indent ends them. The first mention has the request, and everything below it is its text, except that a later mention
 * with a stop makes the comment a stop.
 *
 * @param name Name of the agent, without `@`: letters, digits, `-` and `_`.
 * @returns Null if no line outside of blocks of code begins with a mention of that name. A task may be empty.
 */
export function readMention(text: string, name: string): Ask | null {
  const part = text.slice(0, MAX_TEXT);
  const ask = readLines(part, name);
  if (ask === null && readLines(plainText(part), name) !== null) return { kind: "unsure", isHidden: true };
  if (ask === null) return isInside(part, name) ? { kind: "unsure", isInside: true } : null;
  // Half a task is a different task: the code that reads this one refuses it because of its length.
  return text.length > MAX_TEXT && !["stop", "unsure"].includes(ask.kind) ? { kind: "task", task: text } : ask;
}

/**
 * Whether a mention inside a line is visibly addressed to the agent: it begins a sentence, in which only greetings and other users are in front of
 * it, and a task follows. Code, quotes and hidden text are left out.
 */
function isInside(text: string, name: string): boolean {
  const mention = new RegExp(`(?<=^|[\\s(*_])@${name}(?=[*_]{0,3}[\\s,:]\\P{L}*\\p{L})`, "giu");
  let isCode = false;
  return text.replace(HIDDEN, "").split(/\r?\n/).some((line) => {
    if (/^\s*(?:`{3}|~{3}|>{3})/.test(line)) isCode = !isCode;
    if (isCode || INDENTED.test(line)) return false;
    const visible = line.replace(INLINE_CODE, "code").replace(LIST_MARKER, "");
    return [...visible.matchAll(mention)].slice(0, MAX_MENTIONS)
      .some(({ index }) => isAddress(visible.slice(0, index)));
  });
}

/** Whether the text in front of a mention, on its line, leaves the mention at the beginning of a sentence. */
function isAddress(front: string): boolean {
  if (QUOTING.test(front)) return false;
  const sentence = front.split(SENTENCE_END).at(-1) ?? "";
  return wordsIn(sentence.replace(/(?<=^|\s)@[\w.-]+/g, "")).every((word) => GREETINGS.includes(word));
}

function wordsIn(text: string): string[] {
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
}

function readLines(text: string, name: string): Ask | null {
  // A letter after the dot makes it a domain: `@mogplex.com is down`.
  const mention = new RegExp(`^@${name}(?!\\.[a-z\\d])(?=[\\s,:;.!?，。：；！？、]|$)[,:，：、]?`, "i");
  const lines = text.split(/\r?\n/);
  /** The marker of the open block of code; empty outside of one. */
  let fence = "";
  let isTop = true;
  let mayBegin = true;
  let first: Ask | null = null;
  let unsure: Ask | null = null;
  const unclear = (from: number): Ask | null =>
    first ?? (lines.slice(from).some((line) => mention.test(line)) ? { kind: "unsure" } : unsure);
  for (const [at, line] of lines.entries()) {
    const [match] = (fence === "" && mayBegin && mention.exec(line)) || [];
    if (match !== undefined) {
      // A stop further down wins: to start a run that the same comment withdraws would be the worse mistake.
      const ask = askOf([line.slice(match.length), ...first === null ? lines.slice(at + 1) : []].join("\n"));
      if (ask.kind === "stop") return ask;
      first ??= ask;
    }
    if (CONTROL.test(line)) return unclear(at);
    if (match === undefined && fence === "" && mention.test(line)) {
      // Even as part of a quote: not to start is the safe side.
      if (first !== null && askOf(line.replace(mention, "")).kind === "stop") return { kind: "stop" };
      unsure = { kind: "unsure" };
    }
    if (fence !== "") {
      if (!FENCE.test(line)) continue;
      const [end = ""] = /^(?:`+|~+)(?=[ \t]*$)/.exec(line) ?? [];
      if (!end.startsWith(fence)) return first ?? unsure;
      fence = "";
      mayBegin = true;
      continue;
    }
    if (OPENS.test(line.replace(PICTURE, "")) || isTop && FRONT_MATTER.test(line)) return unclear(at);
    const isBlank = /^[ \t]*$/.test(line);
    if (!isBlank) isTop = isTop && line.includes("coding:");
    mayBegin = isBlank || mayBegin && PLAIN.test(line);
    // A quote's own syntax ends with the quote.
    if (line.startsWith(">") || !FENCE.test(line)) continue;
    fence = /^(?:`{3,}(?=[^`]*$)|~{3,}(?=[^~]*$))/.exec(line)?.[0] ?? "";
    if (fence === "") return unclear(at);
  }
  return first ?? unsure;
}

/** @param text The text after the name. */
function askOf(text: string): Ask {
  const task = plainText(text).trim();
  const wordsOf = (line: string) =>
    line.length > MAX_WORDS || CALL.test(line) ? [line] : wordsIn(line).filter((word) => !FILLERS.includes(word));
  // People write it this way, and a run instead of a stop would be the opposite. A reason may follow: `ok, stop, it is the wrong branch`.
  const [top = ""] = task.split("\n", 1);
  const [first = "", ...more] = top.split(CLAUSE_END).map((clause) => wordsOf(clause).filter((word) => word !== "no"))
    .find((words) => words.length > 0) ?? [];
  if (more.every((word) => OF_STOP.includes(word)) && STOPS.includes(first)) return { kind: "stop" };
  if (more.length === 0 && STOPS_ALONE.includes(first)) return { kind: "stop", word: first };
  const words = wordsOf(task);
  // `help, stop`: a text without anything for the agent starts nothing.
  const isOnlyCommands = words.every((word) => [...STOPS, ...Object.keys(COMMANDS), "and", "then"].includes(word));
  if (isOnlyCommands && words.some((word) => STOPS.includes(word))) return { kind: "stop" };
  const [verb = "", ...others] = words;
  const command = others.length === 0 ? lookup(COMMANDS, verb) : undefined;
  if (command !== undefined) return { kind: command };
  return fixOf(verb, others, task) ?? explainedFix(top, task, wordsOf(top)) ??
    { kind: "task", task: verb === "" ? "" : task, ...AFTER_LAST.test(task) && { isAfterLast: true } };
}

/** A first line that is only an unambiguous command, with an explanation below it. */
function explainedFix(top: string, task: string, [verb = "", ...others]: readonly string[]): Ask | undefined {
  const explanation = task.slice(top.length).trim();
  const fix = explanation === "" ? undefined : fixOf(verb, others, top);
  return fix?.kind === "fix" && fix.task === undefined ? { ...fix, task, explanation } : undefined;
}

function fixOf(verb: string, words: readonly string[], task: string): Ask | undefined {
  for (const fix of FIXES) {
    const { names, more, otherNames, otherVerbs } = FIX_WORDS[fix];
    const allNames = [...names, ...otherNames];
    if (!["fix", ...otherVerbs].includes(verb) || !words.some((word) => allNames.includes(word))) continue;
    if (!words.every((word) => allNames.includes(word) || more.includes(word))) continue;
    const isSure = verb === "fix" && !words.some((word) => otherNames.includes(word));
    if (isSure) return { kind: "fix", fix };
    if (!REFERENCE.test(task)) return { kind: "fix", fix, task };
  }
  return undefined;
}

/** Whether a text may mention the agent at all: a cheap check for a list of comments. */
export function mayMention(text: string, name: string): boolean {
  return text.toLowerCase().includes(`@${name.toLowerCase()}`);
}

/** Whether a comment has other sentences besides a stop, such as a task. */
export function hasMoreThanStop(text: string, name: string): boolean {
  const words = [name.toLowerCase(), "no", ...FILLERS];
  const isSentence = (part: string) => wordsIn(part).some((word) => !words.includes(word));
  return plainText(text.slice(0, MAX_TEXT)).split(/\n|[.!?](?:\s|$)|[。！？]/).filter(isSentence).length > 1;
}

/** Whether a whole comment is a command without content for the agent: `again`, `status` or `help`. */
export function isOnlyCommand(text: string, name: string): boolean {
  const isFirst = text.trimStart().toLowerCase().startsWith(`@${name.toLowerCase()}`);
  return isFirst && ["again", "status", "help"].includes(readMention(text, name)?.kind ?? "");
}
