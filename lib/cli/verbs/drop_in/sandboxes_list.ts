/**
 * `sandboxes list`: lists the sandboxes.
 *
 * @module
 */
import { checkRepository, resolveRepository } from "../../../api/repository.ts";
import { EXIT } from "../../../exit_codes.ts";
import { openDropIn } from "../../job/open.ts";
import { sandboxCells } from "../../log/drop_in_text.ts";
import { MOST_LISTED, noteFull, printList } from "../../log/lists.ts";
import { JSON_LINES } from "../../options/table.ts";
import type { Verb } from "../../verb.ts";

export const sandboxesListVerb: Verb = {
  name: "sandboxes list",
  usage: "",
  maxPositionals: 0,
  summary: "List the sandboxes, most recently active first",
  group: "drop-in",
  flags: [
    { name: "repo", value: "REPO", help: "Only those of one repository: owner/name, or its id" },
    { name: "status", value: "WORD", help: "Only those with this status" },
    JSON_LINES,
  ],
  examples: [`mogplex-ci sandboxes list --json | jq 'select(.status == "running")'`],
  async run(context) {
    const { flags, writer } = context;
    const repo = flags.get("repo");
    const repository = repo === undefined ? undefined : checkRepository({ repo }, "list sandboxes");
    const status = flags.get("status");
    const { client, call } = openDropIn(context);
    const repoId = repository && await resolveRepository(client, repository, call);
    const sandboxes = await client.listSandboxes({ repoId, status, limit: MOST_LISTED }, call);
    printList(writer, flags.has("json"), sandboxes, sandboxCells);
    noteFull(writer, "sandboxes", sandboxes, MOST_LISTED);
    return EXIT.success;
  },
};
