/**
 * `campaign skip`: decides about items. Sends something only where a start has no answer; else the next wave obeys.
 *
 * @module
 */
import { UsageError } from "../../../errors.ts";
import { decide, readSelection } from "../decide.ts";
import { CANCEL, REASON } from "../own_flags.ts";
import type { VerbContext } from "../../verb.ts";

/** Does the work of `campaign skip`. @returns The exit code. */
export async function skip(context: VerbContext): Promise<number> {
  const reason = context.option(REASON)?.trim() ?? "";
  if (reason === "") {
    const advice = "give --reason TEXT: it stands in the reports";
    throw new UsageError({ attempted: "skip items", why: "the reason is missing", advice });
  }
  const cancel = context.flags.has(CANCEL.name);
  const code = await decide(context, "campaign skip", { kind: "skip", select: readSelection(context), reason, cancel });
  context.writer.note("only this journal knows it: what no later plan or round may start belongs into `exclude-file`");
  return code;
}
