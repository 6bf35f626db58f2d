import { BodyTooLargeError, DeadlineError, MogplexError, UnavailableError } from "../errors.ts";
import type { AutomationRun, AutomationRunSummary } from "../model.ts";
import type { CallOptions, ServiceClient } from "../service/client.ts";
import { PROCESS } from "../service/memory.ts";
import type { Pacer } from "../service/pacer.ts";
import type { Keys } from "../service/validate.ts";
import { formatCount } from "../text/duration.ts";
import { followToEnd, StatusWatch } from "./job.ts";
import { AUTOMATION_EXIT, type AutomationEnd, type AutomationResult, endOfAutomationRun } from "./result.ts";
import type { CancelCause } from "./interrupts.ts";
import { type Session, verbKeys, type VerbOptions } from "./session.ts";
import { type CadenceEvent, linkAbort, type LinkedAbort, PollingSource, type Subject } from "./source.ts";

/** Maximum number of runs in one list. Source: API reference, "List automation runs". */
export const MAX_LISTED = 50;

export class AutomationReader implements Subject<AutomationRun> {
  readonly #client: ServiceClient;
  readonly #automationId: string;
  readonly #repoId: string | undefined;
  #listed = false;
  readonly runId: string;

  constructor(client: ServiceClient, automationId: string, runId: string, repoId?: string) {
    this.#client = client;
    this.#automationId = automationId;
    this.#repoId = repoId;
    this.runId = runId;
  }

  get what(): string {
    return `read automation run "${this.runId}"`;
  }

  /**
   * The record of a run contains all output of the agents. If it is too large, this read and all later reads use the list of runs, whose entries are
   * short.
   */
  async read(call: CallOptions): Promise<AutomationRun> {
    const run = await this.#record(call);
    const { repo, metadata } = PROCESS.triggerOf(run);
    const repoId = repo?.id ?? metadata?.repo_id;
    if (this.#repoId === undefined || typeof repoId !== "string" || repoId.toLowerCase() === this.#repoId) return run;
    const facts = { status: 200, code: null, requestId: null, retryAfterMs: null };
    const why = "the response breaks the API's contract at data.run.repo.id: it is not the repository of the trigger";
    throw new UnavailableError({ attempted: this.what, why }, "unavailable", facts);
  }

  async #record(call: CallOptions): Promise<AutomationRun> {
    if (!this.#listed) {
      try {
        return await this.#client.getAutomationRun(this.#automationId, this.runId, call);
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error;
        this.#listed = true;
      }
    }
    const runs = await this.#client.listAutomationRuns(this.#automationId, { limit: MAX_LISTED }, call);
    const run = runs.find(({ id }) => id.toLowerCase() === this.runId);
    if (run !== undefined) return run;
    const why = `its record is too large, and the run is not among the newest ${MAX_LISTED} runs of its automation`;
    throw new MogplexError({ attempted: this.what, why }, "unavailable");
  }
}

/** The last item of a followed automation run. */
export interface AutomationRunEnd {
  /** Distinguishes this item from others. */
  type: "end";
  /** How the run ended. It can also be `deadline`, or `error` if the service did not report how the run ended. */
  outcome: AutomationResult["outcome"];
  /** Exit code for the outcome. */
  exitCode: number;
  /** What is known about the run. */
  result: AutomationResult;
}

/** Replaces items that a loop did not get because it was slow or began late. */
export interface MissedItems {
  /** Distinguishes this item from others. */
  type: "gap";
  /** Always `events_missed`. */
  cause: "events_missed";
}

/**
 * What a loop over the handle of an automation run yields, and what `onItem` receives.
 *
 * - `status`: the run's status. It is the first item, and comes again at each change. `pending` means that the run is waiting for a slot.
 * - `waiting`: the number of people or events that the run is waiting for now. It comes at each change. The status stays `running`.
 * - `gap`: items that this loop did not get. See {@linkcode MissedItems}.
 * - `end`: the last item. See {@linkcode AutomationRunEnd}.
 */
export type AutomationHandleItem =
  | { type: "status"; status: string; run: AutomationRun }
  | { type: "waiting"; count: number; run: AutomationRun }
  | MissedItems
  | AutomationRunEnd;

export type AutomationItem =
  | Exclude<AutomationHandleItem, MissedItems | AutomationRunEnd>
  | { type: "end"; outcome: AutomationEnd; run: AutomationRun };

/** Options for {@linkcode MogplexAutomations.attach}. These runs have no event stream, so they are polled. */
export interface AttachAutomationOptions extends VerbOptions {
  /** Maximum time to wait, in milliseconds: from one second to 30 days. @default {1_800_000} */
  timeoutMs?: number | undefined;
  /** How many jobs use the token at the same time: a whole number from 1 to 1,000. @default {1} */
  tokenShare?: number | undefined;
  /**
   * What cancels the run, if the service's revision supports it: `timeout`, when `timeoutMs` passes; `abort`, when `signal` aborts.
   * @default {[]} (the run continues)
   */
  cancelOn?: readonly CancelCause[] | undefined;
  /**
   * Called with each item as it arrives. The items are the same as in a loop over the handle. The return value is not awaited. If the function throws
   * or rejects, a notice reports the error.
   */
  onItem?: ((item: AutomationHandleItem) => unknown) | undefined;
  /**
   * Whether to throw unless the run succeeds. If `false`, the call returns the result of an existing run, however the run ended. In that case, check
   * `outcome`, which can also be `deadline` or `error`. For `error`, retry only if the exit code is 69 or 75. If the service does not know
   * the id of the run or refuses the token, the outcome is `error` as well. Three kinds of errors are always thrown: a trigger that failed before a
   * run existed, an invalid option, and an aborted `signal`.
   * @default {true}
   */
  throwOnFailure?: boolean | undefined;
}

export function attachAutomationKeys(): Keys<AttachAutomationOptions> {
  return {
    ...verbKeys(),
    timeoutMs: "number",
    tokenShare: "number",
    throwOnFailure: "boolean",
    cancelOn: "list",
    onItem: "function",
  };
}

// These statuses differ from the statuses of runs. Source: API reference, "List automation runs".
const KNOWN_STATUSES: readonly string[] = ["pending", "running", ...Object.keys(AUTOMATION_EXIT)];

export class AutomationFollower {
  readonly #session: Session;
  readonly #pacer: Pacer;
  readonly #reader: AutomationReader;
  readonly #source: PollingSource<AutomationRun>;
  readonly #status: StatusWatch;
  readonly #abort: LinkedAbort;
  #run: AutomationRun | undefined;

  constructor(session: Session, automationId: string, runId: string, tokenShare: number, repoId?: string) {
    const { client, clock, memory, random, deadline } = session;
    this.#session = session;
    const subject = this.#reader = new AutomationReader(client, automationId, runId, repoId);
    this.#abort = linkAbort(session.signal);
    const { signal } = this.#abort;
    const pacer = this.#pacer = session.pacer(signal);
    this.#status = new StatusWatch(session, pacer, KNOWN_STATUSES);
    this.#source = new PollingSource({ clock, subject, pacer, memory, deadline, signal, tokenShare, random });
  }

  get run(): AutomationRun | undefined {
    return this.#run;
  }

  items(): AsyncGenerator<AutomationItem, AutomationRun, void> {
    return followToEnd<AutomationRun, AutomationItem, AutomationRun>(this.#session, {
      source: this.#source,
      subject: this.#reader,
      take: (run) => this.#take(run),
      end: endItems,
      late: (run) => this.#lateError(run),
      close: () => {
        this.#source.close();
        this.#abort.close();
      },
    });
  }

  *#take(run: AutomationRun): Generator<AutomationItem, CadenceEvent, void> {
    const { status } = run;
    const waits = run.active_wait_count ?? 0;
    const waitsBefore = this.#run?.active_wait_count ?? 0;
    const changed = this.#status.take(status, waits > 0 ? `${status}, waiting for an answer` : status);
    this.#run = run;
    if (changed) yield { type: "status", status, run };
    this.#status.announceUnknown();
    if (waits !== waitsBefore) {
      this.#pacer.spoke();
      yield { type: "waiting", count: waits, run };
    }
    return { kind: changed || waits !== waitsBefore ? "news" : "quiet" };
  }

  #lateError({ status, last_start_error: cause, active_wait_count: waits }: AutomationRun): DeadlineError {
    const seconds = Math.round((this.#session.deadline - this.#session.startedAt) / 1000);
    const notStarted = status === "pending" ? "; it is waiting for a slot, and nothing has run yet" : "";
    const why = notStarted !== "" && cause !== null ? ` (${JSON.stringify(cause)})` : "";
    const question = (waits ?? 0) > 0 ? "; it is waiting for an answer in the app" : "";
    const still = `was still ${status} after ${formatCount(seconds, "second")}`;
    return new DeadlineError(`Automation run "${this.#reader.runId}" ${still}${notStarted}${why}${question}`);
  }
}

function endItems(run: AutomationRun): AsyncGenerator<AutomationItem, AutomationRun, void> | undefined {
  const outcome = endOfAutomationRun(run.status);
  return outcome === undefined ? undefined : endItem(outcome, run);
}

async function* endItem(
  outcome: AutomationEnd,
  run: AutomationRun,
): AsyncGenerator<AutomationItem, AutomationRun, void> {
  yield { type: "end", outcome, run };
  return run;
}

const DAY_MS = 86_400_000;

/**
 * The service's own `runSummary` cannot be shown, because it stays zero while a run is in progress and after a run has failed. Source: contract,
 * section 12.
 * @param runs Newest first, as the service lists them.
 */
export function summarizeRuns(runs: readonly AutomationRun[], nowMs: number): AutomationRunSummary {
  function count(status: string, matches: (run: AutomationRun) => boolean = () => true): number {
    return runs.filter((run) => run.status === status && matches(run)).length;
  }
  const [last] = runs;
  return {
    lastRunId: last?.id ?? null,
    lastRunStatus: last?.status ?? null,
    runningCount: count("running"),
    pendingCount: count("pending"),
    failed24h: count("failed", (run) => Date.parse(run.completed_at ?? run.created_at ?? "") > nowMs - DAY_MS),
  };
}
