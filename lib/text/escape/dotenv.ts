/**
 * Dotenv files as GitLab reads them (`artifacts:reports:dotenv`): one `NAME=value` a line, nothing else.
 *
 * @module
 */

/** Most bytes of a file that GitLab takes. Source: GitLab, "Instance limits", dotenv variables: 5 KB. */
export const MAX_DOTENV_BYTES = 5_000;

// GitLab expands `%NAME%` inside the values of a report, also to a secret of that name; `%%` is its escape. Two hexadecimal
// digits after `%` are allowed, since addresses contain them. Source: gitlabhq, lib/expand_variables.rb.
const REFERENCE = /%(?:%|(?![0-9A-Fa-f]{2}%)[A-Za-z_][A-Za-z0-9_]*%)/;

/**
 * The text, if it is safe to paste anywhere: letters and digits of any script and `._/:@%+=,#?~-`, at most 1 024 units.
 *
 * Quotes, blanks, `$` and the like are refused on purpose: GitLab does not unquote, and people write `${{ … }}` and `$NAME`
 * without quotes into shell scripts. A first character `-`, `~`, `#` or `=` is refused as well: `git fetch origin
 * $MOGPLEX_BRANCH` would take `--upload-pack=./x` for an option. GitLab would expand `%NAME%`.
 *
 * @returns The text itself, or an empty string when it is not safe.
 */
export function bareValue(text: string): string {
  const bare = text.length <= 1_024 && /^(?![-~#=])[\p{L}\p{N}\p{M}._/:@%+=,#?~-]*$/u.test(text);
  return bare && !REFERENCE.test(text) ? text : "";
}

/**
 * Renders a dotenv file.
 *
 * @param values Values by name. A value that {@linkcode bareValue} refuses becomes empty, since the format has no quoting.
 * @throws {RangeError} if a name has other characters than `[A-Za-z0-9_]`, or the file would be too large; the caller chooses
 * both, so either is a bug.
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
