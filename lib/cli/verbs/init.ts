/**
 * The row of `init`.
 *
 * @module
 */
import { initRepository } from "../setup/init.ts";
import type { Verb } from "../verb.ts";

export const initVerb: Verb = {
  name: "init",
  usage: "[gitlab | github | … | terminal]",
  maxPositionals: 1,
  summary: "Put this program and a job for the CI system into the repository",
  group: "toolkit",
  flags: [
    { name: "respond", help: "Write the job that answers mentions at the forge: docs/ask.md" },
    { name: "dry-run", help: "Print what would be written, and write nothing" },
    { name: "update", help: "Replace the program and its checksum by this program" },
    { name: "uninstall", help: "Remove what init wrote, unless it was changed" },
  ],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the files are there", usage: "bad arguments; init cannot tell what to write" },
  examples: ["mogplex-ci init --dry-run", "mogplex-ci init gitlab", "mogplex-ci init --respond"],
  run: initRepository,
};
