/**
 * Files that GitHub's runner reads after a step.
 *
 * @module
 */

/** Most bytes of a step summary. Source: GitHub, "Workflow commands", adding a job summary: 1 MiB a step. */
export const MAX_SUMMARY_BYTES = 1024 * 1024;

/**
 * One record for `GITHUB_OUTPUT` (or `GITHUB_ENV`), with a delimiter that nobody can guess. Write it at the start of a line, and
 * leave no line empty: GitHub's runner skips empty lines, but act refuses the whole file.
 * Source: nektos/act, pkg/container/parse_env_file.go.
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
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
