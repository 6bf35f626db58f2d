/**
 * The client's methods for runs.
 *
 * @module
 */
import { ApiError, ConflictError } from "../../errors.ts";
import type { StartResult } from "../../model.ts";
import type { CallOptions } from "../../retry/call_options.ts";
import type { Redactor } from "../../text/redact.ts";
import { type Caller, START_BACKOFF_MS } from "../caller.ts";
import * as schemas from "../contract/schemas.ts";
import type { Attempted } from "../errors.ts";
import type { MogplexClient, RunReads } from "../mogplex_client.ts";
import type { How } from "../routes_at.ts";
import { checkIdempotencyKey, checkUuid, validateStartRequest } from "../validate.ts";
import { listCalls } from "./list_calls.ts";
import { KnownRepos, runReads } from "./run_reads.ts";
import { guardStart } from "./start_guard.ts";

/** The client's methods for runs. */
export type RunCalls = Pick<
  MogplexClient,
  "startRun" | "checkStartAccess" | "cancelRun" | keyof RunReads
>;

/** Makes a function that checks whether the token reaches a repository, and remembers each one that it does. */
function repositoryCheck(caller: Caller): (id: string, call: CallOptions | undefined) => Promise<boolean> {
  const { listRepos } = listCalls(caller);
  const reached = new Set<string>();
  return async (id, call) => {
    if (reached.has(id)) return true;
    const repos = await listRepos({ id, limit: 1 }, { ...call, maxAttempts: 1 });
    if (repos.length > 0) reached.add(id);
    return repos.length > 0;
  };
}

/** The error for a key that found a run of another repository: the service should have refused the start. */
function otherRepository({ runId }: StartResult, key: string): ConflictError {
  const why = `the idempotency key ${JSON.stringify(key)} belongs to run "${runId}" of another repository`;
  const advice = "a key cannot be used again, so give another idempotency key, or a key part for each of the jobs";
  const facts = { status: 202, code: null, requestId: null, retryAfterMs: null };
  return new ConflictError({ attempted: "start run", why, advice }, "usage", facts);
}

/**
 * Makes the methods.
 *
 * @param redact Masks secrets.
 */
export function runCalls(caller: Caller, redact: Redactor): RunCalls {
  const { api, send } = caller;
  const reaches = repositoryCheck(caller);
  const repos = new KnownRepos();
  return {
    ...runReads(caller, repos),
    async startRun(request, { idempotencyKey }, call) {
      const json = validateStartRequest(request);
      const key = checkIdempotencyKey(idempotencyKey, redact.token);
      const attempted: Attempted = { what: "start run", scope: "write", key };
      const ask = (how: How) => api.runs.$post({ header: { "Idempotency-Key": key }, json }, how);
      const { repoId } = json;
      const guard = { key, repoId, reaches: () => reaches(repoId, call), redact };
      const started = await guardStart(guard, (onFailure) => {
        const extras = { onFailure, starts: true, backoffBaseMs: START_BACKOFF_MS };
        return send(attempted, schemas.startResultSchema, call, ask, extras);
      });
      if (started.repoId.toLowerCase() !== repoId) throw otherRepository(started, redact.token(key));
      repos.learn(started);
      return started;
    },
    async checkStartAccess(call) {
      // No header and no body, which the type of the route does not permit: the service checks the scope before both.
      const ask = (how: How) => api.runs.$post({} as Parameters<typeof api.runs.$post>[0], how);
      try {
        await send({ what: "check the token", scope: "write" }, schemas.startResultSchema, call, ask);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 400) throw error;
      }
    },
    async cancelRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (how: How) => api.runs[":runId"].cancel.$post({ param: { runId } }, how);
      const attempted = repos.attempted(`cancel run "${runId}"`, "write", runId);
      const cancelled = await send(attempted, schemas.cancelResultSchema, call, ask);
      repos.learn(cancelled.run);
      return cancelled;
    },
  };
}
