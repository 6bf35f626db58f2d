import type { ExitName } from "../../exit_codes.ts";
import type { Meanings } from "../verb.ts";

export const ASKING: readonly ExitName[] = [
  "success",
  "usage",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
];

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

/** These meanings replace the common table, which also covers automations. */
export const OF_RUNS: Meanings = { rateLimited: RUN_RATE_LIMITED, deadline: RUN_DEADLINE };

export const SHORT_IDS = "Outside CI, the first 8 digits of the id are enough.";
