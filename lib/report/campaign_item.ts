/**
 * How to retry a failed run that a campaign started. Only the campaign can retry its item: a run that is started outside the campaign would leave the
 * item failed.
 * @module
 */

/** Untrusted text. */
export interface CampaignRetry {
  /** Name of the campaign. */
  readonly campaign: string;
  /** The command that starts the item again; `null` if the campaign's file is unknown. */
  readonly command: string | null;
  /** What to do, shown before the command. */
  readonly step: string;
}
