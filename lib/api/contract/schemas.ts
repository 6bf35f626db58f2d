/**
 * Schemas of the service's answers. They are tolerant: they keep unknown fields, and accept any text as a status or code. Each is built on
 * its first use, since a start of the command needs few of them.
 *
 * Our own words stand in `custom` issues alone: `envelope.ts` makes the rest of a message from code and path of an issue.
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

/** A schema of what the service sends. */
export type Schema<T> = z.ZodMiniType<T>;

const text = z.string();
/** An id that the toolkit writes into paths, files and outputs of the job: it must be a UUID. */
export const uuid: Schema<string> = z.lazy(() => z.string().check(z.refine(isUuid, "it is not a UUID")));
// The following never make an answer invalid: they read any value, also an absent one.
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
 * A list, read up to the first wrong element. `z.array` collects what is wrong with all of them: an answer can have half a million, and the
 * package passes them on as arguments of one call, which throws.
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

/** A run. */
export const runSchema: Schema<Run> = z.lazy(() => z.looseObject(runShape));
/** `data` of the answer to a start: the fields of the run and `replayed`, side by side. */
export const startResultSchema: Schema<StartResult> = z.lazy(() => z.looseObject({ ...runShape, replayed: flag }));
/** `data` of the answer with one run. */
export const runDataSchema: Schema<{ run: Run }> = z.lazy(() => z.looseObject({ run: runSchema }));
/** An event of a run. */
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
/** Words beside a run's status that older documents know. They say nothing of the run. Source: contract 4.7. */
const CANCEL_WORDS: readonly string[] = ["cancellation_requested", "already_terminal"];
/** `data` of the answer to cancelling a run. An answer that contradicts itself must not become a verdict. */
export const cancelResultSchema: Schema<CancelResult> = z.lazy(() =>
  z.looseObject({ run: runSchema, status: text, alreadyTerminal: flag }).check(
    z.refine(({ run, status }) => run.status === status || CANCEL_WORDS.includes(status), {
      path: ["status"],
      error: "it differs from the status of the run",
    }),
  )
);
/** `data` of the list of repositories. */
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
/** `data` of the list of sandboxes. */
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

/** `data` of the list of automations. */
export const automationsSchema: Schema<{ automations: Automation[]; nextCursor: string | null }> = z.lazy(() =>
  z.looseObject({ automations: list(z.looseObject(automationShape)), nextCursor: textOrNull })
);
/**
 * `data` of the answer with one automation; its graphs are kept unchanged. This route has the version's id only inside the
 * version, so it is copied to `publishedVersionId`, where the list has it. Source: recorded exchanges, `automations/*`.
 */
export const automationSchema: Schema<{ automation: AutomationDetail }> = z.lazy(() =>
  z.looseObject({
    automation: z.pipe(
      z.looseObject({ ...automationShape, publishedVersion, runSummary }),
      z.transform((each) => ({ ...each, publishedVersionId: each.publishedVersion?.id ?? each.publishedVersionId })),
    ),
  })
);
/** `data` of the answer to a trigger. */
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
/** A run of an automation as the service sends it: with what it was triggered with, which is not for printing. */
export interface AutomationRunRecord extends AutomationRun {
  /** Repository that it works on. */
  repo?: { id: string | null } | null;
  /** The input, among names of the service's own. */
  metadata?: Record<string, unknown> | null;
}
/** A run of an automation. All other fields are dropped, since they hold resume tokens and raw records of calls. */
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
/** `data` of the list of an automation's runs. */
export const automationRunsSchema: Schema<{ runs: AutomationRunRecord[] }> = z.lazy(() =>
  z.looseObject({ runs: list(automationRunSchema) })
);
/** `data` of the answer with one run of an automation; `run` is documented as nullable. */
export const automationRunDataSchema: Schema<{ run: AutomationRunRecord | null }> = z.lazy(() =>
  z.looseObject({ run: z.nullable(automationRunSchema) })
);
/** `data` of the answer to cancelling a run of an automation. Only its HTTP status is known, so `status` may be absent. */
export const automationCancelSchema: Schema<{ status: string | null }> = z.lazy(() =>
  z.looseObject({ status: textOrNull })
);
/** `data` of the answer to `POST /pr-reviews/rerun`. */
export const prReviewRerunSchema: Schema<PrReviewRerun> = z.lazy(() =>
  z.looseObject({
    queued: flag,
    jobRunId: text,
    prNumber: z.number(),
    repoId: text,
    started: flag,
    deferred: flag,
    reason: textOrNull,
    status: textOrNull,
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
export const failureSchema: Schema<FailureEnvelope> = z.lazy(() =>
  z.looseObject({ ok: z.literal(false), error: z.looseObject({ code: text, message: textOrEmpty }) })
);
/** The envelope of an answer with data. */
export const successSchema: Schema<{ ok: true; data?: unknown }> = z.lazy(() =>
  z.object({ ok: z.literal(true), data: z.optional(z.unknown()) })
);
