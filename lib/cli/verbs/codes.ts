/**
 * Exit codes that several verbs share, with their meanings, and a shared remark.
 *
 * @module
 */
import type { ExitName } from "../../exit_codes.ts";
import type { Meanings } from "../verb.ts";

/** Codes of a verb that sends requests and prints the responses. */
export const ASKING: readonly ExitName[] = [
  "success",
  "usage",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
];

/** Codes of a verb that triggers an automation and does not follow the run. */
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

/** Meanings for a verb that follows a run. They replace the common table, which also covers automations. */
export const OF_RUNS: Meanings = { rateLimited: RUN_RATE_LIMITED, deadline: RUN_DEADLINE };

export const SHORT_IDS = "Outside CI, the first 8 digits of the id are enough.";
