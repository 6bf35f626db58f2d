/**
 * Files that GitHub's runner reads after a step.
 *
 * @module
 */

/** Most bytes of a step summary. Source: GitHub, "Workflow commands", adding a job summary: 1 MiB a step. */
export const MAX_SUMMARY_BYTES = 1024 * 1024;

/**
 * One record for `GITHUB_OUTPUT` (or `GITHUB_ENV`), with a delimiter that nobody can guess. It starts with an empty line, which
 * the runner skips: an earlier program may not have ended its last line.
 *
 * @param name Name of the output: `[A-Za-z_][A-Za-z0-9_-]*`.
 * @param value Any text, with any number of lines.
 * @param delimiter Pass it in tests only. @default a random one
 * @throws {RangeError} if the name has other characters, or name or value contain the delimiter.
 */
export function githubRecord(name: string, value: string, delimiter = `ghadelimiter_${crypto.randomUUID()}`): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) {
    throw new RangeError(`Cannot write GitHub output as its name has other characters than A-Z a-z 0-9 _ -: "${name}"`);
  }
  // Source: actions/toolkit, prepareKeyValueMessage.
  if (name.includes(delimiter) || value.includes(delimiter)) {
    throw new RangeError("Cannot write GitHub output as its value contains the delimiter: run again");
  }
  return `\n${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
