/**
 * What the events of a run say beyond its status: the branch, the pull request, why it failed.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import { webUrl } from "../text/escape/url.ts";
import type { RunResult } from "./run_result.ts";

/** What {@linkcode factsFromEvents} found. Texts are untrusted. */
export interface EventFacts {
  /** Branch that the agent worked on; null when the events did not say. */
  workingBranch: string | null;
  /** Branch with the agent's changes, as pushed; null when nothing was pushed or the events did not say. */
  pushedBranch: string | null;
  /** See {@linkcode RunResult.pullRequest}; also `unknown` when the address must not be shown. */
  pullRequest: RunResult["pullRequest"];
  /** Whether the agent changed anything; null when unknown. */
  changed: boolean | null;
  /** `failure_code` of the last `failed` event that has one. */
  failureCode: string | null;
  /** Explanations of a failure without repetitions, best first. The run's own `error` is better than all of them. */
  reasons: string[];
}

function text(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

/**
 * Reads branch, pull request and reasons from the events of a run.
 *
 * Source: service source, events of stages `git_sync` and `git_delivery`; there can be several `failed` events: the first comes
 * from the agent, the last from the worker that gave up.
 *
 * @param events Oldest first; some may be missing.
 */
export function factsFromEvents(events: readonly RunEvent[]): EventFacts {
  const facts: EventFacts = {
    workingBranch: null,
    pushedBranch: null,
    pullRequest: { state: "unknown", url: null },
    changed: null,
    failureCode: null,
    reasons: [],
  };
  const errors: string[] = [];
  const messages: string[] = [];
  for (const { type, message, payload } of events) {
    if (type === "log" && (payload.stage === "git_sync" || payload.stage === "git_delivery")) {
      facts.workingBranch = text(payload.working_branch) ?? facts.workingBranch;
    }
    if (type === "log" && payload.stage === "git_delivery") {
      facts.changed = typeof payload.changed === "boolean" ? payload.changed : null;
      facts.pushedBranch = facts.changed === true ? text(payload.working_branch) : null;
      const address = payload.pull_request_url;
      const url = webUrl(text(address) ?? "") ?? null;
      facts.pullRequest = { state: address === null ? "none" : url === null ? "unknown" : "open", url };
    }
    if (type !== "failed") continue;
    facts.failureCode = text(payload.failure_code) ?? facts.failureCode;
    const error = text(payload.error);
    if (error !== null) errors.unshift(error);
    if (text(message) !== null) messages.unshift(message as string);
  }
  facts.reasons = [...new Set([...errors, ...messages])];
  return facts;
}
