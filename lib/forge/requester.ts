/**
 * The line in a note of `respond` that names the user who asked for its run, so that a merge does not count this user's approval.
 *
 * Anyone can write such a line. It can only keep an approval from counting.
 * @module
 */
import type { ForgeUser } from "./findings.ts";

/** @param id Id of the account at the forge. */
export function requesterLine(id: number): string {
  return `<!-- mogplex-requester ${id} -->`;
}

/** The users that the lines of these texts name. */
export function requestersIn(texts: Iterable<string>): ForgeUser[] {
  const ids = [...texts].flatMap((text) => [...text.matchAll(/^<!-- mogplex-requester (\d{1,15}) -->\r?$/gm)]);
  return [...new Set(ids.map(([, id]) => Number(id)))].map((id) => ({ id, name: "", isBot: null }));
}
