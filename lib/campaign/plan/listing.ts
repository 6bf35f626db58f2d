/**
 * Reads lists of repositories in full, although the service shows at most 200 names at a time and has no cursor: a page of exactly 200 is
 * split into the prefixes that are one character longer.
 *
 * @module
 */
import type { MogplexClient } from "../../api/client.ts";
import { UsageError } from "../../errors.ts";
import type { Repo } from "../../model.ts";
import type { RequestPace } from "./request_pace.ts";

/** Most names in an answer. Source: contract 3.1. */
const PAGE = 200;
/** Characters of a full name, in lower case. Source: GitHub and GitLab permit no others in the names of owners and repositories. */
const ALPHABET: readonly string[] = [..."-._/0123456789abcdefghijklmnopqrstuvwxyz"];
/** Longest full name of a repository that we know: 39 characters of an owner, 100 of a repository, with room for groups of other forges. */
export const MAX_FULL_NAME = 255;
/** Most requests for one list. 10 000 names take about 200; a list that needs more cannot be split. */
const MAX_REQUESTS = 1_000;
/** With at most this share of the alphabet in the names of a page, it pays to ask which characters occur at all. */
const NARROW = 2 / 3;

/** A repository, as the service lists it. */
export type ListedRepo = Repo;

/** Lists repositories by the beginning of their full names, compared without regard to case. */
export interface Listing {
  /**
   * Repositories whose full names begin with `prefix`.
   *
   * @param wanted Only these names are needed, in lower case: longer prefixes that none of them has are not asked for. All by default.
   * @throws {UsageError} when the service does not show all of them, however often the prefix is split.
   */
  read(prefix: string, wanted?: readonly string[]): Promise<ListedRepo[]>;
  /** The repository with this id; undefined when the service does not list it. */
  byId(id: string): Promise<ListedRepo | undefined>;
}

function lower(repo: ListedRepo): string {
  return repo.full_name.toLowerCase();
}

/** A text for `q`, in which `%` and `_` are wildcards and a backslash takes their meaning away. Source: contract 3.1, PostgreSQL's ILIKE. */
function escaped(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

const isDigit = (char: string) => char >= "0" && char <= "9";
const isLetter = (char: string) => char >= "a" && char <= "z";

/**
 * The characters that may follow the prefix in names that the page does not show. The service sorts by name; digits come before letters, and
 * letters in their order, whatever the collation of its database is. Punctuation and capitals have no such certain place.
 *
 * @param last The last name of the page, as the service writes it.
 */
function unseen(chars: readonly string[], prefix: string, last: string): readonly string[] {
  if (!last.startsWith(prefix)) return chars;
  const next = last[prefix.length] ?? "";
  if (isDigit(next)) return chars.filter((char) => !isDigit(char) || char >= next);
  if (!/[A-Za-z]/.test(next)) return chars;
  return chars.filter((char) => !isDigit(char) && (!isLetter(next) || !isLetter(char) || char >= next));
}

/**
 * Whether the name sorts before `last` in every collation, whatever the case of its letters is: they are the same up to a place where `last`
 * has a letter or digit that comes later. Capitals in `last` prove nothing, since some collations sort all of them first.
 */
function sortsBefore(name: string, last: string): boolean {
  let same = 0;
  while (same < name.length && name[same] === last[same]) same++;
  const [a = "", b = ""] = [name[same], last[same]];
  return (isDigit(a) || isLetter(a)) && (isDigit(b) || isLetter(b)) && a < b;
}

function namesIn(found: ReadonlyMap<string, ListedRepo>): ReadonlySet<string> {
  return new Set([...found.values()].map(lower));
}

/** Reads lists of repositories, with one request at a time. */
class SplitListing implements Listing {
  readonly #client: MogplexClient;
  readonly #pace: RequestPace;
  /** Whether the service obeys the backslash; undefined until it was asked. */
  #obeys: boolean | undefined;
  /** Requests for the list that is read now. */
  #requests = 0;

  constructor(client: MogplexClient, pace: RequestPace) {
    this.#client = client;
    this.#pace = pace;
  }

  async byId(id: string): Promise<ListedRepo | undefined> {
    const found = await this.#pace.request((call) => this.#client.listRepos({ id, limit: 1 }, call));
    return found[0];
  }

  async read(prefix: string, wanted?: readonly string[]): Promise<ListedRepo[]> {
    const found = new Map<string, ListedRepo>();
    const names = wanted?.filter((name) => name.startsWith(prefix.toLowerCase()));
    if (names?.length === 0) return [];
    this.#requests = 0;
    const shortest = prefix.toLowerCase();
    await this.#readInto(found, names === undefined ? shortest : common(names, shortest), {
      chars: ALPHABET,
      wanted: names,
    });
    return [...found.values()];
  }

  async #readInto(
    found: Map<string, ListedRepo>,
    prefix: string,
    { chars, wanted }: { chars: readonly string[]; wanted: readonly string[] | undefined },
  ): Promise<void> {
    if (prefix.length > MAX_FULL_NAME) throw this.#cannotSplit(prefix);
    const page = await this.#ask(await this.#queryFor(prefix, found), PAGE, prefix);
    const matching = page.filter((repo) => lower(repo).startsWith(prefix));
    for (const repo of matching) found.set(repo.id, repo);
    if (page.length < PAGE) return;
    // Rows of one and the same name are listed together, and are not told apart by longer prefixes.
    const last = page.at(-1);
    if (last !== undefined && lower(last) === prefix) throw this.#cannotSplit(prefix);
    const isPure = matching.length === page.length;
    const longer = wanted?.filter((name) => name.length > prefix.length);
    // The name itself sorts first of all that begin with it, but names that only contain it may have taken its place.
    const mayBeName = wanted === undefined ? /\/[^/]+$/.test(prefix) : wanted.includes(prefix);
    if (mayBeName && !isPure && !namesIn(found).has(prefix) && !sortsBefore(prefix, page.at(-1)?.full_name ?? "")) {
      throw this.#cannotSplit(prefix);
    }
    const next = longer === undefined ? await this.#occurring(prefix, matching, chars) : chars;
    for (const char of isPure ? unseen(next, prefix, matching.at(-1)?.full_name ?? "") : next) {
      const longest = prefix + char;
      const names = longer?.filter((name) => name.startsWith(longest));
      if (names?.length === 0) continue;
      await this.#readInto(found, names === undefined ? longest : common(names, longest), {
        chars: next,
        wanted: names,
      });
    }
  }

  /** Those of the characters that occur in any name behind the prefix, where the names seen so far suggest that they are few. */
  async #occurring(prefix: string, page: readonly ListedRepo[], chars: readonly string[]): Promise<readonly string[]> {
    const rests = page.map((repo) => lower(repo).slice(prefix.length));
    const seen = new Set(rests.flatMap((rest) => [...rest]));
    if (seen.size === 0 || seen.size > chars.length * NARROW) return chars;
    const occurs = async (char: string) => (await this.#ask(`${escaped(prefix)}%${char}`, 1, prefix)).length > 0;
    // A service for which `%` is no wildcard finds nothing here, although the name exists.
    const proof = [...rests.find((rest) => /^..*[a-z0-9]/.test(rest)) ?? ""].slice(1).find((char) =>
      /[a-z0-9]/.test(char)
    );
    if (/[\\%_]/.test(prefix) || proof === undefined || !await occurs(proof)) return chars;
    const occurring: string[] = [];
    for (const char of chars) {
      // The underscore is itself a wildcard.
      if (seen.has(char) || char === "_" || await occurs(char)) occurring.push(char);
    }
    return occurring;
  }

  async #queryFor(prefix: string, found: ReadonlyMap<string, ListedRepo>): Promise<string> {
    if (!/[\\%_]/.test(prefix)) return prefix;
    const known = [...found.values()].find((repo) => /^[a-z]/.test(lower(repo)));
    if (this.#obeys === undefined && known !== undefined) {
      // A backslash before a letter changes nothing on a service that obeys it. On another one, this finds nothing.
      const rows = await this.#ask(`\\${escaped(known.full_name)}`, PAGE, prefix);
      this.#obeys = rows.some((repo) => repo.id === known.id);
    }
    // A wildcard finds more than we look for, never less.
    return this.#obeys === true ? escaped(prefix) : prefix;
  }

  #ask(query: string, limit: number, prefix: string): Promise<ListedRepo[]> {
    if (++this.#requests > MAX_REQUESTS) throw this.#cannotSplit(prefix);
    return this.#pace.request((call) => this.#client.listRepos({ q: query, limit }, call));
  }

  #cannotSplit(prefix: string): UsageError {
    return new UsageError({
      attempted: `read the repositories whose names begin with ${JSON.stringify(prefix)}`,
      why:
        `the service shows ${PAGE} names at most, has no second page, and longer beginnings do not make the list shorter`,
      advice: "name the repositories of the campaign one by one, or by their ids",
    });
  }
}

/** The longest prefix that all names have; at least `shortest`. */
function common(names: readonly string[], shortest: string): string {
  const [first = shortest] = names;
  let length = first.length;
  for (const name of names) {
    let same = shortest.length;
    while (same < length && name[same] === first[same]) same++;
    length = Math.min(length, same);
  }
  return first.slice(0, Math.max(length, shortest.length));
}

/** Makes a listing. @param pace Spaces out the requests. */
export function openListing(client: MogplexClient, pace: RequestPace): Listing {
  return new SplitListing(client, pace);
}
