/**
 * The errors of the YAML parser, where a person would look for them.
 *
 * @module
 */
import { nodeAt, type Path, pathBefore, type Source, type TreeNode } from "./tree.ts";
import { syntaxMessage } from "./words.ts";

/** An error of the parser. */
export interface SyntaxProblem {
  offset: number;
  message: string;
}

/** The same for a reader of the file. */
export interface PlacedProblem extends SyntaxProblem {
  path: Path;
}

/** The innermost list or map in brackets that begins before an offset and is not closed. */
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

/** The key of a line whose place in the tree is not known. */
function keyIn(line: string): Path | undefined {
  const key = /^[\s-]*["']?([\w$-]+)["']?\s*:/.exec(line)?.[1];
  return key === undefined ? undefined : [key];
}

/** What stands in the place of a key in a line that has none. */
function firstWord(line: string): Path {
  return [/\S{1,40}/.exec(line)?.[0] ?? ""];
}

/** A problem where a reader looks for it: the parser often notices it later than it begins. */
export function explained({ offset: noticed, message }: SyntaxProblem, root: TreeNode, source: Source): PlacedProblem {
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
  const own = { ...plain, path: path.slice(0, -1) };
  const before = source.placeAt(offset).column - 1;
  if (/:(?:\s|$)/.test(line.slice(before))) return own;
  // The text of this line goes on in the next one, which has a key.
  const from = source.text.indexOf("\n", offset) + 1;
  const blanks = /^\s*/.exec(source.text.slice(from))?.[0] ?? "";
  const indentation = blanks.length - blanks.lastIndexOf("\n") - 1;
  if (line.slice(0, before).trim() === "" && indentation <= before) {
    return { ...own, path: firstWord(line), message: syntaxMessage("Implicit map keys need", line) };
  }
  const advice =
    "this line is indented as if it continued the value before it; give the keys of a map the same indentation";
  const next = from + blanks.length;
  return { path: keyIn(source.lineAt(next)) ?? own.path, offset: next, message: advice };
}
