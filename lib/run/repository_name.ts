import { OVER } from "../clock.ts";
import type { Repo } from "../model.ts";
import { type NameRequest } from "../service/memory.ts";
import type { Session } from "./session.ts";

const ASK_MS = 10_000;
/** Source: API reference, "List repositories". */
const MAX_REPOS = 200;

/**
 * Nothing waits for the answer. Without an answer, reports show the id. Jobs of one client that need the same answer share a request, because the
 * token's requests are limited.
 */
export class RepositoryName {
  readonly #session: Session;
  readonly #known: string | undefined;
  readonly #onName: ((name: string) => void) | undefined;
  #leave: (() => void) | undefined;
  #repos: readonly Repo[] = [];

  constructor(session: Session, name?: string, onName?: (name: string) => void) {
    this.#session = session;
    this.#known = name;
    this.#onName = onName;
  }

  ask(repoId?: string): void {
    if (this.#leave !== undefined || this.#known !== undefined) return;
    const { nameRequests } = this.#session.memory;
    const key = repoId ?? "";
    const request = nameRequests.get(key) ?? this.#send(repoId);
    request.jobs++;
    nameRequests.set(key, request);
    const forget = () => {
      if (nameRequests.get(key) === request) nameRequests.delete(key);
    };
    let isOver = false;
    request.answer.then((repos) => {
      this.#repos = repos;
      const name = this.#nameOf(repoId);
      if (name !== undefined && !isOver) this.#onName?.(name);
    }, forget);
    this.#leave = () => {
      isOver = true;
      if (--request.jobs > 0) return;
      forget();
      request.controller.abort(OVER);
    };
  }

  /** Ends the request if no other job needs the name, so that the request does not keep the process alive. */
  take(repoId: string | undefined): string | undefined {
    this.#leave?.();
    this.#leave = () => {};
    return this.#known ?? this.#nameOf(repoId);
  }

  #nameOf(repoId: string | undefined): string | undefined {
    return this.#repos.find(({ id }) => id === repoId)?.full_name;
  }

  #send(id: string | undefined): NameRequest {
    const controller = new AbortController();
    const limits = { signal: controller.signal, maxAttempts: 1, requestTimeoutMs: ASK_MS };
    const list = async () =>
      await this.#session.client.listRepos({ id, limit: id === undefined ? MAX_REPOS : 1 }, limits);
    return { jobs: 0, controller, answer: list() };
  }
}
