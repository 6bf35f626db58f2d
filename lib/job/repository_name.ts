/**
 * The name of a repository, for reports: people do not know its id.
 *
 * @module
 */
import type { Repo } from "../model.ts";
import type { Session } from "./session.ts";

/** Longest time of the request, in milliseconds. */
const ASK_MS = 10_000;
/** Most repositories of one answer. Source: API reference, "List repositories". */
const MAX_REPOS = 200;

/** Asks for a name, once and beside everything else: nobody waits for the answer, and without it the id stands. */
export class RepositoryName {
  readonly #session: Session;
  readonly #asking = new AbortController();
  readonly #known: string | undefined;
  #asked = false;
  #repos: readonly Repo[] = [];

  /** @param name The name, if it is known; then nothing is asked. */
  constructor(session: Session, name?: string) {
    this.#session = session;
    this.#known = name;
  }

  /**
   * Sends the one request, the first time that it is called. Never throws.
   *
   * @param repoId UUID of the repository. @default all repositories, for a caller that does not know the id yet
   */
  ask(repoId?: string): void {
    if (this.#asked || this.#known !== undefined) return;
    this.#asked = true;
    void this.#list(repoId).then((repos) => this.#repos = repos, () => {});
  }

  /** The name of a repository, if it has come. The request ends, so that it keeps no process alive. */
  take(repoId: string | undefined): string | undefined {
    this.#asking.abort();
    return this.#known ?? this.#repos.find(({ id }) => id === repoId)?.full_name;
  }

  async #list(id: string | undefined): Promise<Repo[]> {
    const limits = { signal: this.#asking.signal, maxAttempts: 1, requestTimeoutMs: ASK_MS };
    return await this.#session.client.listRepos({ id, limit: id === undefined ? MAX_REPOS : 1 }, limits);
  }
}
