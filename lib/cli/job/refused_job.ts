/**
 * Reports of a job that ended before there was a run to tell of: nobody may take those of an earlier job for its own.
 *
 * @module
 */
import { resolveOrigin } from "../../api/connection/connection.ts";
import { exitCodeFor } from "../../errors.ts";
import { detectPlatform } from "../../platforms/detect.ts";
import { reasonOf, resultError } from "../../result/result_error.ts";
import { emptyRunResult, type RunResult } from "../../result/run_result.ts";
import { checkTargets } from "../../report/targets.ts";
import { guardCheckout } from "../options/checkout_guard.ts";
import { type Places, readPlaces } from "../options/settings.ts";
import { protectToken, publish } from "./whole_job.ts";
import type { VerbContext } from "../verb.ts";

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
    ...emptyRunResult(),
    exitCode: exitCodeFor(error),
    reason: reasonOf(error),
    error: resultError(error),
    durationMs: Math.round(context.clock.now() - startedAt),
    origin: originOf(context),
  };
}

function reportRefusal(context: VerbContext, error: unknown, places: Places, startedAt: number): void {
  try {
    protectToken(context);
  } catch {
    // It may be the very reason; what is known of secrets is masked all the same.
  }
  publish(context, resultOf(context, error, startedAt), places, detectPlatform(context.io.env));
}

/**
 * Removes the reports of an earlier job, does the work, and writes reports when it throws: with outcome `error`, the reason and
 * the exit code.
 *
 * @param work Gets the places for files; writes the reports itself unless it throws.
 * @throws what `work` throws.
 * @throws {UsageError} when files of the checkout are not to be trusted, or the reports cannot be written: then none is.
 */
export async function withReports(
  context: VerbContext,
  work: (places: Places) => Promise<number>,
): Promise<number> {
  const startedAt = context.clock.now();
  guardCheckout(context.io);
  const places = readPlaces(context);
  checkTargets(places.targets, context.io);
  try {
    return await work(places);
  } catch (error) {
    reportRefusal(context, error, places, startedAt);
    throw error;
  }
}
