/**
 * Untrusted addresses, such as that of a pull request.
 *
 * @module
 */

/**
 * Checks an address that is to become a link: `http` or `https`, without user and password, at most 2 048 units.
 *
 * @param text Anything.
 * @returns The address in normal form, or undefined when it is not safe as a link (`javascript:`, several lines).
 */
export function webUrl(text: string): string | undefined {
  // `new URL` drops tabs and line breaks and repairs much else, so check the form first.
  if (!/^https?:\/\/[^\s\\]+$/i.test(text) || text.length > 2_048 || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === "" && url.password === "" ? url.href : undefined;
}
