/**
 * What the events of a run say beyond its status: the branch, the pull request, why it failed.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import { ownCopy } from "../text/own_copy.ts";
import { webUrl } from "../text/escape/url.ts";
import type { RunResult } from "./run_result.ts";

/** Most UTF-16 units of {@linkcode finalMessageOf}. */
const MAX_MESSAGE = 20_000;
/** Most UTF-16 units that are kept of what the agent says: more, so that the message can be cut at a blank. */
const MAX_SAID = 40_000;

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
  /** See {@linkcode RunResult.files}. */
  readonly files: string[] | null;
  /** What the agent said last; null when it said nothing. {@linkcode finalMessageOf} cuts it. */
  readonly said: string | null;
  /** Whether the next piece of prose continues {@linkcode EventFacts.said}. */
  readonly speaking: boolean;
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
    files: null,
    said: null,
    speaking: false,
    failureCode: null,
    failureError: null,
    failureMessage: null,
  };
}

/** Whether {@linkcode addEvent} reads a branch or a pull request from the event. */
export function isGitEvent({ type, payload }: RunEvent): boolean {
  return type === "log" && (payload.stage === "git_sync" || payload.stage === "git_delivery");
}

type Delivery = Pick<EventFacts, "changed" | "files" | "pushedBranch" | "pullRequest">;

function delivery(payload: RunEvent["payload"]): Delivery {
  const changed = typeof payload.changed === "boolean" ? payload.changed : null;
  const address = payload.pull_request_url;
  const files = payload.auto_committed_files;
  const url = webUrl(textOf(address) ?? "") ?? null;
  return {
    changed,
    files: Array.isArray(files) ? files.filter((path) => textOf(path) !== null).map(String) : null,
    pushedBranch: changed === true ? textOf(payload.working_branch) : null,
    pullRequest: { state: address === null ? "none" : url === null ? "unknown" : "open", url },
  };
}

/** What the agent said last, as results have it. It is cut between two words: half a secret has no shape that could be found. */
export function finalMessageOf({ said }: EventFacts): string | null {
  const text = said?.trim() ?? null;
  if (text === null || text.length <= MAX_MESSAGE) return text;
  let end = MAX_MESSAGE;
  while (end > 0 && !/\s/.test(text.charAt(end))) end--;
  return `${text.slice(0, end)} …`;
}

/** The facts after the agent has said something; undefined when the event has no words of it. */
function speech(facts: EventFacts, { type, message, payload: { kind } }: RunEvent): EventFacts | undefined {
  if (type !== "log" || kind !== "assistant_final" && kind !== "run_progress" && kind !== "assistant_delta") {
    return undefined;
  }
  const isPiece = kind === "assistant_delta";
  const before = isPiece && facts.speaking ? facts.said ?? "" : "";
  if (before.length >= MAX_SAID) return facts;
  const said = before + (message ?? "");
  if (textOf(said) === null) return facts;
  return { ...facts, said: said.length > MAX_SAID ? ownCopy(said.slice(0, MAX_SAID)) : said, speaking: isPiece };
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
  const spoken = speech(facts, event);
  if (spoken !== undefined) return spoken;
  // Other events, such as a heartbeat of the worker, come in the middle of a sentence.
  if (type === "tool_started" || type === "tool_finished") return { ...facts, speaking: false };
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
