import { MogplexError } from "../errors.ts";
import type { ForgeUser } from "../forge/findings.ts";
import type { Thread, Threads } from "../forge/threads.ts";
import type { Checks } from "./checks.ts";

export interface UserList {
  readonly from: string;
  readonly users: readonly string[];
}

export function listNames(lists: readonly UserList[]): string {
  const names = lists.map(({ from }) => from);
  return names.length > 1 ? `both ${names.join(" and ")}` : names.join("");
}

export interface RespondSettings {
  readonly name: string;
  readonly label: string;
  /**
   * Names of the users who may request runs, in lower case, as `kim` or `kim=12` with the id of the account; `null` if everyone who can push may
   * request runs.
   */
  readonly allowUsers: readonly string[] | null;
  readonly userLists: readonly UserList[];
  readonly limit: number;
  readonly limitFrom: string;
  readonly template: string | undefined;
  readonly checks: Checks;
  /** Whether users who are not members may see the log of the job. */
  readonly isPublic: boolean;
}

/**
 * Whether only users with permission have written the title and the description, without changes after a given time. `unknown`: the forge does not
 * show who changed these texts, or whether that user has permission.
 */
export type OwnsText = "yes" | "others" | "unknown" | "changed";

export async function mayAsk(
  settings: Pick<RespondSettings, "allowUsers">,
  threads: Pick<Threads, "mayPush">,
  user: ForgeUser,
): Promise<boolean | MogplexError> {
  return rightByName(settings, user) ?? await threads.mayPush(user);
}

function rightByName({ allowUsers }: Pick<RespondSettings, "allowUsers">, user: ForgeUser): boolean | undefined {
  if (user.id <= 0 || user.isBot === true) return false;
  return allowUsers === null ? undefined : isIn(allowUsers, user);
}

function isIn(users: readonly string[], { name, id }: Pick<ForgeUser, "name" | "id">): boolean {
  return users.some((allowed) => [name, `${name}=${id}`].some((each) => each.toLowerCase() === allowed));
}

export class Rights {
  readonly #threads: Threads;
  readonly #settings: RespondSettings;
  readonly #answers = new Map<number, boolean | MogplexError>();

  constructor(threads: Threads, settings: RespondSettings) {
    this.#threads = threads;
    this.#settings = settings;
  }

  lack(where = ""): string {
    const { allowUsers, userLists } = this.#settings;
    return allowUsers === null ? `cannot push${where}` : `is not in ${listNames(userLists)}`;
  }

  refusal(user: ForgeUser): string {
    const without = this.#settings.userLists.filter(({ users }) => !isIn(users, user));
    if (without.length === 0) return `the user who asked ${this.lack(" to the repository")}`;
    const isListed = without.some(({ users }) => users.some((each) => each.startsWith(`${user.name.toLowerCase()}=`)));
    const number = isListed ? ` with this account number: ${user.id}` : "";
    return `the user who asked is not in ${without.map(({ from }) => from).join(" or ")}${number}`;
  }

  lackNow(where = ""): string {
    const { allowUsers, userLists } = this.#settings;
    return allowUsers === null ? `can no longer push${where}` : `is no longer in ${listNames(userLists)}`;
  }

  async of(user: ForgeUser): Promise<boolean | MogplexError> {
    const answer = rightByName(this.#settings, user) ?? this.#answers.get(user.id);
    if (answer !== undefined) return answer;
    const right = await this.#threads.mayPush(user);
    this.#answers.set(user.id, right);
    return right;
  }

  /**
   * Checks the permissions of users who have written in a thread. An unknown permission is treated as no permission, because text by strangers must
   * not prevent a member from requesting a run.
   * @param most Maximum number of users to check. Anyone can write, so all further users are treated as users without permission.
   */
  crowd(most: number): (user: ForgeUser) => Promise<boolean> {
    const sizeBefore = this.#answers.size;
    return async (user) =>
      (this.#answers.has(user.id) || this.#answers.size - sizeBefore < most) && await this.of(user) === true;
  }

  /** @param before The result is `changed` if the text was changed after this time. */
  async ownsText({ author, changes }: Thread, before: string): Promise<OwnsText> {
    const rights: (boolean | MogplexError | null)[] = [await this.of(author)];
    for (const { by } of changes ?? [{ by: null }]) rights.push(by === null ? null : await this.of(by));
    if (rights.includes(false)) return "others";
    if (!rights.every((right) => right === true)) return "unknown";
    return changes?.some(({ at }) => !(Date.parse(at) <= Date.parse(before))) ? "changed" : "yes";
  }
}
