/**
 * Whether a text mentions the agent, and what it asks for. A mention counts at the beginning of a line, outside of quotes and code.
 *
 * @module
 */
import { type Mend, MENDS } from "../run/mend.ts";
import { plainText } from "../text/plain_text.ts";

/** What is asked for. */
export type Ask =
  | { kind: "task"; task: string }
  | { kind: "stop" }
  | { kind: "again" }
  | { kind: "mend"; mend: Mend };

/** Longest text that is looked at, in UTF-16 units; what is longer is no request to an agent. */
const MAX_TEXT = 100_000;

/** Longest task that can be one of the fixed words, as `fix conflict`. */
const MAX_WORDS = 100;

/**
 * Reads a comment.
 *
 * @param name What the agent is called, without `@`: letters, digits, `-` and `_`.
 * @returns Null when it does not mention that name, or only inside of a quote or of code. A task may be empty.
 */
export function readMention(text: string, name: string): Ask | null {
  if (text.length > MAX_TEXT) return null;
  const plain = plainText(text);
  const mention = new RegExp(`^ {0,3}@${name}(?=[\\s,:;.!?]|$)[,:]?`, "im").exec(withoutQuotes(plain));
  if (mention === null) return null;
  const task = plain.slice(mention.index + mention[0].length).trim();
  // Any user can write this text: a long one is not searched for full stops at its end, which would take quadratic time.
  const words = task.length > MAX_WORDS ? [] : task.toLowerCase().replace(/[.!]+$/, "").split(/\s+/);
  if (words.length === 1 && words[0] === "stop") return { kind: "stop" };
  if (words.length === 1 && words[0] === "again") return { kind: "again" };
  const mend = MENDS.find((each) => words.length === 2 && words[0] === "fix" && words[1] === each);
  return mend === undefined ? { kind: "task", task } : { kind: "mend", mend };
}

/** Whether a text may mention the agent at all: what costs nothing to say of a list of comments. */
export function mayMention(text: string, name: string): boolean {
  return text.toLowerCase().includes(`@${name.toLowerCase()}`);
}

const blank = (text: string) => text.replace(/[^\n]/g, " ");

/** Elements of HTML whose content is a quote, code, or not shown; comments. To the end of the text where one is not closed. */
const HIDING =
  /<(blockquote|code|pre|q|script|style|textarea|title|template|samp|kbd)\b[^]*?(?:<\/\1|$)|<!--[^]*?(?:-->|$)/gi;

/**
 * The text with blanks in the place of quotes, code and comments, so that positions stay. What is doubtful counts as hidden: a mention that is
 * not seen costs a second one, and a run that was not asked for costs more.
 */
function withoutQuotes(text: string): string {
  return withoutSpans(withoutBlocks(text).replace(HIDING, blank));
}

/** Without quotes (`>`, with the lines that belong to one, and `>>>` of GitLab), fenced and indented code. */
function withoutBlocks(text: string): string {
  let fence: string | undefined;
  let isQuote = false;
  return text.split("\n").map((line) => {
    const found = /^[\s>*+\-\d.)]*(`{3,}|~{3,}|>>>\s*$)/.exec(line)?.[1]?.trim();
    if (fence !== undefined) {
      const isEnd = found !== undefined && found[0] === fence[0] && found.length >= fence.length;
      if (isEnd) fence = undefined;
      return blank(line);
    }
    if (found !== undefined) {
      fence = found;
      return blank(line);
    }
    // A line behind a quote belongs to it until one is blank.
    isQuote = /^\s*>/.test(line) || isQuote && line.trim() !== "";
    return isQuote || /^(?: {4}|\t)/.test(line) ? blank(line) : line;
  }).join("\n");
}

/** Without spans of code, which end at a run of as many backticks in the same paragraph. */
function withoutSpans(text: string): string {
  return text.split(/(\n\s*\n)/).map((paragraph) => {
    const runs = [...paragraph.matchAll(/`+/g)].map(({ 0: run, index }) => ({ index, length: run.length, next: -1 }));
    const seen = new Map<number, number>();
    for (const run of runs.toReversed()) {
      run.next = seen.get(run.length) ?? -1;
      seen.set(run.length, run.index);
    }
    let hidden = "";
    let at = 0;
    for (const { index, length, next } of runs) {
      if (index < at || next < 0) continue;
      hidden += paragraph.slice(at, index) + blank(paragraph.slice(index, next + length));
      at = next + length;
    }
    return hidden + paragraph.slice(at);
  }).join("");
}
