import type * as z from "zod/mini";
import { lookup } from "../../lookup.ts";
import { nearest } from "../../nearest.ts";
import { formatCount } from "../../text/duration.ts";
import { excerpt, type MistakeList } from "./mistakes.ts";
import type { Place } from "./campaign_file.ts";
import { keyOf, keyStartAt, nodeAt, otherMeaning, type Path, type TreeNode } from "./syntax.ts";

type Issue = z.core.$ZodIssue;

export interface CheckedTree {
  source: { readonly text: string; placeAt(offset: number): Place };
  root: TreeNode;
  /** Offset of the first syntax error; `Infinity` if the syntax is valid. Values that contain or follow this offset may have been parsed wrongly. */
  brokenFrom: number;
}

const HOMES: Readonly<Record<string, string>> = {
  "parallel": "limits.parallel",
  "attempts": "limits.attempts",
  "run-timeout": "limits.run-timeout",
  "timeout": "limits.run-timeout",
  "stop-after-failures": "limits.stop-after-failures",
  "open-pull-requests": "limits.open-pull-requests",
  "require": "success.require",
  "accept-unchanged": "success.accept-unchanged",
  "harness": "agent.harness",
  "mode": "agent.mode",
  "repos": "repositories",
  "repo": "repositories",
  "query": "repositories: [{ query: … }]",
  "file": "repositories: [{ file: … }]",
  "base-branch": "repositories: [{ repo: …, base-branch: … }]",
  "root": "repositories: [{ repo: …, root: … }]",
};

const MAX_WORD = 100;

function near(word: string, names: readonly string[]): string | undefined {
  if (word.length > MAX_WORD) return undefined;
  return names.find((each) => each.toLowerCase() === word.trim().toLowerCase()) ?? nearest(word, names);
}

function descriptionOf(node: TreeNode): string {
  if (node.kind === "list") return `it is a list of ${formatCount(node.items.length, "item")}`;
  if (node.kind === "map") {
    const keys = [...node.entries.keys()].slice(0, 5).map((key) => excerpt(key)).join(", ");
    return keys === "" ? "it is an empty map" : `it is a map with ${keys}`;
  }
  if (node.kind === "broken") return "it cannot be read";
  if (node.value === null) return "it has no value; give one or remove the key";
  return typeof node.value === "number"
    ? `it is the number ${excerpt(node.text).slice(1, -1)}`
    : `it is ${typeof node.value === "string" ? excerpt(node.value) : node.text}`;
}

function inQuotes(text: string): string {
  return `put it in quotes: ${excerpt(text)}`;
}

function hint(issue: Issue, node: TreeNode, isText: boolean): string {
  if (isText && node.kind === "map" && issue.code === "invalid_type" && String(issue.expected) === "array") {
    return '; begin each entry with "- "';
  }
  if (node.kind !== "scalar" || node.value === null) return "";
  const expected = issue.code === "invalid_type" ? String(issue.expected) : "";
  if (expected === "string" && typeof node.value !== "string") return `; ${inQuotes(node.text)}`;
  if (typeof node.value !== "string") return "";
  if (expected === "boolean") {
    const isBooleanWord = /^(?:y|yes|on|true|1)$/i.test(node.value) || /^(?:n|no|off|false|0)$/i.test(node.value);
    return isBooleanWord ? `; did you mean ${/^[yot1]/i.test(node.value) && !/^off$/i.test(node.value)}?` : "";
  }
  if (expected === "array") {
    const parts = node.value.split(/[,\n]/).map((part) => part.trim()).filter((part) => part !== "");
    return `; write [${parts.slice(0, 3).map((part) => excerpt(part)).join(", ")}${parts.length > 3 ? ", …" : ""}]`;
  }
  if (issue.code === "invalid_value") {
    const word = near(node.value, issue.values.filter((value) => typeof value === "string"));
    if (word !== undefined) return `; did you mean "${word}"?`;
  }
  return /^\d+$/.test(node.value) && expected !== "object" ? "; write it without quotes" : "";
}

function messageFor(issue: Issue, node: TreeNode, isText: boolean): string {
  if (issue.code === "custom") {
    const value = node.kind === "scalar" && typeof node.value === "string" ? node.value : "";
    return value === "" || value.length > MAX_WORD ? issue.message : `it is ${excerpt(value)}; ${issue.message}`;
  }
  const isMap = issue.code === "invalid_type" && String(issue.expected) === "object";
  const allowed = isMap ? `it must be a map with these keys: ${issue.message}` : issue.message;
  const isLine = isText && isMap && node.kind === "scalar" && /^[\w-]+:\S/.test(node.text);
  return `${descriptionOf(node)}; ${allowed}${hint(issue, node, isText)}${
    isLine ? "; write a space after the colon of a key" : ""
  }`;
}

function unknownKey(key: string, names: readonly string[], atTop: boolean): string {
  if (/^\/[/*]/.test(key)) return 'this is not a key; a comment begins with "#"';
  const word = near(key, names) ?? (atTop ? lookup(HOMES, key) : undefined);
  return `there is no such key; ${
    word === undefined ? `valid keys are ${names.join(", ")}` : `did you mean "${word}"?`
  }`;
}

type Leaf = { issue: Issue; path: Path };

function isOtherForm(issue: Issue, node: TreeNode | undefined): boolean {
  if (issue.code !== "invalid_type") return false;
  return issue.path.length === 0 || node !== undefined && nodeAt(node, issue.path) === undefined;
}

/**
 * Replaces the issue of a union with the issues of the only alternative that the value could match. If there are several such alternatives or none,
 * the issue stays.
 */
function leavesOf(issue: Issue, base: Path, root: TreeNode): Leaf[] {
  const path = [...base, ...issue.path];
  if (issue.code !== "invalid_union") return [{ issue, path }];
  const node = nodeAt(root, path);
  const candidates = issue.errors.filter((errors) => !errors.some((each) => isOtherForm(each, node)));
  const [only, ...others] = candidates;
  if (only === undefined || others.length > 0) return [{ issue, path }];
  return only.flatMap((each) => leavesOf(each, path, root));
}

function misspelt(issue: Issue, node: TreeNode): string {
  if (issue.code !== "invalid_union" || node.kind !== "map") return "";
  const unknown = issue.errors.flat().filter((each) => each.code === "unrecognized_keys");
  const knownKeys = [...new Set(unknown.flatMap(({ message }) => message.split(", ")))];
  for (const key of node.entries.keys()) {
    const word = knownKeys.includes(key) ? undefined : near(key, knownKeys);
    if (word !== undefined) return `; did you mean "${word}" instead of ${excerpt(key)}?`;
  }
  return "";
}

export function reportIssues(issues: readonly Issue[], tree: CheckedTree, mistakes: MistakeList): void {
  const { root, source, brokenFrom } = tree;
  function add(start: number, end: number, path: Path, message: string): void {
    if (start < brokenFrom && end <= brokenFrom) mistakes.add(source.placeAt(start), keyOf(path), message);
  }
  /** The real value may follow the syntax error. */
  function isCut(node: TreeNode): boolean {
    const isEmpty = node.kind === "scalar" && (node.value === null || node.value === "");
    return isEmpty && brokenFrom < Infinity && source.text.slice(node.end, brokenFrom).trim() === "";
  }
  for (const { issue, path } of issues.flatMap((each) => leavesOf(each, [], root))) {
    if (mistakes.full) return;
    const node = nodeAt(root, path);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys.slice(0, 1_000)) {
        const keyPath = [...path, key];
        const start = keyStartAt(root, keyPath) ?? 0;
        add(start, start, keyPath, unknownKey(key, issue.message.split(", "), path.length === 0));
      }
    } else if (issue.code === "invalid_key") {
      const start = keyStartAt(root, path) ?? 0;
      add(start, start, path, issue.issues[0]?.message ?? issue.message);
    } else if (node === undefined) {
      const start = path.length === 1 ? 0 : keyStartAt(root, path.slice(0, -1)) ?? 0;
      add(start, brokenFrom === Infinity ? start : Infinity, path, `it is missing; ${issue.message}`);
    } else if (node.kind !== "broken" && !isCut(node)) {
      add(node.start, node.end, path, messageFor(issue, node, source.text !== "") + misspelt(issue, node));
    }
  }
}

export function reportAmbiguous({ root, source, brokenFrom }: CheckedTree, mistakes: MistakeList): void {
  function visit(node: TreeNode, path: Path): void {
    if (mistakes.full || node.start >= brokenFrom) return;
    if (node.kind === "list") node.items.forEach((item, index) => visit(item, [...path, index]));
    else if (node.kind === "map") { for (const { key, value } of node.entries.values()) visit(value, [...path, key]); }
    else if (node.kind === "scalar" && node.plain && node.value !== null) {
      const meaning = typeof node.value === "string" ? otherMeaning(node.value) : undefined;
      if (meaning !== undefined) {
        const message = `it is ${excerpt(node.text)}, which some YAML parsers read as ${meaning}; ${
          inQuotes(node.text)
        }`;
        mistakes.add(source.placeAt(node.start), keyOf(path), message);
      } else if (typeof node.value === "number" && !/^-?(?:0|[1-9]\d*)$/.test(node.text)) {
        const message = `it is the number ${
          excerpt(node.text).slice(1, -1)
        }; write a number with plain digits: ${node.value}`;
        mistakes.add(source.placeAt(node.start), keyOf(path), message);
      }
    }
  }
  visit(root, []);
}
