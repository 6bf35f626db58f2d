/**
 * Exit codes of the campaign verbs.
 *
 * @module
 */
import type { ExitName } from "../../../exit_codes.ts";
import type { Meanings } from "../../verb.ts";

/** Codes of the verbs that make waves. */
export const WAVE_CODES: readonly ExitName[] = [
  "success",
  "failed",
  "usage",
  "awaitingInput",
  "unauthorized",
  "forbidden",
  "unavailable",
  "internal",
  "rateLimited",
  "sigint",
  "sigterm",
];

/** What codes of the verbs that make waves mean. */
export const OF_WAVES: Meanings = {
  success: "the campaign is done and good; or it goes on",
  failed: "it is done with failures or unknowns; or it stopped after too many failures",
  usage: "a mistake in file or arguments; a lock or journal that was changed; a token of another user",
  awaitingInput: "only items are left that wait for a person",
  unavailable: "service or directory out of reach; nothing is lost, the next wave goes on",
  rateLimited: "it goes on (with --exit-status); another process is at work in its directory",
};

/** The same for `campaign run`, which stays. */
export const OF_RUN: Meanings = {
  ...OF_WAVES,
  success: "the campaign is done and good",
  rateLimited: "it goes on: --timeout passed, a gate is closed, somebody stopped it; another process is at work",
};

/** Codes of the verbs that only read or write the directory. */
export const LOCAL_CODES: readonly ExitName[] = ["success", "usage", "unavailable", "internal", "rateLimited"];

/** What codes of the verbs that record a decision mean. */
export const OF_DECISIONS: Meanings = {
  success: "it is recorded, and the next wave obeys",
  usage: "no item fits, or the decision makes no sense now; a mistake in file or arguments; a journal that was changed",
  unavailable: "the directory cannot be written",
  rateLimited: "another process is at work in the directory",
};

/** Codes of the verbs that also settle starts without an answer. */
export const SETTLE_CODES: readonly ExitName[] = WAVE_CODES.filter((code) =>
  code !== "failed" && code !== "awaitingInput"
);

/** What codes of these verbs mean. */
export const OF_SETTLING: Meanings = {
  ...OF_DECISIONS,
  success: "it is recorded, and the next wave obeys; every start without an answer that it is about is settled",
  unavailable: "the directory cannot be written; or the service gave no answer, and the next wave settles the rest",
  rateLimited: "another process is at work in the directory; or no start is free to settle one, and the next wave does",
};
