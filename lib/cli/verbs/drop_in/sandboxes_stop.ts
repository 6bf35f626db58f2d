/**
 * `sandboxes stop`: the documented placeholder. The service has no route for it; nothing is sent.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { SANDBOX_PAGE } from "../../log/drop_in_text.ts";
import { requiredArgument } from "../../options/arguments.ts";
import { JSON_LINES } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";

export const sandboxesStopVerb: Verb = {
  name: "sandboxes stop",
  usage: "<sandbox-id>",
  maxPositionals: 1,
  summary: "Not supported by the API: prints the web page where a sandbox can be stopped",
  group: "drop-in",
  flags: [JSON_LINES],
  examples: ['mogplex-ci sandboxes stop "$SANDBOX_ID"'],
  // deno-lint-ignore require-await
  async run(context) {
    const { flags, writer } = context;
    const id = requiredArgument(context, "sandboxes stop", "sandbox-id");
    const url = `${SANDBOX_PAGE}/${encodeURIComponent(id)}`;
    if (flags.has("json")) writer.json({ id, stopped: false, url });
    else writer.out(`sandboxes cannot be stopped through the API yet; stop it in the web UI: ${writer.untrusted(url)}`);
    return EXIT.success;
  },
};
