/**
 * Rules between keys of a campaign file: what excludes each other, and what needs something else.
 *
 * @module
 */
import { excerpt, type MistakeList } from "./mistakes.ts";
import type { CheckedTree } from "./issues.ts";
import { freeVariable, webhookVariable } from "./rules.ts";
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

/**
 * Adds the mistakes of keys that do not go together.
 *
 * @param webhook See {@linkcode ReadCampaignOptions.webhookVariable}.
 */
export function reportRelations(tree: CheckedTree, mistakes: MistakeList, webhook: string | undefined): void {
  const { root, source } = tree;
  reportCutTexts(tree, mistakes);
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

  const variable = textAt(root, ["notify", "webhook-variable"]);
  const wrong = variable === undefined || freeVariable(variable) !== undefined
    ? undefined
    : webhookVariable(variable, webhook);
  if (wrong !== undefined) add(["notify", "webhook-variable"], wrong);

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
