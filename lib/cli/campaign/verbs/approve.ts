/**
 * `campaign approve`: opens a closed gate. Sends nothing: the next wave obeys.
 *
 * @module
 */
import { decide } from "../decide.ts";
import { NOTE_TEXT } from "../own_flags.ts";
import type { VerbContext } from "../../verb.ts";

/** Does the work of `campaign approve`. @returns The exit code. */
export function approve(context: VerbContext): Promise<number> {
  return decide(context, "campaign approve", { kind: "approve", note: context.option(NOTE_TEXT) ?? null });
}
