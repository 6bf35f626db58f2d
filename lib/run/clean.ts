/**
 * Prepares a result for reports. Renderers must receive only results from this module.
 * @module
 */
import type { RunEvent } from "../model.ts";
import { webUrl } from "../text/escape.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import { giveRedactor, redactHidden, type Redactor } from "../text/redact.ts";
import type { AnyResult, AutomationResult, ResultError, RunResult } from "./result.ts";

export type Redact = (text: string) => string;

// The limit is above the service's own limit of 4 levels, and low enough not to exhaust the stack.
const MAX_DEPTH = 24;

// The limit is longer than any id, status or time of the service.
const MAX_ID = 200;

interface Cleaner {
  text(value: string | null): string | null;
  id(value: string | null): string | null;
  word(value: string): string;
  value(value: unknown, depth?: number): unknown;
}

export function remember(clean: (text: string) => string): (text: string) => string {
  const results = new Map<string, string>();
  return (text) => {
    let result = results.get(text);
    if (result === undefined) results.set(text, result = clean(text));
    return result;
  };
}

function cleaner(redact: Redact, redactToken: Redact): Cleaner {
  const plain = remember((value) => plainText(value));
  const some = remember((value) => redact(plain(value)));
  // The text is cut after redaction, because half a token would not be recognized.
  const word = remember((value) => cutText(redactToken(plain(value)), MAX_ID));

  function cleanValue(value: unknown, depth = 0): unknown {
    if (typeof value === "string") return some(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return "[nested too deeply]";
    if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1));
    // `fromEntries` also turns `__proto__` into an own property.
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
    // Also cleans fields that later revisions of the service add.
    ...value(event) as RunEvent,
    id: word(event.id),
    type: word(event.type),
    createdAt: word(event.createdAt),
  };
}

function cleanRun(result: RunResult, clean: Cleaner): RunResult {
  const { id, text } = clean;
  const { branch, pullRequest, resultFile } = result;
  const url = webUrl(text(pullRequest.url) ?? "") ?? null;
  return {
    ...result,
    ...cleanCommon(result, clean),
    harness: text(result.harness),
    task: text(result.task),
    files: result.files?.map((path) => text(path) ?? "") ?? null,
    finalMessage: text(result.finalMessage),
    failureCode: text(result.failureCode),
    branch: { base: text(branch.base), requested: text(branch.requested), pushed: text(branch.pushed) },
    pullRequest: url === null && pullRequest.state === "open"
      ? { state: "unknown", url }
      : { state: pullRequest.state, url },
    // The value stays unchanged. A value with a secret was already refused, and the next step must get the value that was checked.
    resultFile: resultFile && {
      ...resultFile,
      path: text(resultFile.path) ?? "",
      branch: text(resultFile.branch),
      commit: id(resultFile.commit),
      blob: id(resultFile.blob),
      mistakes: resultFile.mistakes.map((mistake) => text(mistake) ?? ""),
    },
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

export function cleanEvent(event: RunEvent, redact: Redact, redactToken: Redact): RunEvent {
  return cleanOneEvent(event, cleaner(redact, redactToken));
}

/** In ids, statuses, times and the keys of objects, only the toolkit's own token is redacted. */
export function cleanResult<R extends AnyResult>(
  result: R,
  redact: Redact,
  redactToken: Redact,
): R {
  const clean = cleaner(redact, redactToken);
  return (result.kind === "automation-run" ? cleanAutomationRun(result, clean) : cleanRun(result, clean)) as R;
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

type Fields = Record<string, unknown>;

function showInstead(value: object, masked: () => unknown, redact: Redactor): void {
  giveRedactor(value, redact);
  const show = { value: masked, configurable: true };
  Object.defineProperties(value, { toJSON: show, [INSPECT]: show });
}

/** On Node, `console.dir` ignores the method that `console.log` calls. With a getter, it shows only the name of the field. */
function hideFromDir(fields: Fields, name: string): void {
  let value = fields[name];
  Object.defineProperty(fields, name, {
    get: () => value,
    set: (next: unknown) => void (value = next),
    enumerable: true,
    configurable: true,
  });
}

/** If there are events, `events` is always in the list, because comparing all events would be slow. */
function maskedFields(result: AnyResult, redact: Redactor): string[] {
  const withoutEvents = { ...result, events: [] } as unknown as AnyResult;
  const clean = cleanResult(withoutEvents, redact, redact.token) as unknown as Fields;
  const differs = (name: string, value: unknown) => JSON.stringify(clean[name]) !== JSON.stringify(value);
  return Object.entries(result)
    .filter(([name, value]) => name === "events" ? (value as unknown[]).length > 0 : differs(name, value))
    .map(([name]) => name);
}

/**
 * Makes `JSON.stringify` and `console.log` show a masked copy of a result, and of each list or object in it that has something to mask. `mask()`,
 * `render()` and `report()` mask the same secrets.
 * @returns The same object. A copy of it, for example by spreading, prints its texts unmasked. `console.table` also prints them unmasked, because it
 * reads each text itself.
 */
export function guardResult<R extends AnyResult>(result: R, redact: Redactor): R {
  if (Object.hasOwn(result, "toJSON")) return result;
  const fields = result as unknown as Fields;
  const masked = () => cleanResult(result, redact, redact.token);
  for (const name of maskedFields(result, redact)) {
    const value = fields[name];
    hideFromDir(fields, name);
    if (typeof value === "object" && value !== null) {
      showInstead(value, () => (masked() as unknown as Fields)[name], redact);
    }
  }
  showInstead(result, masked, redact);
  return result;
}
