/**
 * Commands for people to copy into a POSIX shell.
 *
 * @module
 */

/** A word for a POSIX shell. Quotes stand around everything that the shell could read in another way. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command line: the words as given, in quotes where that is needed. */
export function commandLine(program: string, ...args: readonly string[]): string {
  return [program, ...args.map(shellWord)].join(" ");
}
