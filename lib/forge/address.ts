/**
 * Addresses of pull requests: each forge has a form of its own.
 *
 * @module
 */
import { isLoopback } from "../loopback.ts";
import type { PullRequestAddress } from "./model.ts";

/** The form that a forge gives the addresses of its pull requests. */
export interface AddressForm {
  readonly name: string;
  /** The path: repository and number. */
  readonly path: RegExp;
  /** The part of the path between repository and number, in its usual form. */
  readonly part: string;
}

/** Most characters of an address: journals and reports take no longer one. */
const MAX_URL = 2_048;

/**
 * Reads the address of a pull request, as an event of a run names it: `https://HOST/OWNER/NAME/pull/N`,
 * `https://HOST/GROUP/…/NAME/-/merge_requests/N`, or `https://HOST/OWNER/NAME/pulls/N`.
 *
 * @param forms Forms of the forges that are known.
 * @param trusted Origin of the service, to which no token of a forge goes; undefined for none.
 * @returns Undefined for everything else, and for plain HTTP to another machine: a token would be sent in the clear.
 */
export function readAddress(
  forms: readonly AddressForm[],
  text: string,
  trusted?: string,
): PullRequestAddress | undefined {
  if (text.length > MAX_URL || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isSafe = url.protocol === "https:" || url.protocol === "http:" && isLoopback(url.hostname) ||
    url.origin === trusted;
  if (!isSafe || url.username !== "" || url.password !== "" || url.search !== "") return undefined;
  for (const form of forms) {
    const [, repository, number] = form.path.exec(url.pathname) ?? [];
    if (repository !== undefined && number !== undefined) {
      return addressAt(form, url.origin, repository, Number(number));
    }
  }
  return undefined;
}

export function addressAt(
  { name, part }: AddressForm,
  origin: string,
  repository: string,
  number: number,
): PullRequestAddress {
  const { host } = new URL(origin);
  return { forge: name, origin, host, repository, number, url: `${origin}/${repository}/${part}/${number}` };
}

/** Whether an address that a forge names has the same forge, host and number: its repository may have another name now. */
export function isSamePlace(a: PullRequestAddress, b: PullRequestAddress | undefined): b is PullRequestAddress {
  return b !== undefined && a.forge === b.forge && a.origin === b.origin && a.number === b.number;
}
