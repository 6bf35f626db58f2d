/**
 * `campaign stop`: starts nothing more. Sends something only with `--cancel`, where a start has no answer; else the next wave obeys.
 *
 * @module
 */
import { decide } from "../decide.ts";
import { CANCEL } from "../own_flags.ts";
import type { VerbContext } from "../../verb.ts";

/** Does the work of `campaign stop`. @returns The exit code. */
export function stop(context: VerbContext): Promise<number> {
  return decide(context, "campaign stop", { kind: "stop", cancel: context.flags.has(CANCEL.name) });
}
