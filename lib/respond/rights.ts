/**
 * Who may ask for a run: what the user of the toolkit has decided, and what the forge says of a person.
 *
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { ForgeUser } from "../forge/findings.ts";
import type { Thread, Threads } from "../forge/threads.ts";

/** What a user of the toolkit has decided. */
export interface RespondSettings {
  /** What the agent is called, without `@`. */
  readonly name: string;
  readonly label: string;
  /** Names of the users who may ask, in lower case, as `kim` or `kim=12` with the number of the account; null: those who may push. */
  readonly allowUsers: readonly string[] | null;
  /** Most runs of 24 hours in the repository. */
  readonly limit: number;
  readonly template: string | undefined;
  /** Whether more people than the members may see the log of the job. */
  readonly isPublic: boolean;
}

/** Whether a user may ask; an error if the forge does not show it. */
export async function mayAsk(
  settings: Pick<RespondSettings, "allowUsers">,
  threads: Pick<Threads, "mayPush">,
  user: ForgeUser,
): Promise<boolean | MogplexError> {
  return rightByName(settings, user) ?? await threads.mayPush(user);
}

/** Whether a user may ask, where that is known without the forge; undefined where it is not. */
function rightByName({ allowUsers }: Pick<RespondSettings, "allowUsers">, user: ForgeUser): boolean | undefined {
  if (user.id <= 0 || user.isBot === true) return false;
  return allowUsers?.some((allowed) =>
    [`${user.name}`, `${user.name}=${user.id}`].some((each) => each.toLowerCase() === allowed)
  );
}

/** What the forge says of persons. It remembers the answers. */
export class Rights {
  readonly #threads: Threads;
  readonly #settings: RespondSettings;
  readonly #answers = new Map<number, boolean | MogplexError>();

  constructor(threads: Threads, settings: RespondSettings) {
    this.#threads = threads;
    this.#settings = settings;
  }

  /** What a user who may not ask lacks, as the end of a clause. @param where Behind the right to push. */
  lack(where = ""): string {
    return this.#settings.allowUsers === null ? `may not push${where}` : "is not in --allow-users";
  }

  /** Whether a user may ask; an error when the forge does not show it. */
  async of(user: ForgeUser): Promise<boolean | MogplexError> {
    const known = rightByName(this.#settings, user) ?? this.#answers.get(user.id);
    if (known !== undefined) return known;
    const right = await this.#threads.mayPush(user);
    this.#answers.set(user.id, right);
    return right;
  }

  /**
   * Tells whether the forge says that a user may ask, of those who have written in a thread. What others write must not keep a member from asking:
   * what is not shown is a no here.
   *
   * @param most Users whose right may be asked for: everybody may write. Of more it is a no.
   */
  crowd(most: number): (user: ForgeUser) => Promise<boolean> {
    const known = this.#answers.size;
    return async (user) =>
      (this.#answers.has(user.id) || this.#answers.size - known < most) && await this.of(user) === true;
  }

  /**
   * Whether persons with the right alone have written title and description, and have not changed them since a time. `unknown`: the forge does
   * not show who has changed them, or whether that user has the right.
   */
  async ownsText({ author, changes }: Thread, before: string): Promise<"yes" | "others" | "unknown" | "changed"> {
    const rights: (boolean | MogplexError | null)[] = [await this.of(author)];
    for (const { by } of changes ?? [{ by: null }]) rights.push(by === null ? null : await this.of(by));
    if (rights.includes(false)) return "others";
    if (!rights.every((right) => right === true)) return "unknown";
    return changes?.some(({ at }) => !(Date.parse(at) <= Date.parse(before))) ? "changed" : "yes";
  }
}
