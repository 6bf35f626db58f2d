/**
 * Reports of a job that ended before there was a run. Without them the reports of an earlier job would be taken for those of this one.
 *
 * @module
 */
import { resolveOrigin } from "../../api/connection/connection.ts";
import { exitCodeFor } from "../../errors.ts";
import { checkTargets } from "../../report/targets.ts";
import { reasonOf, resultError } from "../../result/result_error.ts";
import { emptyRunResult } from "../../result/run_result.ts";
import { type Places, readPlaces } from "../options/places.ts";
import type { VerbContext } from "../verb.ts";
import { type JobResult, prepare, WHEN_REFUSED } from "./publish.ts";

function originOf({ io }: VerbContext): string {
  try {
    return resolveOrigin({ env: io.env }).origin;
  } catch {
    // The address may be what is wrong, and can hold a password.
    return "";
  }
}

function refused<R extends JobResult>(empty: R, context: VerbContext, error: unknown, startedAt: number): R {
  return {
    ...empty,
    exitCode: exitCodeFor(error),
    reason: reasonOf(error),
    error: resultError(error),
    durationMs: Math.round(context.clock.now() - startedAt),
    origin: originOf(context),
  };
}

async function publishRefusal(context: VerbContext, places: Places, result: JobResult, error: unknown): Promise<void> {
  try {
    // The reports must not show the token.
    context.connection();
  } catch {
    // The refusal may be about a missing token. The known secrets are masked in any case.
  }
  // What is wrong with its own settings must not hide the error.
  const extra = await context.extras?.open(context).catch(() => undefined);
  await prepare(WHEN_REFUSED, context, { places, log: null, extra }).ended({ result, error });
}

/**
 * Removes the reports of an earlier job, does the work, and writes reports when it throws: with outcome `error`, the reason and
 * the exit code.
 *
 * @param work Gets the places for files; writes the reports itself unless it throws.
 * @param empty A result of the job's kind about which nothing is known. @default that of a run
 * @param out Directory of the reports. @default the one that flags and variables name
 * @throws what `work` throws.
 * @throws {UsageError} when files of the checkout cannot be trusted, or the reports cannot be written. No report is written then.
 */
export async function withReports(
  context: VerbContext,
  work: (places: Places) => Promise<number>,
  empty: JobResult = emptyRunResult(),
  out?: string,
): Promise<number> {
  const startedAt = context.clock.now();
  context.guard();
  const places = readPlaces(context, out);
  const ignore = context.laptop?.ignoringFolder(context, places);
  checkTargets(places.targets, context.io);
  ignore?.();
  try {
    return await work(places);
  } catch (error) {
    await publishRefusal(context, places, refused(empty, context, error, startedAt), error);
    throw error;
  }
}
