/**
 * Defines the line in a note of `respond` that names the user who requested the run. Merges and gates do not count this user's approval.
 *
 * Anyone can write this line. Its only effect is that an approval does not count.
 *
 * @module
 */
import type { NamedRequester } from "./approvals.ts";
import { type ForgeClient, isHidden } from "./client.ts";
import type { Forge } from "./forge.ts";
import type { PullRequestAddress } from "./model.ts";

export function requesterLine(id: number): string {
  return `<!-- mogplex-requester ${id} -->`;
}

function requestersIn(text: string): number[] {
  return [...text.matchAll(/^<!-- mogplex-requester (\d{1,15}) -->\r?$/gm)].map(([, id]) => Number(id));
}

export function requesterIn(text: string): { readonly id: number } | undefined {
  const [id] = requestersIn(text);
  return id === undefined ? undefined : { id };
}

export async function readRequesters(
  { threads }: Pick<Forge, "threads">,
  client: ForgeClient,
  address: PullRequestAddress,
): Promise<readonly NamedRequester[] | null> {
  if (threads === undefined) return [];
  try {
    const { list, isWhole } = await threads(client, address).comments({ kind: "pull", number: address.number });
    if (!isWhole) return null;
    const all = list.flatMap(({ text, author }) =>
      requestersIn(text).map((id): NamedRequester => ({ id, name: "", isBot: null, namedBy: author.name }))
    );
    return all.filter(({ id }, index) => all.findIndex((each) => each.id === id) === index);
  } catch (error) {
    if (isHidden(error)) return null;
    throw error;
  }
}
