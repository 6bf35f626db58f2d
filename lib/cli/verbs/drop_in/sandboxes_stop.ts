/**
 * `sandboxes stop`: the documented placeholder. The service has no route for it; nothing is sent.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { requiredArgument } from "../../job/open.ts";
import { SANDBOX_PAGE } from "../../log/drop_in_text.ts";
import type { VerbContext } from "../../verb.ts";

/** See the module. */
// deno-lint-ignore require-await
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const id = requiredArgument(context, "sandboxes stop", "sandbox-id");
  const url = `${SANDBOX_PAGE}/${encodeURIComponent(id)}`;
  if (flags.has("json")) writer.json({ id, stopped: false, url });
  else writer.out(`sandboxes cannot be stopped through the API yet; stop it in the web UI: ${writer.untrusted(url)}`);
  return EXIT.success;
}
