/**
 * Schemas of the service's answers. They are tolerant: they keep unknown fields, and accept any text as a status or code.
 *
 * @module
 */
import { isObject } from "../../lookup.ts";
import { isUuid } from "./rules.ts";
import { checked, exactly, list, Mismatch, nullable, number, object, only, type Schema, text } from "./schema.ts";
import type {
  Automation,
  AutomationDetail,
  AutomationRun,
  CancelResult,
  PrReviewRerun,
  Repo,
  Run,
  RunEvent,
  RunEvents,
  Sandbox,
  StartResult,
  TriggerResult,
} from "../../model.ts";

/** An id that the toolkit writes into paths, files and outputs of the job: it must be a UUID. */
const uuid: Schema<string> = checked(text, isUuid, "it is not a UUID");
// The following never make an answer invalid: they read any value, also an absent one.
/** The value if it is text; null when it is absent or of another type. */
const textOrNull = (value: unknown) => typeof value === "string" ? value : null;
const textOrEmpty = (value: unknown) => typeof value === "string" ? value : "";
const numberOrNull = (value: unknown) => typeof value === "number" ? value : null;
const flag = (value: unknown) => value === true;
const objectOrEmpty = (value: unknown) => isObject(value) ? value : {};
const queueHandle = (value: unknown) => {
  if (!isObject(value)) return null;
  const { provider, runId } = value;
  return { ...value, provider: textOrNull(provider), runId: textOrNull(runId) };
};

const runShape = {
  runId: uuid,
  aiCallId: textOrNull,
  sandboxRecordId: textOrNull,
  sandboxId: textOrNull,
  repoId: text,
  harness: text,
  status: text,
  branch: object({ base: text, working: text, createBranch: flag }),
  rootDirectory: textOrNull,
  eventsUrl: textOrEmpty,
  cancelUrl: textOrEmpty,
  createdAt: text,
  updatedAt: text,
  error: textOrNull,
  runtime: queueHandle,
};

/** A run. */
export const runSchema: Schema<Run> = object(runShape);
/** `data` of the answer to a start: the fields of the run and `replayed`, side by side. */
export const startResultSchema: Schema<StartResult> = object({ ...runShape, replayed: flag });
/** `data` of the answer with one run. */
export const runDataSchema: Schema<{ run: Run }> = object({ run: runSchema });
/** An event of a run. */
export const eventSchema: Schema<RunEvent> = object({
  id: text,
  type: text,
  toolName: textOrNull,
  message: textOrNull,
  payload: objectOrEmpty,
  createdAt: text,
});
/** `data` of the answer with a run and its events. */
export const runEventsSchema: Schema<RunEvents> = object({ run: runSchema, events: list(eventSchema) });
/** Words beside a run's status that older documents know. They say nothing of the run. Source: contract 4.7. */
const CANCEL_WORDS: readonly string[] = ["cancellation_requested", "already_terminal"];
const cancelFields = object({ run: runSchema, status: text, alreadyTerminal: flag });
/** `data` of the answer to cancelling a run. An answer that contradicts itself must not become a verdict. */
export const cancelResultSchema: Schema<CancelResult> = (value) => {
  const read = cancelFields(value);
  if (read instanceof Mismatch || read.run.status === read.status || CANCEL_WORDS.includes(read.status)) return read;
  return new Mismatch("it differs from the status of the run").within("status");
};
/** `data` of the list of repositories. */
export const reposSchema: Schema<{ repos: Repo[] }> = object({
  repos: list(object({
    id: text,
    full_name: text,
    installation_id: numberOrNull,
    default_branch: textOrNull,
    root_directory: textOrNull,
  })),
});
/** `data` of the list of sandboxes. */
export const sandboxesSchema: Schema<{ sandboxes: Sandbox[] }> = object({
  sandboxes: list(object({
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
});

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

const publishedVersion = (value: unknown) => {
  if (!isObject(value) || typeof value.id !== "string") return null;
  return { ...value, id: value.id, versionNumber: numberOrNull(value.versionNumber) };
};
const runSummary = (value: unknown) => {
  if (!isObject(value)) return null;
  const { lastRunId, lastRunStatus, runningCount, pendingCount, failed24h } = value;
  return {
    lastRunId: textOrNull(lastRunId),
    lastRunStatus: textOrNull(lastRunStatus),
    runningCount: numberOrNull(runningCount),
    pendingCount: numberOrNull(pendingCount),
    failed24h: numberOrNull(failed24h),
  };
};

/** `data` of the list of automations. */
export const automationsSchema: Schema<{ automations: Automation[]; nextCursor: string | null }> = object({
  automations: list(object(automationShape)),
  nextCursor: textOrNull,
});
const automationFields = object({ ...automationShape, publishedVersion, runSummary });
/**
 * `data` of the answer with one automation; its graphs are kept unchanged. This route has the version's id only inside the
 * version, so it is copied to `publishedVersionId`, where the list has it. Source: recorded exchanges, `automations/*`.
 */
export const automationSchema: Schema<{ automation: AutomationDetail }> = object({
  automation: (value) => {
    const read = automationFields(value);
    if (read instanceof Mismatch) return read;
    return { ...read, publishedVersionId: read.publishedVersion?.id ?? read.publishedVersionId };
  },
});
/** `data` of the answer to a trigger. */
export const triggerSchema: Schema<{ run: TriggerResult }> = object({
  run: object({
    automationId: text,
    // An optional id: null when it is null or absent.
    jobRunId: (value) => value === undefined || value === null ? null : uuid(value),
    outcome: text,
    reason: textOrNull,
    started: flag,
    status: textOrNull,
    runtime: queueHandle,
  }),
});
/** A run of an automation as the service sends it: with what it was triggered with, which is not for printing. */
export interface AutomationRunRecord extends AutomationRun {
  /** Repository that it works on. */
  repo?: { id: string | null } | null;
  /** The input, among names of the service's own. */
  metadata?: Record<string, unknown> | null;
}
/** A run of an automation. All other fields are dropped, since they hold resume tokens and raw records of calls. */
const automationRunSchema: Schema<AutomationRunRecord> = only({
  id: text,
  status: text,
  created_at: textOrNull,
  started_at: textOrNull,
  completed_at: textOrNull,
  duration_ms: numberOrNull,
  error: textOrNull,
  last_start_error: textOrNull,
  active_wait_count: numberOrNull,
  repo: (value) => isObject(value) ? { id: textOrNull(value.id) } : null,
  metadata: (value) => isObject(value) ? value : null,
});
/** `data` of the list of an automation's runs. */
export const automationRunsSchema: Schema<{ runs: AutomationRunRecord[] }> = object({
  runs: list(automationRunSchema),
});
/** `data` of the answer with one run of an automation; `run` is documented as nullable. */
export const automationRunDataSchema: Schema<{ run: AutomationRunRecord | null }> = object({
  run: nullable(automationRunSchema),
});
/** `data` of the answer to cancelling a run of an automation. Only its HTTP status is known, so `status` may be absent. */
export const automationCancelSchema: Schema<{ status: string | null }> = object({ status: textOrNull });
/** `data` of the answer to `POST /pr-reviews/rerun`. */
export const prReviewRerunSchema: Schema<PrReviewRerun> = object({
  queued: flag,
  jobRunId: text,
  prNumber: number,
  repoId: text,
  started: flag,
  deferred: flag,
  reason: textOrNull,
  status: textOrNull,
});

/** Body of an answer that reports an error. */
export interface FailureEnvelope {
  /** Always false. */
  ok: false;
  /** What went wrong. */
  error: {
    /** Stable word; one code can come with several HTTP statuses. */
    code: string;
    /** Text for people; it may change, so never parse it. */
    message: string;
  };
}

/** Schema of {@linkcode FailureEnvelope}. */
export const failureSchema: Schema<FailureEnvelope> = object({
  ok: exactly(false),
  error: object({ code: text, message: textOrEmpty }),
});
