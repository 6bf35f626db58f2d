/**
 * Rules between keys of a campaign file: what excludes each other, and what needs something else.
 *
 * @module
 */
import { excerpt, type MistakeList } from "./mistakes.ts";
import type { CheckedTree } from "./issues.ts";
import { keyStartAt, nodeAt, textAt } from "./syntax/tree.ts";

/** Keys with sentences, in which people write `#12`. */
const SENTENCES: readonly string[] = ["title", "prompt"];

/** Adds a mistake where a comment swallowed the end of a sentence. */
function reportCutTexts({ root, source }: CheckedTree, mistakes: MistakeList): void {
  for (const key of SENTENCES) {
    const node = nodeAt(root, [key]);
    if (node?.kind !== "scalar" || !node.plain) continue;
    const comment = /^[ \t]+(#\S+)/.exec(source.text.slice(node.end, node.end + 100))?.[1];
    if (comment === undefined) continue;
    const message = `${
      excerpt(comment)
    } is read as a comment; put the whole text in quotes, or write a blank after "#"`;
    mistakes.add(source.placeAt(source.text.indexOf("#", node.end)), key, message);
  }
}

/** Adds the mistakes between lanes: each has a name and a token of its own, and all but the first have repositories. */
function reportLanes({ root, source }: CheckedTree, mistakes: MistakeList): void {
  const lanes = nodeAt(root, ["lanes"]);
  if (lanes?.kind !== "list") return;
  const seen = new Map<string, string>();
  const webhook = textAt(root, ["notify", "webhook-variable"]);
  if (webhook !== undefined) seen.set(`token-variable ${webhook}`, "notify");
  for (const index of lanes.items.keys()) {
    const lane = `lanes[${index}]`;
    for (const key of ["name", "token-variable"]) {
      const path = ["lanes", index, key];
      const value = textAt(root, path);
      if (value === undefined) continue;
      const other = seen.get(`${key} ${value}`);
      seen.set(`${key} ${value}`, other ?? lane);
      if (other === undefined) continue;
      const message = `it is ${excerpt(value)}, which ${other} has as well; give each its own`;
      mistakes.add(source.placeAt(nodeAt(root, path)?.start ?? 0), `${lane}.${key}`, message);
    }
    if (index === 0 || nodeAt(root, ["lanes", index])?.kind !== "map") continue;
    const globs = nodeAt(root, ["lanes", index, "repositories"]);
    if (globs !== undefined && (globs.kind !== "list" || globs.items.length > 0)) continue;
    const message = "it is missing; only the first lane needs none, as it has what no other lane has";
    mistakes.add(source.placeAt(nodeAt(root, ["lanes", index])?.start ?? 0), `${lane}.repositories`, message);
  }
}

/** Adds the mistakes of keys that do not go together. */
export function reportRelations(tree: CheckedTree, mistakes: MistakeList): void {
  const { root, source } = tree;
  reportCutTexts(tree, mistakes);
  reportLanes(tree, mistakes);
  function add(path: readonly string[], message: string): void {
    const start = nodeAt(root, path)?.start ?? 0;
    mistakes.add(source.placeAt(start), path.join("."), message);
  }

  const prompt = keyStartAt(root, ["prompt"]);
  const promptFile = keyStartAt(root, ["prompt-file"]);
  if (prompt === undefined && promptFile === undefined) {
    mistakes.add(source.placeAt(0), "prompt", "it is missing; give the task as prompt or as prompt-file");
  } else if (prompt !== undefined && promptFile !== undefined) {
    const [second, key] = prompt > promptFile ? [prompt, "prompt"] : [promptFile, "prompt-file"];
    mistakes.add(source.placeAt(second), key, "prompt and prompt-file exclude each other; remove one of them");
  }

  const harness = textAt(root, ["agent", "harness"]);
  const mode = textAt(root, ["agent", "mode"]);
  if (harness === "mogplex" && mode !== undefined) {
    add(["agent", "mode"], 'the harness "mogplex" takes no mode; remove it');
  }
  const require = textAt(root, ["success", "require"]);
  if (require !== "changes" && require !== "pull-request") return;
  if (harness === "mogplex") {
    const why = `it is ${excerpt(require)}, which cannot be seen with the harness "mogplex"`;
    add(["success", "require"], `${why}: it does not report what it delivered; write run, or choose another harness`);
  } else if (mode === "SAFE") {
    const why = `it is ${excerpt(require)}, which no run brings in mode SAFE`;
    add(["success", "require"], `${why}: the agent changes nothing then; write run, or choose the mode AUTO or YOLO`);
  }
}
