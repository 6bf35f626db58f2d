import type { Platform, ReadEnv } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import { GITHUB_TOKEN_NEEDS } from "../../forge/github/notes.ts";
import { sha256Hex } from "../../sha256.ts";
import { planJobNote } from "../job/note.ts";
import type { NotePlanner } from "../verb.ts";
import { inputText, isOn } from "./inputs.ts";

// GitHub's environment does not contain the node of a matrix, but the default of an input of the action does.

/** The node of the matrix as JSON without spaces. Empty if the job has no matrix, `undefined` if the node is unknown. */
function matrixNode(env: ReadEnv): string | undefined {
  const text = inputText(env, "matrix");
  if (text === undefined) return undefined;
  try {
    const node = JSON.stringify(JSON.parse(text));
    return ["null", "{}", '""'].includes(node) ? "" : node;
  } catch {
    return text.trim();
  }
}

/** The identity contains a hash, because the node can have any length. */
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

function numberOf(env: ReadEnv): string | undefined {
  const text = inputText(env, "pull-request")?.trim();
  if (text === undefined || /^[1-9]\d{0,14}$/.test(text)) return text;
  throw new UsageError({
    attempted: "use input pull-request",
    why: "it must be the number of a pull request",
    value: JSON.stringify(text),
  });
}

export const ACTION_NOTES: NotePlanner = {
  wanted({ io: { env } }) {
    if (!isOn(env, "comment", false)) return false;
    numberOf(env);
    return true;
  },
  plan(context) {
    const { env } = context.io;
    const number = numberOf(env);
    if (number === undefined) {
      const why = "the event of this workflow has no pull request, and input pull-request is empty";
      throw new UsageError({ attempted: "write a comment", why });
    }
    const inputAdvice = `leave it at its default, and give the job ${GITHUB_TOKEN_NEEDS}`;
    return planJobNote(context, { number: Number(number), inputAdvice, matrix: matrixNode(env) || "" });
  },
};
