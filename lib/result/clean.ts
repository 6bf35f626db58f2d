/**
 * Makes a result fit for reports: every text in it normalised, then redacted. Renderers get nothing else.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { webUrl } from "../text/escape/url.ts";
import { redactHidden } from "../text/redact.ts";
import type { RunResult } from "./run_result.ts";

/** Takes secrets out of one text. */
export type Redact = (text: string) => string;

// Deeper than anything the service sends (its own limit is 4), and far from the end of the stack.
const MAX_DEPTH = 24;

// Longer than any id, status or time of the service.
const MAX_ID = 200;

/**
 * A copy with every text normalised by `plainText` and then redacted. Of ids, statuses, times and keys of objects only our own
 * token is taken out; a pull request's address that may not be a link becomes null.
 *
 * @param redact Takes secrets out of one text.
 * @param redactToken Takes our own token out of one text. @default nothing
 */
export function cleanResult(result: RunResult, redact: Redact, redactToken: Redact = (text) => text): RunResult {
  const some = (value: string) => redact(plainText(value));
  const text = (value: string | null) => value === null ? null : some(value);
  // Cut afterwards: half a token has no shape any more.
  const word = (value: string) => cutText(redactToken(plainText(value)), MAX_ID);
  const id = (value: string | null) => value === null ? null : word(value);

  function cleanValue(value: unknown, depth: number): unknown {
    if (typeof value === "string") return some(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return "[nested too deeply]";
    if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1));
    // `fromEntries` makes an own property even of `__proto__`.
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [redactHidden(key, redactToken), cleanValue(item, depth + 1)]),
    );
  }

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
      ...cleanValue(event, 0) as RunEvent,
      id: word(event.id),
      type: word(event.type),
      createdAt: word(event.createdAt),
    })),
  };
}
