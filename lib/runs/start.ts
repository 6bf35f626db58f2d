/**
 * Starts a run without following it.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { checkOptions, checkRequestKeys, checkSources } from "../api/option_check.ts";
import { detected } from "../job/detected.ts";
import { startError } from "../job/settle.ts";
import { openSession } from "../job/session.ts";
import { Starter } from "../job/starter.ts";
import type { RunRequest } from "./run_request.ts";
import { noteNewTask, planStart, runKeys, startableRun, type StartedRun, type StartOptions } from "./start_plan.ts";

/**
 * Starts a run, or finds the one that was started with the same key. In CI the key is derived from the job and the request: two tasks of
 * a job are two runs, and a job that is retried finds each of them again, in any order. Keep times and build numbers out of the prompt,
 * and give `keyPart` to do the same task twice.
 *
 * After a 429, a 5xx or a network failure it waits and tries again as long as `timeoutMs` permits; every attempt sends the same key
 * and the same bytes. If a derived key finds a run that is `failed` or `cancelled`, the next key of its series is tried.
 *
 * @param request What to do, and where. A repository that is given by name is looked up first.
 * @param options See {@linkcode StartOptions}.
 * @throws {UsageError} when something breaks a rule; nothing was sent.
 * @throws {StartUnknownError} when it is unknown whether the run was started; carries the key.
 * @throws {RateLimitedError} when the limits do not permit a start in time; the message says when they would.
 * @throws {ConflictError} when the key belongs to another request.
 * @throws {UnauthorizedError | ForbiddenError | NotFoundError | UnavailableError}
 * @throws {AbortedError} if `signal` aborts after the start was sent; carries the key. Before that, `signal.reason`.
 * @example Start and print the id
 * ```ts ignore
 * const { runId } = await start({ repo: "acme/web", prompt: "Fix the flaky tests" });
 * console.log(runId);
 * ```
 */
export async function start(request: RunRequest, options: StartOptions = {}): Promise<StartedRun> {
  options = checkOptions("start run", options, runKeys());
  checkSources("start run", options);
  checkRequestKeys(request);
  const session = openSession(options, detected(options));
  const plan = await planStart(session, request, options, true);
  const { onStarting, onStarted, signal } = options;
  const starter = new Starter(
    session,
    startableRun(session, plan),
    (idempotencyKey) => unawaited(onStarting?.({ idempotencyKey })),
  );
  try {
    const started = await starter.start();
    noteNewTask(session, plan, started);
    unawaited(onStarted?.(started));
    return started;
  } catch (error) {
    throw startError(error, starter, signal);
  }
}
