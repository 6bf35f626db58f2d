/**
 * `sandboxes list`: lists the sandboxes.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn, printList } from "../../job/open.ts";
import { sandboxCells } from "../../log/drop_in_text.ts";
import type { VerbContext } from "../../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const repoId = context.flags.get("repo");
  const status = context.flags.get("status");
  const { client, call } = openDropIn(context);
  printList(context, await client.listSandboxes({ repoId, status }, call), sandboxCells);
  return EXIT.success;
}
