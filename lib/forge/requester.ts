/**
 * The line in a note of `respond` that names the user who asked for its run, so that a merge and a gate do not count this user's approval.
 *
 * Anyone can write such a line. It can only keep an approval from counting.
 * @module
 */
import { type ForgeClient, isHidden } from "./client.ts";
import type { ForgeUser } from "./findings.ts";
import type { Forge } from "./forge.ts";
import type { PullRequestAddress } from "./model.ts";

/** @param id Id of the account at the forge. */
export function requesterLine(id: number): string {
  return `<!-- mogplex-requester ${id} -->`;
}

/** The users that the lines of these texts name. */
export function requestersIn(texts: Iterable<string>): ForgeUser[] {
  const ids = [...texts].flatMap((text) => [...text.matchAll(/^<!-- mogplex-requester (\d{1,15}) -->\r?$/gm)]);
  return [...new Set(ids.map(([, id]) => Number(id)))].map((id) => ({ id, name: "", isBot: null }));
}

/** Who has asked `respond` for work on a pull request; null if the forge does not show all comments. */
export async function readRequesters(
  { threads }: Pick<Forge, "threads">,
  client: ForgeClient,
  address: PullRequestAddress,
): Promise<readonly ForgeUser[] | null> {
  if (threads === undefined) return [];
  try {
    const { list, isWhole } = await threads(client, address).comments({ kind: "pull", number: address.number });
    return isWhole ? requestersIn(list.map(({ text }) => text)) : null;
  } catch (error) {
    if (isHidden(error)) return null;
    throw error;
  }
}
