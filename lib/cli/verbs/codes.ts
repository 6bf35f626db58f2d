/**
 * Exit codes that several verbs share, with their meanings, and a remark of theirs.
 * @module
 */
import type { ExitName } from "../../exit_codes.ts";
import type { Meanings } from "../verb.ts";

/** Codes of a verb that sends requests and prints the answers. */
export const ASKING: readonly ExitName[] = [
  "success",
  "usage",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
];

/** Codes of a verb that triggers an automation, and then ends. */
export const TRIGGERING: readonly ExitName[] = [
  "success",
  "failed",
  "usage",
  "cancelled",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
  "deadline",
];

export const RUN_RATE_LIMITED = "rate limited (429), or no free sandbox, until the deadline";
export const RUN_DEADLINE = "--timeout passed; the run continues unless --on-timeout is cancel";

/** Meanings for a verb that follows a run: the common table also covers automations. */
export const OF_RUNS: Meanings = { rateLimited: RUN_RATE_LIMITED, deadline: RUN_DEADLINE };

/** A remark of verbs that are about one run. */
export const SHORT_IDS = "Outside CI, the first 8 digits of the id are enough.";
