/**
 * Commands about a campaign, for people to copy.
 *
 * @module
 */

import { commandLine } from "../../text/escape/shell.ts";

/** How a campaign is called on the command line. */
export interface CampaignCommand {
  /** The program. */
  readonly program: string;
  /** The campaign file, as the user wrote it. */
  readonly file: string;
  /** Flags that every command needs: `--dir` and `--home` with their values. */
  readonly flags: readonly string[];
}

/** Used where nobody says how the campaign is called. */
export const ANY_COMMAND: CampaignCommand = { program: "mogplex-ci", file: "FILE", flags: [] };

/**
 * The command line of a campaign verb.
 *
 * @param args What follows the file.
 */
export function campaignCommand(
  { program, file, flags }: CampaignCommand,
  verb: string,
  ...args: readonly string[]
): string {
  return commandLine(program, "campaign", verb, file, ...flags, ...args);
}
