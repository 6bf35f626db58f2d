/**
 * Schemas of the service's answers. Most of them keep unknown fields, and they accept any text as a status or code. Each schema is built on its first
 * use, because a command needs only a few of them at startup. Only `custom` issues contain the toolkit's own words.
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

// Limits and naming rules of the service. The client checks them before it sends a request, and the emulator enforces them.

export const API_PREFIX = "/api/v1/mogplex";
/** The limit applies after trimming. Source: API reference, "Start a run". */
export const MAX_KEY_LENGTH = 200;
/** The limit applies after trimming, in UTF-16 units. Source: API reference, "Start a run". */
export const MAX_PROMPT_LENGTH = 100_000;
export const MAX_EVENTS = 200;
/** Number of events in the answer to a request without `limit`. Source: API reference, "List run events". */
export const DEFAULT_EVENTS = 100;
/** Source: API reference, "Rate limits". */
export const REQUEST_LIMIT = 60;
export const REQUEST_WINDOW_MS = 60_000;
/** `null` if the text of the 429 does not show which limit was exceeded. Source: API reference, "Rate limits". */
export function limitWords(said: string): string | null {
  if (said.includes("Daily external Mogplex run quota exceeded")) return "starts per day";
  if (said.includes("External Mogplex run rate limit exceeded")) return "starts per minute or per hour";
  return said.includes("Rate limit exceeded. Retry after ") ? `${REQUEST_LIMIT} requests per minute` : null;
}
export function isLimitOfUser(limit: string): boolean {
  return limit.startsWith("starts");
}
/** Limits of starts, shortest window first. Source: API reference, "Rate limits". */
export const START_LIMITS: readonly { readonly count: number; readonly windowMs: number }[] = [
  { count: 10, windowMs: 60_000 },
  { count: 30, windowMs: 3_600_000 },
  { count: 150, windowMs: 86_400_000 },
];
export const BASE_HARNESSES = ["codex", "claude-code"] as const;
/** `mogplex` exists only in later revisions. It needs `createBranch` and accepts no `mode`. */
export const HARNESSES = [...BASE_HARNESSES, "mogplex"] as const;
export const MODES = ["SAFE", "AUTO", "YOLO"] as const;
const TERMINAL_STATUSES = ["success", "failed", "cancelled"] as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A text that {@linkcode isUuid} has accepted. `hono/client` does not encode path parameters, so they must have this type. */
export type Uuid = string & { readonly isUuid: true };

export function isShortRunId(text: string): boolean {
  return /^[0-9a-f]{8}[0-9a-f-]{0,27}$/i.test(text);
}

export function isUuid(text: string): text is Uuid {
  return UUID.test(text);
}

export function isTerminal(status: string): boolean {
  return (TERMINAL_STATUSES as readonly string[]).includes(status);
}

/**
 * The service is stricter than Git: it refuses the legal branch name `dependabot/npm/@types/node`.
 * @param name Must be trimmed.
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

/** `/apps//web/` becomes `apps/web`, and `.` becomes `null`, as in the service. */
export function normalizeRoot(text: string): RootResult {
  if (text.includes("\0")) return { ok: false, problem: "it contains a NUL character" };
  // The service checks only these two forms, before it trims blanks. Source: API reference, "Start a run", `rootDirectory`.
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
export const uuid: Schema<string> = z.lazy(() => z.string().check(z.refine(isUuid, "it is not a UUID")));
// The following schemas accept any value, even an absent one, so they do not make an answer invalid.
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
 * A list, read up to the first invalid element. `z.array` collects the issues of all elements and passes them as arguments of one call. An answer can
 * have half a million elements, and a call with so many arguments throws.
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
export const startResultSchema: Schema<StartResult> = z.lazy(() => z.looseObject({ ...runShape, replayed: flag }));
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
export const runEventsSchema: Schema<RunEvents> = z.lazy(() =>
  z.looseObject({ run: runSchema, events: list(eventSchema) })
);
/** Older documentation lists these words as additional statuses of runs, but no run has such a status. Source: contract 4.7. */
const CANCEL_WORDS: readonly string[] = ["cancellation_requested", "already_terminal"];
/** A contradictory answer must not become the outcome of a run. */
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
 * The graphs of the automation are kept unchanged. The answer of this route contains the id of the published version only inside `publishedVersion`,
 * so the id is copied to `publishedVersionId`, as in the list. Source: recorded exchanges, `automations/*`.
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
      jobRunId: z.pipe(z.nullish(uuid), z.transform((id) => id ?? null)),
      outcome: text,
      reason: textOrNull,
      started: flag,
      status: textOrNull,
      runtime: queueHandle,
    }),
  })
);
export interface AutomationRunRecord extends AutomationRun {
  repo?: { id: string | null } | null;
  metadata?: Record<string, unknown> | null;
}
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
export const automationRunDataSchema: Schema<{ run: AutomationRunRecord | null }> = z.lazy(() =>
  z.looseObject({ run: z.nullable(automationRunSchema) })
);
/** Only the HTTP status of this answer is documented, so `status` may be absent. */
export const automationCancelSchema: Schema<{ status: string | null }> = z.lazy(() =>
  z.looseObject({ status: textOrNull })
);

export interface FailureEnvelope {
  ok: false;
  error: {
    code: string;
    /** The text is for people and may change, so never parse it. */
    message: string;
  };
}

export const failureSchema: Schema<FailureEnvelope> = z.lazy(() =>
  z.looseObject({ ok: z.literal(false), error: z.looseObject({ code: text, message: textOrEmpty }) })
);
export const successSchema: Schema<{ ok: true; data?: unknown }> = z.lazy(() =>
  z.object({ ok: z.literal(true), data: z.optional(z.unknown()) })
);

// No answer is nested this deeply, because the service limits payloads to 4 levels. The limit prevents a stack overflow.
const MAX_DEPTH = 32;

export const TOO_DEEP = "[nested too deeply]";

/** Messages are limited because every text that is logged or reported is searched for secrets several times. */
const MAX_MESSAGE_LENGTH = 64 * 1024;
const MAX_TEXT_LENGTH = 4 * 1024;
/** The service accepts at most half a million UTF-16 units. */
const MAX_INPUT_LENGTH = 1024 * 1024;

function inputFieldOf(schema: unknown): string | undefined {
  if (schema === automationSchema) return "publishedVersion";
  return schema === automationRunsSchema || schema === automationRunDataSchema ? "metadata" : undefined;
}

export type Masker = () => MaskText;

interface TextLimits {
  /**
   * Masks a text before it is cut, because half a secret would not be recognized as a secret. Most answers are not cut, so the masker is created on
   * demand.
   */
  masker: Masker;
  inputField: string | undefined;
}

/** Changes the value in place. Deep nesting is cut, because code that walks through it would overflow the stack. */
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

function limitOf(key: string, max: number, { inputField }: TextLimits): number {
  if (max === MAX_INPUT_LENGTH || key === inputField) return MAX_INPUT_LENGTH;
  return key === "message" ? MAX_MESSAGE_LENGTH : MAX_TEXT_LENGTH;
}

export type ReadResult<T> = { ok: true; data: T } | { ok: false; problem: string };

function read<T>(schema: Schema<T>, value: unknown, place: readonly string[] = []): ReadResult<T> {
  const { success, data, error } = z.safeParse(schema, value);
  if (success) return { ok: true, data };
  const [issue] = error.issues;
  const path = [...place, ...issue?.path ?? []].map(String).join(".") || "(root)";
  return { ok: false, problem: `${path}: ${issue?.code === "custom" ? issue.message : issue?.code}` };
}

/**
 * @param body Parsed JSON of the answer. Deep nesting and long texts in it are cut in place.
 * @returns The data, or the path and kind of the first mismatch. The mismatching value is never returned.
 */
export function readData<T>(body: unknown, schema: Schema<T>, masker: Masker = createRedactor): ReadResult<T> {
  const envelope = read(successSchema, limitValue(body, { masker, inputField: inputFieldOf(schema) }));
  return envelope.ok ? read(schema, envelope.data.data, ["data"]) : envelope;
}

export function readValue<T>(value: unknown, schema: Schema<T>, masker: Masker): T | undefined {
  return z.safeParse(schema, limitValue(value, { masker, inputField: inputFieldOf(schema) })).data;
}

export function readFailure(body: unknown): FailureEnvelope["error"] | undefined {
  return z.safeParse(failureSchema, body).data?.error;
}

// The public routes as one type, for `hono/client` in the client and for the emulator. The type contains no code, so no server code enters the
// client's bundle. If the client and the emulator disagree on a route, the program does not compile.

export type FailureStatus = 400 | 401 | 403 | 404 | 409 | 429 | 500 | 501 | 502 | 503;

export interface Success<T> {
  ok: true;
  data: T;
}

export type Endpoint<Input, Data, Status extends 200 | 202 = 200> =
  | { input: Input; output: Success<Data>; outputFormat: "json"; status: Status }
  | { input: Input; output: FailureEnvelope; outputFormat: "json"; status: FailureStatus };

export type StreamEndpoint<Input> =
  | { input: Input; output: string; outputFormat: "text"; status: 200 }
  | { input: Input; output: FailureEnvelope; outputFormat: "json"; status: FailureStatus };

export interface KeyHeader {
  "Idempotency-Key": string;
}

export interface ResumeHeader {
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
