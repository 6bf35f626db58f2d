/**
 * Globs of repository names: `*` for any characters within owner or name, `**` for any characters, `?` for one.
 *
 * @module
 */

/** Longest glob, in characters. */
const MAX_GLOB = 250;

/** What is wrong with a glob, and what is allowed; undefined when it is a good one. */
export function globProblem(glob: string): string | undefined {
  const allowed = "it must be a name or a glob of names, as in acme/legacy-* or */docs";
  if (glob === "" || glob.length > MAX_GLOB) return allowed;
  const odd = /[^A-Za-z0-9_./*?-]/u.exec(glob)?.[0];
  if (odd !== undefined) {
    return `${allowed}; the character ${JSON.stringify(odd)} is not permitted, only *, ** and ? are special`;
  }
  if (glob.includes("**")) return undefined;
  if (glob.split("/").length === 2 && !glob.startsWith("/") && !glob.endsWith("/")) return undefined;
  const owner = /^([\w.-]+)\/?$/.exec(glob)?.[1];
  return owner === undefined ? `${allowed}: it needs one "/"` : `${allowed}; for all of ${owner} write "${owner}/*"`;
}

/**
 * Whether a name fits a glob, without regard to case. The time is proportional to the product of both lengths, whatever they are.
 *
 * @param name `owner/name`.
 */
export function matchesGlob(glob: string, name: string): boolean {
  const letters = [...name.toLowerCase()];
  /** For each number of letters, whether the beginning of the glob fits them. */
  let fits = [true, ...letters.map(() => false)];
  for (const [step] of glob.toLowerCase().matchAll(/\*+|[^*]/gs)) {
    const next = fits.map(() => false);
    for (let count = 0; count < fits.length; count++) {
      const last = letters[count - 1];
      if (step.startsWith("*")) {
        const goesOn = last !== undefined && (step.length > 1 || last !== "/") && next[count - 1] === true;
        next[count] = fits[count] === true || goesOn;
      } else {
        next[count] = fits[count - 1] === true && (step === last || step === "?" && last !== "/");
      }
    }
    fits = next;
  }
  return fits.at(-1) === true;
}
