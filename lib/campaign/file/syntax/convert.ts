/**
 * The nodes of the YAML parser to our tree, and what is not permitted in them.
 *
 * @module
 */
import { isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import { excerpt, type MistakeList } from "../mistakes.ts";
import { type Entry, keyOf, type Path, type Source, type TreeNode } from "./tree.ts";

/** The first character of a text, as `U+00A0`. */
export function codePoint(text: string): string {
  return `U+${(text.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Turns the parser's nodes into a tree. */
export class Converter {
  readonly #source: Source;
  readonly #mistakes: MistakeList;
  readonly #properties: readonly number[];
  #brokenFrom: number;

  /**
   * @param mistakes Gets what is not permitted.
   * @param properties Offsets of anchors and tags, ascending.
   * @param brokenFrom From here on, a value in the place of a key is probably no mistake of its own.
   */
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

  /** Where the structure is wrong for the first time: the value that was given, or an earlier one that was found. */
  get brokenFrom(): number {
    return this.#brokenFrom;
  }

  #add(offset: number, path: Path, message: string): void {
    this.#mistakes.add(this.#source.placeAt(offset), keyOf(path), message);
  }

  /** Reports anchor and tag of a value. @returns Whether the value must not be used. */
  #checkProperties(node: Node, start: number, path: Path): boolean {
    const { anchor, tag } = node as { anchor?: string; tag?: string };
    if (anchor === undefined && tag === undefined) return false;
    const at = this.#properties.findLast((offset) => offset <= start) ?? start;
    const text = /^[^\s,[\]{}]*/.exec(this.#source.text.slice(at, at + 100))?.[0] ?? "";
    const [what, sign] = anchor === undefined ? ["a tag", "!"] : ["an anchor", "&"];
    const message = `${what} (${
      excerpt(text)
    }) is not permitted; remove it, or put a text that begins with "${sign}" in quotes`;
    this.#add(at, path, message);
    return true;
  }

  /**
   * Turns a value into a tree. The parser's nodes must not be nested so deeply that recursion overflows the stack.
   *
   * @param at Where the value would be, if it is empty.
   * @param path Its place in the tree.
   */
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
        }) is not permitted; write the value itself, or put a text that begins with "*" in quotes`,
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
      const own = [...path, key];
      const first = entries.get(key);
      if (first !== undefined) {
        const { line } = this.#source.placeAt(first.keyStart);
        this.#add(keyStart, own, `duplicate key: it is also in line ${line}; remove one of the two`);
      } else entries.set(key, { key, keyStart, value: this.convert(pair.value, keyEnd, own) });
    }
    return { kind: "map", entries, start, end };
  }

  /** The text of a key; undefined when it cannot be one. */
  #key(node: unknown, start: number, path: Path): string | undefined {
    if (isScalar(node) && !this.#checkProperties(node, start, path)) {
      const key = node.source ?? "";
      if (key === "<<") this.#add(start, path, "a merge key (<<) is not permitted; write the keys themselves");
      else if (key === "__proto__") this.#add(start, [...path, key], 'there is no key "__proto__"; remove it');
      else if (key === "") this.#add(start, path, "there is no key before the colon");
      else if (/^\s/.test(key)) {
        this.#add(start, path, `a key begins with the blank ${codePoint(key)}; indent with ordinary spaces`);
        this.#brokenFrom = Math.min(this.#brokenFrom, start);
      } else return key;
    } else if (isAlias(node)) {
      this.#add(start, path, `an alias (${excerpt(`*${node.source}`)}) is not permitted as a key`);
    } else if (!isScalar(node) && start < this.#brokenFrom) {
      const advice = this.#source.text.startsWith("{{", start - 1) || this.#source.text.startsWith("{{", start)
        ? 'a text that begins with "{{" is read as a map; put the text in quotes'
        : "a list or a map stands where a key is expected; put a text with brackets or braces in quotes";
      this.#add(start, path, advice);
    }
    return undefined;
  }
}
