/**
 * `campaign resume`: lets a stopped campaign go on. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { decide } from "../decide.ts";
import type { VerbContext } from "../../verb.ts";

/** Does the work of `campaign resume`. @returns The exit code. */
export function resume(context: VerbContext): Promise<number> {
  return decide(context, "campaign resume", { kind: "resume" });
}
