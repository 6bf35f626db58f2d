/**
 * The client's methods for runs.
 *
 * @module
 */
import { ApiError, ConflictError } from "../../errors.ts";
import type { Run, StartResult } from "../../model.ts";
import type { CallOptions } from "../../retry/call_options.ts";
import type { Redactor } from "../../text/redact.ts";
import { type Caller, type How, limitOf, START_BACKOFF_MS } from "../caller.ts";
import { isUuid, MAX_EVENTS } from "../contract/rules.ts";
import * as schemas from "../contract/schemas.ts";
import type { Attempted } from "../errors.ts";
import type { MogplexClient } from "../mogplex_client.ts";
import { readRunEvents } from "../stream.ts";
import { checkIdempotencyKey, checkUuid, validateStartRequest } from "../validate.ts";
import { listCalls } from "./list_calls.ts";
import { guardStart } from "./start_guard.ts";

/** The client's methods for runs. */
export type RunCalls = Pick<
  MogplexClient,
  "startRun" | "checkStartAccess" | "getRun" | "getRunEvents" | "openRunEvents" | "cancelRun"
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

/** Most runs whose repository is remembered: a process can follow any number of runs. */
const MAX_KNOWN = 1_000;

/** Remembers the repository of each run, from the first answer that names it. No later answer may name another one. */
class KnownRepos {
  readonly #repos = new Map<string, string>();

  /** What is attempted with a run, and what its answer must be about. @param runId UUID, in lower case. */
  attempted(what: string, scope: Attempted["scope"], runId: string): Attempted {
    return { what, scope, runId, repoId: this.#repos.get(runId) };
  }

  /** Remembers the repository that an answer names. @returns Whether it is the one that is known, if one is. */
  learn(run: Pick<Run, "runId" | "repoId">): boolean {
    const [runId, repoId] = [run.runId.toLowerCase(), run.repoId.toLowerCase()];
    const known = this.#repos.get(runId);
    if (known !== undefined) return known === repoId;
    if (!isUuid(runId) || !isUuid(repoId)) return true;
    const [oldest] = this.#repos.keys();
    if (this.#repos.size >= MAX_KNOWN && oldest !== undefined) this.#repos.delete(oldest);
    this.#repos.set(runId, repoId);
    return true;
  }
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
  const { api, send, open } = caller;
  const reaches = repositoryCheck(caller);
  const repos = new KnownRepos();
  return {
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
        await send({ what: "start runs", scope: "write" }, schemas.startResultSchema, call, ask);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 400) throw error;
      }
    },
    async getRun(id, call) {
      const runId = checkUuid(id, "run id");
      const ask = (how: How) => api.runs[":runId"].$get({ param: { runId } }, how);
      const attempted = repos.attempted(`read run "${runId}"`, "read", runId);
      const { run } = await send(attempted, schemas.runDataSchema, call, ask);
      repos.learn(run);
      return run;
    },
    async getRunEvents(id, { limit = MAX_EVENTS } = {}, call) {
      const runId = checkUuid(id, "run id");
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) } };
      const ask = (how: How) => api.runs[":runId"].events.$get(input, how);
      const attempted = repos.attempted(`read events of run "${runId}"`, "read", runId);
      const { run, events } = await send(attempted, schemas.runEventsSchema, call, ask);
      repos.learn(run);
      // An answer with more events than requested is not the service's, and could have any number of them.
      return { run, events: events.slice(-limit) };
    },
    async openRunEvents(id, { limit = MAX_EVENTS, lastEventId } = {}, call) {
      const runId = checkUuid(id, "run id");
      const header = lastEventId === undefined ? {} : { "Last-Event-ID": checkUuid(lastEventId, "last event id") };
      const input = { param: { runId }, query: { limit: limitOf(limit, MAX_EVENTS) }, header };
      const ask = (how: How): Promise<unknown> => api.runs[":runId"].events.stream.$get(input, how);
      const attempted: Attempted = { what: `open the event stream of run "${runId}"`, scope: "read" };
      const isSame = (run: Run) => run.runId.toLowerCase() === runId && repos.learn(run);
      return readRunEvents(await open(attempted, call, ask), isSame);
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
