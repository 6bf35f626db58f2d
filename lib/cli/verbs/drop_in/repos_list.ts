/**
 * `repos list`: lists the repositories that the token reaches.
 *
 * @module
 */
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn } from "../../job/open.ts";
import { repoCells } from "../../log/drop_in_text.ts";
import { MOST_LISTED, noteFull, printList } from "../../log/lists.ts";
import { JSON_LINES } from "../../options/table.ts";
import { wholeNumber } from "../../options/values.ts";
import type { Option, Verb } from "../../verb.ts";

const LIMIT: Option<number> = {
  name: "limit",
  value: "N",
  help: `At most N, 1 to ${MOST_LISTED} (default ${MOST_LISTED})`,
  parse: wholeNumber(1, MOST_LISTED),
};

export const reposListVerb: Verb = {
  name: "repos list",
  usage: "",
  maxPositionals: 0,
  summary: "List the repositories that the token reaches",
  group: "drop-in",
  flags: [{ name: "query", value: "TEXT", help: "Only names that contain it" }, LIMIT, JSON_LINES],
  examples: ["mogplex-ci repos list --json | jq '. | {id, full_name}'"],
  async run(context) {
    const { flags, writer } = context;
    const limit = context.option(LIMIT) ?? MOST_LISTED;
    const q = flags.get("query");
    const { client, call } = openDropIn(context);
    const repos = await client.listRepos({ q, limit }, call);
    printList(writer, flags.has("json"), repos, repoCells);
    noteFull(writer, "repositories", repos, limit);
    return EXIT.success;
  },
};
