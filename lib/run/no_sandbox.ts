/**
 * Runs that failed because they got no sandbox. No agent has started, so another start does no work twice.
 * @module
 */
import { MogplexError } from "../errors.ts";
import type { Run, RunEvent } from "../model.ts";
import { formatDuration } from "../text/duration.ts";

interface SandboxLimit {
  /** Must match the whole error of the run, because an error can also quote an agent's text. */
  error: RegExp;
  why: string;
  advice: string;
}

/** Programs replace this text if no job is running. */
export const RETRY_LATER = "retry the job later, or raise its time limit";

export const SANDBOX_FREE = "a sandbox becomes free 10 to 35 minutes after its run ends";

/** Source: contract 2.2 and section 13. */
const LIMITS: readonly [SandboxLimit, ...SandboxLimit[]] = [
  {
    error: /^too many active sandboxes\.?$/i,
    why: "no sandbox was free",
    advice: `${SANDBOX_FREE}; ${RETRY_LATER}`,
  },
  {
    error: /^sandbox boot rate limit exceeded\.?$/i,
    why: "the limit of 120 sandboxes an hour was reached",
    advice: `${RETRY_LATER}, and start fewer runs per hour`,
  },
  {
    error: /^daily sandbox boot quota exceeded\.?$/i,
    why: "the limit of 10000 sandboxes a day was reached",
    advice: "start the run again tomorrow",
  },
];

function limitOf({ error }: Pick<Run, "error">): SandboxLimit | undefined {
  return error === null ? undefined : LIMITS.find((limit) => limit.error.test(error.trim()));
}

export const NO_SANDBOX = "NO_SANDBOX";

export function lackedSandbox(run: Pick<Run, "status" | "error">): boolean {
  return run.status === "failed" && limitOf(run) !== undefined;
}

export function whyNoSandbox(run: Pick<Run, "error">): string {
  return (limitOf(run) ?? LIMITS[0]).why;
}

/** The service frees sandboxes 10 to 35 minutes after their runs. */
export const SANDBOX_WAITS_MS: readonly number[] = [10, 20, 40].map((minutes) => minutes * 60_000);

export const MAX_STARTS = SANDBOX_WAITS_MS.length + 1;

/**
 * The earliest time of the start after a run without a sandbox, in milliseconds since 1970; `undefined` if the time is unknown, or if there is no
 * further start.
 * @param starts Number of starts so far.
 */
export function nextStartMs({ updatedAt }: { readonly updatedAt: string | null }, starts: number): number | undefined {
  const ms = Date.parse(updatedAt ?? "") + (SANDBOX_WAITS_MS[starts - 1] ?? NaN);
  return Number.isNaN(ms) ? undefined : ms;
}

/** A run without a sandbox has only the events of its acceptance and of its end. */
export class AgentWatch {
  #accepted = 0;
  #others = 0;

  take({ type }: Pick<RunEvent, "type">): void {
    if (type === "started") this.#accepted++;
    else if (type !== "failed") this.#others++;
  }

  hasBegun(run: SandboxFacts): boolean {
    return this.#accepted > 1 || this.#others > 0 || hadSandbox(run);
  }
}

type SandboxFacts = Pick<Run, "sandboxRecordId"> & { branch: Pick<Run["branch"], "createBranch"> };

/** `false` is not certain on an existing branch, where a run has a sandbox record from its start. */
export function hadSandbox({ sandboxRecordId, branch }: Partial<SandboxFacts>): boolean {
  return typeof sandboxRecordId === "string" && branch?.createBranch === true;
}

/** A first start that failed at once has not waited, so short waits are not mentioned. */
const MIN_WAIT_MS = 60_000;

/** Why a job starts no further run. */
interface NoNextStart {
  why: string;
  advice?: string | undefined;
}

export function noSandbox(
  run: Pick<Run, "error">,
  waitedMs: number,
  { why, advice = (limitOf(run) ?? LIMITS[0]).advice }: NoNextStart,
): MogplexError {
  const { error } = run;
  const waited = waitedMs < MIN_WAIT_MS ? "" : ` within ${formatDuration(waitedMs)}`;
  return new MogplexError(
    {
      attempted: "start an agent",
      why: `${whyNoSandbox(run)}${waited} (${error ?? "the service gives no details"}), and ${why}`,
      advice,
    },
    "rateLimited",
    { code: NO_SANDBOX },
  );
}
