/**
 * The client's methods for repositories and sandboxes.
 *
 * @module
 */
import { type Caller, limitOf } from "../caller.ts";
import * as schemas from "../contract/schemas.ts";
import type { MogplexClient } from "../mogplex_client.ts";
import type { How } from "../routes_at.ts";
import { checkOptional, checkUuid } from "../validate.ts";

/** The client's methods for repositories and sandboxes. */
export type ListCalls = Pick<MogplexClient, "listRepos" | "listSandboxes">;

/** Makes the methods. */
export function listCalls({ api, read }: Caller): ListCalls {
  return {
    async listRepos({ q, id, limit } = {}, call) {
      const query = {
        q: checkOptional(q, "query"),
        id: checkOptional(id, "repository id"),
        limit: limitOf(limit, 200),
      };
      const ask = (how: How) => api.repos.$get({ query }, how);
      return (await read("list repositories", schemas.reposSchema, call, ask)).repos;
    },
    async listSandboxes({ repoId, status, limit } = {}, call) {
      const repo_id = repoId === undefined ? undefined : checkUuid(repoId, "repository id");
      const query = { repo_id, status: checkOptional(status, "status"), limit: limitOf(limit, 200) };
      const ask = (how: How) => api.sandboxes.$get({ query }, how);
      return (await read("list sandboxes", schemas.sandboxesSchema, call, ask)).sandboxes;
    },
  };
}
