/**
 * Finds mentions of the agent in a comment, and reads the request in a mention. A mention is recognized only at the beginning of a line, outside
 * quotes and code. Forges parse Markdown in different ways, so ambiguous text is not treated as a mention. Users can easily repeat a missed mention,
 * but an unintended run is expensive.
 *
 * @module
 */
import { type Fix, FIXES } from "../run/fix.ts";
import { plainText } from "../text/plain_text.ts";

/**
 * - `unsure`: a line begins with the mention, but the line may be part of a quote, or invisible. `isHidden`: the mention appears to begin a line only
 *   because of invisible characters. `isInside`: the mention begins a sentence inside a line. `isFormatted`: only formatting precedes the mention in
 *   its line.
 * - `stop`: `word` is a word that can also mean something else, such as `pause`.
 * - `fix`: `task` is the text if its words can also mean something else, such as `fix the build`. On an issue or a line of code, this text is an
 *   ordinary task. `explanation` is the text below a first line that contains only the command.
 * - `task`: `isAfterLast` means that the task changes the last task, as in `again, but without the tests`. `needsLast` means that the task is
 *   incomplete without the last task.
 */
export type Ask =
  | { kind: "unsure"; isHidden?: true; isInside?: true; isFormatted?: true }
  | { kind: "task"; task: string; isAfterLast?: true; needsLast?: true }
  | { kind: "stop"; word?: string }
  | { kind: "help" }
  | { kind: "status" }
  | { kind: "again" }
  | { kind: "fix"; fix: Fix; task?: string; explanation?: string };

const MAX_TEXT = 100_000;

const FILLERS =
  ("please it this that now just run agent the all everything thanks thank you try here immediately ok okay sorry wait " +
    "can could hey oh oops nope actually").split(" ");
const STOPS = ["stop", "cancel", "abort", "halt"];
/** Words that mean a stop only if all other words of the clause are fillers: `kill the zombie processes` is a task. */
const STOPS_ALONE = ["pause", "kill", "quit", "terminate"];
/** Verbs that mean `again`. They are also ordinary verbs, as in `retry the upload three times`. */
const REPEAT_VERBS = ["retry", "rerun"];
/** Words that are commands only if all other words are fillers. */
const COMMANDS: ReadonlyMap<string, "again" | "help" | "status"> = new Map([
  ...["again", ...REPEAT_VERBS].map((word) => [word, "again"] as const),
  ["help", "help"],
  ["status", "status"],
]);
const GREETINGS = [...FILLERS, ..."hi hello dear cc ping fyi attention and also".split(" ")];
/** Limits the number of mentions checked per line. Without a limit, untrusted text could require quadratic time. */
const MAX_MENTIONS = 10;
const HIDDEN = /<!--[^]*?(?:-->|$)/g;
const INLINE_CODE = /(?<!`)(`+)(?!`)[^`]+\1/g;
const INDENTED = /^(?: {4}|\t)/;
const LIST_MARKER = /^ {0,3}(?:[-*+]|\d{1,3}[.)]) +/;
const FORMATTING = /^[*_]+$/;
const QUOTING = /[`<>|[\]\\$~{}"“”„«»]/;
/** An abbreviation such as `e.g.` does not end a sentence. */
const SENTENCE_END = /(?<=[\p{L}\p{N}]{2}[)*_]{0,3})[.!?…]+\s|\(/u;
/**
 * Words in a request to fix something. The request must contain one of `names` or `otherNames`. The words in `more` do not change its meaning. The
 * words in `otherNames` and `otherVerbs` can also mean something else.
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
const REPEAT_VERB = `(?:${REPEAT_VERBS.join("|")})`;
/** The beginning of a task that changes the last task. */
const AFTER_LAST = new RegExp(
  `^\\W{0,3}(?:please,?\\s+)?(?:again(?![\\w-])|${REPEAT_VERB}(?:\\s*[,:;.!]|\\s+(?:but|and)\\b))`,
  "i",
);
/** The beginning of a task that can only be a change to the last task. `again, the build fails` may also be a new task. */
const NEEDS_LAST = new RegExp(
  `^\\W{0,3}(?:please,?\\s+)?(?:again|${REPEAT_VERB})[\\s,:;.!]+(?:but|with|without)\\b`,
  "i",
);
/** Signs of a path, code or a reference. For example, `fix tests/build` is about files. */
const REFERENCE = /[/\\#@`_<>=]/;
/** Words that do not change the meaning of a stop, as in `stop working on it for now`. */
const OF_STOP = [
  ...STOPS,
  ..."agents and are both branch current doing for job jobs on pls right running runs task tasks thread what work working"
    .split(" "),
];
const CLAUSE_END = /[.,:;!?…](?=[\s.,:;!?…\d]|$)|[，。：；！？、—]|[ \t](?:[-–][ \t]|\(|(?:because|since|until)\b)/i;
const CALL = /\w\(/;
const MAX_WORDS = 100;

/** A picture as forges insert it: an empty element on one line. */
const PICTURE = /<img(?: [a-z]+="[^"<>`$\\]*")* ?\/?>/g;

/** Syntax that may turn the following lines into a quote or code, or hide them, even after a blank line: HTML, GitLab's `>>>`, formulas. */
const OPENS = /<[a-z/!?]|>>>|\$\$|\\\[/i;

const FENCE = /`{3}|~{3}/;

/** GitLab treats these lines as the beginning of front matter, on the first line or after a line with `coding:`. */
const FRONT_MATTER = /^\s*(?:---|\+\+\+|;;;)/;

/** A paragraph line that cannot be part of a list, a quote or a table, and contains no syntax that could continue on the next line. */
const PLAIN = /^[\p{L}@][^`<[\]\\$|~{}]*$/u;

/** Control characters that forges treat in different ways, or remove, such as a carriage return inside a line. */
const CONTROL = /[^\P{Cc}\t]/u;

/**
 * Reads a comment. A mention must not be indented. It must be on the first line, or follow a blank line, a block of code or lines of plain text. All
 * text before the mention must be unambiguous: after the first ambiguous line, no mention is recognized. Lists need no special rule, because their
 * lines are indented, and a line without indentation ends a list. The first mention contains the request, and all text below is part of the request.
 * If a later mention contains a stop, the whole comment is a stop.
 *
 * @param name Name of the agent, without `@`: letters, digits, `-` and `_`.
 * @returns `null` if no line outside blocks of code begins with a mention of that name. A task may be empty.
 */
export function readMention(text: string, name: string): Ask | null {
  const part = text.slice(0, MAX_TEXT);
  const ask = readLines(part, name);
  if (ask === null && readLines(plainText(part), name) !== null) return { kind: "unsure", isHidden: true };
  if (ask === null) {
    const front = frontOfInside(part, name);
    if (front === undefined) return null;
    return { kind: "unsure", isInside: true, ...FORMATTING.test(front) && { isFormatted: true } };
  }
  // A shortened task is a different task, so return the full text. The caller rejects the full text because of its length.
  return text.length > MAX_TEXT && !["stop", "unsure"].includes(ask.kind) ? { kind: "task", task: text } : ask;
}

/**
 * Returns the text before a mention inside a line that clearly addresses the agent. The mention must begin a sentence and be followed by a task. In that sentence, only
 * greetings and other users may precede the mention. Code, quotes and hidden text are ignored.
 */
function frontOfInside(text: string, name: string): string | undefined {
  const mention = new RegExp(`(?<=^|[\\s(*_])@${name}(?=[*_]{0,3}[\\s,:]\\P{L}*\\p{L})`, "giu");
  let isCode = false;
  return text.replace(HIDDEN, "").split(/\r?\n/).flatMap((line) => {
    if (/^\s*(?:`{3}|~{3}|>{3})/.test(line)) isCode = !isCode;
    if (isCode || INDENTED.test(line)) return [];
    const visible = line.replace(INLINE_CODE, "code").replace(LIST_MARKER, "");
    return [...visible.matchAll(mention)].slice(0, MAX_MENTIONS).map(({ index }) => visible.slice(0, index))
      .filter(isAddress);
  })[0];
}

function isAddress(front: string): boolean {
  if (QUOTING.test(front)) return false;
  const sentence = front.split(SENTENCE_END).at(-1) ?? "";
  return wordsIn(sentence.replace(/(?<=^|\s)@[\w.-]+/g, "")).every((word) => GREETINGS.includes(word));
}

function wordsIn(text: string): string[] {
  return text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "");
}

function readLines(text: string, name: string): Ask | null {
  // A letter after the dot makes the name a domain, as in `@mogplex.com is down`.
  const mention = new RegExp(`^@${name}(?!\\.[a-z\\d])(?=[\\s,:;.!?，。：；！？、]|$)[,:，：、]?`, "i");
  const lines = text.split(/\r?\n/);
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
      // A stop on a later line takes precedence, because starting a run that the same comment withdraws would be the worse mistake.
      const ask = askOf([line.slice(match.length), ...first === null ? lines.slice(at + 1) : []].join("\n"));
      if (ask.kind === "stop") return ask;
      first ??= ask;
    }
    if (CONTROL.test(line)) return unclear(at);
    if (match === undefined && fence === "" && mention.test(line)) {
      // A stop is recognized even if it may be part of a quote, because not starting a run is the safer choice.
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
    // Syntax inside a quote ends with the quote.
    if (line.startsWith(">") || !FENCE.test(line)) continue;
    fence = /^(?:`{3,}(?=[^`]*$)|~{3,}(?=[^~]*$))/.exec(line)?.[0] ?? "";
    if (fence === "") return unclear(at);
  }
  return first ?? unsure;
}

function askOf(text: string): Ask {
  const task = plainText(text).trim();
  const wordsOf = (line: string) =>
    line.length > MAX_WORDS || CALL.test(line) ? [line] : wordsIn(line).filter((word) => !FILLERS.includes(word));
  // A stop may be followed by a reason, as in `ok, stop, it is the wrong branch`. Starting a run would be the opposite of what the user wants.
  const [top = ""] = task.split("\n", 1);
  const [first = "", ...more] = top.split(CLAUSE_END).map((clause) => wordsOf(clause).filter((word) => word !== "no"))
    .find((words) => words.length > 0) ?? [];
  if (more.every((word) => OF_STOP.includes(word)) && STOPS.includes(first)) return { kind: "stop" };
  if (more.length === 0 && STOPS_ALONE.includes(first)) return { kind: "stop", word: first };
  const words = wordsOf(task);
  // A comment that contains only commands, such as `help, stop`, is a stop and not a task.
  const isOnlyCommands = words.every((word) => [...STOPS, ...COMMANDS.keys(), "and", "then"].includes(word));
  if (isOnlyCommands && words.some((word) => STOPS.includes(word))) return { kind: "stop" };
  const [verb = "", ...others] = words;
  const command = others.length === 0 ? COMMANDS.get(verb) : undefined;
  if (command !== undefined) return { kind: command };
  return fixOf(verb, others, task) ?? explainedFix(top, task, wordsOf(top)) ??
    {
      kind: "task",
      task: verb === "" ? "" : task,
      ...AFTER_LAST.test(task) && { isAfterLast: true },
      ...NEEDS_LAST.test(task) && { needsLast: true },
    };
}

function explainedFix(top: string, task: string, [verb = "", ...others]: readonly string[]): Ask | undefined {
  const explanation = task.slice(top.length).trim();
  const fix = explanation === "" ? undefined : fixOf(verb, others, top);
  return fix?.kind === "fix" ? { ...fix, task, explanation } : undefined;
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

export function mayMention(text: string, name: string): boolean {
  return text.toLowerCase().includes(`@${name.toLowerCase()}`);
}

export function hasMoreThanStop(text: string, name: string): boolean {
  const words = [name.toLowerCase(), "no", ...FILLERS];
  const isSentence = (part: string) => wordsIn(part).some((word) => !words.includes(word));
  return plainText(text.slice(0, MAX_TEXT)).split(/\n|[.!?](?:\s|$)|[。！？]/).filter(isSentence).length > 1;
}

export function isOnlyCommand(text: string, name: string): boolean {
  const isFirst = text.trimStart().toLowerCase().startsWith(`@${name.toLowerCase()}`);
  const kind = isFirst ? readMention(text, name)?.kind : undefined;
  return [...COMMANDS.values()].some((each) => each === kind);
}

export function wantsRun(ask: Ask | null): boolean {
  return ask !== null && ["task", "fix", "again"].includes(ask.kind);
}
