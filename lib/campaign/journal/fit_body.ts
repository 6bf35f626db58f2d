/**
 * Makes a record's texts fit for the journal before it is written.
 *
 * @module
 */
import { isUuid } from "../../api/contract/rules.ts";
import {
  isTime,
  isVisible,
  isWebUrl,
  MAX_BRANCH,
  MAX_NUMBER,
  MAX_PERSON,
  MAX_REASON,
  MAX_RECORD_ITEMS,
  MAX_STATUS,
  oneLine,
} from "./checks.ts";
import type { RecordBody } from "./record.ts";

const timeOrNull = (text: string | null) => text !== null && isTime(text) ? text : null;
const statusOf = (text: string) => oneLine(text, MAX_STATUS) || "unknown";
const personOf = (text: string) => oneLine(text, MAX_PERSON) || "unknown";
const reasonOf = (text: string) => oneLine(text, MAX_REASON);
// A name that is cut or changed would be another branch.
const branchOf = (text: string | null) =>
  text !== null && text !== "" && text.length <= MAX_BRANCH && isVisible(text) ? text : null;
const numberOf = (value: number | null) => value !== null && value >= 0 && value <= MAX_NUMBER ? value : null;
const idOf = (text: string | null) => text !== null && isUuid(text) ? text.toLowerCase() : null;

type Details = NonNullable<Extract<RecordBody, { type: "pull-request" }>["details"]>;

function fitDetails(details: Details): Details {
  const { owner, createdAt, updatedAt, reason, commit = null, foreign = null } = details;
  const { files = null, additions = null, deletions = null } = details;
  return {
    ...details,
    files: numberOf(files),
    additions: numberOf(additions),
    deletions: numberOf(deletions),
    commit: commit === null ? null : statusOf(commit),
    foreign: foreign === null ? null : reasonOf(foreign),
    owner: owner === null ? null : oneLine(owner, MAX_PERSON) || null,
    createdAt: timeOrNull(createdAt),
    updatedAt: timeOrNull(updatedAt),
    reason: reason === null ? null : reasonOf(reason),
  };
}

/**
 * Makes the texts of a body fit for a record: one visible line each, cut where they are too long; what cannot be mended (an address, a
 * branch, a time of the service) becomes null. Ids, keys, numbers, and times of our own are left as they are.
 *
 * @param body Its reason must be masked already.
 * @param nowText Stands in for a time of the service that must be there, in ISO 8601.
 * @returns Several bodies where one names too many items.
 */
export function fitBody(body: RecordBody, nowText: string): RecordBody[] {
  switch (body.type) {
    case "intent":
      return [{ ...body, branch: branchOf(body.branch), sentAt: timeOrNull(body.sentAt) ?? nowText }];
    case "started": {
      const { runId, createdAt, slotAt, status } = body;
      const times = { createdAt: timeOrNull(createdAt), slotAt: timeOrNull(slotAt) ?? nowText };
      const branch = body.branch === undefined ? {} : { branch: branchOf(body.branch) };
      return [{ ...body, ...times, ...branch, runId: idOf(runId) ?? runId, status: statusOf(status) }];
    }
    case "seen":
      return [{ ...body, status: statusOf(body.status), updatedAt: timeOrNull(body.updatedAt) }];
    case "ended":
      return [{
        ...body,
        runId: idOf(body.runId) ?? body.runId,
        retryAt: timeOrNull(body.retryAt),
        reason: body.reason === null ? null : reasonOf(body.reason),
        status: body.status === null ? null : statusOf(body.status),
        branch: branchOf(body.branch),
        pullRequest: body.pullRequest !== null && isWebUrl(body.pullRequest) ? body.pullRequest : null,
        createdAt: timeOrNull(body.createdAt),
        updatedAt: timeOrNull(body.updatedAt),
      }];
    case "pull-request":
      return [{ ...body, state: statusOf(body.state), ...(body.details && { details: fitDetails(body.details) }) }];
    case "gate":
    case "trouble":
      return [{ ...body, reason: reasonOf(body.reason) }];
    case "approved":
      return [{ ...body, by: personOf(body.by), note: body.note === null ? null : reasonOf(body.note) }];
    case "retry":
      return chunks(body.items).map((items) => ({ ...body, items, by: personOf(body.by) }));
    case "skipped":
      return chunks(body.items).map((items) => ({
        ...body,
        items,
        by: personOf(body.by),
        reason: reasonOf(body.reason),
      }));
    case "stopped":
    case "resumed":
      return [{ ...body, by: personOf(body.by) }];
    case "note":
      return [{ ...body, text: reasonOf(body.text) }];
    case "joined":
    case "sandboxes":
    case "wave":
      return [body];
  }
}

function chunks(items: readonly string[]): string[][] {
  const count = Math.ceil(items.length / MAX_RECORD_ITEMS);
  return Array.from(
    { length: count },
    (_, index) => items.slice(index * MAX_RECORD_ITEMS, (index + 1) * MAX_RECORD_ITEMS),
  );
}
