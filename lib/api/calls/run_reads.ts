/**
 * The client's methods that read a run.
 *
 * @module
 */
import type { Run } from "../../model.ts";
import { type Caller, limitOf } from "../caller.ts";
import { isUuid, MAX_EVENTS } from "../contract/rules.ts";
import * as schemas from "../contract/schemas.ts";
import type { Attempted } from "../errors.ts";
import type { RunReads } from "../mogplex_client.ts";
import type { How } from "../routes_at.ts";
import { readRunEvents } from "../stream.ts";
import { checkUuid } from "../validate.ts";

/** Most runs whose repository is remembered: a process can follow any number of runs. */
const MAX_KNOWN = 1_000;

/** Remembers the repository of each run, from the first answer that names it. No later answer may name another one. */
export class KnownRepos {
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

/**
 * Makes the methods.
 *
 * @param repos The repositories of runs, which all methods of a client have in common.
 */
export function runReads({ api, send, open }: Caller, repos: KnownRepos): RunReads {
  return {
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
  };
}
