/**
 * Schemas of the service's answers. They are tolerant: they keep unknown fields, and accept any text as a status or code. Each is built on its first
 * use, because a start of the command needs few of them.
 * Only `custom` issues contain our own words: `readData` makes the rest of a message from code and path of an issue.
 * @module
 */
import type { Hono } from "hono";
import type { BlankEnv } from "hono/types";
import * as z from "zod/mini";
import { isObject } from "../lookup.ts";
import type {
  Automation,
  AutomationDetail,
  AutomationRun,
  CancelResult,
  Repo,
  Run,
  RunEvent,
  RunEvents,
  Sandbox,
  StartRequest,
  StartResult,
  TriggerResult,
} from "../model.ts";
import { jsonText } from "../text/escape.ts";
import { detach } from "../text/plain_text.ts";
import { createRedactor, cutMasked, type MaskText } from "../text/redact.ts";

// The service's limits and its rules for names. The client checks them before it sends a request; the emulator enforces them.

/** Path prefix of every public route. Source: API reference, "Base URL". */
export const API_PREFIX = "/api/v1/mogplex";
/** Longest idempotency key after trimming. Source: API reference, "Start a run". */
export const MAX_KEY_LENGTH = 200;
/** Longest prompt after trimming, in UTF-16 units. Source: API reference, "Start a run". */
export const MAX_PROMPT_LENGTH = 100_000;
/** Maximum number of events in one answer. Source: API reference, "List run events". */
export const MAX_EVENTS = 200;
/** Events in one answer to a request without `limit`. Source: as above. */
export const DEFAULT_EVENTS = 100;
/** Requests that a token may send within {@linkcode REQUEST_WINDOW_MS}. Source: API reference, "Rate limits". */
export const REQUEST_LIMIT = 60;
/** Length of the sliding window of {@linkcode REQUEST_LIMIT}, in milliseconds. */
export const REQUEST_WINDOW_MS = 60_000;
/** Which limit a 429 is about, from its text; null if the text does not show it. Source: as above. */
export function limitWords(said: string): string | null {
  if (said.includes("Daily external Mogplex run quota exceeded")) return "starts per day";
  if (said.includes("External Mogplex run rate limit exceeded")) return "starts per minute or per hour";
  return said.includes("Rate limit exceeded. Retry after ") ? `${REQUEST_LIMIT} requests per minute` : null;
}
/** Whether all tokens of a user share the limit that {@linkcode limitWords} returned. Source: as above. */
export function isLimitOfUser(limit: string): boolean {
  return limit.startsWith("starts");
}
/** Maximum number of starts for each token, shortest window first. Source: API reference, "Rate limits". */
export const START_LIMITS: readonly { readonly count: number; readonly windowMs: number }[] = [
  { count: 10, windowMs: 60_000 },
  { count: 30, windowMs: 3_600_000 },
  { count: 150, windowMs: 86_400_000 },
];
/** Agents of the base revision. Source: API reference, "Start a run". */
export const BASE_HARNESSES = ["codex", "claude-code"] as const;
/** Agents that a client may request. `mogplex` exists in later revisions; it needs `createBranch` and accepts no `mode`. */
export const HARNESSES = [...BASE_HARNESSES, "mogplex"] as const;
/** Values of `mode` that every revision accepts. */
export const MODES = ["SAFE", "AUTO", "YOLO"] as const;
/** Statuses of a finished run, in every revision. */
const TERMINAL_STATUSES = ["success", "failed", "cancelled"] as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A text that {@linkcode isUuid} has accepted. `hono/client` does not encode path parameters, so they must have this type. */
export type Uuid = string & { readonly isUuid: true };

/** Whether a text may be the beginning of a UUID: at least its first 8 digits, and not all. */
export function isShortRunId(text: string): boolean {
  return /^[0-9a-f]{8}[0-9a-f-]{0,27}$/i.test(text);
}

/** Upper or lower case. */
export function isUuid(text: string): text is Uuid {
  return UUID.test(text);
}

export function isTerminal(status: string): boolean {
  return (TERMINAL_STATUSES as readonly string[]).includes(status);
}

/**
 * The rule of the service that a branch name breaks; undefined if the service accepts it.
 * The service is stricter than Git: it refuses `dependabot/npm/@types/node`, a legal branch.
 * @param name The name, trimmed.
 */
export function branchProblem(name: string): string | undefined {
  const odd = /[^A-Za-z0-9_./-]/u.exec(name)?.[0];
  if (odd !== undefined) return `the character ${jsonText(odd)} is not allowed`;
  if (name === "") return "it is empty";
  if (name === "HEAD") return `it is the reserved name "HEAD"`;
  if (name.startsWith("/")) return `it starts with "/"`;
  if (name.endsWith("/")) return `it ends with "/"`;
  if (name.endsWith(".")) return `it ends with "."`;
  if (name.endsWith(".lock")) return `it ends with ".lock"`;
  if (name.includes("..")) return `it contains ".."`;
  if (name.includes("//")) return `it contains "//"`;
  return undefined;
}

export type RootResult = { ok: true; root: string | null } | { ok: false; problem: string };

/**
 * Normalizes a root directory like the service: `/apps//web/` becomes `apps/web`, and `.` becomes null.
 * @param text The requested directory, not trimmed.
 */
export function normalizeRoot(text: string): RootResult {
  if (text.includes("\0")) return { ok: false, problem: "it contains a NUL character" };
  // Checked before blanks are trimmed, and only in these two forms. Source: API reference, "Start a run", `rootDirectory`.
  if (text.split("/").some((part) => /^%2e(?:%2e)?$/i.test(part))) {
    return { ok: false, problem: "it contains a percent-encoded dot segment" };
  }
  const root = text.trim().replace(/^\.\//, "").replace(/^\/+/, "").replace(/\/{2,}/g, "/").replace(/\/+$/, "");
  if (root === "" || root === ".") return { ok: true, root: null };
  if (root.split("/").includes("..")) return { ok: false, problem: `it contains the segment ".."` };
  return { ok: true, root };
}

export type Schema<T> = z.ZodMiniType<T>;

const text = z.string();
/** An id that the toolkit writes into paths, files and outputs of the job: it must be a UUID. */
export const uuid: Schema<string> = z.lazy(() => z.string().check(z.refine(isUuid, "it is not a UUID")));
// The following schemas accept any value, even an absent one, so they never make an answer invalid.
/** The value if it is text; null when it is absent or of another type. */
const textOf = (value: unknown) => typeof value === "string" ? value : null;
const numberOf = (value: unknown) => typeof value === "number" ? value : null;
const textOrNull = z.transform(textOf);
const textOrEmpty = z.transform((value: unknown) => typeof value === "string" ? value : "");
const numberOrNull = z.transform(numberOf);
const flag = z.transform((value: unknown) => value === true);
const objectOrEmpty = z.transform((value: unknown) => isObject(value) ? value : {});
const queueHandle = z.transform((value: unknown) => {
  if (!isObject(value)) return null;
  const { provider, runId } = value;
  return { ...value, provider: textOf(provider), runId: textOf(runId) };
});

/**
 * A list, read up to the first wrong element. `z.array` collects the issues of all elements: an answer can have half a million, and the package
 * passes them as arguments of one call, which throws.
 */
function list<T>(element: Schema<T>) {
  return z.pipe(
    z.array(z.unknown()),
    z.transform((values: unknown[], { issues }): T[] => {
      const read: T[] = [];
      for (const [index, value] of values.entries()) {
        const { success, data, error } = z.safeParse(element, value);
        if (success) read.push(data);
        else {
          issues.push(...error.issues.map((issue) => ({ ...issue, path: [index, ...issue.path], input: undefined })));
          break;
        }
      }
      return read;
    }),
  );
}

const runShape = {
  runId: uuid,
  aiCallId: textOrNull,
  sandboxRecordId: textOrNull,
  sandboxId: textOrNull,
  repoId: text,
  harness: text,
  status: text,
  branch: z.lazy(() => z.looseObject({ base: text, working: text, createBranch: flag })),
  rootDirectory: textOrNull,
  eventsUrl: textOrEmpty,
  cancelUrl: textOrEmpty,
  createdAt: text,
  updatedAt: text,
  error: textOrNull,
  runtime: queueHandle,
};

export const runSchema: Schema<Run> = z.lazy(() => z.looseObject(runShape));
/** `data` of the answer to a start: the fields of the run and `replayed`, side by side. */
export const startResultSchema: Schema<StartResult> = z.lazy(() => z.looseObject({ ...runShape, replayed: flag }));
/** `data` of the answer with one run. */
export const runDataSchema: Schema<{ run: Run }> = z.lazy(() => z.looseObject({ run: runSchema }));
export const eventSchema: Schema<RunEvent> = z.lazy(() =>
  z.looseObject({
    id: text,
    type: text,
    toolName: textOrNull,
    message: textOrNull,
    payload: objectOrEmpty,
    createdAt: text,
  })
);
/** `data` of the answer with a run and its events. */
export const runEventsSchema: Schema<RunEvents> = z.lazy(() =>
  z.looseObject({ run: runSchema, events: list(eventSchema) })
);
/** Words that older documentation lists as additional statuses. They do not describe the run. Source: contract 4.7. */
const CANCEL_WORDS: readonly string[] = ["cancellation_requested", "already_terminal"];
/** `data` of the answer to a cancel. A contradictory answer must not become a verdict. */
export const cancelResultSchema: Schema<CancelResult> = z.lazy(() =>
  z.looseObject({ run: runSchema, status: text, alreadyTerminal: flag }).check(
    z.refine(({ run, status }) => run.status === status || CANCEL_WORDS.includes(status), {
      path: ["status"],
      error: "it differs from the status of the run",
    }),
  )
);
export const reposSchema: Schema<{ repos: Repo[] }> = z.lazy(() =>
  z.looseObject({
    repos: list(z.looseObject({
      id: text,
      full_name: text,
      installation_id: numberOrNull,
      default_branch: textOrNull,
      root_directory: textOrNull,
    })),
  })
);
export const sandboxesSchema: Schema<{ sandboxes: Sandbox[] }> = z.lazy(() =>
  z.looseObject({
    sandboxes: list(z.looseObject({
      id: text,
      sandbox_id: textOrNull,
      repo_id: text,
      status: text,
      base_branch: textOrNull,
      working_branch: textOrNull,
      root_directory: textOrNull,
      preview_url: textOrNull,
      created_at: text,
      last_active_at: textOrNull,
      error: textOrNull,
    })),
  })
);

const automationShape = {
  id: text,
  installationId: numberOrNull,
  name: text,
  description: textOrNull,
  status: text,
  publishedVersionId: textOrNull,
  createdAt: text,
  updatedAt: text,
};

const publishedVersion = z.transform((value: unknown) => {
  if (!isObject(value) || typeof value.id !== "string") return null;
  return { ...value, id: value.id, versionNumber: numberOf(value.versionNumber) };
});
const runSummary = z.transform((value: unknown) => {
  if (!isObject(value)) return null;
  const { lastRunId, lastRunStatus, runningCount, pendingCount, failed24h } = value;
  return {
    lastRunId: textOf(lastRunId),
    lastRunStatus: textOf(lastRunStatus),
    runningCount: numberOf(runningCount),
    pendingCount: numberOf(pendingCount),
    failed24h: numberOf(failed24h),
  };
});

export const automationsSchema: Schema<{ automations: Automation[]; nextCursor: string | null }> = z.lazy(() =>
  z.looseObject({ automations: list(z.looseObject(automationShape)), nextCursor: textOrNull })
);
/**
 * `data` of the answer with one automation; its graphs are kept unchanged. This route has the version's id only inside the version, so it is copied
 * to `publishedVersionId`, as in the list. Source: recorded exchanges, `automations/*`.
 */
export const automationSchema: Schema<{ automation: AutomationDetail }> = z.lazy(() =>
  z.looseObject({
    automation: z.pipe(
      z.looseObject({ ...automationShape, publishedVersion, runSummary }),
      z.transform((each) => ({ ...each, publishedVersionId: each.publishedVersion?.id ?? each.publishedVersionId })),
    ),
  })
);
export const triggerSchema: Schema<{ run: TriggerResult }> = z.lazy(() =>
  z.looseObject({
    run: z.looseObject({
      automationId: text,
      // An optional id: null when it is null or absent.
      jobRunId: z.pipe(z.nullish(uuid), z.transform((id) => id ?? null)),
      outcome: text,
      reason: textOrNull,
      started: flag,
      status: textOrNull,
      runtime: queueHandle,
    }),
  })
);
/** A run of an automation as the service sends it, including its trigger's data, which must not be printed. */
export interface AutomationRunRecord extends AutomationRun {
  repo?: { id: string | null } | null;
  /** The input, mixed with the service's own names. */
  metadata?: Record<string, unknown> | null;
}
/** All other fields are dropped, because they contain resume tokens and raw records of calls. */
const automationRunSchema: Schema<AutomationRunRecord> = z.lazy(() =>
  z.object({
    id: text,
    status: text,
    created_at: textOrNull,
    started_at: textOrNull,
    completed_at: textOrNull,
    duration_ms: numberOrNull,
    error: textOrNull,
    last_start_error: textOrNull,
    active_wait_count: numberOrNull,
    repo: z.transform((value: unknown) => isObject(value) ? { id: textOf(value.id) } : null),
    metadata: z.transform((value: unknown) => isObject(value) ? value : null),
  })
);
export const automationRunsSchema: Schema<{ runs: AutomationRunRecord[] }> = z.lazy(() =>
  z.looseObject({ runs: list(automationRunSchema) })
);
/** `run` is documented as nullable. */
export const automationRunDataSchema: Schema<{ run: AutomationRunRecord | null }> = z.lazy(() =>
  z.looseObject({ run: z.nullable(automationRunSchema) })
);
/** Only the HTTP status of this answer is known, so `status` may be absent. */
export const automationCancelSchema: Schema<{ status: string | null }> = z.lazy(() =>
  z.looseObject({ status: textOrNull })
);

export interface FailureEnvelope {
  ok: false;
  error: {
    /** Stable; one code can come with several HTTP statuses. */
    code: string;
    /** For people; it may change, so never parse it. */
    message: string;
  };
}

export const failureSchema: Schema<FailureEnvelope> = z.lazy(() =>
  z.looseObject({ ok: z.literal(false), error: z.looseObject({ code: text, message: textOrEmpty }) })
);
export const successSchema: Schema<{ ok: true; data?: unknown }> = z.lazy(() =>
  z.object({ ok: z.literal(true), data: z.optional(z.unknown()) })
);

// Decodes answers of the service: checks the envelope and its data against the schemas, and cuts deep nesting and long texts.

// Deeper than anything the service sends (it limits payloads to 4 levels), and far from overflowing the stack.
const MAX_DEPTH = 32;

/** Replaces a value that is nested too deeply. */
export const TOO_DEEP = "[nested too deeply]";

/**
 * Maximum length of a message, in UTF-16 units. Agents write messages, and every text that is logged or reported is searched for secrets
 * several times.
 */
const MAX_MESSAGE_LENGTH = 64 * 1024;
/** Maximum length, in UTF-16 units, of any other text, and of the name of a field. */
const MAX_TEXT_LENGTH = 4 * 1024;
/** Maximum length, in UTF-16 units, of a user's text. The service accepts half a million at most. */
const MAX_INPUT_LENGTH = 1024 * 1024;

/** Name of the field with users' texts. Its limit is higher, because the texts are compared with what was sent, or printed for their owners. */
function inputFieldOf(schema: unknown): string | undefined {
  if (schema === automationSchema) return "publishedVersion";
  return schema === automationRunsSchema || schema === automationRunDataSchema ? "metadata" : undefined;
}

/** Returns the function that masks secrets, and creates it on the first call. */
export type Masker = () => MaskText;

interface TextLimits {
  /** Masks a text before it is cut, so that the first half of a secret does not remain. Most answers need no cut, so it is created on demand. */
  masker: Masker;
  inputField: string | undefined;
}

/**
 * Replaces values that are nested too deeply, in place: code that walks through them would overflow the stack, and the verdict would be lost. Texts
 * and names of fields that are too long are cut.
 */
function limitValue(value: unknown, limits: TextLimits, max = MAX_TEXT_LENGTH, depth = 1): unknown {
  if (typeof value === "string") return value.length > max ? detach(cutMasked(value, max, limits.masker())) : value;
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return TOO_DEEP;
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    const inner = record[key];
    const limited = limitValue(inner, limits, limitOf(key, max, limits), depth + 1);
    if (key.length > MAX_TEXT_LENGTH) {
      delete record[key];
      record[detach(cutMasked(key, MAX_TEXT_LENGTH, limits.masker()))] = limited;
    } else if (limited !== inner) record[key] = limited;
  }
  return value;
}

/** The limit of texts in a field. @param max The limit of its parent. */
function limitOf(key: string, max: number, { inputField }: TextLimits): number {
  if (max === MAX_INPUT_LENGTH || key === inputField) return MAX_INPUT_LENGTH;
  return key === "message" ? MAX_MESSAGE_LENGTH : MAX_TEXT_LENGTH;
}

export type ReadResult<T> = { ok: true; data: T } | { ok: false; problem: string };

/** @param place Path of the value in the answer. */
function read<T>(schema: Schema<T>, value: unknown, place: readonly string[] = []): ReadResult<T> {
  const { success, data, error } = z.safeParse(schema, value);
  if (success) return { ok: true, data };
  const [issue] = error.issues;
  const path = [...place, ...issue?.path ?? []].map(String).join(".") || "(root)";
  // Only `custom` issues contain our own words.
  return { ok: false, problem: `${path}: ${issue?.code === "custom" ? issue.message : issue?.code}` };
}

/**
 * Reads `data` from a success envelope.
 * @param body Parsed JSON of the answer; deep nesting and long texts in it are cut in place.
 * @param schema Schema of `data`.
 * @param masker Makes the function that masks secrets in the rest of a cut text. @default shapes of secrets
 * @returns The data, or path and kind of the first mismatch; never the mismatching value.
 */
export function readData<T>(body: unknown, schema: Schema<T>, masker: Masker = createRedactor): ReadResult<T> {
  const envelope = read(successSchema, limitValue(body, { masker, inputField: inputFieldOf(schema) }));
  return envelope.ok ? read(schema, envelope.data.data, ["data"]) : envelope;
}

/** Decodes a parsed value by a schema and limits it as {@linkcode readData} does; undefined if it does not match. */
export function readValue<T>(value: unknown, schema: Schema<T>, masker: Masker): T | undefined {
  return z.safeParse(schema, limitValue(value, { masker, inputField: inputFieldOf(schema) })).data;
}

/** Undefined if the parsed body is not a failure envelope. */
export function readFailure(body: unknown): FailureEnvelope["error"] | undefined {
  return z.safeParse(failureSchema, body).data?.error;
}

// The public routes as one type, for `hono/client` in the client and for the emulator. It contains no code, so no server code enters the client's
// bundle. If client and emulator disagree on a route, the program does not compile.

/** HTTP statuses with which the service sends the failure envelope. */
export type FailureStatus = 400 | 401 | 403 | 404 | 409 | 429 | 500 | 501 | 502 | 503;

export interface Success<T> {
  ok: true;
  data: T;
}

export type Endpoint<Input, Data, Status extends 200 | 202 = 200> =
  | { input: Input; output: Success<Data>; outputFormat: "json"; status: Status }
  | { input: Input; output: FailureEnvelope; outputFormat: "json"; status: FailureStatus };

/** On success, the answer is a stream of server-sent events; its output is the text of the stream. */
export type StreamEndpoint<Input> =
  | { input: Input; output: string; outputFormat: "text"; status: 200 }
  | { input: Input; output: FailureEnvelope; outputFormat: "json"; status: FailureStatus };

/** Header that makes a start or trigger safe to repeat. */
export interface KeyHeader {
  /** 1 to 200 characters. */
  "Idempotency-Key": string;
}

/** Header that resumes a stream after an event. */
export interface ResumeHeader {
  /** UUID of the last event received. */
  "Last-Event-ID"?: string;
}

/** Every route that the client uses. `hono/client` does not encode path parameters, so only checked ids are allowed. */
export type Routes = {
  "/api/v1/mogplex/repos": {
    $get: Endpoint<{ query: { q?: string; id?: string; limit?: string } }, { repos: Repo[] }>;
  };
  "/api/v1/mogplex/sandboxes": {
    $get: Endpoint<{ query: { repo_id?: string; status?: string; limit?: string } }, { sandboxes: Sandbox[] }>;
  };
  "/api/v1/mogplex/runs": {
    $post: Endpoint<{ header: KeyHeader; json: StartRequest }, StartResult, 202>;
  };
  "/api/v1/mogplex/runs/:runId": {
    $get: Endpoint<{ param: { runId: Uuid } }, { run: Run }>;
  };
  "/api/v1/mogplex/runs/:runId/events": {
    $get: Endpoint<{ param: { runId: Uuid }; query: { limit?: string } }, RunEvents>;
  };
  "/api/v1/mogplex/runs/:runId/events/stream": {
    $get: StreamEndpoint<{ param: { runId: Uuid }; query: { limit?: string }; header: ResumeHeader }>;
  };
  "/api/v1/mogplex/runs/:runId/cancel": {
    $post: Endpoint<{ param: { runId: Uuid } }, CancelResult>;
  };
  "/api/v1/mogplex/automations": {
    $get: Endpoint<
      { query: { limit?: string; cursor?: string } },
      { automations: Automation[]; nextCursor: string | null }
    >;
  };
  "/api/v1/mogplex/automations/:automationId": {
    $get: Endpoint<{ param: { automationId: Uuid } }, { automation: AutomationDetail }>;
  };
  "/api/v1/mogplex/automations/:automationId/trigger": {
    $post: Endpoint<
      {
        param: { automationId: Uuid };
        header: KeyHeader;
        json: { repoId: string; input?: Record<string, unknown> };
      },
      { run: TriggerResult },
      202
    >;
  };
  "/api/v1/mogplex/automations/:automationId/runs": {
    $get: Endpoint<{ param: { automationId: Uuid }; query: { limit?: string } }, { runs: AutomationRunRecord[] }>;
  };
  "/api/v1/mogplex/automations/:automationId/runs/:runId": {
    $get: Endpoint<{ param: { automationId: Uuid; runId: Uuid } }, { run: AutomationRunRecord | null }>;
  };
  "/api/v1/mogplex/automations/:automationId/runs/:runId/cancel": {
    $post: Endpoint<{ param: { automationId: Uuid; runId: Uuid } }, { status: string | null }>;
  };
};

export type Api = Hono<BlankEnv, Routes, "/">;
