import { isLoopback } from "../loopback.ts";
import type { PullRequestAddress } from "./model.ts";

export interface AddressForm {
  readonly name: string;
  readonly path: RegExp;
  readonly part: string;
}

/** Journals and reports do not accept longer addresses. */
const MAX_URL = 2_048;

/**
 * @param trusted Origin of the service, which never receives a forge's token.
 * @returns `undefined` for any text that is not an address, and for plain HTTP to another machine, because a token would be sent unencrypted.
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

export function readPullNumber(text: string): number | undefined {
  const number = /^[#!]?([1-9]\d{0,8})$/.exec(text)?.[1];
  return number === undefined ? undefined : Number(number);
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

/** The repository is not compared, because it may have been renamed. */
export function isSamePlace(a: PullRequestAddress, b: PullRequestAddress | undefined): b is PullRequestAddress {
  return b !== undefined && a.forge === b.forge && a.origin === b.origin && a.number === b.number;
}
