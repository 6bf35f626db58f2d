/**
 * Records a decision about a campaign and says what it means.
 *
 * @module
 */
import { decideCampaign, type Decision, type Selection } from "../../campaign/decide.ts";
import { exitCodeFor } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { explain } from "../explain.ts";
import type { VerbContext } from "../verb.ts";
import { CAUSE, DRY_RUN, FAILED, ONLY } from "./flags.ts";
import { decider, maskToken, readPlace } from "./place.ts";

/** Reads the flags that choose items. */
export function readSelection({ flags, option }: VerbContext): Selection {
  return { failed: flags.has(FAILED.name), cause: option(CAUSE), only: flags.all(ONLY.name) };
}

/** Most names of items that are printed. */
const MAX_NAMES = 20;

/** The decision with its texts fit for the journal: people copy all kinds of things into them. */
function masked(decision: Decision, redact: (text: string) => string): Decision {
  if (decision.kind === "skip") return { ...decision, reason: redact(decision.reason) };
  if (decision.kind !== "approve" || decision.note === null) return decision;
  return { ...decision, note: redact(decision.note) };
}

/** Records the decision, prints what it means, and returns the exit code. @throws as `decideCampaign` does. */
export async function decide(context: VerbContext, verb: string, decision: Decision): Promise<number> {
  const { flags, writer } = context;
  const place = readPlace(context, verb);
  maskToken(context);
  const dryRun = flags.has(DRY_RUN.name);
  const options = { ...place.options, by: decider(context), dryRun };
  const { items, text, view, error } = await decideCampaign(
    place.path,
    masked(decision, writer.redact),
    options,
    place.internals,
  );
  if (flags.has("json")) {
    writer.json(writer.clean({ decision: decision.kind, dryRun, items, state: view.state }));
    return codeOf(context, error);
  }
  writer.out(writer.untrusted(text));
  writer.out(...items.slice(0, MAX_NAMES).map((name) => `  ${writer.untrusted(name)}`));
  if (items.length > MAX_NAMES) writer.out(`  and ${items.length - MAX_NAMES} more`);
  return codeOf(context, error);
}

/** Says why a decision could not be carried out at once. @returns The exit code. */
function codeOf({ writer }: VerbContext, error: unknown): number {
  if (error === undefined) return EXIT.success;
  explain(error, writer);
  return exitCodeFor(error);
}
