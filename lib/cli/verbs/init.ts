import {
  DRY_RUN,
  FORCE,
  initRepository,
  JOB_REPO,
  RESPOND,
  SCHEDULE,
  SHA256,
  UNINSTALL,
  UPDATE,
} from "../setup/init.ts";
import type { Verb } from "../verb.ts";

export const initVerb: Verb = {
  name: "init",
  usage: "[gitlab | github | … | terminal]",
  maxPositionals: 1,
  summary: "Add this program and a job for your CI system to the repository",
  group: "toolkit",
  flags: [[RESPOND, SCHEDULE, JOB_REPO], DRY_RUN, [UPDATE, SHA256, FORCE], UNINSTALL],
  codes: ["success", "usage", "internal"],
  meanings: { success: "the files exist", usage: "bad arguments, or init cannot decide what to write" },
  examples: ["mogplex-ci init --dry-run", "mogplex-ci init gitlab", "mogplex-ci init --respond"],
  run: initRepository,
};
