/**
 * Makes a result fit for reports: every text in it is normalised, then redacted. Renderers get only such results.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { webUrl } from "../text/escape/url.ts";
import { redactHidden } from "../text/redact.ts";
import type { AnyResult } from "./any_result.ts";
import type { AutomationResult } from "./automation_result.ts";
import type { ResultError } from "./result_error.ts";
import type { RunResult } from "./run_result.ts";

/** Removes secrets from one text. */
export type Redact = (text: string) => string;

// Deeper than the service's own limit of 4, and far from exhausting the stack.
const MAX_DEPTH = 24;

// Longer than any id, status or time of the service.
const MAX_ID = 200;

/** How the kinds of texts are cleaned. */
interface Cleaner {
  /** A text of any length. */
  text(value: string | null): string | null;
  /** An id, a status or a time, or null. */
  id(value: string | null): string | null;
  /** An id, a status or a time. */
  word(value: string): string;
  /** Every text in a value, however deep. */
  value(value: unknown, depth?: number): unknown;
}

function cleaner(redact: Redact, redactToken: Redact): Cleaner {
  const some = (value: string) => redact(plainText(value));
  // Cut after redaction: half a token has no shape that could be found.
  const word = (value: string) => cutText(redactToken(plainText(value)), MAX_ID);

  function cleanValue(value: unknown, depth = 0): unknown {
    if (typeof value === "string") return some(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return "[nested too deeply]";
    if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1));
    // `fromEntries` makes `__proto__` an own property, too.
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [redactHidden(key, redactToken), cleanValue(item, depth + 1)]),
    );
  }

  return {
    text: (value) => value === null ? null : some(value),
    id: (value) => value === null ? null : word(value),
    word,
    value: cleanValue,
  };
}

/** The fields that both kinds of results have. */
function cleanCommon(result: AnyResult, { id, text, value }: Cleaner) {
  return {
    runId: id(result.runId),
    repoId: id(result.repoId),
    repository: text(result.repository ?? null),
    status: id(result.status),
    reason: text(result.reason),
    error: value(result.error) as ResultError | null,
    idempotencyKey: id(result.idempotencyKey),
    createdAt: id(result.createdAt),
    resume: text(result.resume),
  };
}

function cleanOneEvent(event: RunEvent, { value, word }: Cleaner): RunEvent {
  return {
    // Cleans fields of later revisions as well.
    ...value(event) as RunEvent,
    id: word(event.id),
    type: word(event.type),
    createdAt: word(event.createdAt),
  };
}

function cleanRun(result: RunResult, clean: Cleaner): RunResult {
  const { id, text } = clean;
  const { branch, pullRequest } = result;
  const url = webUrl(text(pullRequest.url) ?? "") ?? null;
  return {
    ...result,
    ...cleanCommon(result, clean),
    harness: text(result.harness),
    // Results of older versions have no task and no files.
    task: text(result.task ?? null),
    files: result.files?.map((path) => text(path) ?? "") ?? null,
    finalMessage: text(result.finalMessage ?? null),
    failureCode: text(result.failureCode),
    branch: { base: text(branch.base), requested: text(branch.requested), pushed: text(branch.pushed) },
    pullRequest: url === null && pullRequest.state === "open"
      ? { state: "unknown", url }
      : { state: pullRequest.state, url },
    updatedAt: id(result.updatedAt),
    events: result.events.map((event) => cleanOneEvent(event, clean)),
  };
}

function cleanAutomationRun(result: AutomationResult, clean: Cleaner): AutomationResult {
  const { id, word } = clean;
  return {
    ...result,
    ...cleanCommon(result, clean),
    automationId: word(result.automationId),
    startedAt: id(result.startedAt),
    completedAt: id(result.completedAt),
  };
}

/** A copy of an event, cleaned as {@linkcode cleanResult} cleans those of a result. */
export function cleanEvent(event: RunEvent, redact: Redact, redactToken: Redact): RunEvent {
  return cleanOneEvent(event, cleaner(redact, redactToken));
}

/**
 * A copy with every text normalised by `plainText` and then redacted. Only our own token is removed from ids, statuses, times
 * and keys of objects. A pull request's address that must not be a link becomes null.
 *
 * @param redact Removes secrets from one text.
 * @param redactToken Removes our own token from one text. @default {no change}
 */
export function cleanResult<R extends AnyResult>(
  result: R,
  redact: Redact,
  redactToken: Redact = (text) => text,
): R {
  const clean = cleaner(redact, redactToken);
  return (result.kind === "automation-run" ? cleanAutomationRun(result, clean) : cleanRun(result, clean)) as R;
}
