/**
 * Makes a result fit for reports: every text in it normalised, then redacted. Renderers get nothing else.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import { plainText } from "../plain_text.ts";
import { webUrl } from "../platforms/escape/url.ts";
import type { RunResult } from "./result.ts";

/** Takes secrets out of one text. */
export type Redact = (text: string) => string;

// Deeper than anything the service sends (its own limit is 4), and far from the end of the stack.
const MAX_DEPTH = 24;

function cleanValue(value: unknown, redact: Redact, depth: number): unknown {
  if (typeof value === "string") return redact(plainText(value));
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return "[nested too deeply]";
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, redact, depth + 1));
  // `fromEntries` makes an own property even of `__proto__`.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleanValue(item, redact, depth + 1)]));
}

/**
 * A copy with every text normalised by `plainText` and then redacted. Ids, statuses, times and keys of objects are never
 * redacted; a pull request's address that may not be a link becomes null.
 *
 * @param redact Takes secrets out of one text.
 */
export function cleanResult(result: RunResult, redact: Redact): RunResult {
  const text = (value: string | null) => value === null ? null : redact(plainText(value));
  const id = (value: string | null) => value === null ? null : plainText(value, { maxLength: 200 });
  const { branch, pullRequest } = result;
  const url = webUrl(text(pullRequest.url) ?? "") ?? null;
  return {
    ...result,
    runId: id(result.runId),
    repoId: id(result.repoId),
    harness: text(result.harness),
    status: id(result.status),
    reason: text(result.reason),
    failureCode: text(result.failureCode),
    idempotencyKey: id(result.idempotencyKey),
    branch: { base: text(branch.base), requested: text(branch.requested), pushed: text(branch.pushed) },
    pullRequest: url === null && pullRequest.state === "open"
      ? { state: "unknown", url }
      : { state: pullRequest.state, url },
    createdAt: id(result.createdAt),
    updatedAt: id(result.updatedAt),
    resume: text(result.resume),
    events: result.events.map((event) => ({
      // Fields of later revisions are cleaned as well.
      ...cleanValue(event, redact, 0) as RunEvent,
      id: plainText(event.id, { maxLength: 200 }),
      type: plainText(event.type, { maxLength: 200 }),
      createdAt: plainText(event.createdAt, { maxLength: 200 }),
    })),
  };
}
