/**
 * Stands for each function of a package that no call of ours reaches.
 *
 * @returns {never}
 * @throws always.
 */
export function unused() {
  throw new Error("Cannot call a function of a package that is not in this file");
}
