/**
 * The item of a campaign to which a failed run belongs: only its campaign can start it again, since a new run outside would leave the item failed.
 * @module
 */

/** Texts are untrusted. */
export interface CampaignRetry {
  /** Name of the campaign. */
  readonly campaign: string;
  /** The command that starts the item again; null if the campaign's file is unknown. */
  readonly command: string | null;
  /** What to do, before the command. */
  readonly step: string;
}
