/**
 * `campaign import`: takes in the journal of a campaign from elsewhere. Sends nothing to the service.
 *
 * @module
 */
import { importJournal } from "../../../campaign/import_journal.ts";
import { EXIT } from "../../../exit_codes.ts";
import { requiredArgument } from "../../options/arguments.ts";
import type { VerbContext } from "../../verb.ts";
import { DRY_RUN } from "../flags.ts";
import { maskToken, readPlace } from "../place.ts";

/** Does the work of `campaign import`. @returns The exit code. */
export async function importFrom(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const place = readPlace(context, "campaign import");
  maskToken(context);
  const source = requiredArgument(context, "campaign import", "source", 1);
  const dryRun = flags.has(DRY_RUN.name);
  const { view, text, ...what } = await importJournal(
    place.path,
    source,
    { ...place.options, dryRun },
    place.internals,
  );
  if (flags.has("json")) writer.json(writer.clean({ ...what, dryRun, state: view?.state ?? null }));
  else writer.out(writer.untrusted(text));
  return EXIT.success;
}
