/**
 * The address of a pull request: which forge holds it, and where there.
 *
 * @module
 */
import { isLoopback } from "../loopback.ts";
import type { ForgeName } from "./pull_request.ts";

/** Where a pull request is. */
export interface PullRequestAddress {
  forge: ForgeName;
  /** Scheme, host and port. */
  origin: string;
  /** Host in lower case, with the port when it is not the usual one. */
  host: string;
  /** `owner/name`; on GitLab with all groups. */
  repository: string;
  /** Its number in the repository: 1 to 999 999 999. */
  number: number;
  /** The address in its usual form. */
  url: string;
}

/** Most characters of an address: journals and reports take no longer one. */
const MAX_URL = 2_048;

const FORMS: readonly [ForgeName, RegExp][] = [
  ["github", /^\/([\w.-]+\/[\w.-]+)\/pull\/([1-9]\d{0,8})\/?$/],
  // Source: GitLab, "Routing": `/-/` since 12; older ones have none. Groups may be nested.
  ["gitlab", /^\/((?:[\w.][\w.-]*\/){1,20}[\w.][\w.-]*)(?:\/-)?\/merge_requests\/([1-9]\d{0,8})\/?$/],
];

/**
 * Reads the address of a pull request, as a delivery event names it: `https://HOST/OWNER/NAME/pull/N`, or
 * `https://HOST/GROUP/…/NAME/-/merge_requests/N`.
 *
 * @param trusted Origin of the service, to which no token of a forge goes. @default {undefined} (none)
 * @returns Undefined for everything else, and for plain HTTP to another machine than this one: a token would be sent in the clear.
 */
export function parsePullRequest(text: string, trusted?: string): PullRequestAddress | undefined {
  if (text.length > MAX_URL || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isSafe = url.protocol === "https:" || url.protocol === "http:" && isLoopback(url.hostname) ||
    url.origin === trusted;
  if (!isSafe || url.username !== "" || url.password !== "" || url.search !== "") return undefined;
  for (const [forge, form] of FORMS) {
    const [, repository, number] = form.exec(url.pathname) ?? [];
    if (repository === undefined || number === undefined) continue;
    const { origin, host } = url;
    return { forge, origin, host, repository, number: Number(number), url: origin + pathOf(forge, repository, number) };
  }
  return undefined;
}

function pathOf(forge: ForgeName, repository: string, number: string): string {
  return forge === "github" ? `/${repository}/pull/${number}` : `/${repository}/-/merge_requests/${number}`;
}

/** Whether an address that a forge names is one of the same forge, host and number: its repository may have another name now. */
export function isSamePlace(a: PullRequestAddress, b: PullRequestAddress | undefined): b is PullRequestAddress {
  return b !== undefined && a.forge === b.forge && a.origin === b.origin && a.number === b.number;
}
