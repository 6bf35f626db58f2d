/**
 * `pr-reviews rerun`: runs the review of a pull request again.
 *
 * Each call queues another attempt, and no key protects it: it is sent once. A review that waits for a slot is 124, one that was
 * not queued 75, as for `automations trigger`.
 *
 * @module
 */
import { isAmbiguous } from "../../retry/setback.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { PrReviewRerun } from "../../model.ts";
import { shownRerun } from "../log/automation_text.ts";
import { wholeNumber } from "../job/open.ts";
import { openOneShot, requiredRepo } from "../job/one_shot.ts";
import type { VerbContext } from "../verb.ts";

const MAX_NUMBER = 999_999_999;

/** The exit code of a rerun, and why it is not 0. */
function endOf(
  { queued, started, jobRunId, reason, prNumber }: PrReviewRerun,
): { code: number; problem: string | null } {
  const why = reason === null ? "" : ` (${reason})`;
  if (started) return { code: EXIT.success, problem: null };
  if (!queued) {
    return {
      code: EXIT.rateLimited,
      problem: `Cannot rerun review of pull request ${prNumber}: nothing was queued${why}`,
    };
  }
  const problem =
    `Cannot say that the review of pull request ${prNumber} runs: run "${jobRunId}" waits for a slot${why}; do not ` +
    "run it again, that would queue another one";
  return { code: EXIT.deadline, problem };
}

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const repoId = requiredRepo(context, "pr-reviews rerun");
  const prNumber = wholeNumber(flags.get("pr"), "--pr", 1, MAX_NUMBER);
  if (prNumber === undefined) throw new UsageError('Cannot run "pr-reviews rerun" without a pull request: give --pr');
  const { session: { client }, call } = openOneShot(context);
  const result = await client.rerunPrReview({ repoId, prNumber }, call).catch((error) => {
    if (error instanceof MogplexError && isAmbiguous(error)) {
      writer.note("the review may have been queued all the same: look at the pull request before you run it again");
    }
    throw error;
  });
  const { code, problem } = endOf(result);
  const { jobRunId, status } = result;
  const words = `queued review of pull request ${prNumber}: run ${jobRunId} (${status ?? "status unknown"})`;
  if (flags.has("json")) writer.json(shownRerun(result));
  else if (result.queued) writer.out(writer.untrusted(words));
  if (problem !== null) writer.error(problem);
  return code;
}
