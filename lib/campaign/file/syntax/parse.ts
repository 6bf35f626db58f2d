/**
 * Text to a tree. YAML 1.2 without what makes a file hard to read: aliases, anchors, merge keys, tags, directives. JSON is YAML.
 *
 * @module
 */
import { Composer, type CST, Lexer, type ParsedNode, Parser } from "yaml";
import type { MistakeList } from "../mistakes.ts";
import { codePoint, Converter } from "./convert.ts";
import { explained, type SyntaxProblem } from "./problems.ts";
import { AFTER_END } from "./words.ts";
import { keyOf, type Source, type TreeNode } from "./tree.ts";

/** Deepest nesting of a file. The format needs five levels, and the parser overflows the stack at some thousands. */
export const MAX_DEPTH = 20;
/** Most errors of the parser that are looked at. */
const MAX_ERRORS = 200;

const EMPTY = "the file is empty; begin it with version: 1";

/** A file as a tree. */
export interface Parsed {
  /** Undefined when there is none: an empty file, one that is nested too deeply, or one with too many errors of syntax. */
  root: TreeNode | undefined;
  /** Where the first error of syntax is. What follows may be read wrongly. `Infinity` without one. */
  brokenFrom: number;
}

/** What the lexer and the parser found. */
interface Tokens {
  tokens: CST.Token[];
  /** Offsets of anchors and tags, ascending. */
  properties: number[];
  /** Where the nesting is too deep. */
  tooDeepAt: number | undefined;
}

function tokensOf(text: string): Tokens {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const properties: number[] = [];
  let offset = 0;
  let isContent = false;
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (!isContent && (lexeme[0] === "&" || lexeme[0] === "!")) properties.push(offset);
    // The mark before the content of a text. It and the other two marks stand for nothing in the file.
    isContent = lexeme === "\x1f";
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") errors++;
    }
    // The stack has the document and one element for each level.
    if (parser.stack.length > MAX_DEPTH + 2) return { tokens, properties, tooDeepAt: offset };
    if (errors > MAX_ERRORS) return { tokens, properties, tooDeepAt: undefined };
    if (!["\x02", "\x18", "\x1f"].includes(lexeme)) offset += lexeme.length;
  }
  tokens.push(...parser.end());
  return { tokens, properties, tooDeepAt: undefined };
}

/** Thrown to end the work of the composer, which has no limit of its own. */
class TooManyErrors extends Error {}

function offsetOf(source: unknown): number {
  if (typeof source === "number") return source;
  if (Array.isArray(source)) return Number(source[0]);
  return (source as { offset: number }).offset;
}

/** Builds the first document. Errors are collected; a second document and directives are told apart by their tokens. */
function compose({ tokens }: Tokens): { contents: ParsedNode | null; problems: SyntaxProblem[] } {
  const problems: SyntaxProblem[] = [];
  const composer = new Composer({
    // The parser compares every key with every other one.
    uniqueKeys: false,
    merge: false,
    schema: "core",
    resolveKnownTags: false,
    logLevel: "silent",
  });
  // The parser's own function makes an error with a stack for each problem, and never gives up.
  Object.assign(composer, {
    onError(source: unknown, code: string, message: string, isWarning?: boolean) {
      if (isWarning || code === "TAG_RESOLVE_FAILED" || code.startsWith("MULTIPLE_")) return;
      problems.push({ offset: offsetOf(source), message });
      if (problems.length > MAX_ERRORS) throw new TooManyErrors();
    },
  });
  let contents: ParsedNode | null = null;
  try {
    for (const token of tokens) {
      if (token.type === "error") problems.push({ offset: token.offset, message: token.message });
      else for (const _ of composer.next(token));
    }
    for (const document of composer.end()) contents = document.contents as ParsedNode | null;
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error;
  }
  return { contents, problems };
}

/** Everything before a second document, with what is not permitted there taken out and told. */
function onlyDocument(found: Tokens, source: Source, mistakes: MistakeList): Tokens {
  const kept: CST.Token[] = [];
  for (const token of found.tokens) {
    if (token.type === "document" && kept.some(({ type }) => type === "document")) {
      mistakes.add(
        source.placeAt(token.offset),
        "",
        'a second document begins; one file is one campaign, remove "---"',
      );
      break;
    }
    if (token.type === "directive") {
      mistakes.add(
        source.placeAt(token.offset),
        "",
        "a directive (a line that begins with %) is not permitted; remove it",
      );
    } else kept.push(token);
  }
  return { ...found, tokens: kept };
}

/** Characters that YAML does not permit, and line breaks that it does not know. @returns Whether there are any. */
function findForeignCharacters(source: Source, mistakes: MistakeList): boolean {
  // deno-lint-ignore no-control-regex
  const odd = [...source.text.matchAll(/\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g)].slice(0, MAX_ERRORS);
  for (const { 0: character, index } of odd) {
    const message = character === "\r"
      ? "a carriage return without a line feed; save the file with LF or CRLF line ends"
      : `the control character ${codePoint(character)} is not permitted; remove it`;
    mistakes.add(source.placeAt(index), "", message);
  }
  return odd.length > 0;
}

/** The problems in their order, without those that follow from another one. */
function withoutEchoes(problems: readonly SyntaxProblem[]): SyntaxProblem[] {
  const offsets = new Set<number>();
  let hasEnded = false;
  // Of two at the same place, the one about brackets says more.
  const rank = ({ message }: SyntaxProblem) => message.startsWith("Block collections") ? 0 : 1;
  return [...problems].sort((a, b) => a.offset - b.offset || rank(a) - rank(b)).filter(({ offset, message }) => {
    // After the end of the only value, nothing fits any more.
    const isAfterEnd = AFTER_END.test(message);
    const isEcho = offsets.has(offset) || isAfterEnd && hasEnded;
    offsets.add(offset);
    hasEnded ||= isAfterEnd;
    return !isEcho;
  });
}

/**
 * Reads YAML or JSON.
 *
 * @param mistakes Gets every mistake of syntax.
 * @throws nothing on purpose, whatever the text is.
 */
export function parseText(source: Source, mistakes: MistakeList): Parsed {
  if (findForeignCharacters(source, mistakes)) return { root: undefined, brokenFrom: 0 };
  const found = tokensOf(source.text);
  if (found.tooDeepAt !== undefined) {
    const message = `the file is nested more than ${MAX_DEPTH} levels deep; check brackets and indentation`;
    mistakes.add(source.placeAt(found.tooDeepAt), "", message);
    return { root: undefined, brokenFrom: 0 };
  }
  const { contents, problems } = compose(onlyDocument(found, source, mistakes));
  if (contents === null && problems.length === 0) {
    if (mistakes.empty) mistakes.add(source.placeAt(0), "", EMPTY);
    return { root: undefined, brokenFrom: 0 };
  }
  const noticedFrom = Math.min(...problems.map(({ offset }) => offset));
  const converter = new Converter(source, mistakes, found.properties, noticedFrom);
  const root = converter.convert(contents, 0, []);
  if (root.kind === "scalar" && root.value === null && problems.length === 0) {
    mistakes.add(source.placeAt(0), "", EMPTY);
    return { root: undefined, brokenFrom: 0 };
  }
  let { brokenFrom } = converter;
  const lines = new Set<number>();
  for (const problem of withoutEchoes(problems).map((each) => explained(each, root, source))) {
    brokenFrom = Math.min(brokenFrom, problem.offset);
    const place = source.placeAt(problem.offset);
    // The first error of a line is often the cause of the others.
    if (lines.has(place.line)) continue;
    lines.add(place.line);
    mistakes.add(place, keyOf(problem.path), problem.message);
  }
  return { root: contents === null ? undefined : root, brokenFrom };
}
