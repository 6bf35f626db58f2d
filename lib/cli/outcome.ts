/**
 * Which exit code belongs to the end of a run.
 *
 * @module
 */
import type { ExitName } from "../exit_codes.ts";
import type { EndOutcome } from "../runs/follower.ts";

/** Row of the table of exit codes for each end, for toolkit verbs. */
export const END_EXIT: Record<EndOutcome, ExitName> = {
  success: "success",
  failed: "failed",
  cancelled: "cancelled",
  awaiting_input: "awaitingInput",
};
