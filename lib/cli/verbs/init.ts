/**
 * The row of `init`.
 *
 * @module
 */
import { DRY_RUN, FORCE, initRepository, RESPOND, SCHEDULE, SHA256, UNINSTALL, UPDATE } from "../setup/init.ts";
import type { Verb } from "../verb.ts";

export const initVerb: Verb = {
  name: "init",
  usage: "[gitlab | github | … | terminal]",
  maxPositionals: 1,
  summary: "Put this program and a job for the CI system into the repository",
  group: "toolkit",
  flags: [[RESPOND, SCHEDULE], DRY_RUN, [UPDATE, SHA256, FORCE], UNINSTALL],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the files are there", usage: "bad arguments; init cannot tell what to write" },
  examples: ["mogplex-ci init --dry-run", "mogplex-ci init gitlab", "mogplex-ci init --respond"],
  run: initRepository,
};
