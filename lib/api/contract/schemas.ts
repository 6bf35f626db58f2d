/**
 * Schemas of what travels between a client and the service, read tolerantly: unknown fields are kept, and a status or code
 * that no known revision has is still a text.
 *
 * Each schema is made at its first use, since making all of them would cost every start of the command.
 *
 * @module
 */
import * as z from "zod/mini";
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

/** A schema that is made when it is first asked for. */
export type Lazy<T> = () => z.ZodMiniType<T>;

// Lets a bundler drop the schemas that a program does not use.
/* @__NO_SIDE_EFFECTS__ */
function lazy<T>(make: () => z.ZodMiniType<T>): Lazy<T> {
  let made: z.ZodMiniType<T> | undefined;
  return () => made ??= make();
}

const text = () => z.string();
/** What later ends up in paths, files and outputs of the job: nothing but a UUID, in whatever form it is answered. */
const uuid = () => z.string().check(z.refine(isUuid));
/**
 * A field whose value never fails an answer: `keep` makes something usable of it, absent ones included. It stands for
 * `z.catch`, which alone costs 20 KB in a bundle.
 */
function tolerant<T>(keep: (value: unknown) => T): z.ZodMiniType<T> {
  return z.transform(keep);
}
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
/** Null where a field is null, absent, or of a kind that we could not use anyway. */
const stringOf = (value: unknown) => typeof value === "string" ? value : null;
const numberOf = (value: unknown) => typeof value === "number" ? value : null;
const textOrNull = () => tolerant(stringOf);
const textOrEmpty = () => tolerant((value) => typeof value === "string" ? value : "");
const numberOrNull = () => tolerant(numberOf);
/** The id of something that may not exist: null where there is none, and never anything but a UUID. */
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
/** `data` of the start answer: the run's fields lie flat in it. */
export const startResultSchema: Lazy<StartResult> = lazy(() => z.looseObject({ ...runShape(), replayed: flag() }));
/** `data` of the get answer. */
export const runDataSchema: Lazy<{ run: Run }> = lazy(() => z.looseObject({ run: runSchema() }));
/** An event. */
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
/** `data` of the events answer. */
export const runEventsSchema: Lazy<RunEvents> = lazy(() =>
  z.looseObject({ run: runSchema(), events: z.array(eventSchema()) })
);
/** `data` of the cancel answer. */
export const cancelResultSchema: Lazy<CancelResult> = lazy(() =>
  z.looseObject({ run: runSchema(), status: text(), alreadyTerminal: flag() })
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
 * `data` of one automation; its graphs are kept as they come. The version's id, which lies flat in the list, is taken out of
 * the version here. Source: recorded exchanges, `automations/*`.
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
/** `data` of the trigger answer. */
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
/** A run of an automation: only these fields are kept, since the others hold resume tokens and raw records of calls. */
const automationRunSchema: Lazy<AutomationRun> = lazy(() =>
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
  })
);
/** `data` of the list of an automation's runs. */
export const automationRunsSchema: Lazy<{ runs: AutomationRun[] }> = lazy(() =>
  z.looseObject({ runs: z.array(automationRunSchema()) })
);
/** `data` of one run of an automation; documented as nullable. */
export const automationRunDataSchema: Lazy<{ run: AutomationRun | null }> = lazy(() =>
  z.looseObject({ run: z.nullable(automationRunSchema()) })
);
/** `data` of the answer to cancelling one; nothing but its good status is known of it. */
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

/** The failure envelope. */
export interface FailureEnvelope {
  /** Always false. */
  ok: false;
  /** What went wrong. */
  error: {
    /** Stable word, though not one-to-one with the HTTP status. */
    code: string;
    /** Text for people; free to change, never parsed. */
    message: string;
  };
}

/** The failure envelope. */
export const failureSchema: Lazy<FailureEnvelope> = lazy(() =>
  z.looseObject({ ok: z.literal(false), error: z.looseObject({ code: text(), message: textOrEmpty() }) })
);
