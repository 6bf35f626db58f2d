/**
 * Addresses that come from a run.
 *
 * @module
 */

/**
 * An address in its normal form, if it may be shown as a link: `http` or `https`, without user and password.
 *
 * @param text Anything.
 * @returns Undefined for everything else, `javascript:` and texts of several lines included.
 */
export function webUrl(text: string): string | undefined {
  // `new URL` drops tabs and line breaks, and repairs much: only what a person would call an address goes in.
  if (!/^https?:\/\/[^\s\\]+$/i.test(text) || text.length > 2_048 || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === "" ? url.href : undefined;
}
