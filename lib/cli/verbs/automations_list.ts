/**
 * `automations list`: lists the automations, newest first.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Automation } from "../../model.ts";
import { automationsOf, MAX_AUTOMATIONS } from "../../automations/list.ts";
import { automationCells, shownAutomation } from "../log/automation_text.ts";
import { printList, wholeNumber } from "../job/open.ts";
import { openOneShot } from "../job/one_shot.ts";
import type { VerbContext } from "../verb.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const limit = wholeNumber(flags.get("limit"), "--limit", 1, MAX_LIMIT);
  const all = flags.has("all");
  if (all && limit !== undefined) throw new UsageError("automations list: --all and --limit exclude each other");
  const wanted = all ? Infinity : limit ?? DEFAULT_LIMIT;
  const { session } = openOneShot(context);
  const found: Automation[] = [];
  let more = false;
  // One more than is wanted tells whether there are others, mostly in the same page.
  for await (const automation of automationsOf(session, { pageSize: Math.min(wanted + 1, MAX_AUTOMATIONS) })) {
    more = found.length >= wanted;
    if (more) break;
    found.push(shownAutomation(automation));
  }
  printList(context, found, automationCells);
  if (more) writer.note(`there are more automations than the ${wanted} shown: see --limit and --all`);
  return EXIT.success;
}
