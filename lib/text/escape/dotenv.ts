/**
 * Dotenv files as GitLab reads them (`artifacts:reports:dotenv`): one `NAME=value` a line, nothing else.
 *
 * @module
 */

/** Most bytes of a file that GitLab takes. Source: GitLab, "Instance limits", dotenv variables: 5 KB. */
export const MAX_DOTENV_BYTES = 5_000;

// What GitLab replaces inside the values of a report, by a secret if it has that name: `%NAME%`, and `%%` as its escape. Two
// hexadecimal digits are left alone, as addresses have them. Source: gitlabhq, lib/expand_variables.rb.
const REFERENCE = /%(?:%|(?![0-9A-Fa-f]{2}%)[A-Za-z_][A-Za-z0-9_]*%)/;

/**
 * A value that may be pasted anywhere: letters and digits of any script and `._/:@%+=,#?~-`. Quotes, blanks, `$` and the
 * like are left out on purpose: GitLab does not unquote, and people write `${{ … }}` and `$NAME` bare into shell scripts. Nor
 * does it begin with `-`, `~`, `#` or `=`: `git fetch origin $MOGPLEX_BRANCH` would take `--upload-pack=./x` for an option.
 * `%NAME%` is a variable for GitLab.
 *
 * @returns An empty string for every other text.
 */
export function bareValue(text: string): string {
  const bare = text.length <= 1_024 && /^(?![-~#=])[\p{L}\p{N}\p{M}._/:@%+=,#?~-]*$/u.test(text);
  return bare && !REFERENCE.test(text) ? text : "";
}

/**
 * A dotenv file.
 *
 * @param values Values by name. A value that is not bare is left empty, since no quoting exists.
 * @throws {RangeError} if a name has other characters than `[A-Za-z0-9_]`, or the file would be too large: both are ours.
 */
export function renderDotenvFile(values: Readonly<Record<string, string>>): string {
  let text = "";
  for (const [name, value] of Object.entries(values)) {
    if (!/^[A-Za-z0-9_]+$/.test(name)) {
      throw new RangeError(`Cannot write dotenv file as a name has other characters than A-Z a-z 0-9 _: "${name}"`);
    }
    text += `${name}=${bareValue(value)}\n`;
  }
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_DOTENV_BYTES) {
    throw new RangeError(`Cannot write dotenv file as it must be at most ${MAX_DOTENV_BYTES} bytes: it has ${bytes}`);
  }
  return text;
}
