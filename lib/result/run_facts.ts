/**
 * What the events of a run say beyond its status: the branch, the pull request, why it failed.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import { webUrl } from "../text/escape/url.ts";
import type { RunResult } from "./run_result.ts";

/** What {@linkcode addEvent} has found so far. Texts are untrusted. Its size does not grow with the number of events. */
export interface EventFacts {
  /** Branch that the agent worked on; null when the events did not say. */
  readonly workingBranch: string | null;
  /** Branch with the agent's changes, as pushed; null when nothing was pushed or the events did not say. */
  readonly pushedBranch: string | null;
  /** See {@linkcode RunResult.pullRequest}; also `unknown` when the address must not be shown. */
  readonly pullRequest: RunResult["pullRequest"];
  /** Whether the agent changed anything; null when unknown. */
  readonly changed: boolean | null;
  /** `failure_code` of the last `failed` event that has one. */
  readonly failureCode: string | null;
  /** Error text of the last `failed` event that has one. The run's own `error` explains a failure better. */
  readonly failureError: string | null;
  /** Message of the last `failed` event that has one. {@linkcode EventFacts.failureError} explains a failure better. */
  readonly failureMessage: string | null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

/** The facts before the first event. */
export function noFacts(): EventFacts {
  return {
    workingBranch: null,
    pushedBranch: null,
    pullRequest: { state: "unknown", url: null },
    changed: null,
    failureCode: null,
    failureError: null,
    failureMessage: null,
  };
}

/** Whether {@linkcode addEvent} reads a branch or a pull request from the event. */
export function isGitEvent({ type, payload }: RunEvent): boolean {
  return type === "log" && (payload.stage === "git_sync" || payload.stage === "git_delivery");
}

function delivery(payload: RunEvent["payload"]): Pick<EventFacts, "changed" | "pushedBranch" | "pullRequest"> {
  const changed = typeof payload.changed === "boolean" ? payload.changed : null;
  const address = payload.pull_request_url;
  const url = webUrl(textOf(address) ?? "") ?? null;
  return {
    changed,
    pushedBranch: changed === true ? textOf(payload.working_branch) : null,
    pullRequest: { state: address === null ? "none" : url === null ? "unknown" : "open", url },
  };
}

/**
 * The facts after one more event.
 *
 * Source: service source, events of stages `git_sync` and `git_delivery`; there can be several `failed` events: the first comes
 * from the agent, the last from the worker that gave up.
 *
 * @param facts What the earlier events said; it is not changed.
 */
export function addEvent(facts: EventFacts, event: RunEvent): EventFacts {
  const { type, message, payload } = event;
  if (isGitEvent(event)) {
    const workingBranch = textOf(payload.working_branch) ?? facts.workingBranch;
    return { ...facts, workingBranch, ...(payload.stage === "git_delivery" && delivery(payload)) };
  }
  if (type !== "failed") return facts;
  return {
    ...facts,
    failureCode: textOf(payload.failure_code) ?? facts.failureCode,
    failureError: textOf(payload.error) ?? facts.failureError,
    failureMessage: textOf(message) ?? facts.failureMessage,
  };
}

/**
 * Reads branch, pull request and failure from the events of a run: {@linkcode addEvent} for each of them.
 *
 * @param events Oldest first; some may be missing.
 */
export function factsFromEvents(events: readonly RunEvent[]): EventFacts {
  return events.reduce(addEvent, noFacts());
}
