import { detected } from "../ci/detect.ts";
import type { Clock } from "../clock.ts";
import { ConflictError } from "../errors.ts";
import type { CancelResult } from "../model.ts";
import type { ServiceClient } from "../service/client.ts";
import { isTerminal } from "../service/contract.ts";
import { failureOf, retry } from "../service/retry.ts";
import { PROCESS } from "../service/memory.ts";
import { checkUuid, type Keys } from "../service/validate.ts";
import { type ConnectOptions, openSession, verbKeys, type VerbOptions } from "./session.ts";

/** Options for {@linkcode Mogplex.cancel}. */
export interface CancelOptions extends VerbOptions {
  /** Maximum time to wait, in milliseconds: more than 0, at most 30 days. @default {60_000} */
  timeoutMs?: number | undefined;
}

export function cancelKeys(): Keys<CancelOptions> {
  return { ...verbKeys(), timeoutMs: "number" };
}

interface CancelLimits {
  deadline: number;
  /** Ends the call, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Retries at short intervals until the deadline. The client's own delays grow, so they would not fit into a few seconds. */
  untilAnswered?: boolean | undefined;
}

const CANCEL_TIMEOUT_MS = 60_000;
/** If at most this much time is left, as after a signal, a single attempt uses all of it. */
const ONE_ATTEMPT_MS = 5_000;
const AGAIN_MS = 500;
/** The service answers 409 while the state of a run is changing. */
const CONFLICT_MS = 300;

async function askUntilAnswered(
  client: ServiceClient,
  clock: Clock,
  runId: string,
  call: { deadline: number; signal: AbortSignal | undefined; requestTimeoutMs: number },
): Promise<CancelResult> {
  return await retry({
    memory: PROCESS.ofClient(client).token,
    signal: call.signal,
    judge: (error) => failureOf(error, { worked: true }),
    attempt() {
      const requestTimeoutMs = Math.min(call.requestTimeoutMs, Math.max(call.deadline - clock.now(), 1));
      return client.cancelRun(runId, { ...call, requestTimeoutMs, maxAttempts: 1 });
    },
    async wait({ namedMs }) {
      const delayMs = Math.max(namedMs ?? 0, AGAIN_MS);
      if (clock.now() + delayMs >= call.deadline) return false;
      await clock.sleep(delayMs, { signal: call.signal });
      return true;
    },
  });
}

export async function cancelWith(
  client: ServiceClient,
  clock: Clock,
  runId: string,
  limits: CancelLimits,
): Promise<CancelResult> {
  const { deadline, signal, untilAnswered = false } = limits;
  const leftMs = Math.max(deadline - clock.now(), 1);
  // A connection that hangs must not use up the remaining time, unless there is too little time for a second attempt.
  const requestTimeoutMs = leftMs <= ONE_ATTEMPT_MS ? leftMs : Math.min(leftMs / 2, 30_000);
  const call = { deadline, signal, requestTimeoutMs };
  const ask = () => untilAnswered ? askUntilAnswered(client, clock, runId, call) : client.cancelRun(runId, call);
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
  await clock.sleep(CONFLICT_MS, { signal });
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const run = await client.getRun(runId, call);
    if (!isTerminal(run.status)) throw error;
    return { run, status: run.status, alreadyTerminal: true };
  }
}

/** Waits between reads. Each read must show a final status. */
const HOLD_MS: readonly number[] = [2_000, 5_000, 10_000];
const MAX_HOLDS = 12;

/** The worker may resume a run that was cancelled while its sandbox booted, so the run is read until its status stays final. */
export async function cancelUntilHeld(
  client: ServiceClient,
  clock: Clock,
  runId: string,
  limits: Pick<CancelLimits, "deadline" | "signal">,
): Promise<boolean> {
  const { deadline, signal } = limits;
  await cancelWith(client, clock, runId, limits);
  let quiet = 0;
  for (let count = 0; quiet < HOLD_MS.length && count < MAX_HOLDS && clock.now() < deadline; count++) {
    await clock.sleep(HOLD_MS[quiet] ?? 0, { signal });
    const { status } = await client.getRun(runId, { deadline, signal });
    quiet = isTerminal(status) ? quiet + 1 : 0;
    if (quiet === 0) await cancelWith(client, clock, runId, limits);
  }
  return quiet === HOLD_MS.length;
}

/** Cancels a run. */
export async function cancel(runId: string, options: CancelOptions & ConnectOptions): Promise<CancelResult> {
  const id = checkUuid(runId, "run id");
  const { timeoutMs = CANCEL_TIMEOUT_MS } = options;
  const { client, clock, signal, deadline } = openSession({ ...options, timeoutMs }, detected(options));
  return await cancelWith(client, clock, id, { deadline, signal });
}
