/**
 * A campaign file as a tree: every value and every key knows its place.
 *
 * @module
 */
import type { Place } from "../campaign_file.ts";

/** Where a value stands: offsets in the text, in UTF-16 units, the end excluded. */
interface Span {
  start: number;
  end: number;
}

/** A text, a number, true, false or nothing. */
export interface ScalarNode extends Span {
  kind: "scalar";
  /** The value by the rules of YAML 1.2. */
  value: string | number | boolean | null;
  /** The value as a text, as it is written. */
  text: string;
  /** Whether it is written without quotes, and not as a block. */
  plain: boolean;
}

/** A list. */
export interface ListNode extends Span {
  kind: "list";
  items: TreeNode[];
}

/** A key with its value. */
export interface Entry {
  key: string;
  keyStart: number;
  value: TreeNode;
}

/** A map. */
export interface MapNode extends Span {
  kind: "map";
  /** By key; of a key that is there twice, the first. */
  entries: Map<string, Entry>;
}

/** A value that is not used, since a mistake was found in it. Nothing else is said about it. */
export interface BrokenNode extends Span {
  kind: "broken";
}

/** A value. */
export type TreeNode = ScalarNode | ListNode | MapNode | BrokenNode;

/** Keys and indexes from the root to a value. */
export type Path = readonly PropertyKey[];

/** The text of a file and the places in it. */
export class Source {
  /** Path as the user wrote it. */
  readonly file: string;
  /** The text, without a byte order mark. */
  readonly text: string;
  /** Offsets at which lines begin. */
  readonly #lines: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lines.push(at + 1);
  }

  /** Index of the line of an offset, from 0. */
  #lineOf(offset: number): number {
    let [low, high] = [0, this.#lines.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The place of an offset. Columns count UTF-16 units, as editors do. */
  placeAt(offset: number): Place {
    const line = this.#lineOf(offset);
    return { file: this.file, line: line + 1, column: offset - (this.#lines[line] ?? 0) + 1 };
  }

  /** The line of an offset, without its end. */
  lineAt(offset: number): string {
    const line = this.#lineOf(offset);
    return this.text.slice(this.#lines[line], this.#lines[line + 1]).replace(/\r?\n$/, "");
  }

  /** The end of the text, where an editor's cursor stands after the last character. */
  get end(): number {
    return this.text.length;
  }
}

/** The value at a path; undefined when there is none. */
export function nodeAt(root: TreeNode, path: Path): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of path) {
    if (node?.kind === "map") node = node.entries.get(String(part))?.value;
    else if (node?.kind === "list") node = node.items[Number(part)];
    else return undefined;
  }
  return node;
}

/** Offset of the last key of a path; of the value, where that is an item of a list; undefined when there is neither. */
export function keyStartAt(root: TreeNode, path: Path): number | undefined {
  const parent = nodeAt(root, path.slice(0, -1));
  if (parent?.kind === "map") return parent.entries.get(String(path.at(-1)))?.keyStart;
  return nodeAt(root, path)?.start;
}

/** The text at a path; undefined when there is none, or something else. */
export function textAt(root: TreeNode, path: Path): string | undefined {
  const node = nodeAt(root, path);
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

/** A path for messages: `repositories[2].root`. */
export function keyOf(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}

/** The path to the innermost value that begins before an offset, or whose key does. */
export function pathBefore(root: TreeNode, offset: number): Path {
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

/** Most items of a list that become data: more than any list may have. */
const MAX_ITEMS = 20_001;

/**
 * The value as plain data, lists cut after 20001 items. Maps have no prototype, as their keys may be names of something inherited. A broken
 * value is undefined.
 */
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
