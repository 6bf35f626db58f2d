/**
 * Handlers of routes that a CI client does not need. They refuse as the service does; where the service would go to work, they
 * answer 501.
 *
 * @module
 */
import { fail, type Failure, jsonReply, type Reply } from "./reply.ts";
import { readJson } from "./request.ts";
import { route } from "./route.ts";
import { refuseRestricted } from "./run_routes.ts";
import type { Success } from "../../api/contract/routes.ts";
import { Refusal } from "../service/refusal.ts";
import { trimmedOrNull } from "../service/start_request.ts";

const FAILED = "Internal server error";

function outside(): Failure {
  return fail(501, "SERVICE_UNAVAILABLE", "This route is outside the emulator");
}

/** A route that reads more than the emulator has. */
export const readOutside = route<never>({ scope: "read", failed: FAILED }, outside);

/** A route that changes more than the emulator has. */
export const writeOutside = route<never>({ scope: "write", failed: FAILED }, outside);

/** `POST /mcp`: authenticates, and offers no method. */
export const postMcp = route({ failed: FAILED }, () => {
  const error = { code: -32601, message: "Method not found: the emulator has no MCP tools" };
  return jsonReply(JSON.stringify({ jsonrpc: "2.0", id: null, error }), 200) as Reply<Success<never>, 200>;
});

/** `POST /sandboxes`. */
export const postSandbox = route<never>({ scope: "write", failed: FAILED }, async (call) => {
  refuseRestricted(call);
  const parsed = await readJson(call.world, call.request);
  const body = parsed.ok && parsed.value !== null && typeof parsed.value === "object" ? parsed.value : {};
  const repoId = trimmedOrNull("repoId" in body ? body.repoId : null);
  if (repoId === null) throw new Refusal(400, "BAD_REQUEST", "repoId is required");
  return outside();
});

/** `POST /automations`. */
export const postAutomation = route<never>({ scope: "write", failed: FAILED }, async ({ world, request }) => {
  const parsed = await readJson(world, request);
  if (!parsed.ok || !parsed.value) throw new Refusal(400, "BAD_REQUEST", "Invalid JSON body");
  const { installationId } = parsed.value as { installationId?: unknown };
  if (typeof installationId !== "number" || !Number.isSafeInteger(installationId) || installationId <= 0) {
    throw new Refusal(400, "BAD_REQUEST", "installationId must be a positive integer");
  }
  return outside();
});
