/**
 * Schemas of the service's answers. They are tolerant: they keep unknown fields, and accept any text as a status or code.
 *
 * Each schema is built on first use, because building all of them would slow down every start of the command.
 *
 * @module
 */
import * as z from "zod/mini";
import { isObject } from "../../lookup.ts";
import { isUuid } from "./rules.ts";
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

/** A schema that is built on its first use. */
export type Lazy<T> = () => z.ZodMiniType<T>;

// Allows a bundler to drop unused schemas.
/* @__NO_SIDE_EFFECTS__ */
function lazy<T>(make: () => z.ZodMiniType<T>): Lazy<T> {
  let made: z.ZodMiniType<T> | undefined;
  return () => made ??= make();
}

const text = () => z.string();
/** An id that the toolkit writes into paths, files and outputs of the job: it must be a UUID. */
const uuid = () => z.string().check(z.refine(isUuid, "it is not a UUID"));
/**
 * A field that never makes an answer invalid: `keep` converts any value, also an absent one. Used instead of `z.catch`, which
 * costs 20 KB in a bundle.
 */
function tolerant<T>(keep: (value: unknown) => T): z.ZodMiniType<T> {
  return z.transform(keep);
}
/** The value if it is text; null when it is absent or of another type. */
const stringOf = (value: unknown) => typeof value === "string" ? value : null;
const numberOf = (value: unknown) => typeof value === "number" ? value : null;
const textOrNull = () => tolerant(stringOf);
const textOrEmpty = () => tolerant((value) => typeof value === "string" ? value : "");
const numberOrNull = () => tolerant(numberOf);
/** An optional id: a UUID, or null when it is null or absent. */
const uuidOrNull = () => z.pipe(z.nullish(uuid()), z.transform((value) => value ?? null));
const flag = () => tolerant((value) => value === true);
const objectOrEmpty = () => tolerant((value) => isObject(value) ? value : {});

const queueHandle = lazy(() =>
  tolerant((value) => {
    if (!isObject(value)) return null;
    const { provider, runId } = value;
    return { ...value, provider: stringOf(provider), runId: stringOf(runId) };
  })
);

function runShape() {
  return {
    runId: uuid(),
    aiCallId: textOrNull(),
    sandboxRecordId: textOrNull(),
    sandboxId: textOrNull(),
    repoId: text(),
    harness: text(),
    status: text(),
    branch: z.looseObject({ base: text(), working: text(), createBranch: flag() }),
    rootDirectory: textOrNull(),
    eventsUrl: textOrEmpty(),
    cancelUrl: textOrEmpty(),
    createdAt: text(),
    updatedAt: text(),
    error: textOrNull(),
    runtime: queueHandle(),
  };
}

/** A run. */
export const runSchema: Lazy<Run> = lazy(() => z.looseObject(runShape()));
/** `data` of the answer to a start: the fields of the run and `replayed`, side by side. */
export const startResultSchema: Lazy<StartResult> = lazy(() => z.looseObject({ ...runShape(), replayed: flag() }));
/** `data` of the answer with one run. */
export const runDataSchema: Lazy<{ run: Run }> = lazy(() => z.looseObject({ run: runSchema() }));
/** An event of a run. */
export const eventSchema: Lazy<RunEvent> = lazy(() =>
  z.looseObject({
    id: text(),
    type: text(),
    toolName: textOrNull(),
    message: textOrNull(),
    payload: objectOrEmpty(),
    createdAt: text(),
  })
);
/** `data` of the answer with a run and its events. */
export const runEventsSchema: Lazy<RunEvents> = lazy(() =>
  z.looseObject({ run: runSchema(), events: z.array(eventSchema()) })
);
/** Words beside a run's status that older documents know. They say nothing of the run. Source: contract 4.7. */
const CANCEL_WORDS: readonly string[] = ["cancellation_requested", "already_terminal"];
/** `data` of the answer to cancelling a run. An answer that contradicts itself must not become a verdict. */
export const cancelResultSchema: Lazy<CancelResult> = lazy(() =>
  z.looseObject({ run: runSchema(), status: text(), alreadyTerminal: flag() })
    .check(
      z.refine(({ run, status }) => run.status === status || CANCEL_WORDS.includes(status), {
        path: ["status"],
        error: "it differs from the status of the run",
      }),
    )
);
/** `data` of the list of repositories. */
export const reposSchema: Lazy<{ repos: Repo[] }> = lazy(() =>
  z.looseObject({
    repos: z.array(z.looseObject({
      id: text(),
      full_name: text(),
      installation_id: numberOrNull(),
      default_branch: textOrNull(),
      root_directory: textOrNull(),
    })),
  })
);
/** `data` of the list of sandboxes. */
export const sandboxesSchema: Lazy<{ sandboxes: Sandbox[] }> = lazy(() =>
  z.looseObject({
    sandboxes: z.array(z.looseObject({
      id: text(),
      sandbox_id: textOrNull(),
      repo_id: text(),
      status: text(),
      base_branch: textOrNull(),
      working_branch: textOrNull(),
      root_directory: textOrNull(),
      preview_url: textOrNull(),
      created_at: text(),
      last_active_at: textOrNull(),
      error: textOrNull(),
    })),
  })
);

function automationShape() {
  return {
    id: text(),
    installationId: numberOrNull(),
    name: text(),
    description: textOrNull(),
    status: text(),
    publishedVersionId: textOrNull(),
    createdAt: text(),
    updatedAt: text(),
  };
}

const publishedVersion = () =>
  tolerant((value) => {
    if (!isObject(value) || typeof value.id !== "string") return null;
    return { ...value, id: value.id, versionNumber: numberOf(value.versionNumber) };
  });
const runSummary = () =>
  tolerant((value) => {
    if (!isObject(value)) return null;
    const { lastRunId, lastRunStatus, runningCount, pendingCount, failed24h } = value;
    return {
      lastRunId: stringOf(lastRunId),
      lastRunStatus: stringOf(lastRunStatus),
      runningCount: numberOf(runningCount),
      pendingCount: numberOf(pendingCount),
      failed24h: numberOf(failed24h),
    };
  });

/** `data` of the list of automations. */
export const automationsSchema: Lazy<{ automations: Automation[]; nextCursor: string | null }> = lazy(() =>
  z.looseObject({ automations: z.array(z.looseObject(automationShape())), nextCursor: textOrNull() })
);
/**
 * `data` of the answer with one automation; its graphs are kept unchanged. This route has the version's id only inside the
 * version, so it is copied to `publishedVersionId`, where the list has it. Source: recorded exchanges, `automations/*`.
 */
export const automationSchema: Lazy<{ automation: AutomationDetail }> = lazy(() =>
  z.looseObject({
    automation: z.pipe(
      z.looseObject({ ...automationShape(), publishedVersion: publishedVersion(), runSummary: runSummary() }),
      z.transform((each) => ({
        ...each,
        publishedVersionId: each.publishedVersion?.id ?? each.publishedVersionId,
      })),
    ),
  })
);
/** `data` of the answer to a trigger. */
export const triggerSchema: Lazy<{ run: TriggerResult }> = lazy(() =>
  z.looseObject({
    run: z.looseObject({
      automationId: text(),
      jobRunId: uuidOrNull(),
      outcome: text(),
      reason: textOrNull(),
      started: flag(),
      status: textOrNull(),
      runtime: queueHandle(),
    }),
  })
);
/** A run of an automation as the service sends it: with what it was triggered with, which is not for printing. */
export interface AutomationRunRecord extends AutomationRun {
  /** Repository that it works on. */
  repo?: { id: string | null } | null;
  /** The input, among names of the service's own. */
  metadata?: Record<string, unknown> | null;
}
/** A run of an automation. All other fields are dropped, since they hold resume tokens and raw records of calls. */
const automationRunSchema: Lazy<AutomationRunRecord> = lazy(() =>
  z.object({
    id: text(),
    status: text(),
    created_at: textOrNull(),
    started_at: textOrNull(),
    completed_at: textOrNull(),
    duration_ms: numberOrNull(),
    error: textOrNull(),
    last_start_error: textOrNull(),
    active_wait_count: numberOrNull(),
    repo: tolerant((value) => isObject(value) ? { id: stringOf(value.id) } : null),
    metadata: tolerant((value) => isObject(value) ? value : null),
  })
);
/** `data` of the list of an automation's runs. */
export const automationRunsSchema: Lazy<{ runs: AutomationRunRecord[] }> = lazy(() =>
  z.looseObject({ runs: z.array(automationRunSchema()) })
);
/** `data` of the answer with one run of an automation; `run` is documented as nullable. */
export const automationRunDataSchema: Lazy<{ run: AutomationRunRecord | null }> = lazy(() =>
  z.looseObject({ run: z.nullable(automationRunSchema()) })
);
/** `data` of the answer to cancelling a run of an automation. Only its HTTP status is known, so `status` may be absent. */
export const automationCancelSchema: Lazy<{ status: string | null }> = lazy(() =>
  z.looseObject({ status: textOrNull() })
);
/** `data` of the answer to `POST /pr-reviews/rerun`. */
export const prReviewRerunSchema: Lazy<PrReviewRerun> = lazy(() =>
  z.looseObject({
    queued: flag(),
    jobRunId: text(),
    prNumber: z.number(),
    repoId: text(),
    started: flag(),
    deferred: flag(),
    reason: textOrNull(),
    status: textOrNull(),
  })
);

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
export const failureSchema: Lazy<FailureEnvelope> = lazy(() =>
  z.looseObject({ ok: z.literal(false), error: z.looseObject({ code: text(), message: textOrEmpty() }) })
);
