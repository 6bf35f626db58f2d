/**
 * What a step of a campaign came to.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { EndOutcome } from "../result/ends.ts";
import type { ResultError } from "../result/result_error.ts";
import type { CampaignView } from "./view.ts";

/** What a step of a campaign came to. */
export interface CampaignResult {
  /** Tells this result from that of a run. */
  kind: "campaign";
  /** What the campaign looks like; null when there is no plan. */
  view: CampaignView | null;
  /** Our verdict on the step: a verdict of the campaign, or `started` when it goes on, `interrupted`, or `error`. */
  outcome: EndOutcome | "started" | "interrupted" | "error";
  /** Exit code that belongs to it. */
  exitCode: number;
  /** Why; null when there is nothing to say. */
  reason: string | null;
  /** What stopped the step; null when nothing did. */
  error: ResultError | null;
  /** Always null: the command that goes on is the same one. */
  resume: string | null;
}

/** The campaign goes on, and this process leaves it. Exit code 75 where that is asked for. */
export class CampaignGoesOnError extends MogplexError {
  override name = "CampaignGoesOnError";
  /** @param why What it waits for, as a clause. */
  constructor(campaign: string, why: string, advice?: string) {
    super({ attempted: `end campaign "${campaign}" now`, why, advice }, "rateLimited");
  }
}
