/**
 * Globs over full names of repositories: `*` stands for any characters, `?` for one. Letter case does not matter.
 *
 * @module
 */

/**
 * Whether a name fits a glob. Takes time in proportion to the product of both lengths at the most, whatever the glob is.
 *
 * @param glob Such as `acme/legacy-*`. A `*` also stands for slashes.
 */
export function fitsGlob(glob: string, name: string): boolean {
  const pattern = glob.toLowerCase();
  const text = name.toLowerCase();
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    if (inGlob < pattern.length && pattern[inGlob] === "*") {
      star = inGlob++;
      starAt = at;
    } else if (inGlob < pattern.length && (pattern[inGlob] === "?" || pattern[inGlob] === text[at])) {
      inGlob++;
      at++;
    } else if (star >= 0) {
      // Let the last star stand for one character more.
      inGlob = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (pattern[inGlob] === "*") inGlob++;
  return inGlob === pattern.length;
}

/** Whether a name fits any of the globs. */
export function fitsAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => fitsGlob(glob, name));
}
