/**
 * Handlers of the read-only lists.
 *
 * @module
 */
import { parseLimit } from "./request.ts";
import { route } from "./route.ts";
import { listAgents, listModels, listRepos, listSandboxes, sandboxLogs } from "../service/listings.ts";
import { Refusal } from "../service/refusal.ts";
import { trimmedOrNull } from "../service/start_request.ts";

/** `GET /repos`. */
export const getRepos = route({ failed: "Failed to list repos" }, ({ world, caller, query }) => ({
  repos: listRepos(world, caller.userId, {
    query: trimmedOrNull(query.get("q")),
    id: trimmedOrNull(query.get("id")),
    limit: parseLimit(query.get("limit")),
  }),
}));

/** `GET /sandboxes`. */
export const getSandboxes = route({ failed: "Failed to list sandboxes" }, ({ world, caller, query }) => ({
  sandboxes: listSandboxes(world, caller.userId, {
    repoId: trimmedOrNull(query.get("repo_id")),
    status: trimmedOrNull(query.get("status")),
    limit: parseLimit(query.get("limit")),
  }),
}));

/** `GET /sandboxes/{sandboxId}/logs`. */
export const getSandboxLogs = route(
  { scope: "read", failed: "Failed to load sandbox logs" },
  ({ world, caller, param }) => {
    const logs = sandboxLogs(world, caller.userId, param("sandboxId"));
    if (logs === undefined) throw new Refusal(404, "NOT_FOUND", "Sandbox not found");
    return logs;
  },
);

/** `GET /agents`. */
export const getAgents = route({ scope: "read", failed: "Failed to list agents" }, ({ world, caller }) => ({
  agents: listAgents(world, caller.userId),
}));

/** `GET /models`. */
export const getModels = route({ scope: "read", failed: "Failed to list models" }, ({ world, caller }) => ({
  models: listModels(world, caller.userId),
}));

/** `GET /mcp/servers`. The users of a fixture have none. */
export const getMcpServers = route({ scope: "read", failed: "Failed to list MCP servers" }, () => ({
  servers: [] as unknown[],
}));
