/**
 * Only the campaign can retry its item: a run that is started outside the campaign would leave the item failed.
 *
 * @module
 */

/** Untrusted text. */
export interface CampaignRetry {
  /** Name of the campaign. */
  readonly campaign: string;
  readonly command: string | null;
  readonly step: string;
}
