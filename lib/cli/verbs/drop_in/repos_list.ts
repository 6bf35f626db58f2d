/**
 * `repos list`: lists the repositories that the token reaches.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn, printList, wholeNumber } from "../../job/open.ts";
import { repoCells } from "../../log/drop_in_text.ts";
import type { VerbContext } from "../../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const limit = wholeNumber(context.flags.get("limit"), "--limit", 1, 200);
  const q = context.flags.get("query");
  const { client, call } = openDropIn(context);
  printList(context, await client.listRepos({ q, limit }, call), repoCells);
  return EXIT.success;
}
