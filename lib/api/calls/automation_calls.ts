/**
 * The client's methods for automations and reviews.
 *
 * @module
 */
import { NotFoundError, UsageError } from "../../errors.ts";
import type { Redactor } from "../../text/redact.ts";
import { type Caller, limitOf, START_BACKOFF_MS } from "../caller.ts";
import * as schemas from "../contract/schemas.ts";
import type { Attempted } from "../errors.ts";
import type { MogplexClient } from "../mogplex_client.ts";
import type { How } from "../routes_at.ts";
import { withoutFacts } from "../trigger_memory.ts";
import { checkIdempotencyKey, checkOptional, checkTriggerInput, checkUuid } from "../validate.ts";

/** The client's methods for automations and reviews. */
export type AutomationCalls = Pick<
  MogplexClient,
  | "listAutomations"
  | "getAutomation"
  | "triggerAutomation"
  | "listAutomationRuns"
  | "getAutomationRun"
  | "cancelAutomationRun"
  | "rerunPrReview"
>;

/**
 * Makes the methods.
 *
 * @param redact Masks secrets.
 */
export function automationCalls({ api, read, send }: Caller, redact: Redactor): AutomationCalls {
  return {
    async listAutomations({ limit, cursor } = {}, call) {
      const query = { limit: limitOf(limit, 100), cursor: checkOptional(cursor, "cursor") };
      const ask = (how: How) => api.automations.$get({ query }, how);
      return await read("list automations", schemas.automationsSchema, call, ask);
    },
    async getAutomation(id, call) {
      const automationId = checkUuid(id, "automation id");
      const ask = (how: How) => api.automations[":automationId"].$get({ param: { automationId } }, how);
      return (await read(`read automation "${automationId}"`, schemas.automationSchema, call, ask)).automation;
    },
    async triggerAutomation(id, { repoId, input }, { idempotencyKey }, call) {
      const automationId = checkUuid(id, "automation id");
      const key = checkIdempotencyKey(idempotencyKey, redact.token);
      const json = {
        repoId: checkUuid(repoId, "repository id"),
        ...(input === undefined ? {} : { input: checkTriggerInput(input) }),
      };
      const args = { param: { automationId }, header: { "Idempotency-Key": key }, json };
      const ask = (how: How) => api.automations[":automationId"].trigger.$post(args, how);
      const attempted: Attempted = { what: `trigger automation "${automationId}"`, scope: "write", key, trigger: true };
      return (await send(attempted, schemas.triggerSchema, call, ask, { backoffBaseMs: START_BACKOFF_MS })).run;
    },
    async listAutomationRuns(id, { limit } = {}, call) {
      const automationId = checkUuid(id, "automation id");
      const args = { param: { automationId }, query: { limit: limitOf(limit, 50) } };
      const ask = (how: How) => api.automations[":automationId"].runs.$get(args, how);
      const what = `list runs of automation "${automationId}"`;
      return (await read(what, schemas.automationRunsSchema, call, ask)).runs.map(withoutFacts);
    },
    async getAutomationRun(automation, id, call) {
      const automationId = checkUuid(automation, "automation id");
      const runId = checkUuid(id, "run id");
      const ask = (how: How) =>
        api.automations[":automationId"].runs[":runId"].$get({ param: { automationId, runId } }, how);
      const what = `read automation run "${runId}"`;
      const { run } = await send({ what, scope: "read", runId }, schemas.automationRunDataSchema, call, ask);
      if (run !== null) return withoutFacts(run);
      // The documentation permits null, although the known revisions answer 404.
      const facts = { status: 200, code: null, requestId: null, retryAfterMs: null };
      const why = "the service does not find it (HTTP 200 without a run)";
      throw new NotFoundError({ attempted: what, why }, "usage", facts);
    },
    async cancelAutomationRun(automation, id, call) {
      const param = { automationId: checkUuid(automation, "automation id"), runId: checkUuid(id, "run id") };
      const ask = (how: How) => api.automations[":automationId"].runs[":runId"].cancel.$post({ param }, how);
      const attempted: Attempted = { what: `cancel automation run "${param.runId}"`, scope: "write", recent: true };
      return await send(attempted, schemas.automationCancelSchema, call, ask);
    },
    async rerunPrReview({ repoId, prNumber }, call) {
      if (!Number.isSafeInteger(prNumber) || prNumber < 1) {
        throw new UsageError({
          attempted: "rerun review",
          why: "the pull request number must be 1 or more",
          value: String(prNumber),
        });
      }
      const json = { repoId: checkUuid(repoId, "repository id"), prNumber };
      const attempted: Attempted = { what: `rerun review of pull request ${prNumber}`, scope: "write", recent: true };
      const ask = (how: How) => api["pr-reviews"].rerun.$post({ json }, how);
      return await send(attempted, schemas.prReviewRerunSchema, { ...call, maxAttempts: 1 }, ask);
    },
  };
}
