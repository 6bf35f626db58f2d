/**
 * `campaign retry`: lets items be started again. Sends something only where a start has no answer; else the next wave obeys.
 *
 * @module
 */
import { decide, readSelection } from "../decide.ts";
import { ADOPT } from "../own_flags.ts";
import type { VerbContext } from "../../verb.ts";

/** Does the work of `campaign retry`. @returns The exit code. */
export function retry(context: VerbContext): Promise<number> {
  const adopt = context.flags.has(ADOPT.name);
  return decide(context, "campaign retry", { kind: "retry", select: readSelection(context), adopt });
}
