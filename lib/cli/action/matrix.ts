/**
 * The node of a matrix. GitHub's environment does not show it; an input of the action does, by its default.
 *
 * @module
 */
import type { Platform, ReadEnv } from "../../platforms/platform.ts";
import { sha256Hex } from "../../sha256.ts";
import { inputText } from "./inputs.ts";

/** The node as JSON without blanks; an empty string when the job has no matrix, undefined when nobody says it. */
export function matrixNode(env: ReadEnv): string | undefined {
  const text = inputText(env, "matrix");
  if (text === undefined) return undefined;
  try {
    const node = JSON.stringify(JSON.parse(text));
    return ["null", "{}", '""'].includes(node) ? "" : node;
  } catch {
    return text.trim();
  }
}

/** The CI system, with the node in the identity of the job: as a hash, since a node can be of any length. */
export function withMatrixNode(platform: Platform, env: ReadEnv): Platform {
  const text = matrixNode(env);
  if (text === undefined) return platform;
  const node = text === "" ? "" : sha256Hex(text).slice(0, 40);
  function identity(read: ReadEnv) {
    const job = platform.identity(read);
    return job === null ? null : { ...job, node };
  }
  return { ...platform, hidesNode: false, identity };
}
