/**
 * `automations list`: lists the automations, newest first.
 *
 * @module
 */
import { automationsOf, MAX_AUTOMATIONS } from "../../automations/list.ts";
import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Automation } from "../../model.ts";
import { openOneShot } from "../job/one_shot.ts";
import { automationCells, shownAutomation } from "../log/automation_text.ts";
import { printList } from "../log/lists.ts";
import { JSON_LINES } from "../options/table.ts";
import { wholeNumber } from "../options/values.ts";
import type { Option, Verb } from "../verb.ts";
import { ASKING } from "./codes.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;

const LIMIT: Option<number> = {
  name: "limit",
  value: "N",
  help: `At most N, 1 to ${MAX_LIMIT} (default ${DEFAULT_LIMIT})`,
  parse: wholeNumber(1, MAX_LIMIT),
};

export const automationsListVerb: Verb = {
  name: "automations list",
  usage: "",
  maxPositionals: 0,
  summary: "List the automations, newest first",
  group: "toolkit",
  flags: [LIMIT, { name: "all", help: "All of them, however many requests that takes" }, JSON_LINES],
  codes: ASKING,
  meanings: { success: "the request worked" },
  examples: [`mogplex-ci automations list --all --json | jq -r '.id + " " + .name'`],
  async run(context) {
    const { flags, writer, option } = context;
    const limit = option(LIMIT);
    const all = flags.has("all");
    if (all && limit !== undefined) {
      throw new UsageError({
        attempted: "list automations",
        why: "--all and --limit exclude each other",
        advice: "give one of them",
      });
    }
    const wanted = all ? Infinity : limit ?? DEFAULT_LIMIT;
    const { session } = openOneShot(context);
    const found: Automation[] = [];
    let incomplete = false;
    const options = {
      pageSize: Math.min(wanted, MAX_AUTOMATIONS),
      limit: wanted,
      onIncomplete: () => incomplete = true,
    };
    const automations = automationsOf(session, options);
    let next = await automations.next();
    for (; !next.done; next = await automations.next()) found.push(shownAutomation(next.value));
    // An incomplete list has its own notice.
    const more = next.value && !incomplete;
    printList(writer, flags.has("json"), found, automationCells);
    if (more) writer.note(`there are more automations than the ${wanted} shown: see --limit and --all`);
    return EXIT.success;
  },
};
