/**
 * The fence: the idempotency key of a start follows from what is started, and from nothing else. Two workers that do not know of each other
 * send the same key and get the same run.
 *
 * @module
 */
import { sha256Hex } from "../../sha256.ts";
import type { LockTask } from "./lock.ts";
import type { StartKind } from "./record.ts";

/** What a key is derived from. No user, host or time is in it. */
export interface FenceParts {
  /** Name of the campaign. */
  campaign: string;
  /** Its round; empty by default. */
  round: string;
  /** See {@linkcode requestHash}. */
  requestHash: string;
  /** UUID of the repository; upper and lower case are the same. */
  repositoryId: string;
  /** Base branch. */
  baseBranch: string;
  /** Root directory; null for the repository's root. */
  root: string | null;
  /** What the start is for. */
  kind: StartKind;
  /** Number of the start, from 1. */
  start: number;
}

/** The parts of a request that make it another task when they change. */
export interface RequestParts extends Pick<LockTask, "agent" | "branch"> {
  /** The whole prompt with its title, as it is sent: every template is filled in. */
  prompt: string;
}

/**
 * The hash of a request: SHA-256 of the JSON array `["mogplex-ci/campaign-request/1", prompt, harness, mode, branch]`, as 64 hex digits.
 * The branch is the pattern of the campaign file; null where the service names it, as is a mode that the service chooses.
 */
export function requestHash({ prompt, agent, branch }: RequestParts): string {
  return sha256Hex(JSON.stringify(["mogplex-ci/campaign-request/1", prompt, agent.harness, agent.mode, branch]));
}

/**
 * The idempotency key of a start: `cp1-` and the first 40 hex digits of SHA-256 of the JSON array `["mogplex-ci/campaign/1", campaign,
 * round, request hash, repository id, base branch, root, kind, start number]`. Source: specification of campaigns, section 5.
 */
export function itemKey(parts: FenceParts): string {
  const { campaign, round, repositoryId, baseBranch, root, kind, start } = parts;
  const place = [repositoryId.toLowerCase(), baseBranch, root];
  const text = JSON.stringify(["mogplex-ci/campaign/1", campaign, round, parts.requestHash, ...place, kind, start]);
  return `cp1-${sha256Hex(text).slice(0, 40)}`;
}
