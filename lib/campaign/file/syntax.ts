/**
 * Campaign files are YAML 1.2 without aliases, anchors, merge keys, tags and directives, which make a file hard to read. JSON is also valid YAML.
 *
 * @module
 */
import { Composer, type CST, isAlias, isMap, isScalar, isSeq, Lexer, type Node, type ParsedNode, Parser } from "yaml";
import type { FilePlace } from "./campaign_file.ts";
import { excerpt, type MistakeList } from "./mistakes.ts";

/** Offsets in UTF-16 code units. The end is exclusive. */
interface Span {
  start: number;
  end: number;
}

export interface ScalarNode extends Span {
  kind: "scalar";
  value: string | number | boolean | null;
  text: string;
  plain: boolean;
}

interface ListNode extends Span {
  kind: "list";
  items: TreeNode[];
}

interface Entry {
  key: string;
  keyStart: number;
  value: TreeNode;
}

export interface MapNode extends Span {
  kind: "map";
  /** If a key occurs twice, the first entry is used. */
  entries: Map<string, Entry>;
}

interface BrokenNode extends Span {
  kind: "broken";
}

export type TreeNode = ScalarNode | ListNode | MapNode | BrokenNode;

export type Path = readonly PropertyKey[];

export class Source {
  readonly file: string;
  readonly text: string;
  readonly #lines: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines.push(at + 1);
  }

  #lineOf(offset: number): number {
    let [low, high] = [0, this.#lines.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Columns are in UTF-16 code units, as in editors. */
  placeAt(offset: number): FilePlace {
    const line = this.#lineOf(offset);
    return { file: this.file, line: line + 1, column: offset - (this.#lines[line] ?? 0) + 1 };
  }

  lineAt(offset: number): string {
    const line = this.#lineOf(offset);
    return this.text.slice(this.#lines[line], this.#lines[line + 1]).replace(/\r?\n$/, "");
  }

  get end(): number {
    return this.text.length;
  }
}

export function nodeAt(root: TreeNode, path: Path): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of path) {
    if (node?.kind === "map") node = node.entries.get(String(part))?.value;
    else if (node?.kind === "list") node = node.items[Number(part)];
    else return undefined;
  }
  return node;
}

export function keyStartAt(root: TreeNode, path: Path): number | undefined {
  const parent = nodeAt(root, path.slice(0, -1));
  if (parent?.kind === "map") return parent.entries.get(String(path.at(-1)))?.keyStart;
  return nodeAt(root, path)?.start;
}

export function textAt(root: TreeNode, path: Path): string | undefined {
  const node = nodeAt(root, path);
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

export function keyOf(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

function pathBefore(root: TreeNode, offset: number): Path {
  const path: PropertyKey[] = [];
  let node: TreeNode | undefined = root;
  while (node !== undefined) {
    let next: [PropertyKey, TreeNode] | undefined;
    if (node.kind === "map") {
      for (const { key, keyStart, value } of node.entries.values()) if (keyStart <= offset) next = [key, value];
    } else if (node.kind === "list") {
      node.items.forEach((item, index) => {
        if (item.start <= offset) next = [index, item];
      });
    }
    if (next === undefined) return path;
    path.push(next[0]);
    node = next[1];
  }
  return path;
}

/** One more than a valid list can have, so that the schema reports longer lists. */
const MAX_ITEMS = 20_001;

/** Maps have no prototype, because a key can have the name of an inherited property. */
export function dataOf(node: TreeNode): unknown {
  switch (node.kind) {
    case "scalar":
      return node.value;
    case "list":
      return node.items.slice(0, MAX_ITEMS).map(dataOf);
    case "map":
      return Object.assign(
        Object.create(null),
        Object.fromEntries([...node.entries.values()].map(({ key, value }) => [key, dataOf(value)])),
      );
    case "broken":
      return undefined;
  }
}

function codePoint(text: string): string {
  return `U+${(text.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

class Converter {
  readonly #source: Source;
  readonly #mistakes: MistakeList;
  readonly #properties: readonly number[];
  #brokenFrom: number;

  constructor(
    source: Source,
    mistakes: MistakeList,
    properties: readonly number[],
    brokenFrom: number,
  ) {
    this.#source = source;
    this.#mistakes = mistakes;
    this.#properties = properties;
    this.#brokenFrom = brokenFrom;
  }

  get brokenFrom(): number {
    return this.#brokenFrom;
  }

  #add(offset: number, path: Path, message: string): void {
    this.#mistakes.add(this.#source.placeAt(offset), keyOf(path), message);
  }

  #checkProperties(node: Node, start: number, path: Path): boolean {
    const { anchor, tag } = node as { anchor?: string; tag?: string };
    if (anchor === undefined && tag === undefined) return false;
    const at = this.#properties.findLast((offset) => offset <= start) ?? start;
    const text = /^[^\s,[\]{}]*/.exec(this.#source.text.slice(at, at + 100))?.[0] ?? "";
    const [what, sign] = anchor === undefined ? ["a tag", "!"] : ["an anchor", "&"];
    const message = `${what} (${
      excerpt(text)
    }) is not allowed; remove it, or put text that begins with "${sign}" in quotes`;
    this.#add(at, path, message);
    return true;
  }

  /** Recursive, so the caller must limit the nesting depth of `node`. */
  convert(node: unknown, at: number, path: Path): TreeNode {
    if (node === null || node === undefined) {
      return { kind: "scalar", value: null, text: "", plain: true, start: at, end: at };
    }
    const [start, end] = (node as Node).range ?? [at, at, at];
    if (isAlias(node)) {
      const text = `*${node.source}`;
      this.#add(
        start,
        path,
        `an alias (${
          excerpt(text)
        }) is not allowed; write the value itself, or put text that begins with "*" in quotes`,
      );
      return { kind: "broken", start, end };
    }
    if (this.#checkProperties(node as Node, start, path)) return { kind: "broken", start, end };
    if (isMap(node)) return this.#map(node.items, start, end, path);
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.convert(item, start, [...path, index]));
      return { kind: "list", items, start, end };
    }
    if (!isScalar(node)) return { kind: "broken", start, end };
    const value = node.value as string | number | boolean | null;
    const text = node.source ?? "";
    return { kind: "scalar", value, text, plain: node.type === "PLAIN", start, end };
  }

  #map(
    pairs: readonly { key: unknown; value: unknown }[],
    start: number,
    end: number,
    path: Path,
  ): TreeNode {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      const keyStart = (pair.key as Node | null)?.range?.[0] ?? start;
      const key = this.#key(pair.key, keyStart, path);
      if (key === undefined) {
        if (this.#source.text.startsWith("{{", start)) return { kind: "broken", start, end };
        continue;
      }
      const keyEnd = (pair.key as Node | null)?.range?.[1] ?? start;
      const keyPath = [...path, key];
      const first = entries.get(key);
      if (first !== undefined) {
        const { line } = this.#source.placeAt(first.keyStart);
        this.#add(keyStart, keyPath, `duplicate key: it is also on line ${line}; remove one of the two`);
      } else entries.set(key, { key, keyStart, value: this.convert(pair.value, keyEnd, keyPath) });
    }
    return { kind: "map", entries, start, end };
  }

  #key(node: unknown, start: number, path: Path): string | undefined {
    if (isScalar(node) && !this.#checkProperties(node, start, path)) {
      const key = node.source ?? "";
      if (key === "<<") this.#add(start, path, "a merge key (<<) is not allowed; write the keys themselves");
      else if (key === "__proto__") this.#add(start, [...path, key], 'the key "__proto__" is not allowed; remove it');
      else if (key === "") this.#add(start, path, "there is no key before the colon");
      else if (/^\s/.test(key)) {
        this.#add(start, path, `a key begins with the space ${codePoint(key)}; indent with ordinary spaces`);
        this.#brokenFrom = Math.min(this.#brokenFrom, start);
      } else return key;
    } else if (isAlias(node)) {
      this.#add(start, path, `an alias (${excerpt(`*${node.source}`)}) is not allowed as a key`);
    } else if (!isScalar(node) && start < this.#brokenFrom) {
      const advice = this.#source.text.startsWith("{{", start - 1) || this.#source.text.startsWith("{{", start)
        ? 'text that begins with "{{" is read as a map; put the text in quotes'
        : "there is a list or a map where a key is expected; put text with brackets or braces in quotes";
      this.#add(start, path, advice);
    }
    return undefined;
  }
}

const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/^Tabs are not allowed/, "this line is indented with a tab; use spaces"],
  [/^Nested mappings/, 'text with ": " in it is read as a key with a value; put the text in quotes'],
  [
    /^A block sequence may not be used as an implicit map key|^All sequence items/,
    "this item begins in a different column than the other items of its list; indent all of them the same",
  ],
  [/^Missing closing/, "a quote is not closed; close it, and write '' for a quote inside single quotes"],
  [/^Flow sequence/, 'a list that begins with "[" is not closed by "]", or one of its lines is not indented'],
  [/^Flow map/, 'a map that begins with "{" is not closed by "}", or one of its lines is not indented'],
  [
    /^All mapping items/,
    "this key begins in a different column than the other keys of its map; indent all of them the same",
  ],
  [
    /^Implicit map keys need/,
    'this line has no ": "; write key: value with a space after the colon, or put multi-line text in quotes',
  ],
  [/^Implicit keys need to be on a single line/, "there is multi-line text where a key is expected"],
  [/^Missing , /, "a comma is missing before this"],
  [/^Unexpected , in|^Unexpected empty item/, "there is nothing before this comma"],
  [/^Missing space after :/, "a space is missing after the colon"],
  [
    /^Comments must be separated/,
    'a comment needs a space before its "#"; if it is not a comment, put the text in quotes',
  ],
  [/^Sequence item without/, 'this line of a list has no "- ", or its indentation is wrong'],
  [/^Unexpected block-seq-ind/, "a list begins on the line of its key; begin it on the next line"],
  [
    /^A block sequence|^Block collections/,
    'a comma or a closing quote is missing here, or lines without brackets are inside "[…]" or "{…}"',
  ],
  [
    /^Block scalar header includes extra characters|^Not a YAML token/,
    'there is text after "|" or ">"; begin it on the next line',
  ],
  [
    /^Invalid escape sequence/,
    'this escape sequence is not valid in double quotes; write "\\\\" for a backslash, or use single quotes',
  ],
  [
    /^(?:Alias|Anchor) cannot be an empty/,
    "an alias or an anchor has no name; put text that begins like this in quotes",
  ],
];

const AFTER_END = /at node end|in YAML (?:document|stream)/;

function syntaxMessage(message: string, line: string): string {
  if (/[:[,-] *\{\{/.test(line)) return 'text that begins with "{{" is read as a map; put the text in quotes';
  if (/^(?:<{7}|={7}|>{7})(?:\s|$)/.test(line)) {
    return "this line is left over from a merge conflict; keep one of the two parts, and remove the markers";
  }
  const start = /^Plain value cannot start with .*?(\S)$/.exec(message)?.[1];
  if (start !== undefined) return `text cannot begin with ${excerpt(start)}; put the text in quotes`;
  if (/^\s*-[^\s-]/.test(line) && message.startsWith("Implicit map keys need")) {
    return 'a list item needs a space after its "-"';
  }
  const words = SENTENCES.find(([pattern]) => pattern.test(message))?.[1];
  if (words !== undefined) return words;
  if (AFTER_END.test(message)) {
    return "there is extra text after a value; check the indentation, and put text with quotes, brackets or braces in quotes";
  }
  return `this is not YAML; check quotes, brackets and indentation (${excerpt(message)})`;
}

/** Parsers for YAML 1.1 read some unquoted values differently than parsers for YAML 1.2. */
export function otherMeaning(text: string): string | undefined {
  if (/^(?:y|n|yes|no|on|off|true|false)$/i.test(text)) return "true or false";
  if (/^(?:~|null)?$/i.test(text)) return "nothing";
  if (/^[-+]?(?:\.inf|\.nan|0x[\da-f_]+|0o?[0-7_]+|0b[01_]+)$/i.test(text)) return "a number";
  if (/^[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[-+]?\d+)?$/i.test(text)) return "a number";
  if (/^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?$/.test(text)) return "a number or a time";
  if (/^\d{4}-\d\d?-\d\d?(?:[Tt ].*)?$/.test(text)) return "a date";
  return undefined;
}

interface SyntaxProblem {
  offset: number;
  message: string;
}

interface PlacedProblem extends SyntaxProblem {
  path: Path;
}

function openBracket(root: TreeNode, source: Source, offset: number): { path: Path; start: number } | undefined {
  for (let path = pathBefore(root, offset - 1);; path = path.slice(0, -1)) {
    const node = nodeAt(root, path);
    const close = source.text[node?.start ?? 0] === "[" ? "]" : "}";
    const isOpen = node !== undefined && /[[{]/.test(source.text[node.start] ?? "") &&
      source.text[node.end - 1] !== close;
    if (isOpen) return { path, start: node.start };
    if (path.length === 0) return undefined;
  }
}

function keyIn(line: string): Path | undefined {
  const key = /^[\s-]*["']?([\w$-]+)["']?\s*:/.exec(line)?.[1];
  return key === undefined ? undefined : [key];
}

function firstWord(line: string): Path {
  return [/\S{1,40}/.exec(line)?.[0] ?? ""];
}

/** The parser often reports a position after the cause of a problem. */
function explained({ offset: noticed, message }: SyntaxProblem, root: TreeNode, source: Source): PlacedProblem {
  const offset = Math.min(noticed, source.end);
  const path = pathBefore(root, offset);
  const plain = { offset, path, message: syntaxMessage(message, source.lineAt(offset)) };
  const line = source.lineAt(offset);
  const [tabbed] = /^ *\t/.exec(line) ?? [];
  if (tabbed !== undefined) {
    const from = offset - source.placeAt(offset).column + 1;
    const at = from + tabbed.length - 1;
    return {
      offset: at,
      path: keyIn(line) ?? pathBefore(root, from - 1),
      message: syntaxMessage("Tabs are not allowed", line),
    };
  }
  if (message.startsWith("Missing closing")) return { ...plain, offset: nodeAt(root, path)?.start ?? offset };
  if (message.startsWith("Flow ")) {
    const bracket = openBracket(root, source, offset);
    return bracket === undefined ? plain : { ...plain, path: bracket.path, offset: bracket.start };
  }
  if (/^All mapping items|at node end|in YAML document/.test(message)) return { ...plain, path: keyIn(line) ?? path };
  if (message.startsWith("Block collections")) return { ...plain, path: path.slice(0, -1) };
  if (message.startsWith("Implicit map keys need")) return { ...plain, path: firstWord(line) };
  if (!/^(?:Nested mappings|Implicit keys)/.test(message)) return plain;
  const keyMistake = { ...plain, path: path.slice(0, -1) };
  const before = source.placeAt(offset).column - 1;
  if (/:(?:\s|$)/.test(line.slice(before))) return keyMistake;
  const from = source.text.indexOf("\n", offset) + 1;
  const blanks = /^\s*/.exec(source.text.slice(from))?.[0] ?? "";
  const indentation = blanks.length - blanks.lastIndexOf("\n") - 1;
  if (line.slice(0, before).trim() === "" && indentation <= before) {
    return { ...keyMistake, path: firstWord(line), message: syntaxMessage("Implicit map keys need", line) };
  }
  const advice = "this line is indented as if it continued the value before it; indent all keys of a map the same";
  const next = from + blanks.length;
  return { path: keyIn(source.lineAt(next)) ?? keyMistake.path, offset: next, message: advice };
}

/** The format needs five levels. The parser overflows the stack at several thousand levels. */
export const MAX_DEPTH = 20;
const MAX_ERRORS = 200;

const EMPTY = "the file is empty; begin it with version: 1";

interface Parsed {
  root: TreeNode | undefined;
  brokenFrom: number;
}

interface Tokens {
  tokens: CST.Token[];
  properties: number[];
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
    // The lexer emits this control character before the content of a scalar. This character and the other two below are not part of the file.
    isContent = lexeme === "\x1f";
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "error") errors++;
    }
    // The parser's stack contains the document and one element for each level.
    if (parser.stack.length > MAX_DEPTH + 2) return { tokens, properties, tooDeepAt: offset };
    if (errors > MAX_ERRORS) return { tokens, properties, tooDeepAt: undefined };
    if (!["\x02", "\x18", "\x1f"].includes(lexeme)) offset += lexeme.length;
  }
  tokens.push(...parser.end());
  return { tokens, properties, tooDeepAt: undefined };
}

class TooManyErrors extends Error {}

function offsetOf(source: unknown): number {
  if (typeof source === "number") return source;
  if (Array.isArray(source)) return Number(source[0]);
  return (source as { offset: number }).offset;
}

function compose({ tokens }: Tokens): { contents: ParsedNode | null; problems: SyntaxProblem[] } {
  const problems: SyntaxProblem[] = [];
  const composer = new Composer({
    // The parser's own check compares every key with every other key, which is slow for large maps.
    uniqueKeys: false,
    merge: false,
    schema: "core",
    resolveKnownTags: false,
    logLevel: "silent",
  });
  // The parser's own method creates an error with a stack trace for each problem, and has no limit.
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

function onlyDocument(allTokens: Tokens, source: Source, mistakes: MistakeList): Tokens {
  const tokens: CST.Token[] = [];
  for (const token of allTokens.tokens) {
    if (token.type === "document" && tokens.some(({ type }) => type === "document")) {
      mistakes.add(
        source.placeAt(token.offset),
        "",
        'a second document begins; a file contains one campaign, so remove "---"',
      );
      break;
    }
    if (token.type === "directive") {
      mistakes.add(
        source.placeAt(token.offset),
        "",
        "a directive (a line that begins with %) is not allowed; remove it",
      );
    } else tokens.push(token);
  }
  return { ...allTokens, tokens };
}

function findForeignCharacters(source: Source, mistakes: MistakeList): boolean {
  // deno-lint-ignore no-control-regex
  const odd = [...source.text.matchAll(/\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g)].slice(0, MAX_ERRORS);
  for (const { 0: character, index } of odd) {
    const message = character === "\r"
      ? "there is a carriage return without a line feed; save the file with LF or CRLF line endings"
      : `the control character ${codePoint(character)} is not allowed; remove it`;
    mistakes.add(source.placeAt(index), "", message);
  }
  return odd.length > 0;
}

function withoutEchoes(problems: readonly SyntaxProblem[]): SyntaxProblem[] {
  const offsets = new Set<number>();
  let hasEnded = false;
  // At the same position, the message about block collections is more specific.
  const rank = ({ message }: SyntaxProblem) => message.startsWith("Block collections") ? 0 : 1;
  return [...problems].sort((a, b) => a.offset - b.offset || rank(a) - rank(b)).filter(({ offset, message }) => {
    // All problems after the end of a value are consequences of the first one.
    const isAfterEnd = AFTER_END.test(message);
    const isEcho = offsets.has(offset) || isAfterEnd && hasEnded;
    offsets.add(offset);
    hasEnded ||= isAfterEnd;
    return !isEcho;
  });
}

export function parseText(source: Source, mistakes: MistakeList): Parsed {
  if (findForeignCharacters(source, mistakes)) return { root: undefined, brokenFrom: 0 };
  const result = tokensOf(source.text);
  if (result.tooDeepAt !== undefined) {
    const message = `the file is nested more than ${MAX_DEPTH} levels deep; check brackets and indentation`;
    mistakes.add(source.placeAt(result.tooDeepAt), "", message);
    return { root: undefined, brokenFrom: 0 };
  }
  const { contents, problems } = compose(onlyDocument(result, source, mistakes));
  if (contents === null && problems.length === 0) {
    if (mistakes.empty) mistakes.add(source.placeAt(0), "", EMPTY);
    return { root: undefined, brokenFrom: 0 };
  }
  const noticedFrom = Math.min(...problems.map(({ offset }) => offset));
  const converter = new Converter(source, mistakes, result.properties, noticedFrom);
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
