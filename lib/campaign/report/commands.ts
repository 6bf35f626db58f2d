/**
 * Commands about a campaign, for people to copy.
 *
 * @module
 */

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

/** A word for a POSIX shell. Quotes stand around everything that the shell could read in another way. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command line: the words as given, in quotes where that is needed. */
export function commandLine(program: string, ...args: readonly string[]): string {
  return [program, ...args.map(shellWord)].join(" ");
}

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
