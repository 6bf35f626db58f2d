/**
 * Reports of a job that ended before there was a run. Without them the reports of an earlier job would be taken for those of this one.
 *
 * @module
 */
import { resolveOrigin } from "../../api/connection/connection.ts";
import { exitCodeFor } from "../../errors.ts";
import type { RunResult } from "../../result/run_result.ts";
import { checkTargets } from "../../report/targets.ts";
import { reasonOf } from "../../runs/result.ts";
import { type Places, readPlaces } from "../options/places.ts";
import type { VerbContext } from "../verb.ts";
import { prepare, WHEN_REFUSED } from "./publish.ts";

function originOf({ io }: VerbContext): string {
  try {
    return resolveOrigin({ env: io.env }).origin;
  } catch {
    // The address may be what is wrong, and can hold a password.
    return "";
  }
}

function resultOf(context: VerbContext, error: unknown, startedAt: number): RunResult {
  return {
    schemaVersion: 1,
    runId: null,
    repoId: null,
    harness: null,
    status: null,
    outcome: "error",
    exitCode: exitCodeFor(error),
    reason: reasonOf(error),
    failureCode: null,
    replayed: null,
    idempotencyKey: null,
    branch: { base: null, requested: null, pushed: null },
    pullRequest: { state: "unknown", url: null },
    changed: null,
    createdAt: null,
    updatedAt: null,
    phases: [],
    eventCount: { seen: 0, missed: false, windowFull: false },
    requests: 0,
    waits: [],
    durationMs: Math.round(context.clock.now() - startedAt),
    origin: originOf(context),
    resume: null,
    events: [],
  };
}

async function reportRefusal(context: VerbContext, error: unknown, places: Places, startedAt: number): Promise<void> {
  try {
    // The reports must not show the token.
    context.connection();
  } catch {
    // A missing token may be the very reason; the secrets that are known are masked all the same.
  }
  const result = resultOf(context, error, startedAt);
  await prepare(WHEN_REFUSED, context, { places, log: null }).ended({ result, error });
}

/**
 * Removes the reports of an earlier job, does the work, and writes reports when it throws: with outcome `error`, the reason and
 * the exit code.
 *
 * @param work Gets the places for files; writes the reports itself unless it throws.
 * @throws what `work` throws.
 * @throws {UsageError} when files of the checkout are not to be trusted, or the reports cannot be written. No report is written then.
 */
export async function withReports(
  context: VerbContext,
  work: (places: Places) => Promise<number>,
): Promise<number> {
  const startedAt = context.clock.now();
  context.guard();
  const places = readPlaces(context);
  checkTargets(places.targets, context.io);
  try {
    return await work(places);
  } catch (error) {
    await reportRefusal(context, error, places, startedAt);
    throw error;
  }
}
